/* gemm_pack.h - rows of a matrix into the words that gemm_kernel.h reads.
 *
 * A strip of `width` rows i (lanes) becomes words[w][lane]. The matrix lies in memory
 * with the summed index k dense (rows are read and transposed in registers) or with i
 * dense (words of neighbouring k are made from two rows as they stream by). f32 becomes
 * bf16 on the way, unless it is stored in bf16 already: a product in bf16 costs no pass of
 * its own over memory.
 *
 * Strips may be narrower than a vector: whole vectors are stored, and what falls beyond
 * the strip is overwritten by the next word. So words are made in order, and a buffer of
 * strips has GEMM_SLACK words behind it. */
#ifndef TENSOR_CPU_SIMD_GEMM_PACK_H
#define TENSOR_CPU_SIMD_GEMM_PACK_H

#include "tensor/cpu/simd/gemm_kernel.h"

enum { GEMM_SLACK = LANES };

/* Words of K numbers in a packed operand: whole tiles where the kernel works in tiles. */
INLINE int64_t gemm_words(int64_t K, bool bf16)
{
    return GEMM_AMX && bf16 ? (K + 31) / 32 * 16 : words_of(K, bf16);
}

/* A matrix (rows, K): element (i,k) is at[i*ld + k] when k_dense, else at[k*ld + i]. */
typedef struct GemmMatrix {
    const void *at;
    int64_t ld;
    bool k_dense;
    bool stored_bf16; /* else f32; only for products in bf16 */
} GemmMatrix;

/* From row i and element k of the sum on. */
INLINE GemmMatrix gemm_from(GemmMatrix m, int64_t i, int64_t k)
{
    m.at =
        stored_at_const(m.at, m.k_dense ? i * m.ld + k : k * m.ld + i, m.stored_bf16);
    return m;
}

/* LANES words of a row from element k on, of which n elements are there. */
INLINE VecBits row_words(const void *row, int64_t k, int64_t n, const bool bf16,
                         const bool stored)
{
    if (!bf16)
        return (VecBits)stored_load_some(row, k, n, false);
    if (!stored)
        return bf16_neighbours(stored_load_some(row, k, n, false),
                               stored_load_some(row, k + LANES, n - LANES, false));
    if (n >= 2 * LANES)
        return words_load(stored_at_const(row, k, true));
    VecBits words = {0};
    if (n > 0)
        memcpy(&words, stored_at_const(row, k, true),
               ((size_t)n & (2 * LANES - 1)) * sizeof(uint16_t));
    return words;
}

/* One vector's lanes of a strip, k dense. */
INLINE void pack_rows(uint32_t *out, int64_t width, GemmMatrix m, int64_t rows,
                      int64_t K, const bool bf16, const bool stored)
{
    int64_t words = words_of(K, bf16), per_vector = bf16 ? 2 * LANES : LANES;
    for (int64_t w = 0, k = 0; w < words; w += LANES, k += per_vector) {
        Vec block[LANES];
        for (int64_t r = 0; r < LANES; r++)
            block[r] = r < rows
                           ? (Vec)row_words(stored_at_const(m.at, r * m.ld, stored), k,
                                            K - k, bf16, stored)
                           : (Vec){0};
        vec_transpose(block);
        for (int64_t j = 0; j < LANES && w + j < words; j++)
            memcpy(out + (w + j) * width, &block[j], sizeof block[j]);
    }
}

/* Words of rows [i, i + rows) at step k of the sum, i dense; 0 beyond K. */
INLINE VecBits column_words(GemmMatrix m, int64_t i, int64_t k, int64_t rows, int64_t K,
                            const bool bf16, const bool stored)
{
    int64_t at = k * m.ld + i;
    Vec even = {0}, odd = {0};
#if LANES == 16
    if (bf16 && stored && rows >= LANES && k + 1 < K) {
        __m256i low = _mm256_loadu_si256(stored_at_const(m.at, at, true));
        __m256i high = _mm256_loadu_si256(stored_at_const(m.at, at + m.ld, true));
        return halves_paired(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
    }
#endif
    if (k < K)
        even = stored_load_some(m.at, at, rows, stored);
    if (bf16 && k + 1 < K)
        odd = stored_load_some(m.at, at + m.ld, rows, stored);
    if (bf16 && stored) /* loading put them into the upper halves */
        return (VecBits)even >> 16 | (VecBits)odd;
    return bf16 ? bf16_pairs(even, odd) : (VecBits)even;
}

/* One vector's lanes of a strip, i dense. */
INLINE void pack_columns(uint32_t *out, int64_t width, GemmMatrix m, int64_t rows,
                         int64_t K, const bool bf16, const bool stored)
{
    int64_t words = words_of(K, bf16);
    for (int64_t w = 0; w < words; w++)
        words_store(out + w * width,
                    column_words(m, 0, bf16 ? 2 * w : w, rows, K, bf16, stored));
}

INLINE void pack_strip(uint32_t *out, int64_t width, GemmMatrix m, int64_t rows,
                       int64_t K, const bool bf16, const bool stored)
{
    for (int64_t lane = 0; lane < width; lane += LANES) {
        int64_t n = rows > lane ? rows - lane : 0;
        GemmMatrix part = n > 0 ? gemm_from(m, lane, 0) : m;
        if (m.k_dense)
            pack_rows(out + lane, width, part, n < width - lane ? n : width - lane, K,
                      bf16, stored);
        else
            pack_columns(out + lane, width, part, n, K, bf16, stored);
    }
}

/* out(words of K, width) from the first rows of m, of which `rows` are left (perhaps more
 * than width); zeros stand for those beyond. */
static inline void gemm_pack_strip(uint32_t *out, int64_t width, GemmMatrix m,
                                   int64_t rows, int64_t K, bool bf16)
{
    if (!bf16)
        pack_strip(out, width, m, rows, K, false, false);
    else if (m.stored_bf16)
        pack_strip(out, width, m, rows, K, true, true);
    else
        pack_strip(out, width, m, rows, K, true, false);
}

#endif
