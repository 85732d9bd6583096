/* simd.h - vectors of floats in plain C: the vector types of gcc and clang, as wide as
 * the instruction set that the including file is compiled for.
 *
 * A .c file of this folder is compiled once for each set. Its functions are static but
 * for one, SIMD_FILL(group), which puts them into the table; its name carries the set. */
#ifndef TENSOR_CPU_SIMD_SIMD_H
#define TENSOR_CPU_SIMD_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef SIMD_SET
#    error "SIMD_SET is the name of the instruction set: see cmake/layers.cmake"
#endif
#define SIMD_PASTE_(a, b, c) a##b##c
#define SIMD_PASTE(a, b, c)  SIMD_PASTE_(a, b, c)
#define SIMD_NAME(name)      SIMD_PASTE(cpu_, name, SIMD_SET)
#define SIMD_FILL(group)     SIMD_PASTE(cpu_fill_, group, SIMD_SET)

#if defined(__AVX512F__)
#    define LANES 16
#elif defined(__AVX__)
#    define LANES 8
#else
#    define LANES 4
#endif
#if LANES > 4
#    include <immintrin.h>
#endif
#define LOG2_E 1.44269504F
#define INLINE static inline __attribute__((always_inline, unused))

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t VecInt __attribute__((vector_size(4 * LANES)));
typedef uint32_t VecBits __attribute__((vector_size(4 * LANES)));

#if LANES == 16
#    define VEC_INTERLEAVE_LOW(a, b)                                                   \
        __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, \
                                7, 23)
#    define VEC_INTERLEAVE_HIGH(a, b)                                                  \
        __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29,    \
                                14, 30, 15, 31)
#elif LANES == 8
#    define VEC_INTERLEAVE_LOW(a, b)                                                   \
        __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#    define VEC_INTERLEAVE_HIGH(a, b)                                                  \
        __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#    define VEC_INTERLEAVE_LOW(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#    define VEC_INTERLEAVE_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

/* n rounded up to whole vectors. */
INLINE int64_t lanes_up(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

INLINE Vec vec_load(const float *p)
{
    Vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void vec_store(float *p, Vec v)
{
    memcpy(p, &v, sizeof v);
}
#if LANES == 16
#    define VEC_FIRST(n) ((__mmask16)((1U << (n)) - 1U))
#elif LANES == 8
/* All ones in the first n lanes. */
INLINE __m256i vec_first(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif
/* The first n < LANES floats, zeros behind them. */
INLINE Vec vec_load_part(const float *p, int64_t n)
{
#if LANES == 16
    return (Vec)_mm512_maskz_loadu_ps(VEC_FIRST(n), p);
#elif LANES == 8
    return (Vec)_mm256_maskload_ps(p, vec_first(n));
#else
    Vec v = {0};
    for (int64_t i = 0; i < n; i++)
        v[i] = p[i];
    return v;
#endif
}
INLINE void vec_store_part(float *p, Vec v, int64_t n)
{
#if LANES == 16
    _mm512_mask_storeu_ps(p, VEC_FIRST(n), (__m512)v);
#elif LANES == 8
    _mm256_maskstore_ps(p, vec_first(n), (__m256)v);
#else
    for (int64_t i = 0; i < n; i++)
        p[i] = v[i];
#endif
}
INLINE Vec vec_set(float x)
{
    return x - (Vec){0};
}
INLINE Vec vec_select(VecInt mask, Vec yes, Vec no)
{
    return (Vec)((mask & (VecInt)yes) | (~mask & (VecInt)no));
}
/* a > b ? a : b in each lane, which is what the instruction does, NaN included. */
INLINE Vec vec_max(Vec a, Vec b)
{
#if LANES == 16
    return _mm512_max_ps(a, b);
#elif LANES == 8
    return _mm256_max_ps(a, b);
#else
    return vec_select(a > b, a, b);
#endif
}
/* a < b ? a : b, the same way. */
INLINE Vec vec_min(Vec a, Vec b)
{
#if LANES == 16
    return _mm512_min_ps(a, b);
#elif LANES == 8
    return _mm256_min_ps(a, b);
#else
    return vec_select(a < b, a, b);
#endif
}

/* The last steps of a sum or a maximum over the lanes: the four floats that are left. */
typedef float Vec4 __attribute__((vector_size(16)));

INLINE float vec_sum(Vec v)
{
    Vec4 part[LANES / 4], sum;
    memcpy(part, &v, sizeof v);
    sum = part[0];
    for (int i = 1; i < LANES / 4; i++)
        sum += part[i];
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}
INLINE float vec_highest(Vec v)
{
    Vec4 part[LANES / 4], high;
    memcpy(part, &v, sizeof v);
    high = part[0];
    for (int i = 1; i < LANES / 4; i++) {
        for (int j = 0; j < 4; j++)
            high[j] = high[j] > part[i][j] ? high[j] : part[i][j];
    }
    float a = high[0] > high[1] ? high[0] : high[1];
    float b = high[2] > high[3] ? high[2] : high[3];
    return a > b ? a : b;
}

/* exp(x) for -87 <= x <= 88 to about 1e-7: with n = round(x/ln 2) and r = x - n ln 2,
 * |r| <= 0.347, it is 2^n times a polynomial (the coefficients of Cephes' expf). Adding
 * 1.5*2^23 rounds and leaves n in the low bits. */
INLINE Vec vec_exp_inside(Vec x)
{
    const float shift = 12582912.0F;
    Vec shifted = x * LOG2_E + shift, n = shifted - shift;
    Vec r = x - n * 0.693359375F + n * 2.12194440e-4F;
    Vec p = r * 1.9875691500e-4F + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    VecBits exponent = (VecBits)shifted - 0x4b400000U + 127U; /* the bits of shift */
    return p * (Vec)(exponent << 23);
}
/* For all x: below -87 the result is 0, above 88 it stays at exp(88); NaN stays NaN. */
INLINE Vec vec_exp(Vec x)
{
    VecInt is_tiny = x < -87.0F;
    x = vec_select(is_tiny, vec_set(-87.0F), x);
    x = vec_select(x > 88.0F, vec_set(88.0F), x);
    return vec_select(is_tiny, (Vec){0}, vec_exp_inside(x));
}
/* 2^x for x <= 127, to about 2e-7; below -126 it is next to 0. With n the integer nearest
 * to x it is 2^n times a polynomial in x - n, |x - n| <= 1/2, fitted for the least relative
 * error. */
INLINE Vec vec_exp2(Vec x)
{
#if LANES == 16
    Vec n = _mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT);
#else
    const float shift = 12582912.0F;
    x = vec_max(vec_set(-126.0F), x); /* NaN stays NaN: it is the second */
    Vec shifted = x + shift, n = shifted - shift;
#endif
    Vec f = x - n;
    Vec p = f * 1.326472668e-3F + 9.671512677e-3F;
    p = p * f + 5.550733745e-2F;
    p = p * f + 2.402224208e-1F;
    p = p * f + 6.931469776e-1F;
    p = p * f + 1.0F;
#if LANES == 16
    return _mm512_scalef_ps((__m512)p, (__m512)n);
#else
    return p * (Vec)(((VecBits)shifted - 0x4b400000U + 127U) << 23);
#endif
}

/* The transpose of LANES rows: log2(LANES) rounds, each of which interleaves row i with
 * row i + LANES/2 into rows 2i and 2i+1. */
INLINE void vec_transpose(Vec row[LANES])
{
    for (int round = 1; round < LANES; round *= 2) {
        Vec next[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            next[2 * i] = VEC_INTERLEAVE_LOW(row[i], row[i + LANES / 2]);
            next[2 * i + 1] = VEC_INTERLEAVE_HIGH(row[i], row[i + LANES / 2]);
        }
        memcpy(row, next, sizeof next);
    }
}

/* Dot product of n floats. */
INLINE float vec_dot(const float *a, const float *b, int64_t n)
{
    Vec sum0 = {0}, sum1 = {0};
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        sum0 += vec_load(a + i) * vec_load(b + i);
        sum1 += vec_load(a + i + LANES) * vec_load(b + i + LANES);
    }
    for (; i + LANES <= n; i += LANES)
        sum0 += vec_load(a + i) * vec_load(b + i);
    if (i < n)
        sum1 += vec_load_part(a + i, n - i) * vec_load_part(b + i, n - i);
    return vec_sum(sum0 + sum1);
}
/* y += s x. */
INLINE void vec_axpy(float *y, float s, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(y + i, vec_load(y + i) + s * vec_load(x + i));
    for (; i < n; i++)
        y[i] += s * x[i];
}

#endif
