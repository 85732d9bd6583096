/* head.c - the language-model head in pieces of rows; the formulas are in ref/head.c.
 *
 * Logits are scratch of cpu_logit_rows() rows, few enough for the third-level cache: the
 * product writes them and passes over each row turn them into what is asked, or into
 * dLoss/dlogits, as products read it, in a second scratch of cpu_logit_gradient_rows()
 * rows. The two products that read that run over many rows at once, since one of them
 * adds to the gradient of all of the head. No other memory of the size of the vocabulary
 * exists. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/row.h"
#include "tensor/cpu/simd/stored.h"
#include "tensor/host.h"

/* Rows [begin, end) of the head's M. */
typedef struct Piece {
    int64_t begin, end;
} Piece;

/* The piece of at most `rows` rows that begins at `begin`; pieces of [0,end) are nearly
 * alike. */
static Piece piece_at(int64_t begin, int64_t end, int64_t rows)
{
    int64_t left = end - begin, pieces = (left + rows - 1) / rows;
    return (Piece){begin, begin + (left + pieces - 1) / pieces};
}

static Tensor rows_of(Tensor x, Piece p, int64_t C)
{
    return tensor_slice(x, p.begin * C, (p.end - p.begin) * C);
}

/* z(rows,V) = x w^T. */
static float *logits_of(TensorOps *t, Tensor x, Weight *w, Piece p)
{
    int64_t n = (p.end - p.begin) * w->rows;
    float *z = cpu_floats(&cpu_context(t)->logits, n);
    t->linear(t, (Tensor){z, TENSOR_F32, n}, rows_of(x, p, w->cols), w, (Tensor){0},
              (Tensor){0}, p.end - p.begin);
    return z;
}

static void head_logprob(TensorOps *t, Tensor logprob, Tensor lse, Tensor entropy,
                         Tensor x, Weight *w, Tensor targets, int64_t M,
                         float inv_temperature)
{
    int64_t V = w->rows;
    float *pp = host_f32(logprob, M), *pl = host_f32(lse, M);
    float *pe = host_f32_or_null(entropy, M);
    const int32_t *target = host_i32(targets, M);
    for (Piece p = {0, 0}; p.end < M;) {
        p = piece_at(p.end, M, cpu_logit_rows(V));
        const float *z = logits_of(t, x, w, p);
        PARALLEL_FOR(t, (p.end - p.begin) * V)
        for (int64_t i = p.begin; i < p.end; i++) {
            ASSERT(target[i] >= 0 && target[i] < V);
            const float *row = z + (i - p.begin) * V;
            float max = row_max(row, V) * inv_temperature;
            RowSums sums = row_sums(row, V, inv_temperature, max);
            double log_sum = log(sums.exp);
            pl[i] = (float)((double)max + log_sum);
            pp[i] = (float)((double)(row[target[i]] * inv_temperature - max) - log_sum);
            if (pe) /* -sum p log p with log p = s - log_sum */
                pe[i] = (float)(log_sum - sums.exp_s / sums.exp);
        }
    }
}

/* --- gradients ------------------------------------------------------------------- */

/* dLoss/dz = p (a + b log p) + [v = target] d, with log p = scale z - lse. */
typedef struct RowGradient {
    float scale, lse, a, b, d;
    int64_t target;
} RowGradient;

INLINE Vec gradient_at(Vec z, const RowGradient *g, const bool entropy)
{
    Vec log_p = z * g->scale - g->lse; /* p log p is 0 where p is */
    return vec_exp(log_p) * (entropy ? g->a + g->b * log_p : vec_set(g->a));
}

INLINE void gradient_row(void *out, const float *z, int64_t V, const RowGradient *g,
                         const bool entropy, const bool bf16)
{
    int64_t v = 0, block = g->target / LANES * LANES, n = V - block;
    for (; v + LANES <= V; v += LANES)
        stored_store(out, v, gradient_at(vec_load(z + v), g, entropy), bf16);
    if (v < V)
        stored_store_part(out, v, gradient_at(vec_load_part(z + v, V - v), g, entropy),
                          V - v, bf16);
    n = n < LANES ? n : LANES;
    Vec target = gradient_at(stored_load_some(z, block, n, false), g, entropy);
    target[g->target - block] += g->d;
    stored_store_some(out, block, target, n, bf16);
}

/* out = scale e, less `weight` at `target`. */
INLINE void scaled_row(void *out, const float *e, int64_t V, float scale,
                       int64_t target, float weight, const bool bf16)
{
    int64_t v = 0, block = target / LANES * LANES, n = V - block;
    for (; v + LANES <= V; v += LANES)
        stored_store(out, v, vec_load(e + v) * scale, bf16);
    if (v < V)
        stored_store_part(out, v, vec_load_part(e + v, V - v) * scale, V - v, bf16);
    n = n < LANES ? n : LANES;
    Vec there = stored_load_some(e, block, n, false) * scale;
    there[target - block] -= weight;
    stored_store_some(out, block, there, n, bf16);
}

/* The scratch of gradients. */
typedef struct Gradients {
    Piece piece;
    Tensor dz; /* (rows,V) */
} Gradients;

static Gradients gradients_at(TensorOps *t, const Weight *w, int64_t begin, int64_t M)
{
    TensorType type = w->packed ? TENSOR_BF16 : TENSOR_F32; /* as its products are */
    int64_t V = w->rows;
    int size = tensor_type_bytes(type);
    Piece p = piece_at(begin, M, cpu_logit_gradient_rows(V, size));
    int64_t n = (p.end - p.begin) * V;
    void *at = cpu_buffer(&cpu_context(t)->gradients, (size_t)(n * size));
    return (Gradients){p, {at, type, n}};
}

static void store_gradient(const Gradients *to, int64_t i, const float *z, int64_t V,
                           const RowGradient *g)
{
    bool bf16 = host_is_bf16(to->dz);
    void *out = stored_at(to->dz.data, (i - to->piece.begin) * V, bf16);
    if (bf16 && g->b != 0)
        gradient_row(out, z, V, g, true, true);
    else if (bf16)
        gradient_row(out, z, V, g, false, true);
    else if (g->b != 0)
        gradient_row(out, z, V, g, true, false);
    else
        gradient_row(out, z, V, g, false, false);
}

/* dx of the piece's rows = dz w, and w.grad += dz^T x. */
static void gradient_products(TensorOps *t, Tensor dx, const Gradients *g, Tensor x,
                              Weight *w)
{
    int64_t C = w->cols, rows = g->piece.end - g->piece.begin;
    t->linear_backward_input(t, rows_of(dx, g->piece, C), g->dz, w, rows, false);
    if (tensor_present(w->grad))
        t->linear_backward_weight(t, w, (Tensor){0}, g->dz, rows_of(x, g->piece, C),
                                  rows);
}

static void head_logprob_backward(TensorOps *t, Tensor dx, Tensor dlogprob,
                                  Tensor dentropy, Tensor lse, Tensor entropy, Tensor x,
                                  Weight *w, Tensor targets, int64_t M,
                                  float inv_temperature)
{
    int64_t V = w->rows;
    const float *dp = host_f32(dlogprob, M), *de = host_f32_or_null(dentropy, M);
    const float *pl = host_f32(lse, M), *pe = de ? host_f32(entropy, M) : NULL;
    const int32_t *target = host_i32(targets, M);
    float inv_t = inv_temperature;
    for (Gradients g = {0}; g.piece.end < M;) {
        g = gradients_at(t, w, g.piece.end, M);
        for (Piece p = {g.piece.begin, g.piece.begin}; p.end < g.piece.end;) {
            p = piece_at(p.end, g.piece.end, cpu_logit_rows(V));
            const float *z = logits_of(t, x, w, p);
            PARALLEL_FOR(t, (p.end - p.begin) * V)
            for (int64_t i = p.begin; i < p.end; i++) {
                ASSERT(target[i] >= 0 && target[i] < V);
                RowGradient row = {.scale = inv_t,
                                   .lse = pl[i],
                                   .a = -dp[i] * inv_t,
                                   .d = dp[i] * inv_t,
                                   .target = target[i]};
                if (de && de[i] != 0) {
                    row.a -= de[i] * pe[i] * inv_t;
                    row.b = -de[i] * inv_t;
                }
                store_gradient(&g, i, z + (i - p.begin) * V, V, &row);
            }
        }
        gradient_products(t, dx, &g, x, w);
    }
}

/* dLoss/dz = weight (p - [v = target]) with p = e / sum. */
static void softmax_gradient_row(const Gradients *to, int64_t i, const float *e,
                                 int64_t V, int64_t target, double sum, float weight)
{
    bool bf16 = host_is_bf16(to->dz);
    void *out = stored_at(to->dz.data, (i - to->piece.begin) * V, bf16);
    float scale = (float)((double)weight / sum);
    if (bf16)
        scaled_row(out, e, V, scale, target, weight, true);
    else
        scaled_row(out, e, V, scale, target, weight, false);
}

static void head_cross_entropy(TensorOps *t, Tensor nll, Tensor dx, Tensor x, Weight *w,
                               Tensor targets, Tensor weights, int64_t M)
{
    int64_t V = w->rows;
    float *pn = host_f32(nll, M);
    const float *weight = host_f32(weights, M);
    const int32_t *target = host_i32(targets, M);
    bool with_gradient = tensor_present(dx);
    for (Gradients g = {0}; g.piece.end < M;) {
        if (with_gradient)
            g = gradients_at(t, w, g.piece.end, M);
        else
            g.piece = (Piece){0, M};
        for (Piece p = {g.piece.begin, g.piece.begin}; p.end < g.piece.end;) {
            p = piece_at(p.end, g.piece.end, cpu_logit_rows(V));
            float *z = logits_of(t, x, w, p);
            PARALLEL_FOR(t, (p.end - p.begin) * V)
            for (int64_t i = p.begin; i < p.end; i++) {
                ASSERT(target[i] >= 0 && target[i] < V);
                float *row = z + (i - p.begin) * V;
                float max = row_max(row, V), above = row[target[i]] - max;
                double sum = row_exp(row, V, max);
                pn[i] = (float)(log(sum) - (double)above);
                if (with_gradient)
                    softmax_gradient_row(&g, i, row, V, target[i], sum, weight[i]);
            }
        }
        if (with_gradient)
            gradient_products(t, dx, &g, x, w);
    }
}

static void head_logits(TensorOps *t, float *logits, Tensor x, Weight *w, int64_t M)
{
    t->linear(t, (Tensor){logits, TENSOR_F32, M * w->rows}, x, w, (Tensor){0},
              (Tensor){0}, M);
}

void SIMD_FILL(head_)(TensorOps *t)
{
    t->head_logprob = head_logprob;
    t->head_logprob_backward = head_logprob_backward;
    t->head_cross_entropy = head_cross_entropy;
    t->head_logits = head_logits;
}
