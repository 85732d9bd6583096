/* peak.h - what the processor can do at best: products in registers alone, and reading
 * memory. Every rate of a benchmark is a share of these, measured in the same run. */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

#include <stdbool.h>

/* Multiply and add are two operations. Products of bf16 pairs with sums in f32 (vdpbf16ps, or
 * tdpbf16ps where the processor has tiles), of int8 quadruples with sums in int32
 * (vpdpbusd). */
typedef enum PeakKind { PEAK_F32, PEAK_BF16, PEAK_INT8, PEAK_KINDS } PeakKind;

typedef struct Peaks {
    int threads;            /* all at once */
    double ops[PEAK_KINDS]; /* a second; 0: the processor has no such instruction */
    double read;            /* bytes a second, of arrays far beyond the caches */
} Peaks;

/* The best of many short runs; brief: of one, on small arrays. */
Peaks peak_measure(int threads, bool brief);
/* {"bench":"peak","threads":2,"f32_gflops":..,"bf16_gflops":..,"int8_gops":..,
 *  "read_gbs":..}; what there is not is left out. */
void peak_print(const Peaks *p);

#endif
