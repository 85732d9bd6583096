/* peak.h - what the processor can do at best: products in registers alone, and reading
 * memory. Every rate of a benchmark is a share of these, measured in the same run. */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

#include "base/system.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#    include <immintrin.h>

/* Chains that do not wait for each other: more than latency times throughput. */
enum { PEAK_CHAINS = 14, PEAK_ROUNDS = 1 << 21 };

/* Each chain begins with a number of its own, or the compiler would make them one. */
#    define PEAK_LOOP(Vector, start, step)                                             \
        Vector sum[PEAK_CHAINS];                                                       \
        _Pragma("GCC unroll 14") for (int c = 0; c < PEAK_CHAINS; c++) sum[c] =        \
            (start);                                                                   \
        for (int64_t i = 0; i < PEAK_ROUNDS; i++) {                                    \
            _Pragma("GCC unroll 14") for (int c = 0; c < PEAK_CHAINS; c++) sum[c] =    \
                (step);                                                                \
        }                                                                              \
        _Pragma("GCC unroll 14") for (int c = 0; c < PEAK_CHAINS;                      \
                                      c++) __asm__ volatile("" ::"m"(sum[c]))

__attribute__((target("avx512f"))) static inline void peak_f32_avx512(void)
{
    __m512 x = _mm512_set1_ps(1e-3F);
    PEAK_LOOP(__m512, _mm512_set1_ps((float)c), _mm512_fmadd_ps(x, x, sum[c]));
}
__attribute__((target("avx512f,avx512bf16"))) static inline void peak_bf16_avx512(void)
{
    __m512bh x = (__m512bh)_mm512_set1_epi32(0x3c003c00);
    PEAK_LOOP(__m512, _mm512_set1_ps((float)c), _mm512_dpbf16_ps(sum[c], x, x));
}
__attribute__((target("avx2,fma"))) static inline void peak_f32_avx2(void)
{
    __m256 x = _mm256_set1_ps(1e-3F);
    PEAK_LOOP(__m256, _mm256_set1_ps((float)c), _mm256_fmadd_ps(x, x, sum[c]));
}

typedef struct PeakLoop {
    void (*run)(void);
    double flops; /* an instruction */
} PeakLoop;

static inline PeakLoop peak_loop(int bf16)
{
    __builtin_cpu_init();
    if (bf16)
        return __builtin_cpu_supports("avx512bf16") ? (PeakLoop){peak_bf16_avx512, 64}
                                                    : (PeakLoop){NULL, 0};
    if (__builtin_cpu_supports("avx512f"))
        return (PeakLoop){peak_f32_avx512, 32};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (PeakLoop){peak_f32_avx2, 16};
    return (PeakLoop){NULL, 0};
}

static inline void peak_work(void *self, int64_t i)
{
    (void)i;
    (*(void (**)(void))self)();
}

/* FLOP/s of all `threads` together; 0 where the processor has no such instructions. The
 * best of `runs`. */
static inline double peak_flops(int bf16, int threads, int runs)
{
    PeakLoop loop = peak_loop(bf16);
    double best = 0;
    for (int r = 0; loop.run && r < runs; r++) {
        double start = system_seconds();
        system_parallel(threads, peak_work, &loop.run);
        double rate = loop.flops * PEAK_CHAINS * PEAK_ROUNDS * threads /
                      (system_seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}
#else
static inline double peak_flops(int bf16, int threads, int runs)
{
    (void)bf16;
    (void)threads;
    (void)runs;
    return 0;
}
#endif

#endif
