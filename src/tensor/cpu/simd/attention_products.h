/* attention_products.h - the products of attention.c and how their operands are laid out.
 *
 * Keys and values come in strips of strip_rows rows, queries in panels of QUERIES. Words
 * (words.h) pair neighbours of the summed index:
 *
 *     strips   rows of keys, words along the channels      K, V     in S^T, dP^T
 *     panel    QUERIES rows, words along the channels      Q, dO    there
 *     paired   words of two rows, channels across          dO, Q    in dV, dK
 *              words of two keys, queries across           P^T, dS^T in O, dQ
 *     rows     keys down, words of two queries             P^T, dS^T in dV, dK
 *     turned   what O = P V and dQ = dS K multiply by      V, K
 *
 * Two ways. In vectors (tile.h), turned is paired, and O is computed as it is. In the
 * processor's tiles (gemm_amx.h), bf16 alone, the operand that changes least is the left
 * one: turned is (channels, words of two keys), and O^T = V^T P^T is transposed as it is
 * stored. */
#ifndef TENSOR_CPU_SIMD_ATTENTION_PRODUCTS_H
#define TENSOR_CPU_SIMD_ATTENTION_PRODUCTS_H

#include "tensor/cpu/cpu.h"
#include "tensor/cpu/simd/gemm_amx.h"
#include "tensor/cpu/simd/tile.h"

enum {
    QUERIES = CPU_QUERIES, /* a multiple of TILE_ROWS and of 2 LANES */
    STRIP_MOST = 32,
};
/* In tiles a panel is the columns of two, and a strip the rows of two. */
_Static_assert(!GEMM_AMX || ((int)QUERIES == GEMM_COLS && (int)QUERIES == AMX_ROWS),
               "");

INLINE bool in_tiles(bool bf16)
{
    return GEMM_AMX && bf16;
}
/* Keys of a strip. */
INLINE int64_t strip_rows(bool bf16)
{
    return in_tiles(bf16) ? AMX_ROWS : TILE_ROWS;
}
/* How far rows of D channels of an output lie apart. */
INLINE int64_t attention_wide(int64_t D)
{
    return GEMM_AMX ? (D + GEMM_COLS - 1) / GEMM_COLS * GEMM_COLS : lanes_up(D);
}

INLINE void products_begin(bool bf16)
{
    if (in_tiles(bf16))
        amx_begin();
}
INLINE void products_end(bool bf16)
{
    if (in_tiles(bf16))
        amx_end();
}

/* --- rows of activations ------------------------------------------------------------ */

/* Rows of D numbers that lie ld apart. */
typedef struct Rows {
    const void *at;
    int64_t ld, n;
    bool stored_bf16;
} Rows;

/* From row i on, `column` numbers to the right; at most n rows. */
INLINE Rows rows_from(Rows r, int64_t i, int64_t column, int64_t n)
{
    r.at = stored_at_const(r.at, i * r.ld + column, r.stored_bf16);
    r.n = r.n - i < n ? r.n - i : n;
    return r;
}
INLINE GemmMatrix matrix_of(Rows r, bool k_dense)
{
    return (GemmMatrix){r.at, r.ld, k_dense, r.stored_bf16};
}

/* Where rows go, ld apart. */
typedef struct Output {
    void *at;
    int64_t ld;
    bool bf16;
} Output;

INLINE Output output_from(Output o, int64_t i, int64_t column)
{
    o.at = stored_at(o.at, i * o.ld + column, o.bf16);
    return o;
}

INLINE void store_row(void *out, const float *row, float factor, int64_t D,
                      const bool bf16)
{
    int64_t d = 0;
    for (; d + LANES <= D; d += LANES)
        stored_store(out, d, vec_load(row + d) * factor, bf16);
    if (d < D)
        stored_store_part(out, d, vec_load(row + d) * factor, D - d, bf16);
}
/* The first row. */
static inline void output_row(Output out, const float *row, float factor, int64_t D)
{
    if (out.bf16)
        store_row(out.at, row, factor, D, true);
    else
        store_row(out.at, row, factor, D, false);
}

/* --- operands ----------------------------------------------------------------------- */

INLINE void pack_strips(uint32_t *out, Rows r, int64_t D, const bool bf16)
{
    const int64_t rows = strip_rows(bf16);
    for (int64_t j = 0; j < r.n; j += rows) {
        GemmMatrix m = matrix_of(rows_from(r, j, 0, r.n), true);
        if (in_tiles(bf16))
            amx_pack(out + j * gemm_words(D, true), m, r.n - j, D);
        else
            gemm_pack_strip(out + j * words_of(D, bf16), TILE_ROWS, m, r.n - j, D,
                            bf16);
    }
}

/* Zeros in the words from n on that a tile reads besides. */
INLINE void end_pairs(uint32_t *pairs, int64_t n, const bool bf16)
{
    for (int64_t w = words_of(n, bf16); in_tiles(bf16) && w < gemm_words(n, true); w++)
        memset(pairs + w * QUERIES, 0, QUERIES * sizeof *pairs);
}

INLINE void pack_panel(uint32_t *out, Rows r, int64_t D, const bool bf16)
{
    gemm_pack_strip(out, QUERIES, matrix_of(r, true), r.n, D, bf16);
    end_pairs(out, D, bf16);
}

/* In tiles: in strips of GEMM_COLS channels, of one step of QUERIES rows. */
INLINE void pack_paired(uint32_t *out, Rows r, int64_t D, const bool bf16)
{
    if (!in_tiles(bf16)) {
        gemm_pack_strip(out, lanes_up(D), matrix_of(r, false), D, r.n, bf16);
        return;
    }
    for (int64_t d = 0; d < D; d += GEMM_COLS, out += AMX_WORDS * GEMM_COLS) {
        gemm_pack_strip(out, GEMM_COLS, matrix_of(rows_from(r, 0, d, r.n), false),
                        D - d, r.n, true);
        end_pairs(out, r.n, true);
    }
}

/* Words of AMX_ROWS channels of so many turned keys. */
INLINE int64_t turned_strip(int64_t keys)
{
    return AMX_ROWS * gemm_words(keys, true);
}
INLINE void pack_turned(uint32_t *out, Rows r, int64_t D, const bool bf16)
{
    if (!in_tiles(bf16)) {
        pack_paired(out, r, D, bf16);
        return;
    }
    for (int64_t d = 0; d < D; d += AMX_ROWS, out += turned_strip(r.n))
        amx_pack(out, matrix_of(rows_from(r, 0, d, r.n), false), D - d, r.n);
}

/* --- products ----------------------------------------------------------------------- */

/* out(keys, QUERIES) = the strip at key j times a panel. */
INLINE void strip_times_panel(float *out, const uint32_t *strips, int64_t j,
                              const uint32_t *panel, int64_t D, const bool bf16)
{
    if (in_tiles(bf16)) {
        int64_t words = gemm_words(D, true);
        GemmTile tile = {.a = strips + j * words, .b = panel, .words = words};
        amx_block(&tile, out, QUERIES, AMX_ROWS);
        return;
    }
    int64_t words = words_of(D, bf16);
    Tile tile = {.c = out,
                 .ldc = QUERIES,
                 .a = strips + j * words,
                 .a_row = 1,
                 .a_word = TILE_ROWS,
                 .b = panel,
                 .ldb = QUERIES,
                 .words = words};
    tile_rows(&tile, 0, TILE_ROWS, QUERIES, false, bf16);
}

/* sum(keys, wide) += rows of a strip times `queries` paired rows. */
INLINE void strip_times_queries(float *sum, const uint32_t *rows,
                                const uint32_t *paired, int64_t queries, int64_t D,
                                const bool bf16)
{
    int64_t wide = attention_wide(D);
    if (in_tiles(bf16)) {
        for (int64_t d = 0; d < D; d += GEMM_COLS, paired += AMX_WORDS * GEMM_COLS) {
            GemmTile tile = {.a = rows,
                             .b = paired,
                             .words = AMX_WORDS,
                             .base = sum + d,
                             .base_ld = wide};
            amx_block(&tile, sum + d, wide, AMX_ROWS);
        }
        return;
    }
    Tile tile = {.c = sum,
                 .ldc = wide,
                 .a = rows,
                 .a_row = words_of(QUERIES, bf16),
                 .a_word = 1,
                 .b = paired,
                 .ldb = lanes_up(D),
                 .words = words_of(queries, bf16)};
    tile_rows(&tile, 0, TILE_ROWS, lanes_up(D), true, bf16);
}

/* The first n rows of a panel from columns(channels, QUERIES) of LANES channels. */
INLINE void store_turned(Output out, const float *columns, const float *factor,
                         int64_t n, int64_t d, int64_t D)
{
    for (int64_t q = 0; q < n; q += LANES) {
        Vec block[LANES], f = vec_load(factor + q);
        for (int64_t c = 0; c < LANES; c++)
            block[c] = vec_load(columns + c * QUERIES + q) * f;
        vec_transpose(block);
        for (int64_t r = 0; r < LANES && q + r < n; r++) {
            void *row = stored_at(out.at, (q + r) * out.ld, out.bf16);
            if (out.bf16)
                stored_store_some(row, d, block[r], D - d, true);
            else
                stored_store_some(row, d, block[r], D - d, false);
        }
    }
}

/* out(n,D) = factor of each query times its row of `pairs` times the first `keys` of
 * `all` turned keys. room: (QUERIES, wide) floats. */
INLINE void panel_times_keys(Output out, float *room, const uint32_t *pairs,
                             const uint32_t *turned, int64_t keys, int64_t all,
                             const float *factor, int64_t n, int64_t D, const bool bf16)
{
    if (in_tiles(bf16)) {
        for (int64_t d = 0; d < D; d += AMX_ROWS, turned += turned_strip(all)) {
            GemmTile tile = {.a = turned, .b = pairs, .words = gemm_words(keys, true)};
            amx_block(&tile, room, QUERIES, AMX_ROWS);
            for (int64_t c = 0; c < AMX_ROWS && d + c < D; c += LANES)
                store_turned(out, room + c * QUERIES, factor, n, d + c, D);
        }
        return;
    }
    int64_t wide = lanes_up(D);
    for (int64_t q = 0; q < n; q += TILE_ROWS) {
        Tile tile = {.c = room,
                     .ldc = wide,
                     .a = pairs + q,
                     .a_row = 1,
                     .a_word = QUERIES,
                     .b = turned,
                     .ldb = wide,
                     .words = words_of(keys, bf16)};
        tile_rows(&tile, 0, TILE_ROWS, wide, false, bf16);
        for (int64_t r = 0; r < TILE_ROWS && q + r < n; r++)
            output_row(output_from(out, q + r, 0), room + r * wide, factor[q + r], D);
    }
}

#endif
