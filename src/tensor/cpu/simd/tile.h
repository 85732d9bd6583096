/* tile.h - a small matrix product out of the caches: C(m,n) (+)= A(m,k) B(k,n).
 *
 * B's rows lie ldb apart, C's ldc; A is read by any two strides, so it may be transposed.
 * A block of TILE_ROWS x 2 vectors of C stays in registers while k runs; each step
 * loads two vectors of B and one float of each row of A (Goto & van de Geijn 2008).
 * Every element of C is summed in the order of k. */
#ifndef TENSOR_CPU_SIMD_TILE_H
#define TENSOR_CPU_SIMD_TILE_H

#include "tensor/cpu/simd/simd.h"

#include <stdbool.h>

/* Half of the registers, less what B and A need. */
#if LANES == 16
#    define TILE_ROWS 8
#else
#    define TILE_ROWS 4
#endif
#define TILE_COLS (2 * LANES)

typedef struct Tile {
    float *c;
    const float *a, *b;
    int64_t ldc, a_row, a_col, ldb;
    int64_t m, n, k;
    bool add;
} Tile;

/* rows x vectors of C at (i,j); both are constants where this is inlined. */
INLINE void tile_block(const Tile *t, int64_t i, int64_t j, const int rows,
                       const int vectors)
{
    Vec sum[TILE_ROWS][2];
    float *c = t->c + i * t->ldc + j;
    const float *a = t->a + i * t->a_row, *b = t->b + j;
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++)
            sum[r][v] = t->add ? vec_load(c + r * t->ldc + v * LANES) : (Vec){0};
    }
    for (int64_t k = 0; k < t->k; k++, a += t->a_col, b += t->ldb) {
        Vec b0 = vec_load(b), b1 = vectors == 2 ? vec_load(b + LANES) : b0;
        for (int r = 0; r < rows; r++) {
            float x = a[r * t->a_row];
            sum[r][0] += x * b0;
            if (vectors == 2)
                sum[r][1] += x * b1;
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++)
            vec_store(c + r * t->ldc + v * LANES, sum[r][v]);
    }
}

/* The columns behind the last whole vector. */
INLINE void tile_narrow(const Tile *t, int64_t i, int64_t j)
{
    for (; j < t->n; j++) {
        float *c = t->c + i * t->ldc + j, sum = t->add ? *c : 0;
        for (int64_t k = 0; k < t->k; k++)
            sum += t->a[i * t->a_row + k * t->a_col] * t->b[k * t->ldb + j];
        *c = sum;
    }
}

INLINE void tile_row_block(const Tile *t, int64_t i, const int rows)
{
    int64_t j = 0;
    for (; j + TILE_COLS <= t->n; j += TILE_COLS)
        tile_block(t, i, j, rows, 2);
    if (j + LANES <= t->n) {
        tile_block(t, i, j, rows, 1);
        j += LANES;
    }
    for (int r = 0; j < t->n && r < rows; r++)
        tile_narrow(t, i + r, j);
}

static inline void tile_multiply(Tile t)
{
    int64_t i = 0;
    for (; i + TILE_ROWS <= t.m; i += TILE_ROWS)
        tile_row_block(&t, i, TILE_ROWS);
    for (; i + 2 <= t.m; i += 2)
        tile_row_block(&t, i, 2);
    if (i < t.m)
        tile_row_block(&t, i, 1);
}

/* One panel of B from the transpose: panel[k][j] = src[j][k] for TILE_COLS rows j of src
 * (the first n; zeros behind) that lie ld apart, k in [0, K). */
static inline void tile_pack(float *panel, const float *src, int64_t ld, int64_t n,
                             int64_t K)
{
    for (int64_t j = 0; j < TILE_COLS; j += LANES) {
        int64_t rows = n - j < 0 ? 0 : n - j < LANES ? n - j : LANES, k = 0;
        for (; k + LANES <= K; k += LANES) {
            Vec block[LANES];
            for (int64_t r = 0; r < LANES; r++)
                block[r] = r < rows ? vec_load(src + (j + r) * ld + k) : (Vec){0};
            vec_transpose(block);
            for (int64_t r = 0; r < LANES; r++)
                vec_store(panel + (k + r) * TILE_COLS + j, block[r]);
        }
        for (; k < K; k++) {
            for (int64_t r = 0; r < LANES; r++)
                panel[k * TILE_COLS + j + r] = r < rows ? src[(j + r) * ld + k] : 0;
        }
    }
}

#endif
