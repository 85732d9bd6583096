/* gemm_amx.h - the innermost product of bf16 in tiles of the processor (AMX).
 *
 * A tile register holds 16 rows of 64 bytes. One instruction adds to 16 x 16 numbers of C
 * the products of 16 rows of A with 16 columns of B, 32 steps of k deep: 16 words of 32
 * bits, two neighbours in k each. So B is packed as gemm_pack.h packs it, whose words of
 * 16 steps are the rows of a tile, and A as blocks of TILE_WORDS words: whole rows,
 * AMX_ROWS of them. Four of the eight registers hold 32 x 32 numbers of C, two hold rows
 * of A, two columns of B, so that each is loaded once for two products.
 *
 * Every element of C is summed from what C is added to, in the order of k, by one
 * instruction a step, whatever its place in the tile: a row's result does not depend on
 * how many rows come with it.
 *
 * Intel 64 Architectures Software Developer's Manual, vol. 1, ch. 18. */
#ifndef TENSOR_CPU_SIMD_GEMM_AMX_H
#define TENSOR_CPU_SIMD_GEMM_AMX_H

#include "tensor/cpu/simd/gemm_pack.h"

enum { AMX_ROWS = 32, AMX_WORDS = 16 };

#if GEMM_AMX
/* Gives this thread its tiles, all of 16 rows of 64 bytes, and takes them back: while a
 * thread has them the system keeps their 8 KB whenever it changes threads. */
INLINE void amx_begin(void)
{
    static const struct {
        uint8_t palette, start, zeros[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape = {.palette = 1,
               .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
               .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&shape);
}
INLINE void amx_end(void)
{
    _tile_release();
}

/* `rows` x GEMM_COLS of C, f32; rows is 16 or 32 and a constant. What C is added to is
 * loaded first: its lines are all the same when base_ld is 0; base NULL: nothing. */
INLINE void amx_block(const GemmTile *t, float *c, int64_t ldc, const int rows)
{
    const uint32_t *a = t->a, *b = t->b;
    const int64_t line = GEMM_COLS * 4, base_line = t->base_ld * 4, c_line = ldc * 4;
    __asm__ volatile("" ::: "memory"); /* the compiler does not see what tiles read */
    if (!t->base) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, t->base, base_line);
        _tile_loadd(1, t->base + 16, base_line);
    }
    if (t->base && rows > 16) {
        _tile_loadd(2, t->base + 16 * t->base_ld, base_line);
        _tile_loadd(3, t->base + 16 * t->base_ld + 16, base_line);
    }
    for (int64_t w = 0; w < t->words; w += AMX_WORDS) {
        _tile_loadd(6, b, line);
        _tile_loadd(4, a, 64);
        _tile_loadd(7, b + 16, line);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (rows > 16) {
            _tile_loadd(5, a + AMX_ROWS / 2 * AMX_WORDS, 64);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        a += AMX_ROWS * AMX_WORDS;
        b += AMX_WORDS * GEMM_COLS;
    }
    _tile_stored(0, c, c_line);
    _tile_stored(1, c + 16, c_line);
    if (rows > 16) {
        _tile_stored(2, c + 16 * ldc, c_line);
        _tile_stored(3, c + 16 * ldc + 16, c_line);
    }
    __asm__ volatile("" ::: "memory");
}
/* As gemm_kernel_rows and gemm_tile. */
INLINE int64_t amx_rows(int64_t rows)
{
    return rows > AMX_ROWS / 2 ? AMX_ROWS : AMX_ROWS / 2;
}
INLINE void amx_rows_of(const GemmTile *t, float *c, int64_t ldc, int64_t rows)
{
    if (rows > AMX_ROWS / 2)
        amx_block(t, c, ldc, AMX_ROWS);
    else
        amx_block(t, c, ldc, AMX_ROWS / 2);
}
static inline void amx_tile(const GemmTile *t, int64_t rows, bool to_bf16)
{
    float sums[AMX_ROWS * GEMM_COLS];
    if (!to_bf16) {
        amx_rows_of(t, t->c, t->ldc, rows);
        return;
    }
    amx_rows_of(t, sums, GEMM_COLS, rows);
    for (int64_t r = 0; r < amx_rows(rows); r++) {
        const float *row = sums + r * GEMM_COLS;
        words_store(stored_at(t->c, r * t->ldc, true),
                    bf16_neighbours(vec_load(row), vec_load(row + LANES)));
    }
}

/* The first `rows` rows, at most AMX_ROWS, of m, in blocks of 32 steps of k; zeros stand
 * for what is beyond the rows and beyond K. */
INLINE void amx_pack_rows(uint32_t *out, GemmMatrix m, int64_t rows, int64_t K,
                          const bool stored)
{
    for (int64_t k = 0; k < K; k += 2 * AMX_WORDS, out += AMX_ROWS * AMX_WORDS) {
        for (int64_t r = 0; r < AMX_ROWS; r++)
            words_store(out + r * AMX_WORDS,
                        r < rows ? row_words(stored_at_const(m.at, r * m.ld, stored), k,
                                             K - k, true, stored)
                                 : (VecBits){0});
    }
}

/* The same, i dense: words of two rows of memory, transposed in registers. */
INLINE void amx_pack_columns(uint32_t *out, GemmMatrix m, int64_t rows, int64_t K,
                             const bool stored)
{
    for (int64_t k = 0; k < K; k += 2 * AMX_WORDS) {
        for (int64_t i = 0; i < AMX_ROWS; i += LANES, out += LANES * AMX_WORDS) {
            Vec block[LANES];
            for (int64_t w = 0; w < AMX_WORDS; w++)
                block[w] =
                    (Vec)column_words(m, i, k + 2 * w, rows - i, K, true, stored);
            vec_transpose(block);
            memcpy(out, block, sizeof block);
        }
    }
}

static inline void amx_pack(uint32_t *out, GemmMatrix m, int64_t rows, int64_t K)
{
    if (m.k_dense && m.stored_bf16)
        amx_pack_rows(out, m, rows, K, true);
    else if (m.k_dense)
        amx_pack_rows(out, m, rows, K, false);
    else if (m.stored_bf16)
        amx_pack_columns(out, m, rows, K, true);
    else
        amx_pack_columns(out, m, rows, K, false);
}

#else /* never called: GEMM_AMX is asked first */
INLINE void amx_begin(void) {}
INLINE void amx_end(void) {}
INLINE void amx_block(const GemmTile *t, float *c, int64_t ldc, const int rows)
{
    (void)t, (void)c, (void)ldc, (void)rows;
}
INLINE int64_t amx_rows(int64_t rows)
{
    return rows;
}
INLINE void amx_tile(const GemmTile *t, int64_t rows, bool to_bf16)
{
    (void)t, (void)rows, (void)to_bf16;
}
INLINE void amx_pack(uint32_t *out, GemmMatrix m, int64_t rows, int64_t K)
{
    (void)out, (void)m, (void)rows, (void)K;
}
#endif

#endif
