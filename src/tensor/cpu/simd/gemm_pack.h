/* gemm_pack.h - rows of a matrix into the words that gemm_kernel.h reads.
 *
 * A strip of `width` rows i (lanes) becomes words[w][lane]. The matrix lies in memory
 * with the summed index k dense (rows are read and transposed in registers) or with i
 * dense (words of neighbouring k are made from two rows as they stream by). f32 becomes
 * bf16 on the way, so that a product in bf16 costs no pass of its own over memory.
 *
 * Strips may be narrower than a vector: whole vectors are stored, and what falls beyond
 * the strip is overwritten by the next word. So words are made in order, and a buffer of
 * strips has GEMM_SLACK words behind it. */
#ifndef TENSOR_CPU_SIMD_GEMM_PACK_H
#define TENSOR_CPU_SIMD_GEMM_PACK_H

#include "tensor/cpu/simd/gemm_kernel.h"

enum { GEMM_SLACK = LANES };

/* A matrix (rows, K): element (i,k) is at[i*ld + k] when k_dense, else at[k*ld + i]. */
typedef struct GemmMatrix {
    const float *at;
    int64_t ld;
    bool k_dense;
} GemmMatrix;

/* f32 in the upper 16 bits, rounded to nearest even; NaN stays NaN. */
INLINE VecBits bf16_bits(Vec x)
{
    VecBits u = (VecBits)x;
    VecBits rounded = u + 0x7fffU + ((u >> 16) & 1U);
    VecInt is_nan = x != x; /* NOLINT(misc-redundant-expression): not for NaN */
    return ((VecBits)is_nan & (u | 0x400000U)) | (~(VecBits)is_nan & rounded);
}

/* Words of two rows: lane i holds (even[i], odd[i]). */
INLINE VecBits bf16_pairs(Vec even, Vec odd)
{
#ifdef __AVX512BF16__
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                         23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
    return (VecBits)_mm512_permutexvar_epi16(order, both);
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

/* LANES floats of which n are there; any n. */
INLINE Vec load_some(const float *p, int64_t n)
{
    return n >= LANES ? vec_load(p) : n > 0 ? vec_load_part(p, n) : (Vec){0};
}

/* LANES words of a row from k on, of which n elements are there. */
INLINE VecBits row_words(const float *row, int64_t n, bool bf16)
{
    if (!bf16)
        return (VecBits)load_some(row, n);
    return bf16_neighbours(load_some(row, n), load_some(row + LANES, n - LANES));
}

INLINE int64_t gemm_words(int64_t K, bool bf16)
{
    return bf16 ? (K + 1) / 2 : K;
}

/* One vector's lanes of a strip, k dense. */
static inline void pack_rows(uint32_t *out, int64_t width, GemmMatrix m, int64_t rows,
                             int64_t K, bool bf16)
{
    int64_t words = gemm_words(K, bf16), per_vector = bf16 ? 2 * LANES : LANES;
    for (int64_t w = 0, k = 0; w < words; w += LANES, k += per_vector) {
        Vec block[LANES];
        for (int64_t r = 0; r < LANES; r++)
            block[r] =
                r < rows ? (Vec)row_words(m.at + r * m.ld + k, K - k, bf16) : (Vec){0};
        vec_transpose(block);
        for (int64_t j = 0; j < LANES && w + j < words; j++)
            memcpy(out + (w + j) * width, &block[j], sizeof block[j]);
    }
}

/* The same, i dense. */
static inline void pack_columns(uint32_t *out, int64_t width, GemmMatrix m,
                                int64_t rows, int64_t K, bool bf16)
{
    int64_t words = gemm_words(K, bf16);
    for (int64_t w = 0; w < words; w++) {
        VecBits word;
        if (bf16) {
            const float *even = m.at + 2 * w * m.ld;
            word = bf16_pairs(load_some(even, rows),
                              2 * w + 1 < K ? load_some(even + m.ld, rows) : (Vec){0});
        } else {
            word = (VecBits)load_some(m.at + w * m.ld, rows);
        }
        memcpy(out + w * width, &word, sizeof word);
    }
}

/* out(words of K, width) from the first rows of m, of which `rows` are left (perhaps more
 * than width); zeros stand for those beyond. width is GEMM_ROWS or GEMM_COLS. */
static inline void gemm_pack_strip(uint32_t *out, int64_t width, GemmMatrix m,
                                   int64_t rows, int64_t K, bool bf16)
{
    for (int64_t lane = 0; lane < width; lane += LANES) {
        int64_t n = rows > lane ? rows - lane : 0;
        GemmMatrix part = m;
        part.at += n == 0 ? 0 : m.k_dense ? lane * m.ld : lane;
        if (m.k_dense)
            pack_rows(out + lane, width, part, n < width - lane ? n : width - lane, K,
                      bf16);
        else
            pack_columns(out + lane, width, part, n, K, bf16);
    }
}

#endif
