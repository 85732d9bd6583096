/* attention.c - attention within packed documents; the formulas are in ref/attention.c.
 *
 * A task is one document and one key head: it owns the rows of o, lse and dqkv that it
 * writes, so tasks run in any order with the same bits. Keys (and values, for the
 * backward pass) are packed transposed once a task; then, strip by strip of TILE_ROWS
 * queries, the scores against all keys up to the diagonal lie in a scratch of
 * TILE_ROWS x length, small enough for the first-level cache at usual lengths. The
 * backward pass takes TILE queries at a time, so that dK and dV are loaded and stored
 * once for TILE steps of the sum. Only the strip on the diagonal computes scores that the
 * mask throws away. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/tile.h"
#include "tensor/host.h"

enum { TILE = CPU_QUERIES /* a multiple of TILE_ROWS */ };

typedef struct Heads {
    int64_t Hq, Hk, D, group; /* group query heads share a key head */
    int64_t width, out;       /* of a row of qkv, of o */
    float scale;
} Heads;

static Heads heads_of(int64_t Hq, int64_t Hk, int64_t D)
{
    ASSERT(Hk > 0 && Hq % Hk == 0);
    return (Heads){Hq, Hk, D, Hq / Hk, (Hq + 2 * Hk) * D, Hq * D, 1 / sqrtf((float)D)};
}

/* Fills the buffer of documents: first[d] is the first row of document d, first[n] = N.
 * Returns n. */
static int64_t find_documents(TensorOps *t, Tensor starts, int64_t N)
{
    const int32_t *start = host_i32(starts, N);
    int32_t *first =
        cpu_buffer(&cpu_context(t)->documents, (size_t)(N + 1) * sizeof *first);
    int64_t n = 0;
    for (int32_t i = 0; i < N; i++) {
        if (start[i] == i)
            first[n++] = i;
        ASSERT(n > 0 && start[i] == first[n - 1]);
    }
    first[n] = (int32_t)N;
    return n;
}

static int64_t longest_of(const int32_t *first, int64_t n)
{
    int64_t longest = 0;
    for (int64_t d = 0; d < n; d++)
        longest = first[d + 1] - first[d] > longest ? first[d + 1] - first[d] : longest;
    return longest;
}

static int64_t columns_up(int64_t n)
{
    return (n + TILE_COLS - 1) / TILE_COLS * TILE_COLS;
}

/* A thread's workspace for documents of up to `len` rows. */
typedef struct Workspace {
    float *keys, *values; /* panels of TILE_COLS columns of the transpose */
    float *p, *ds;        /* (TILE, columns_up(len)) */
} Workspace;

static Workspace workspace_of(float *base, int64_t len, int64_t D)
{
    int64_t n = columns_up(len);
    return (Workspace){base, base + n * D, base + 2 * n * D,
                       base + 2 * n * D + n * TILE};
}

/* All rows of a document, transposed, in panels. */
static void pack_panels(float *panels, const float *src, int64_t ld, int64_t len,
                        int64_t D)
{
    for (int64_t j = 0; j < len; j += TILE_COLS)
        tile_pack(panels + j * D, src + j * ld, ld, len - j, D);
}

/* out(m, columns) = rows(m,D) times the packed transpose, for columns up to the panel
 * that holds column end-1. */
static void times_panels(float *out, int64_t ld, const float *rows, int64_t row_stride,
                         const float *panels, int64_t m, int64_t end, int64_t D)
{
    for (int64_t j = 0; j < end; j += TILE_COLS)
        tile_multiply((Tile){.c = out + j,
                             .ldc = ld,
                             .a = rows,
                             .a_row = row_stride,
                             .a_col = 1,
                             .b = panels + j * D,
                             .ldb = TILE_COLS,
                             .m = m,
                             .n = TILE_COLS,
                             .k = D});
}

static void clear(float *s, int64_t begin, int64_t end)
{
    for (int64_t j = begin; j < end; j++)
        s[j] = 0;
}

/* s[0..n) = exp(scale s - max), zeros up to `end` (whole vectors); leaves the sum in
 * *total and returns the log of the sum of exp(scale s). */
static float softmax_row(float *s, int64_t n, int64_t end, float scale, float *total)
{
    int64_t used = lanes_up(n);
    for (int64_t j = n; j < used; j++)
        s[j] = -INFINITY;
    Vec high = vec_load(s);
    for (int64_t j = LANES; j < used; j += LANES)
        high = vec_max(high, vec_load(s + j));
    float max = vec_highest(high) * scale;
    Vec sum = {0};
    for (int64_t j = 0; j < used; j += LANES) {
        Vec p = vec_exp_negative(vec_load(s + j) * scale - max);
        sum += p;
        vec_store(s + j, p);
    }
    clear(s, n, end);
    *total = vec_sum(sum);
    return max + logf(*total);
}

static void forward_head(const Heads *a, const Workspace *w, float *o, float *lse,
                         const float *q, const float *v, int64_t len)
{
    for (int64_t i = 0; i < len; i += TILE_ROWS) {
        int64_t m = len - i < TILE_ROWS ? len - i : TILE_ROWS, end = columns_up(i + m);
        float total[TILE_ROWS];
        times_panels(w->p, end, q + i * a->width, a->width, w->keys, m, i + m, a->D);
        for (int64_t r = 0; r < m; r++)
            lse[(i + r) * a->Hq] =
                softmax_row(w->p + r * end, i + r + 1, end, a->scale, &total[r]);
        tile_multiply((Tile){.c = o + i * a->out,
                             .ldc = a->out,
                             .a = w->p,
                             .a_row = end,
                             .a_col = 1,
                             .b = v,
                             .ldb = a->width,
                             .m = m,
                             .n = a->D,
                             .k = i + m});
        for (int64_t r = 0; r < m; r++) {
            float *row = o + (i + r) * a->out;
            for (int64_t d = 0; d < a->D; d++)
                row[d] /= total[r];
        }
    }
}

static void attention(TensorOps *t, Tensor o, Tensor lse, Tensor qkv, Tensor starts,
                      int64_t N, int64_t Hq, int64_t Hk, int64_t D)
{
    Heads a = heads_of(Hq, Hk, D);
    float *po = host_f32(o, N * a.out), *pl = host_f32(lse, N * Hq);
    const float *x = host_f32(qkv, N * a.width);
    int64_t n = find_documents(t, starts, N);
    const int32_t *first = cpu_context(t)->documents.data;
    int64_t longest = longest_of(first, n), floats = cpu_attention_floats(longest, D);
    float *base =
        cpu_floats(&cpu_context(t)->attention, cpu_context(t)->threads * floats);
    PARALLEL_FOR_UNEVEN(t, N * a.width)
    for (int64_t task = 0; task < n * Hk; task++) {
        int64_t begin = first[task / Hk], len = first[task / Hk + 1] - begin;
        int64_t hk = task % Hk;
        const float *row = x + begin * a.width, *k = row + (Hq + hk) * D;
        Workspace w = workspace_of(base + CPU_THREAD * floats, longest, D);
        pack_panels(w.keys, k, a.width, len, D);
        for (int64_t h = hk * a.group; h < (hk + 1) * a.group; h++)
            forward_head(&a, &w, po + begin * a.out + h * D, pl + begin * Hq + h,
                         row + h * D, k + Hk * D, len);
    }
}

/* --- backward ------------------------------------------------------------------- */

/* What one query head's backward pass reads and writes, all at the document's first
 * row. */
typedef struct HeadRows {
    const float *q, *k, *o, *d_o, *lse;
    float *dq, *dk, *dv;
    int64_t len;
} HeadRows;

/* p (scores) becomes probabilities and ds (dp) becomes dscore, for one row of n keys;
 * both are zero from n to `end`. Keys of the future that share the last vector may give
 * anything before that. */
static void scores_backward_row(float *p, float *ds, int64_t n, int64_t end,
                                float scale, float lse, float delta)
{
    for (int64_t j = 0; j < n; j += LANES) {
        Vec prob = vec_exp_negative(vec_load(p + j) * scale - lse);
        vec_store(p + j, prob);
        vec_store(ds + j, prob * (vec_load(ds + j) - delta) * scale);
    }
    clear(p, n, end);
    clear(ds, n, end);
}

/* Fills p and ds of `rows` queries from i on. */
static void tile_scores(const Heads *a, const Workspace *w, const HeadRows *h,
                        int64_t ld, int64_t i, int64_t rows)
{
    for (int64_t r = 0; r < rows; r += TILE_ROWS) {
        int64_t m = rows - r < TILE_ROWS ? rows - r : TILE_ROWS, end = i + r + m;
        float *p = w->p + r * ld, *ds = w->ds + r * ld;
        const float *d_o = h->d_o + (i + r) * a->out, *o = h->o + (i + r) * a->out;
        times_panels(p, ld, h->q + (i + r) * a->width, a->width, w->keys, m, end, a->D);
        times_panels(ds, ld, d_o, a->out, w->values, m, end, a->D);
        for (int64_t s = 0; s < m; s++) {
            float delta = vec_dot(d_o + s * a->out, o + s * a->out, a->D);
            scores_backward_row(p + s * ld, ds + s * ld, i + r + s + 1, columns_up(end),
                                a->scale, h->lse[(i + r + s) * a->Hq], delta);
        }
    }
}

static void backward_head(const Heads *a, const Workspace *w, const HeadRows *h)
{
    for (int64_t i = 0; i < h->len; i += TILE) {
        int64_t rows = h->len - i < TILE ? h->len - i : TILE;
        int64_t ld = columns_up(i + rows);
        tile_scores(a, w, h, ld, i, rows);
        /* dQ = dS K, strip by strip up to its diagonal. */
        for (int64_t r = 0; r < rows; r += TILE_ROWS) {
            int64_t m = rows - r < TILE_ROWS ? rows - r : TILE_ROWS;
            tile_multiply((Tile){.c = h->dq + (i + r) * a->width,
                                 .ldc = a->width,
                                 .a = w->ds + r * ld,
                                 .a_row = ld,
                                 .a_col = 1,
                                 .b = h->k,
                                 .ldb = a->width,
                                 .m = m,
                                 .n = a->D,
                                 .k = i + r + m});
        }
        /* dK += dS^T Q and dV += P^T dO; key j meets the queries from j on. */
        for (int64_t j = 0; j < i + rows; j += TILE_ROWS) {
            int64_t m = i + rows - j < TILE_ROWS ? i + rows - j : TILE_ROWS;
            int64_t r = j > i ? j - i : 0;
            Tile tile = {.c = h->dk + j * a->width,
                         .ldc = a->width,
                         .a = w->ds + r * ld + j,
                         .a_row = 1,
                         .a_col = ld,
                         .b = h->q + (i + r) * a->width,
                         .ldb = a->width,
                         .m = m,
                         .n = a->D,
                         .k = rows - r,
                         .add = true};
            tile_multiply(tile);
            tile.c = h->dv + j * a->width;
            tile.a = w->p + r * ld + j;
            tile.b = h->d_o + (i + r) * a->out;
            tile.ldb = a->out;
            tile_multiply(tile);
        }
    }
}

static void clear_rows(float *x, int64_t stride, int64_t rows, int64_t n)
{
    for (int64_t i = 0; i < rows; i++)
        memset(x + i * stride, 0, (size_t)n * sizeof(float));
}

static void attention_backward(TensorOps *t, Tensor dqkv, Tensor dout, Tensor o,
                               Tensor lse, Tensor qkv, Tensor starts, int64_t N,
                               int64_t Hq, int64_t Hk, int64_t D)
{
    Heads a = heads_of(Hq, Hk, D);
    float *dx = host_f32(dqkv, N * a.width);
    const float *pdo = host_f32(dout, N * a.out), *po = host_f32(o, N * a.out);
    const float *pl = host_f32(lse, N * Hq), *x = host_f32(qkv, N * a.width);
    int64_t n = find_documents(t, starts, N);
    const int32_t *first = cpu_context(t)->documents.data;
    int64_t longest = longest_of(first, n), floats = cpu_attention_floats(longest, D);
    float *base =
        cpu_floats(&cpu_context(t)->attention, cpu_context(t)->threads * floats);
    PARALLEL_FOR_UNEVEN(t, N * a.width)
    for (int64_t task = 0; task < n * Hk; task++) {
        int64_t begin = first[task / Hk], len = first[task / Hk + 1] - begin;
        int64_t hk = task % Hk;
        const float *row = x + begin * a.width, *k = row + (Hq + hk) * D;
        float *drow = dx + begin * a.width, *dk = drow + (Hq + hk) * D;
        Workspace w = workspace_of(base + CPU_THREAD * floats, longest, D);
        pack_panels(w.keys, k, a.width, len, D);
        pack_panels(w.values, k + Hk * D, a.width, len, D);
        clear_rows(dk, a.width, len, D);
        clear_rows(dk + Hk * D, a.width, len, D);
        for (int64_t h = hk * a.group; h < (hk + 1) * a.group; h++) {
            int64_t at = begin * a.out + h * D;
            HeadRows rows = {.q = row + h * D,
                             .k = k,
                             .o = po + at,
                             .d_o = pdo + at,
                             .lse = pl + begin * Hq + h,
                             .dq = drow + h * D,
                             .dk = dk,
                             .dv = dk + Hk * D,
                             .len = len};
            backward_head(&a, &w, &rows);
        }
    }
}

void SIMD_FILL(attention_)(TensorOps *t)
{
    t->attention = attention;
    t->attention_backward = attention_backward;
}
