/* head.c - the language-model head in chunks of rows; the formulas are in ref/head.c.
 *
 * A chunk is cpu_chunk_rows() rows of logits in scratch: the product writes them, a pass
 * over each row turns them into probabilities or into dLoss/dlogits in place, and two
 * more products read those. No other memory of the size of the vocabulary exists. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/row.h"
#include "tensor/host.h"

/* z(rows,V) = x w^T for the rows of one chunk. */
static float *chunk_logits(TensorOps *t, Tensor x, Weight *w, int64_t begin,
                           int64_t rows)
{
    CpuContext *c = cpu_context(t);
    int64_t n = rows * w->rows;
    float *z = cpu_floats(&c->logits, n);
    t->linear(t, (Tensor){z, TENSOR_F32, n},
              tensor_slice(x, begin * w->cols, rows * w->cols), w, (Tensor){0}, (Tensor){0},
              rows);
    return z;
}

typedef struct Chunk {
    int64_t begin, rows;
} Chunk;

static Chunk chunk_at(int64_t begin, int64_t M, int64_t V)
{
    int64_t rows = cpu_chunk_rows(V);
    return (Chunk){begin, M - begin < rows ? M - begin : rows};
}

static void head_logprob(TensorOps *t, Tensor logprob, Tensor lse, Tensor entropy,
                         Tensor x, Weight *w, Tensor targets, int64_t M,
                         float inv_temperature)
{
    int64_t V = w->rows;
    float *pp = host_f32(logprob, M), *pl = host_f32(lse, M);
    float *pe = host_f32_or_null(entropy, M);
    const int32_t *target = host_i32(targets, M);
    Chunk c = {0, 0};
    for (int64_t begin = 0; begin < M; begin += c.rows) {
        c = chunk_at(begin, M, V);
        float *z = chunk_logits(t, x, w, c.begin, c.rows);
        PARALLEL_FOR(t, c.rows * V)
        for (int64_t r = 0; r < c.rows; r++) {
            int64_t i = c.begin + r;
            ASSERT(target[i] >= 0 && target[i] < V);
            const float *row = z + r * V;
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

/* z = a p(z): z*scale - lse in the exponent. */
static void scaled_softmax(float *z, int64_t V, float scale, float lse, float a)
{
    int64_t v = 0;
    for (; v + LANES <= V; v += LANES)
        vec_store(z + v, vec_exp(vec_load(z + v) * scale - lse) * a);
    if (v < V)
        vec_store_part(z + v, vec_exp(vec_load_part(z + v, V - v) * scale - lse) * a,
                       V - v);
}

/* z = p (a + b log p). p log p is 0 where p is. */
static void entropy_gradient(float *z, int64_t V, float scale, float lse, float a,
                             float b)
{
    int64_t v = 0;
    for (; v + LANES <= V; v += LANES) {
        Vec log_p = vec_load(z + v) * scale - lse;
        vec_store(z + v, vec_exp(log_p) * (a + b * log_p));
    }
    if (v < V) {
        Vec log_p = vec_load_part(z + v, V - v) * scale - lse;
        vec_store_part(z + v, vec_exp(log_p) * (a + b * log_p), V - v);
    }
}

/* dx of the chunk's rows = dz w, and w.grad += dz^T x. */
static void chunk_products(TensorOps *t, Tensor dx, float *dz, Tensor x, Weight *w,
                           Chunk c)
{
    int64_t C = w->cols;
    Tensor grad = {dz, TENSOR_F32, c.rows * w->rows};
    t->linear_backward_input(t, tensor_slice(dx, c.begin * C, c.rows * C), grad, w,
                             c.rows, false);
    if (tensor_present(w->grad))
        t->linear_backward_weight(t, w, (Tensor){0}, grad,
                                  tensor_slice(x, c.begin * C, c.rows * C), c.rows);
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
    Chunk c = {0, 0};
    for (int64_t begin = 0; begin < M; begin += c.rows) {
        c = chunk_at(begin, M, V);
        float *z = chunk_logits(t, x, w, c.begin, c.rows);
        PARALLEL_FOR(t, c.rows * V)
        for (int64_t r = 0; r < c.rows; r++) {
            int64_t i = c.begin + r;
            ASSERT(target[i] >= 0 && target[i] < V);
            float *row = z + r * V, a = -dp[i] * inv_t;
            if (de && de[i] != 0)
                entropy_gradient(row, V, inv_t, pl[i], a - de[i] * pe[i] * inv_t,
                                 -de[i] * inv_t);
            else
                scaled_softmax(row, V, inv_t, pl[i], a);
            row[target[i]] += dp[i] * inv_t;
        }
        chunk_products(t, dx, z, x, w, c);
    }
}

static void head_cross_entropy(TensorOps *t, Tensor nll, Tensor dx, Tensor x, Weight *w,
                               Tensor targets, Tensor weights, int64_t M)
{
    int64_t V = w->rows;
    float *pn = host_f32(nll, M);
    const float *weight = host_f32(weights, M);
    const int32_t *target = host_i32(targets, M);
    bool with_gradient = tensor_present(dx);
    Chunk c = {0, 0};
    for (int64_t begin = 0; begin < M; begin += c.rows) {
        c = chunk_at(begin, M, V);
        float *z = chunk_logits(t, x, w, c.begin, c.rows);
        PARALLEL_FOR(t, c.rows * V)
        for (int64_t r = 0; r < c.rows; r++) {
            int64_t i = c.begin + r;
            ASSERT(target[i] >= 0 && target[i] < V);
            float *row = z + r * V, max = row_max(row, V);
            double log_sum = log(row_sums(row, V, 1, max).exp);
            pn[i] = (float)(log_sum - (double)(row[target[i]] - max));
            if (with_gradient) {
                scaled_softmax(row, V, 1, (float)((double)max + log_sum), weight[i]);
                row[target[i]] -= weight[i];
            }
        }
        if (with_gradient)
            chunk_products(t, dx, z, x, w, c);
    }
}

static void head_logits(TensorOps *t, float *logits, Tensor x, Weight *w, int64_t M)
{
    t->linear(t, (Tensor){logits, TENSOR_F32, M * w->rows}, x, w, (Tensor){0}, (Tensor){0},
              M);
}

void SIMD_FILL(head_)(TensorOps *t)
{
    t->head_logprob = head_logprob;
    t->head_logprob_backward = head_logprob_backward;
    t->head_cross_entropy = head_cross_entropy;
    t->head_logits = head_logits;
}
