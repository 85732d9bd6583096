/* words.h - words of 32 bits, the currency of the packed operands of products: a float,
 * or two numbers in bf16 that are neighbours in the summed index k, the earlier in the
 * lower half. One kernel serves both, with half as many steps in bf16. */
#ifndef TENSOR_CPU_SIMD_WORDS_H
#define TENSOR_CPU_SIMD_WORDS_H

#include "tensor/cpu/simd/simd.h"

#include <stdbool.h>

/* Words that K numbers take. */
INLINE int64_t words_of(int64_t K, bool bf16)
{
    return bf16 ? (K + 1) / 2 : K;
}

INLINE VecBits words_load(const uint32_t *p)
{
    VecBits v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void words_store(uint32_t *p, VecBits v)
{
    memcpy(p, &v, sizeof v);
}

/* sum + a b, with the word a for all lanes. Products of bf16 are exact in f32. */
INLINE Vec word_multiply_add(Vec sum, uint32_t a, VecBits b, bool bf16)
{
    VecBits all = a - (VecBits){0};
    if (!bf16)
        return sum + (Vec)all * (Vec)b;
#ifdef __AVX512BF16__
    return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)all, (__m512bh)b);
#else
    const uint32_t high = 0xffff0000U;
    sum += (Vec)(all << 16) * (Vec)(b << 16);
    return sum + (Vec)(all & high) * (Vec)(b & high);
#endif
}

/* f32 in the upper 16 bits, rounded to nearest even; NaN stays NaN. */
INLINE VecBits bf16_bits(Vec x)
{
    VecBits u = (VecBits)x;
    VecBits rounded = u + 0x7fffU + ((u >> 16) & 1U);
    VecInt is_nan = x != x; /* NOLINT(misc-redundant-expression): not for NaN */
    return ((VecBits)is_nan & (u | 0x400000U)) | (~(VecBits)is_nan & rounded);
}

#if LANES == 16
/* Words of two rows of bf16, `even` in the lower half of `both` and `odd` in the upper. */
INLINE VecBits halves_paired(__m512i both)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                         23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return (VecBits)_mm512_permutexvar_epi16(order, both);
}
#endif

/* Words of two rows: lane i holds (even[i], odd[i]). */
INLINE VecBits bf16_pairs(Vec even, Vec odd)
{
#ifdef __AVX512BF16__
    return halves_paired((__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even));
#else
    return (bf16_bits(even) >> 16) | (bf16_bits(odd) & 0xffff0000U);
#endif
}

#if LANES == 16
#    define VEC_EVEN(a, b)                                                             \
        __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24,   \
                                26, 28, 30)
#    define VEC_ODD(a, b)                                                              \
        __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25,   \
                                27, 29, 31)
#elif LANES == 8
#    define VEC_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#    define VEC_ODD(a, b)  __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#else
#    define VEC_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#    define VEC_ODD(a, b)  __builtin_shufflevector(a, b, 1, 3, 5, 7)
#endif

/* Words of 2*LANES neighbours in k: first, then second. */
INLINE VecBits bf16_neighbours(Vec first, Vec second)
{
#ifdef __AVX512BF16__
    return (VecBits)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
#else
    return bf16_pairs(VEC_EVEN(first, second), VEC_ODD(first, second));
#endif
}

#endif
