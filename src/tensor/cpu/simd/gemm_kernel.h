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
 * result does not depend on how many rows come with it. C is f32, or is rounded to bf16 as
 * it leaves the registers. */
#ifndef TENSOR_CPU_SIMD_GEMM_KERNEL_H
#define TENSOR_CPU_SIMD_GEMM_KERNEL_H

#include "tensor/cpu/simd/stored.h"

/* Sums for all but four of the registers; at most LANES rows, see gemm_pack.h. */
#if LANES == 16
#    define GEMM_ROWS 14
#elif LANES == 8
#    define GEMM_ROWS 6
#else
#    define GEMM_ROWS 4
#endif
#define GEMM_COLS (2 * LANES)

/* Products of bf16 run in the tiles of gemm_amx.h instead. */
#if defined(__AMX_TILE__) && defined(__AMX_BF16__)
#    define GEMM_AMX       1
#    define GEMM_MOST_ROWS 32
#else
#    define GEMM_AMX       0
#    define GEMM_MOST_ROWS GEMM_ROWS
#endif

typedef struct GemmTile {
    const uint32_t *a; /* (words, GEMM_ROWS) */
    const uint32_t *b; /* (words, GEMM_COLS) */
    int64_t words;
    void *c; /* f32 or bf16 */
    int64_t ldc;
    const float *base; /* what the sums are added to: rows base_ld apart (0: one row) */
    int64_t base_ld;
} GemmTile;

/* Which product, of what, into what. */
typedef enum GemmKind { GEMM_F32, GEMM_BF16, GEMM_BF16_TO_BF16 } GemmKind;

/* `rows` and `kind` are constants where this is inlined. The lines of C are fetched while
 * the sums run: they are needed at the end alone. */
INLINE void gemm_block(const GemmTile *t, const int rows, const GemmKind kind)
{
    const bool bf16 = kind != GEMM_F32, to_bf16 = kind == GEMM_BF16_TO_BF16;
    Vec sum[GEMM_ROWS][2];
    for (int r = 0; r < rows; r++) {
        __builtin_prefetch(stored_at(t->c, r * t->ldc, to_bf16), 1);
        if (!to_bf16)
            __builtin_prefetch(stored_at(t->c, r * t->ldc + LANES, false), 1);
    }
#pragma GCC unroll 14
    for (int r = 0; r < rows; r++)
        sum[r][0] = sum[r][1] = (Vec){0};
    const uint32_t *a = t->a, *b = t->b;
    for (int64_t w = 0; w < t->words; w++, a += GEMM_ROWS, b += GEMM_COLS) {
        VecBits b0 = words_load(b), b1 = words_load(b + LANES);
#pragma GCC unroll 14
        for (int r = 0; r < rows; r++) {
            sum[r][0] = word_multiply_add(sum[r][0], a[r], b0, bf16);
            sum[r][1] = word_multiply_add(sum[r][1], a[r], b1, bf16);
        }
    }
#pragma GCC unroll 14
    for (int r = 0; r < rows; r++) {
        const float *base = t->base + r * t->base_ld;
        Vec c0 = vec_load(base) + sum[r][0], c1 = vec_load(base + LANES) + sum[r][1];
        void *c = stored_at(t->c, r * t->ldc, to_bf16);
        if (to_bf16) {
            words_store(c, bf16_neighbours(c0, c1));
        } else {
            vec_store(c, c0);
            vec_store((float *)c + LANES, c1);
        }
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

INLINE void gemm_rows(const GemmTile *t, int64_t rows, const GemmKind kind)
{
    if (rows > GEMM_ROWS / 2)
        gemm_block(t, GEMM_ROWS, kind);
    else if (rows > 2)
        gemm_block(t, GEMM_ROWS / 2, kind);
    else if (rows == 2)
        gemm_block(t, 2, kind);
    else
        gemm_block(t, 1, kind);
}

static inline void gemm_tile(const GemmTile *t, int64_t rows, GemmKind kind)
{
    if (kind == GEMM_F32)
        gemm_rows(t, rows, GEMM_F32);
    else if (kind == GEMM_BF16)
        gemm_rows(t, rows, GEMM_BF16);
    else
        gemm_rows(t, rows, GEMM_BF16_TO_BF16);
}

#endif
