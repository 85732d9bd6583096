/* tile.h - a small matrix product out of the caches: C(m,n) = A(m,k) B(k,n), or +=.
 *
 * Operands are words of 32 bits (words.h). B's rows lie ldb apart, C's ldc; A is read by
 * any two strides, so it may be transposed. A block of TILE_ROWS x 2 vectors of C stays in
 * registers while k runs; each step loads two vectors of B and one word of each row of A
 * (Goto & van de Geijn 2008). Every element of C is summed in the order of k. */
#ifndef TENSOR_CPU_SIMD_TILE_H
#define TENSOR_CPU_SIMD_TILE_H

#include "tensor/cpu/simd/words.h"

/* Half of the registers, less what B and A need. */
#if LANES == 16
#    define TILE_ROWS 8
#else
#    define TILE_ROWS 4
#endif
#define TILE_COLS (2 * LANES)

typedef struct Tile {
    float *c;
    const void *a, *b; /* words */
    int64_t ldc, a_row, a_word, ldb;
    int64_t words;
} Tile;

/* rows x vectors of C at (i,j). All but t, i and j are constants where this is inlined. */
INLINE void tile_block(const Tile *t, int64_t i, int64_t j, const int rows,
                       const int vectors, const bool add, const bool bf16)
{
    Vec sum[TILE_ROWS][2];
    float *c = t->c + i * t->ldc + j;
    const uint32_t *a = (const uint32_t *)t->a + i * t->a_row;
    const uint32_t *b = (const uint32_t *)t->b + j;
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++)
            sum[r][v] = add ? vec_load(c + r * t->ldc + v * LANES) : (Vec){0};
    }
    for (int64_t w = 0; w < t->words; w++, a += t->a_word, b += t->ldb) {
        VecBits b0 = words_load(b), b1 = vectors == 2 ? words_load(b + LANES) : b0;
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            uint32_t x;
            memcpy(&x, a + r * t->a_row, sizeof x);
            sum[r][0] = word_multiply_add(sum[r][0], x, b0, bf16);
            if (vectors == 2)
                sum[r][1] = word_multiply_add(sum[r][1], x, b1, bf16);
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++)
            vec_store(c + r * t->ldc + v * LANES, sum[r][v]);
    }
}

/* Rows [i, i + rows) of C and n columns, which are whole vectors; rows is a constant. */
INLINE void tile_rows(const Tile *t, int64_t i, const int rows, int64_t n,
                      const bool add, const bool bf16)
{
    int64_t j = 0;
    for (; j + TILE_COLS <= n; j += TILE_COLS)
        tile_block(t, i, j, rows, 2, add, bf16);
    if (j < n)
        tile_block(t, i, j, rows, 1, add, bf16);
}

#endif
