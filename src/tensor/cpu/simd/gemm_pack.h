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

/* One vector's lanes of a strip, k dense. */
static inline void pack_rows(uint32_t *out, int64_t width, GemmMatrix m, int64_t rows,
                             int64_t K, bool bf16)
{
    int64_t words = words_of(K, bf16), per_vector = bf16 ? 2 * LANES : LANES;
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
    int64_t words = words_of(K, bf16);
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
