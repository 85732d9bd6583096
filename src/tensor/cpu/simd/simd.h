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
#define SIMD_FILL(group)     SIMD_PASTE(cpu_fill_, group, SIMD_SET)

#if defined(__AVX512F__)
#    define LANES 16
#elif defined(__AVX__)
#    define LANES 8
#else
#    define LANES 4
#endif
#define INLINE static inline __attribute__((always_inline, unused))

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t VecInt __attribute__((vector_size(4 * LANES)));

/* n rounded up to whole vectors, and down. */
INLINE int64_t lanes_up(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}
INLINE int64_t lanes_down(int64_t n)
{
    return n / LANES * LANES;
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
/* The first n < LANES floats, zeros behind them. */
INLINE Vec vec_load_part(const float *p, int64_t n)
{
    Vec v = {0};
    memcpy(&v, p, (size_t)n * sizeof(float));
    return v;
}
INLINE void vec_store_part(float *p, Vec v, int64_t n)
{
    memcpy(p, &v, (size_t)n * sizeof(float));
}
INLINE Vec vec_set(float x)
{
    return x - (Vec){0};
}
INLINE Vec vec_select(VecInt mask, Vec yes, Vec no)
{
    return (Vec)((mask & (VecInt)yes) | (~mask & (VecInt)no));
}
INLINE Vec vec_max(Vec a, Vec b)
{
    return vec_select(a > b, a, b);
}

/* Sum and maximum over the lanes, by halves. */
INLINE float vec_sum(Vec v)
{
    float x[LANES];
    memcpy(x, &v, sizeof x);
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++)
            x[i] += x[i + half];
    }
    return x[0];
}
INLINE float vec_highest(Vec v)
{
    float x[LANES];
    memcpy(x, &v, sizeof x);
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++)
            x[i] = x[i] > x[i + half] ? x[i] : x[i + half];
    }
    return x[0];
}

/* exp(x) to about 1e-7: with n = round(x/ln 2) and r = x - n ln 2, |r| <= 0.347, it is
 * 2^n times a polynomial (the coefficients of Cephes' expf). Adding 1.5*2^23 rounds and
 * leaves n in the low bits. Below -87 the result is 0, above 88 it stays at exp(88);
 * NaN stays NaN. */
INLINE Vec vec_exp(Vec x)
{
    const float shift = 12582912.0F;
    VecInt is_tiny = x < -87.0F;
    x = vec_select(is_tiny, vec_set(-87.0F), x);
    x = vec_select(x > 88.0F, vec_set(88.0F), x);
    Vec shifted = x * 1.44269504F + shift, n = shifted - shift;
    Vec r = x - n * 0.693359375F + n * 2.12194440e-4F;
    Vec p = r * 1.9875691500e-4F + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    VecInt exponent = (VecInt)shifted - 0x4b400000 + 127; /* the bits of shift */
    Vec y = p * (Vec)(exponent << 23);
    return vec_select(is_tiny, (Vec){0}, y);
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
