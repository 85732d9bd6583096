/* gemm_kernel.h - the innermost product: GEMM_ROWS x GEMM_COLS of C in registers.
 *
 * Both operands are packed as words of 32 bits: a float, or two neighbours in k as bf16,
 * the earlier in the lower half. Step w of the sum reads GEMM_ROWS words of A, each
 * spread over a vector, and two vectors of words of B:
 *
 *     C[r][j] += A[w][r] * B[w][j]                                  f32
 *     C[r][j] += A[w][r].low * B[w][j].low + A[w][r].high * ...     bf16
 *
 * so one loop serves both. Products of bf16 are exact in f32 and sums are f32. Every
 * element of C is summed in the order of k, whatever its place in the tile: a row's
 * result does not depend on how many rows come with it. */
#ifndef TENSOR_CPU_SIMD_GEMM_KERNEL_H
#define TENSOR_CPU_SIMD_GEMM_KERNEL_H

#include "tensor/cpu/simd/words.h"

/* Sums for all but four of the registers; at most LANES rows, see gemm_pack.h. */
#if LANES == 16
#    define GEMM_ROWS 14
#elif LANES == 8
#    define GEMM_ROWS 6
#else
#    define GEMM_ROWS 4
#endif
#define GEMM_COLS (2 * LANES)

typedef struct GemmTile {
    const uint32_t *a; /* (words, GEMM_ROWS) */
    const uint32_t *b; /* (words, GEMM_COLS) */
    int64_t words;
    float *c;
    int64_t ldc;
    const float *base; /* row of GEMM_COLS that the sums are added to; NULL: C itself */
} GemmTile;

/* `rows` and `bf16` are constants where this is inlined. The lines of C are fetched while
 * the sums run: they are needed at the end alone. */
INLINE void gemm_block(const GemmTile *t, const int rows, const bool bf16)
{
    Vec sum[GEMM_ROWS][2];
    for (int r = 0; r < rows; r++) {
        __builtin_prefetch(t->c + r * t->ldc, 1);
        __builtin_prefetch(t->c + r * t->ldc + LANES, 1);
    }
#pragma GCC unroll 14
    for (int r = 0; r < rows; r++)
        sum[r][0] = sum[r][1] = (Vec){0};
    const uint32_t *a = t->a, *b = t->b;
    for (int64_t w = 0; w < t->words; w++, a += GEMM_ROWS, b += GEMM_COLS) {
        VecBits b0, b1;
        memcpy(&b0, b, sizeof b0);
        memcpy(&b1, b + LANES, sizeof b1);
#pragma GCC unroll 14
        for (int r = 0; r < rows; r++) {
            sum[r][0] = word_multiply_add(sum[r][0], a[r], b0, bf16);
            sum[r][1] = word_multiply_add(sum[r][1], a[r], b1, bf16);
        }
    }
#pragma GCC unroll 14
    for (int r = 0; r < rows; r++) {
        float *c = t->c + r * t->ldc;
        const float *base = t->base ? t->base : c;
        vec_store(c, vec_load(base) + sum[r][0]);
        vec_store(c + LANES, vec_load(base + LANES) + sum[r][1]);
    }
}

/* The first `rows` rows of the tile, computed by the smallest kernel that holds them; C
 * has room for as many rows as gemm_kernel_rows says. */
static inline int64_t gemm_kernel_rows(int64_t rows)
{
    if (rows > GEMM_ROWS / 2)
        return GEMM_ROWS;
    return rows > 2 ? GEMM_ROWS / 2 : rows;
}

static inline void gemm_tile(const GemmTile *t, int64_t rows, bool bf16)
{
    if (rows > GEMM_ROWS / 2)
        bf16 ? gemm_block(t, GEMM_ROWS, true) : gemm_block(t, GEMM_ROWS, false);
    else if (rows > 2)
        bf16 ? gemm_block(t, GEMM_ROWS / 2, true) : gemm_block(t, GEMM_ROWS / 2, false);
    else if (rows == 2)
        bf16 ? gemm_block(t, 2, true) : gemm_block(t, 2, false);
    else
        bf16 ? gemm_block(t, 1, true) : gemm_block(t, 1, false);
}

#endif
