/* peak.c - what the processor can do at best, see peak.h.
 *
 * Arithmetic: each thread runs PEAK_CHAINS chains of one instruction, each of which adds
 * to a register of its own, more chains than the latency of the instruction times how many
 * begin in a cycle. Memory: each thread sums its part of an array that is several times
 * the largest cache. */
#include "peak.h"

#include "bench.h"

#include "base/mem.h"
#include "base/system.h"
#include "tensor/ops.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* --- arithmetic -------------------------------------------------------------------- */
typedef struct PeakLoop {
    void (*run)(void);
    double ops; /* of a run */
} PeakLoop;

enum { PEAK_CHAINS = 14, PEAK_ROUNDS = 1 << 21, PEAK_TILE_ROUNDS = 1 << 17 };

#ifdef __x86_64__
#    include <immintrin.h>

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

__attribute__((target("avx512f"))) static void f32_avx512(void)
{
    __m512 x = _mm512_set1_ps(1e-3F);
    PEAK_LOOP(__m512, _mm512_set1_ps((float)c), _mm512_fmadd_ps(x, x, sum[c]));
}
__attribute__((target("avx512f,avx512bf16"))) static void bf16_avx512(void)
{
    __m512bh x = (__m512bh)_mm512_set1_epi32(0x3c003c00);
    PEAK_LOOP(__m512, _mm512_set1_ps((float)c), _mm512_dpbf16_ps(sum[c], x, x));
}
__attribute__((target("avx512f,avx512vnni"))) static void int8_avx512(void)
{
    __m512i x = _mm512_set1_epi8(1);
    PEAK_LOOP(__m512i, _mm512_set1_epi32(c), _mm512_dpbusd_epi32(sum[c], x, x));
}
__attribute__((target("avx2,fma"))) static void f32_avx2(void)
{
    __m256 x = _mm256_set1_ps(1e-3F);
    PEAK_LOOP(__m256, _mm256_set1_ps((float)c), _mm256_fmadd_ps(x, x, sum[c]));
}

/* Four tiles of sums, as many as a product of two by two has. */
__attribute__((target("amx-tile,amx-bf16"))) static void bf16_amx(void)
{
    static const struct {
        uint8_t palette, zeros[15];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape = {1, {0}, {64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&shape);
    for (int64_t i = 0; i < PEAK_TILE_ROUNDS; i++) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    _tile_release();
}

/* The system gives a process tiles when it is asked, which the backend does. */
static bool has_tiles(void)
{
    Err err;
    TensorOps *ops;
    if (tensor_cpu_new(&ops, &(TensorCpuOptions){.set = "amx"}, &err) != OK)
        return false;
    tensor_free(ops);
    return true;
}

static PeakLoop vectors(void (*run)(void), double ops)
{
    return (PeakLoop){run, ops * PEAK_CHAINS * PEAK_ROUNDS};
}

static PeakLoop peak_loop(PeakKind kind)
{
    const PeakLoop none = {NULL, 0};
    __builtin_cpu_init();
    if (kind == PEAK_BF16 && has_tiles())
        return (PeakLoop){bf16_amx, 4.0 * 16 * 16 * 64 * PEAK_TILE_ROUNDS};
    if (kind == PEAK_BF16)
        return __builtin_cpu_supports("avx512bf16") ? vectors(bf16_avx512, 64) : none;
    if (kind == PEAK_INT8)
        return __builtin_cpu_supports("avx512vnni") ? vectors(int8_avx512, 128) : none;
    if (__builtin_cpu_supports("avx512f"))
        return vectors(f32_avx512, 32);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return vectors(f32_avx2, 16);
    return none;
}
#else
static PeakLoop peak_loop(PeakKind kind)
{
    (void)kind;
    return (PeakLoop){NULL, 0};
}
#endif

static void arithmetic_work(void *self, int64_t i)
{
    (void)i;
    ((PeakLoop *)self)->run();
}

/* --- memory ------------------------------------------------------------------------ */
typedef struct Reading {
    const uint64_t *words;
    int64_t n; /* of a thread */
} Reading;

static void reading_work(void *self, int64_t i)
{
    enum { STRIDE = 16 }; /* two cache lines; sums of their own, so none waits */
    const Reading *r = self;
    const uint64_t *p = r->words + i * r->n;
    uint64_t sum[STRIDE] = {0};
    for (int64_t k = 0; k < r->n; k += STRIDE)
        for (int64_t j = 0; j < STRIDE; j++)
            sum[j] += p[k + j];
    __asm__ volatile("" ::"m"(sum));
}

/* --- both -------------------------------------------------------------------------- */
/* Least seconds in which all threads do the work once. */
static double best_seconds(int threads, int runs, void (*work)(void *, int64_t),
                           void *self)
{
    double best = 1e30;
    for (int r = 0; r < runs; r++) {
        double start = system_seconds();
        system_parallel(threads, work, self);
        double took = system_seconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

static double read_rate(int threads, bool brief)
{
    Err err = {0};
    size_t bytes = brief ? 1 << 20 : 1 << 29;
    size_t n = bytes / sizeof(uint64_t) / (size_t)threads / 64 * 64;
    uint64_t *words;
    bench_need(MEM_ARRAY(&words, n * (size_t)threads, &err), &err);
    memset(words, 1, n * (size_t)threads * sizeof *words); /* or all is one zero page */
    Reading reading = {words, (int64_t)n};
    double seconds = best_seconds(threads, brief ? 1 : 8, reading_work, &reading);
    mem_free(words);
    return (double)(n * (size_t)threads * sizeof *words) / seconds;
}

Peaks peak_measure(int threads, bool brief)
{
    Peaks p = {.threads = threads};
    for (int k = 0; k < PEAK_KINDS; k++) {
        PeakLoop loop = peak_loop((PeakKind)k);
        if (loop.run)
            p.ops[k] = loop.ops * threads /
                       best_seconds(threads, brief ? 1 : 20, arithmetic_work, &loop);
    }
    p.read = read_rate(threads, brief);
    return p;
}

void peak_print(const Peaks *p)
{
    static const char *const names[PEAK_KINDS] = {"f32_gflops", "bf16_gflops",
                                                  "int8_gops"};
    printf("{\"bench\":\"peak\",\"threads\":%d", p->threads);
    for (int k = 0; k < PEAK_KINDS; k++)
        if (p->ops[k] > 0)
            printf(",\"%s\":%.1f", names[k], p->ops[k] / 1e9);
    printf(",\"read_gbs\":%.1f}\n", p->read / 1e9);
    fflush(stdout);
}
