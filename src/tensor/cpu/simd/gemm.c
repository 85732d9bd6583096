/* gemm.c - matrix products in blocks that fit the caches (Goto & van de Geijn 2008).
 *
 *     for each block of words of k, for each block of COLUMNS columns of B:
 *         pack the block of B as strips                 all threads; L3
 *         tasks: for each block of strips of A:
 *             pack it                                   the task's thread; L2
 *             for each strip of B, for each strip of A: gemm_kernel.h, gemm_amx.h
 *
 * B may come packed: in bf16 weights are packed once an update. When A has few rows, a
 * task takes a part of the columns instead, and each packs those rows for itself. The sums
 * of an element run through the blocks of k in order, so tasks share nothing. Between
 * blocks of k the sums lie in C; so a C in bf16 has one block, with fewer rows and columns
 * at a time when it is deep. */
#include "tensor/cpu/simd/gemm.h"

#include "tensor/cpu/simd/gemm_amx.h"

enum { COLUMNS = CPU_GEMM_COLUMNS /* a multiple of GEMM_COLS */ };

/* --- the kernels --------------------------------------------------------------------- */

/* How a kernel is fed. */
typedef struct Kernel {
    int64_t rows;  /* of A in a strip */
    int64_t depth; /* words of k at a time, unless C is bf16 */
    int64_t most;  /* rows of A in a task, at that depth */
    int64_t tasks; /* a thread */
} Kernel;

static Kernel kernel_of(const Gemm *g)
{
    if (GEMM_AMX && g->bf16)
        return (Kernel){AMX_ROWS, CPU_GEMM_DEPTH, CPU_GEMM_ROWS, 2};
    return (Kernel){GEMM_ROWS, CPU_GEMM_DEPTH, 64 / GEMM_ROWS * GEMM_ROWS, 8};
}

/* The first `rows` rows of the tile, of which C has room for as many as kernel_rows. */
static int64_t kernel_rows(const Gemm *g, int64_t rows)
{
    return GEMM_AMX && g->bf16 ? amx_rows(rows) : gemm_kernel_rows(rows);
}
static void kernel_tile(const GemmTile *t, int64_t rows, GemmKind kind)
{
    if (GEMM_AMX && kind != GEMM_F32)
        amx_tile(t, rows, kind == GEMM_BF16_TO_BF16);
    else
        gemm_tile(t, rows, kind);
}
/* A strip of A. */
static void kernel_pack(uint32_t *out, GemmMatrix m, int64_t rows, int64_t K, bool bf16)
{
    if (GEMM_AMX && bf16)
        amx_pack(out, m, rows, K);
    else
        gemm_pack_strip(out, GEMM_ROWS, m, rows, K, bf16);
}
/* A strip of B. */
static void pack_columns_of_b(uint32_t *out, GemmMatrix m, int64_t rows, int64_t K,
                              bool bf16)
{
    int64_t words = words_of(K, bf16);
    gemm_pack_strip(out, GEMM_COLS, m, rows, K, bf16);
    for (int64_t w = words; w < gemm_words(K, bf16); w++)
        memset(out + w * GEMM_COLS, 0, GEMM_COLS * sizeof *out);
}

/* --- blocks -------------------------------------------------------------------------- */

/* What tasks of one block of the product read. */
typedef struct Block {
    const Gemm *g;
    const uint32_t *b; /* strip 0 of the block, at its first word */
    int64_t b_stride;  /* words from strip to strip */
    int64_t w0, words; /* of k */
    int64_t n0, n;     /* columns */
    bool first;        /* of the blocks of k: C is not read, or the bias is added */
    uint32_t *extra_a; /* room for each thread's rows of the extra product's A */
    int64_t extra_stride;
} Block;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Rows [i,..) and k from word w on. */
static GemmMatrix part_of(GemmMatrix m, int64_t i, int64_t w, bool bf16)
{
    return gemm_from(m, i, bf16 ? 2 * w : w);
}

/* The elements of k in words [w, w + words). */
static int64_t elements_of(const Gemm *g, int64_t w, int64_t words)
{
    int64_t k = g->bf16 ? 2 * w : w, n = g->bf16 ? 2 * words : words;
    return g->K - k < n ? g->K - k : n;
}

/* What the tile at (i,j) is added to: C, the residual, the bias or nothing. */
static void base_of(GemmTile *tile, const Block *b, int64_t i, int64_t j)
{
    static const float nothing[GEMM_COLS] = {0};
    const Gemm *g = b->g;
    const float *rows = g->add || !b->first ? g->c : g->residual;
    tile->base = rows ? rows + i * g->ldc + j : g->bias ? g->bias + j : nothing;
    tile->base_ld = rows ? g->ldc : 0;
}

/* Words [from,to) of k that are not 0 in columns [j, j + GEMM_COLS) of an extra product. */
static void extra_words(const Gemm *g, int64_t j, int64_t *from, int64_t *to)
{
    const GemmExtra *e = g->extra;
    int64_t k0 = e->blocks ? e->K : 0, k1 = e->blocks ? 0 : e->K;
    for (int32_t i = 0; e->blocks && i < e->blocks->pieces; i++) {
        AdapterPiece p = e->blocks->piece[i];
        int64_t r = adapter_rank(e->blocks);
        if (j >= p.first + p.rows || j + GEMM_COLS <= p.first)
            continue;
        k0 = i * r < k0 ? i * r : k0;
        k1 = (i + 1) * r;
    }
    *from = g->bf16 ? k0 / 2 : k0;
    *to = gemm_words(k1, g->bf16);
    if (GEMM_AMX && g->bf16) /* whole tiles; what they hold besides is 0 in B */
        *from = *from / AMX_WORDS * AMX_WORDS;
}

/* The extra product's part of a tile becomes what the tile is added to; `sums` has room
 * for it, and may be what the tile was added to before. */
static void add_extra(GemmTile *tile, const Block *b, const uint32_t *a, int64_t j,
                      int64_t m, float sums[GEMM_MOST_ROWS * GEMM_COLS])
{
    const Gemm *g = b->g;
    int64_t from, to;
    extra_words(g, j, &from, &to);
    if (from >= to)
        return;
    int64_t strip = gemm_words(g->extra->K, g->bf16) * GEMM_COLS;
    GemmTile extra = {.a = a + from * kernel_of(g).rows,
                      .b =
                          g->extra->packed_b + j / GEMM_COLS * strip + from * GEMM_COLS,
                      .words = to - from,
                      .c = sums,
                      .ldc = GEMM_COLS,
                      .base = tile->base,
                      .base_ld = tile->base_ld};
    kernel_tile(&extra, m, g->bf16 ? GEMM_BF16 : GEMM_F32);
    tile->base = sums;
    tile->base_ld = GEMM_COLS;
}

/* One tile of C at (i,j), of which m x n elements are there. extra: rows i of the extra
 * product's A, or NULL. */
static void multiply_tile(const Block *b, const uint32_t *a, const uint32_t *strip,
                          const uint32_t *extra, int64_t i, int64_t j, int64_t m,
                          int64_t n)
{
    const Gemm *g = b->g;
    GemmKind kind = !g->bf16 ? GEMM_F32 : g->c_bf16 ? GEMM_BF16_TO_BF16 : GEMM_BF16;
    GemmTile tile = {.a = a,
                     .b = strip,
                     .words = b->words,
                     .c = stored_at(g->c, i * g->ldc + j, g->c_bf16),
                     .ldc = g->ldc};
    base_of(&tile, b, i, j);
    if (n == GEMM_COLS && kernel_rows(g, m) == m) {
        float sums[GEMM_MOST_ROWS * GEMM_COLS];
        if (extra)
            add_extra(&tile, b, extra, j, m, sums);
        kernel_tile(&tile, m, kind);
        return;
    }
    /* The kernel writes whole tiles: at an edge, beside C. */
    float base[GEMM_MOST_ROWS * GEMM_COLS] = {0}, edge[GEMM_MOST_ROWS * GEMM_COLS];
    for (int64_t r = 0; r < m; r++)
        memcpy(base + r * GEMM_COLS, tile.base + r * tile.base_ld,
               (size_t)n * sizeof *base);
    void *c = tile.c;
    tile.base = base;
    tile.c = edge;
    tile.base_ld = tile.ldc = GEMM_COLS;
    if (extra)
        add_extra(&tile, b, extra, j, m, base);
    kernel_tile(&tile, m, kind);
    for (int64_t r = 0; r < m; r++)
        memcpy(stored_at(c, r * g->ldc, g->c_bf16),
               stored_at(edge, r * GEMM_COLS, g->c_bf16),
               (size_t)n * (g->c_bf16 ? 2 : 4));
}

/* The same rows of the extra product's A; NULL when there is none in this block of k. */
static const uint32_t *pack_extra(const Block *b, uint32_t *out, int64_t i0, int64_t m)
{
    const GemmExtra *e = b->g->extra;
    if (!e || !b->first)
        return NULL;
    int64_t rows = kernel_of(b->g).rows;
    for (int64_t i = 0; i < m; i += rows)
        kernel_pack(out + i * gemm_words(e->K, b->g->bf16), gemm_from(e->a, i0 + i, 0),
                    b->g->M - i0 - i, e->K, b->g->bf16);
    return out;
}

/* Asks the second-level cache for its part of a strip of B that comes next: what falls to
 * rows [i, i + rows) of m. Tiles are multiplied faster than memory is read. */
static void fetch_part(const uint32_t *strip, int64_t words, int64_t i, int64_t rows,
                       int64_t m)
{
    enum { LINE = 16 /* words */ };
    int64_t end = i + rows < m ? i + rows : m;
    for (int64_t w = words * i / m / LINE * LINE; w < words * end / m; w += LINE)
        __builtin_prefetch(strip + w, 0, 2);
}

/* Rows [i0, i0 + m) times strips [s0, s1) of the block, by thread `thread`. */
static void multiply_rows(const Block *b, uint32_t *packed_a, int thread, int64_t i0,
                          int64_t m, int64_t s0, int64_t s1)
{
    const Gemm *g = b->g;
    int64_t K = elements_of(g, b->w0, b->words), rows = kernel_of(g).rows;
    int64_t extra_words = g->extra ? gemm_words(g->extra->K, g->bf16) : 0;
    for (int64_t i = 0; i < m; i += rows)
        kernel_pack(packed_a + i * b->words, part_of(g->a, i0 + i, b->w0, g->bf16),
                    g->M - i0 - i, K, g->bf16);
    const uint32_t *extra = pack_extra(b, b->extra_a + thread * b->extra_stride, i0, m);
    if (g->bf16)
        amx_begin();
    for (int64_t s = s0; s < s1; s++) {
        int64_t j = s * GEMM_COLS, n = b->n - j < GEMM_COLS ? b->n - j : GEMM_COLS;
        for (int64_t i = 0; i < m; i += rows) {
            if (GEMM_AMX && s + 1 < s1)
                fetch_part(b->b + (s + 1) * b->b_stride, b->words * GEMM_COLS, i, rows,
                           m);
            multiply_tile(b, packed_a + i * b->words, b->b + s * b->b_stride,
                          extra ? extra + i * extra_words : NULL, i0 + i, b->n0 + j,
                          m - i < rows ? m - i : rows, n);
        }
    }
    if (g->bf16)
        amx_end();
}

/* `most` rows or columns at the usual depth, as many as take no more room when k is
 * deeper. */
static int64_t at_depth(int64_t most, int64_t unit, int64_t depth)
{
    int64_t n = depth > CPU_GEMM_DEPTH ? most * CPU_GEMM_DEPTH / depth : most;
    n = n / unit * unit;
    return n > unit ? n : unit;
}

/* How a block is shared out: tasks of `rows` rows of A and a part of the columns. */
typedef struct Shares {
    int64_t rows, row_tasks, parts;
} Shares;

/* Enough tasks that the threads end together, and as many rows in each as that allows,
 * since a strip of B comes to the cache once a task: so columns are parted first, as long
 * as a part has more of them than what packing its rows costs. */
static Shares shares_of(Kernel k, int64_t M, int64_t strips, int64_t depth, int threads)
{
    enum { PART = 16 /* strips, at least */ };
    int64_t tasks = k.tasks * threads, parts = strips / PART;
    parts = parts < 1 ? 1 : parts < tasks ? parts : tasks;
    int64_t rows = ceil_div(M * parts, k.rows * tasks) * k.rows;
    int64_t most = at_depth(k.most, k.rows, depth);
    rows = rows < most ? rows : most;
    int64_t row_tasks = ceil_div(M, rows);
    int64_t wanted = ceil_div(tasks, row_tasks);
    parts = parts < wanted ? parts : wanted;
    if (row_tasks * parts < 2 * threads) /* few rows: each packs them all */
        parts = strips < 2 * threads ? strips : 2 * threads;
    return (Shares){rows, row_tasks, parts};
}

static void multiply_block(TensorOps *t, const Block *b, uint32_t *packed_a,
                           int64_t a_stride)
{
    int64_t M = b->g->M, strips = ceil_div(b->n, GEMM_COLS);
    Shares s = shares_of(kernel_of(b->g), M, strips, b->words, cpu_context(t)->threads);
    int64_t rows = s.rows, parts = s.parts;
    PARALLEL_FOR_UNEVEN(t, M * b->n * b->words)
    for (int64_t task = 0; task < s.row_tasks * parts; task++) {
        int64_t i0 = task / parts * rows, part = task % parts;
        int thread = CPU_THREAD;
        multiply_rows(b, packed_a + thread * a_stride, thread, i0,
                      M - i0 < rows ? M - i0 : rows, part * strips / parts,
                      (part + 1) * strips / parts);
    }
}

void gemm_pack_all(TensorOps *t, uint32_t *out, GemmMatrix m, int64_t rows, int64_t K,
                   bool bf16)
{
    int64_t strips = ceil_div(rows, GEMM_COLS), words = gemm_words(K, bf16);
    PARALLEL_FOR(t, rows * K)
    for (int64_t s = 0; s < strips; s++)
        pack_columns_of_b(out + s * words * GEMM_COLS,
                          part_of(m, s * GEMM_COLS, 0, bf16), rows - s * GEMM_COLS, K,
                          bf16);
}

void gemm_multiply(TensorOps *t, const Gemm *g)
{
    if (g->M == 0 || g->N == 0)
        return;
    ASSERT(!(g->bias && g->residual) && !(g->c_bf16 && g->add));
    ASSERT(g->bf16 || !(g->a.stored_bf16 || g->b.stored_bf16 || g->c_bf16));
    Kernel k = kernel_of(g);
    int64_t words = gemm_words(g->K, g->bf16);
    int64_t depth = words < k.depth || g->c_bf16 ? words : k.depth;
    int64_t columns = at_depth(COLUMNS, GEMM_COLS, depth);
    columns = g->packed_b || g->N < columns ? g->N : columns;
    int64_t a_stride = at_depth(k.most, k.rows, depth) * depth + GEMM_SLACK;
    int64_t b_words =
        g->packed_b ? 0 : ceil_div(columns, GEMM_COLS) * GEMM_COLS * depth;
    size_t all = (size_t)(cpu_context(t)->threads * a_stride + b_words + GEMM_SLACK);
    ASSERT(all <= cpu_gemm_words(cpu_context(t)->threads, depth));
    uint32_t *a = cpu_buffer(&cpu_context(t)->packed, all * sizeof *a);
    uint32_t *packed_b = a + cpu_context(t)->threads * a_stride, *extra_a = NULL;
    int64_t extra_stride = g->extra ? cpu_gemm_extra_words(g->extra->K) : 0;
    if (g->extra)
        extra_a = cpu_buffer(&cpu_context(t)->extra,
                             (size_t)(cpu_context(t)->threads * extra_stride) *
                                 sizeof *extra_a);
    for (int64_t w0 = 0; w0 < words; w0 += depth) {
        for (int64_t n0 = 0; n0 < g->N; n0 += columns) {
            Block b = {.g = g,
                       .b = packed_b,
                       .w0 = w0,
                       .words = words - w0 < depth ? words - w0 : depth,
                       .n0 = n0,
                       .n = g->N - n0 < columns ? g->N - n0 : columns,
                       .first = w0 == 0,
                       .extra_a = extra_a,
                       .extra_stride = extra_stride};
            if (g->packed_b) {
                b.b = g->packed_b + w0 * GEMM_COLS;
                b.b_stride = words * GEMM_COLS;
            } else {
                b.b_stride = b.words * GEMM_COLS;
                gemm_pack_all(t, packed_b, part_of(g->b, n0, w0, g->bf16), b.n,
                              elements_of(g, w0, b.words), g->bf16);
            }
            multiply_block(t, &b, a, a_stride);
        }
    }
}
