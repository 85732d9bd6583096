/* attention.c - attention within packed documents; the formulas are in ref/attention.c.
 *
 * A task is one document and one key head: it owns the rows of o, lse and dqkv that it
 * writes, so tasks run in any order with the same bits. Its queries come in panels of
 * QUERIES, and the scores of a panel are computed transposed, keys down and queries
 * across, so that a vector holds one key's scores with many queries: maxima and sums run
 * down the keys without ever crossing lanes.
 *
 *     S^T = K Q^T         P^T = exp(scale S^T - lse)          O  = P V
 *     dP^T = V dO^T       dS^T = P^T (dP^T - delta)
 *     dV += P^T dO        dK += scale dS^T Q                  dQ = scale dS K
 *
 * The seven products are those of attention_products.h: in f32, or in bf16 with f32 sums
 * when the backend computes in it.
 *
 * Forward keeps the scores of a panel with all keys (32 floats a key), since the maximum
 * must be known first. Backward knows lse and takes one strip of keys at a time from scores
 * to dK and dV; what it keeps is dS for dQ. Only strips on the diagonal compute scores that
 * the mask throws away. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/attention_products.h"
#include "tensor/host.h"

enum { VECTORS = QUERIES / LANES };

typedef struct Heads {
    int64_t Hq, Hk, D, group; /* group query heads share a key head */
    int64_t width, out;       /* of a row of qkv, of o */
    int64_t wide;             /* D as outputs lie */
    float scale, log2_scale;  /* of scores, for powers of e and of 2 */
} Heads;

static Heads heads_of(int64_t Hq, int64_t Hk, int64_t D)
{
    ASSERT(Hk > 0 && Hq % Hk == 0);
    float scale = 1 / sqrtf((float)D);
    return (Heads){Hq,
                   Hk,
                   D,
                   Hq / Hk,
                   (Hq + 2 * Hk) * D,
                   Hq * D,
                   attention_wide(D),
                   scale,
                   scale * LOG2_E};
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

/* --- a thread's workspace ------------------------------------------------------- */

typedef struct Workspace {
    uint32_t *k, *v;    /* strips; forward: v is turned */
    uint32_t *k_turned; /* the rest is per panel of queries: */
    uint32_t *q, *d_o;  /* panels */
    uint32_t *q_paired, *do_paired;
    uint32_t *p; /* forward: paired (keys, QUERIES); backward: rows of a strip */
    uint32_t *ds, *ds_rows; /* paired (keys, QUERIES); rows of a strip */
    float *s, *dp;          /* (keys, QUERIES); backward: of a strip */
    float *out;             /* of a panel, as panel_times_keys needs it */
    float *dk, *dv;         /* (keys, wide) */
} Workspace;

typedef struct Taker {
    uint32_t *at, *end;
} Taker;

static void *take(Taker *t, int64_t words)
{
    uint32_t *taken = t->at;
    t->at += (words + 15) / 16 * 16;
    ASSERT(t->at <= t->end);
    return taken;
}

static Workspace forward_workspace(Taker t, const Heads *a, int64_t len)
{
    int64_t n = (len + QUERIES - 1) / QUERIES * QUERIES, wide = a->wide;
    return (Workspace){.k = take(&t, n * wide + GEMM_SLACK),
                       .v = take(&t, n * wide),
                       .q = take(&t, wide * QUERIES),
                       .p = take(&t, n * QUERIES),
                       .s = take(&t, n * QUERIES),
                       .out = take(&t, QUERIES * wide)};
}

static Workspace backward_workspace(Taker t, const Heads *a, int64_t len)
{
    int64_t n = (len + QUERIES - 1) / QUERIES * QUERIES, wide = a->wide;
    return (Workspace){.k = take(&t, n * wide + GEMM_SLACK),
                       .v = take(&t, n * wide + GEMM_SLACK),
                       .k_turned = take(&t, n * wide),
                       .q = take(&t, wide * QUERIES),
                       .d_o = take(&t, wide * QUERIES),
                       .q_paired = take(&t, QUERIES * wide),
                       .do_paired = take(&t, QUERIES * wide),
                       .p = take(&t, STRIP_MOST * QUERIES),
                       .ds = take(&t, n * QUERIES),
                       .ds_rows = take(&t, STRIP_MOST * QUERIES),
                       .s = take(&t, STRIP_MOST * QUERIES),
                       .dp = take(&t, STRIP_MOST * QUERIES),
                       .out = take(&t, QUERIES * wide),
                       .dk = take(&t, n * wide),
                       .dv = take(&t, n * wide)};
}

/* out(n,D) = rows(n,wide) * factor. */
static void store_rows(Output out, const float *rows, int64_t wide, float factor,
                       int64_t n, int64_t D)
{
    for (int64_t r = 0; r < n; r++)
        output_row(output_from(out, r, 0), rows + r * wide, factor, D);
}

/* All ones in the lanes of vector v whose queries see key j of a panel that begins at
 * query i. */
INLINE VecInt visible(int64_t i, int v, int64_t j)
{
    VecInt query;
    for (int lane = 0; lane < LANES; lane++)
        query[lane] = lane;
    return query >= (int32_t)(j - i) - v * LANES;
}

/* --- forward ---------------------------------------------------------------------- */

/* Highest scaled score (log2) of vector v's queries, of the `end` keys that are there. */
INLINE Vec highest_scores(const Heads *a, const float *s, int64_t i, int v, int64_t end)
{
    int64_t clear = i + v * LANES + 1 < end ? i + v * LANES + 1 : end, j = 1;
    Vec even = vec_load(s + v * LANES), odd = even;
    for (; j + 2 <= clear; j += 2) {
        even = vec_max(even, vec_load(s + j * QUERIES + v * LANES));
        odd = vec_max(odd, vec_load(s + (j + 1) * QUERIES + v * LANES));
    }
    for (; j < end; j++) {
        Vec score = vec_load(s + j * QUERIES + v * LANES);
        even = vec_max(even, vec_select(visible(i, v, j), score, even));
    }
    return vec_max(even, odd) * a->log2_scale;
}

/* The probabilities of keys j and j+1, times e^max: into stacked words, and their sum. */
INLINE Vec two_keys(const Heads *a, const Workspace *w, Vec max, int64_t i, int v,
                    int64_t j, const bool masked, const bool bf16)
{
    const float *s = w->s + j * QUERIES + v * LANES;
    Vec first = vec_exp2(vec_load(s) * a->log2_scale - max);
    Vec second = vec_exp2(vec_load(s + QUERIES) * a->log2_scale - max);
    if (masked) {
        first = vec_select(visible(i, v, j), first, (Vec){0});
        second = vec_select(visible(i, v, j + 1), second, (Vec){0});
    }
    uint32_t *p = w->p + words_of(j, bf16) * QUERIES + v * LANES;
    if (bf16) {
        words_store(p, bf16_pairs(first, second));
    } else {
        words_store(p, (VecBits)first);
        words_store(p + QUERIES, (VecBits)second);
    }
    return first + second;
}

/* Scores of vector v's queries become probabilities times *total. Returns lse. */
INLINE Vec softmax_column(const Heads *a, const Workspace *w, int64_t i, int v,
                          int64_t end, Vec *total, const bool bf16)
{
    Vec max = highest_scores(a, w->s, i, v, end), sum = {0};
    int64_t clear = (i + v * LANES + 1) / 2 * 2, j = 0;
    for (; j < clear && j < end; j += 2)
        sum += two_keys(a, w, max, i, v, j, false, bf16);
    for (; j < end; j += 2)
        sum += two_keys(a, w, max, i, v, j, true, bf16);
    *total = sum;
    for (int lane = 0; lane < LANES; lane++)
        max[lane] = (max[lane] + log2f(sum[lane])) / LOG2_E;
    return max;
}

/* The queries from i on; o and lse at the document's first row. */
INLINE void forward_panel(const Heads *a, const Workspace *w, Rows q, int64_t i,
                          Output o, float *lse, const bool bf16)
{
    int64_t n = q.n - i < QUERIES ? q.n - i : QUERIES, end = i + n;
    float share[QUERIES] = {0};
    pack_panel(w->q, rows_from(q, i, 0, n), a->D, bf16);
    for (int64_t j = 0; j < end; j += strip_rows(bf16))
        strip_times_panel(w->s + j * QUERIES, w->k, j, w->q, a->D, bf16);
    end_pairs(w->p, end, bf16);
    for (int v = 0; v < VECTORS && v * LANES < n; v++) {
        Vec total, column = softmax_column(a, w, i, v, end, &total, bf16);
        for (int64_t lane = 0; lane < LANES && v * LANES + lane < n; lane++)
            lse[(i + v * LANES + lane) * a->Hq] = column[lane];
        vec_store(share + v * LANES, 1.0F / total);
    }
    panel_times_keys(output_from(o, i, 0), w->out, w->p, w->v, end, q.n, share, n, a->D,
                     bf16);
}

/* What the tasks of an operation read and write, all at row 0. */
typedef struct Pass {
    Heads heads;
    const int32_t *first; /* row of each document, and N */
    int64_t documents, longest;
    Rows qkv, o, d_o; /* the last two: backward */
    const float *known_lse;
    Output out, dqkv;
    float *lse;
} Pass;

/* One document and key head. */
typedef struct Task {
    int64_t begin, len, hk; /* first row; rows */
    Rows q, k, v;           /* q: of query head 0 */
} Task;

static Task task_of(const Pass *p, int64_t number)
{
    const Heads *a = &p->heads;
    Task t = {.begin = p->first[number / a->Hk], .hk = number % a->Hk};
    t.len = p->first[number / a->Hk + 1] - t.begin;
    t.q = rows_from(p->qkv, t.begin, 0, t.len);
    t.k = rows_from(t.q, 0, (a->Hq + t.hk) * a->D, t.len);
    t.v = rows_from(t.k, 0, a->Hk * a->D, t.len);
    return t;
}

INLINE void forward_task(const Pass *p, Taker words, int64_t number, const bool bf16)
{
    const Heads *a = &p->heads;
    Task t = task_of(p, number);
    Workspace w = forward_workspace(words, a, p->longest);
    pack_strips(w.k, t.k, a->D, bf16);
    pack_turned(w.v, t.v, a->D, bf16);
    products_begin(bf16);
    for (int64_t h = t.hk * a->group; h < (t.hk + 1) * a->group; h++) {
        for (int64_t i = 0; i < t.len; i += QUERIES)
            forward_panel(a, &w, rows_from(t.q, 0, h * a->D, t.len), i,
                          output_from(p->out, t.begin, h * a->D),
                          p->lse + t.begin * a->Hq + h, bf16);
    }
    products_end(bf16);
}
static void forward_f32(const Pass *p, Taker words, int64_t task)
{
    forward_task(p, words, task, false);
}
static void forward_bf16(const Pass *p, Taker words, int64_t task)
{
    forward_task(p, words, task, true);
}

/* --- backward --------------------------------------------------------------------- */

/* What one query head's backward pass reads and writes, at the document's first row. */
typedef struct HeadRows {
    Rows q, o, d_o;
    const float *lse;
    Output dq;
} HeadRows;

/* Of a panel's queries: lse as a power of 2, and do o. */
typedef struct Column {
    Vec lse[VECTORS], delta[VECTORS];
} Column;

INLINE float dot_stored(const void *a, const void *b, int64_t D, const bool bf16)
{
    Vec sum = {0};
    for (int64_t d = 0; d < D; d += LANES)
        sum +=
            stored_load_some(a, d, D - d, bf16) * stored_load_some(b, d, D - d, bf16);
    return vec_sum(sum);
}

static float delta_of(const HeadRows *h, int64_t i, int64_t D)
{
    Rows o = rows_from(h->o, i, 0, 1), d_o = rows_from(h->d_o, i, 0, 1);
    return o.stored_bf16 ? dot_stored(o.at, d_o.at, D, true)
                         : dot_stored(o.at, d_o.at, D, false);
}

static Column columns_of(const Heads *a, const HeadRows *h, int64_t i, int64_t n)
{
    float lse[QUERIES], delta[QUERIES];
    Column c;
    for (int64_t r = 0; r < QUERIES; r++) { /* 2^-1e30 is 0 */
        lse[r] = r < n ? h->lse[(i + r) * a->Hq] * LOG2_E : 1e30F;
        delta[r] = r < n ? delta_of(h, i + r, a->D) : 0;
    }
    memcpy(c.lse, lse, sizeof lse);
    memcpy(c.delta, delta, sizeof delta);
    return c;
}

/* Scores and dP of keys j+r and j+r+1 become P and dS, as rows and paired. */
INLINE void two_keys_backward(const Heads *a, const Workspace *w, const Column *c,
                              int64_t i, int64_t j, int64_t r, const bool masked,
                              const bool bf16)
{
    Vec p[2][VECTORS], ds[2][VECTORS];
    for (int key = 0; key < 2; key++) {
        for (int v = 0; v < VECTORS; v++) {
            int64_t at = (r + key) * QUERIES + v * LANES;
            p[key][v] = vec_exp2(vec_load(w->s + at) * a->log2_scale - c->lse[v]);
            if (masked)
                p[key][v] = vec_select(visible(i, v, j + r + key), p[key][v], (Vec){0});
            ds[key][v] = p[key][v] * (vec_load(w->dp + at) - c->delta[v]);
        }
    }
    uint32_t *p_row = w->p + r * words_of(QUERIES, bf16);
    uint32_t *ds_row = w->ds_rows + r * words_of(QUERIES, bf16);
    uint32_t *paired = w->ds + words_of(j + r, bf16) * QUERIES;
    for (int v = 0; bf16 && v < VECTORS; v++)
        words_store(paired + v * LANES, bf16_pairs(ds[0][v], ds[1][v]));
    for (int key = 0; key < 2; key++) {
        for (int v = 0; v < VECTORS; v++) {
            if (!bf16) {
                int64_t at = key * QUERIES + v * LANES;
                words_store(p_row + at, (VecBits)p[key][v]);
                words_store(ds_row + at, (VecBits)ds[key][v]);
                words_store(paired + at, (VecBits)ds[key][v]);
            } else if (v % 2 == 0) {
                int64_t at = key * QUERIES / 2 + v / 2 * LANES;
                words_store(p_row + at, bf16_neighbours(p[key][v], p[key][v + 1]));
                words_store(ds_row + at, bf16_neighbours(ds[key][v], ds[key][v + 1]));
            }
        }
    }
}

/* The keys of the strip at j: dV += P^T dO and dK += dS^T Q. */
INLINE void backward_strip(const Heads *a, const Workspace *w, const Column *c,
                           int64_t i, int64_t n, int64_t j, const bool bf16)
{
    const int64_t rows = strip_rows(bf16);
    strip_times_panel(w->s, w->k, j, w->q, a->D, bf16);
    strip_times_panel(w->dp, w->v, j, w->d_o, a->D, bf16);
    for (int64_t r = 0; r < rows; r += 2) {
        if (j + rows <= i + 1)
            two_keys_backward(a, w, c, i, j, r, false, bf16);
        else
            two_keys_backward(a, w, c, i, j, r, true, bf16);
    }
    strip_times_queries(w->dv + j * a->wide, w->p, w->do_paired, n, a->D, bf16);
    strip_times_queries(w->dk + j * a->wide, w->ds_rows, w->q_paired, n, a->D, bf16);
}

INLINE void backward_panel(const Heads *a, const Workspace *w, const HeadRows *h,
                           int64_t i, const bool bf16)
{
    int64_t n = h->q.n - i < QUERIES ? h->q.n - i : QUERIES;
    Rows q = rows_from(h->q, i, 0, n), d_o = rows_from(h->d_o, i, 0, n);
    Column c = columns_of(a, h, i, n);
    float scale[QUERIES];
    for (int r = 0; r < QUERIES; r++)
        scale[r] = a->scale;
    pack_panel(w->q, q, a->D, bf16);
    pack_panel(w->d_o, d_o, a->D, bf16);
    pack_paired(w->q_paired, q, a->D, bf16);
    pack_paired(w->do_paired, d_o, a->D, bf16);
    for (int64_t j = 0; j < i + n; j += strip_rows(bf16))
        backward_strip(a, w, &c, i, n, j, bf16);
    panel_times_keys(output_from(h->dq, i, 0), w->out, w->ds, w->k_turned, i + n,
                     h->q.n, scale, n, a->D, bf16);
}

INLINE void backward_task(const Pass *p, Taker words, int64_t number, const bool bf16)
{
    const Heads *a = &p->heads;
    Task t = task_of(p, number);
    Workspace w = backward_workspace(words, a, p->longest);
    pack_strips(w.k, t.k, a->D, bf16);
    pack_strips(w.v, t.v, a->D, bf16);
    pack_turned(w.k_turned, t.k, a->D, bf16);
    int64_t rows = (t.len + QUERIES - 1) / QUERIES * QUERIES;
    size_t bytes = (size_t)(rows * a->wide) * sizeof(float);
    memset(w.dk, 0, bytes);
    memset(w.dv, 0, bytes);
    products_begin(bf16);
    for (int64_t h = t.hk * a->group; h < (t.hk + 1) * a->group; h++) {
        HeadRows head = {.q = rows_from(t.q, 0, h * a->D, t.len),
                         .o = rows_from(p->o, t.begin, h * a->D, t.len),
                         .d_o = rows_from(p->d_o, t.begin, h * a->D, t.len),
                         .lse = p->known_lse + t.begin * a->Hq + h,
                         .dq = output_from(p->dqkv, t.begin, h * a->D)};
        for (int64_t i = 0; i < t.len; i += QUERIES)
            backward_panel(a, &w, &head, i, bf16);
    }
    products_end(bf16);
    Output dk = output_from(p->dqkv, t.begin, (a->Hq + t.hk) * a->D);
    store_rows(dk, w.dk, a->wide, a->scale, t.len, a->D);
    store_rows(output_from(dk, 0, a->Hk * a->D), w.dv, a->wide, 1, t.len, a->D);
}
static void backward_f32(const Pass *p, Taker words, int64_t task)
{
    backward_task(p, words, task, false);
}
static void backward_bf16(const Pass *p, Taker words, int64_t task)
{
    backward_task(p, words, task, true);
}

/* --- the operations ----------------------------------------------------------------- */

static Rows rows_of(Tensor x, int64_t N, int64_t width)
{
    return (Rows){host_activations(x, N * width), width, N, host_is_bf16(x)};
}
static Output output_of(Tensor x, int64_t N, int64_t width)
{
    return (Output){host_activations(x, N * width), width, host_is_bf16(x)};
}

static Pass pass_of(TensorOps *t, Tensor qkv, Tensor starts, int64_t N, Heads heads)
{
    Pass p = {.heads = heads, .qkv = rows_of(qkv, N, heads.width)};
    p.documents = find_documents(t, starts, N);
    p.first = cpu_context(t)->documents.data;
    p.longest = longest_of(p.first, p.documents);
    return p;
}

static void run_tasks(TensorOps *t, const Pass *p,
                      void (*run)(const Pass *p, Taker words, int64_t task))
{
    int64_t words = cpu_attention_words(p->longest, p->heads.D);
    uint32_t *base = cpu_buffer(&cpu_context(t)->attention,
                                (size_t)(cpu_context(t)->threads * words) * 4);
    int64_t tasks = p->documents * p->heads.Hk;
    PARALLEL_FOR_UNEVEN(t, p->first[p->documents] * p->heads.width)
    for (int64_t task = 0; task < tasks; task++) {
        uint32_t *at = base + CPU_THREAD * words;
        run(p, (Taker){at, at + words}, task);
    }
}

static void attention(TensorOps *t, Tensor o, Tensor lse, Tensor qkv, Tensor starts,
                      int64_t N, int64_t Hq, int64_t Hk, int64_t D)
{
    Pass p = pass_of(t, qkv, starts, N, heads_of(Hq, Hk, D));
    p.out = output_of(o, N, Hq * D);
    p.lse = host_f32(lse, N * Hq);
    run_tasks(t, &p, t->compute == COMPUTE_BF16 ? forward_bf16 : forward_f32);
}

static void attention_backward(TensorOps *t, Tensor dqkv, Tensor dout, Tensor o,
                               Tensor lse, Tensor qkv, Tensor starts, int64_t N,
                               int64_t Hq, int64_t Hk, int64_t D)
{
    Pass p = pass_of(t, qkv, starts, N, heads_of(Hq, Hk, D));
    ASSERT(host_is_bf16(o) == host_is_bf16(dout));
    p.dqkv = output_of(dqkv, N, p.heads.width);
    p.d_o = rows_of(dout, N, Hq * D);
    p.o = rows_of(o, N, Hq * D);
    p.known_lse = host_f32(lse, N * Hq);
    run_tasks(t, &p, t->compute == COMPUTE_BF16 ? backward_bf16 : backward_f32);
}

void SIMD_FILL(attention_)(TensorOps *t)
{
    t->attention = attention;
    t->attention_backward = attention_backward;
}
