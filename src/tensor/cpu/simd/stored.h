/* stored.h - numbers as activations are stored: f32, or bf16 when the backend computes in
 * it. They are f32 as soon as they are loaded. Every function takes `bf16`, which is a
 * constant where these are inlined, and the index of the first of LANES numbers. */
#ifndef TENSOR_CPU_SIMD_STORED_H
#define TENSOR_CPU_SIMD_STORED_H

#include "tensor/cpu/simd/words.h"

typedef uint16_t VecHalf __attribute__((vector_size(2 * LANES)));

/* The address of element i. */
INLINE void *stored_at(void *p, int64_t i, bool bf16)
{
    return (char *)p + (bf16 ? 2 : 4) * i;
}
INLINE const void *stored_at_const(const void *p, int64_t i, bool bf16)
{
    return (const char *)p + (bf16 ? 2 : 4) * i;
}

INLINE Vec stored_load(const void *p, int64_t i, const bool bf16)
{
    if (!bf16)
        return vec_load((const float *)p + i);
    VecHalf half;
    memcpy(&half, (const uint16_t *)p + i, sizeof half);
    return (Vec)(__builtin_convertvector(half, VecBits) << 16);
}
/* The first n < LANES of them, zeros behind. */
INLINE Vec stored_load_part(const void *p, int64_t i, int64_t n, const bool bf16)
{
    if (!bf16)
        return vec_load_part((const float *)p + i, n);
#if LANES == 16
    VecHalf half =
        (VecHalf)_mm256_maskz_loadu_epi16(VEC_FIRST(n), (const uint16_t *)p + i);
#else
    VecHalf half = {0};
    for (int64_t j = 0; j < n; j++)
        half[j] = ((const uint16_t *)p)[i + j];
#endif
    return (Vec)(__builtin_convertvector(half, VecBits) << 16);
}
/* n of them, which may be less than none or more than LANES. */
INLINE Vec stored_load_some(const void *p, int64_t i, int64_t n, const bool bf16)
{
    return n >= LANES ? stored_load(p, i, bf16)
           : n > 0    ? stored_load_part(p, i, n, bf16)
                      : (Vec){0};
}

INLINE VecHalf stored_half(Vec x)
{
#ifdef __AVX512BF16__
    return (VecHalf)_mm512_cvtneps_pbh((__m512)x);
#else
    return __builtin_convertvector(bf16_bits(x) >> 16, VecHalf);
#endif
}
INLINE void stored_store(void *p, int64_t i, Vec x, const bool bf16)
{
    if (!bf16) {
        vec_store((float *)p + i, x);
        return;
    }
    VecHalf half = stored_half(x);
    memcpy((uint16_t *)p + i, &half, sizeof half);
}
INLINE void stored_store_part(void *p, int64_t i, Vec x, int64_t n, const bool bf16)
{
    if (!bf16) {
        vec_store_part((float *)p + i, x, n);
        return;
    }
    VecHalf half = stored_half(x);
#if LANES == 16
    _mm256_mask_storeu_epi16((uint16_t *)p + i, VEC_FIRST(n), (__m256i)half);
#else
    for (int64_t j = 0; j < n; j++)
        ((uint16_t *)p)[i + j] = half[j];
#endif
}
/* n of them, at most LANES. */
INLINE void stored_store_some(void *p, int64_t i, Vec x, int64_t n, const bool bf16)
{
    if (n >= LANES)
        stored_store(p, i, x, bf16);
    else
        stored_store_part(p, i, x, n, bf16);
}

#endif
