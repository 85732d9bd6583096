/* sample.c - from one row of logits to one id; what it does is in ref/sample.c. Where
 * the reference sorts, this searches: a filter that keeps a prefix of the ranking is
 * a threshold on the logits, found by bisection over the ordered bit patterns of floats
 * (32 passes over the row, no memory but two rows a thread). */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/row.h"
#include "tensor/host.h"

typedef struct Row {
    float *y; /* penalised logits / T; -inf: removed */
    float *p; /* exp(y - max y); 0: removed */
    int64_t V;
} Row;

/* Floats as integers of the same order, and back. */
static int32_t order_of(float x)
{
    int32_t i;
    memcpy(&i, &x, sizeof i);
    return i < 0 ? i ^ 0x7fffffff : i;
}
static float of_order(int32_t i)
{
    float x;
    i = i < 0 ? i ^ 0x7fffffff : i;
    memcpy(&x, &i, sizeof x);
    return x;
}

/* Sum of p over y >= low, or the count of those. */
static double above(const Row *row, float low, bool count)
{
    enum { RUN = 1024 };
    double sum = 0;
    for (int64_t begin = 0; begin < row->V; begin += RUN) {
        int64_t end = begin + RUN < row->V ? begin + RUN : row->V, v = begin;
        Vec part = {0};
        for (; v + LANES <= end; v += LANES)
            part += vec_select(vec_load(row->y + v) >= low,
                               count ? vec_set(1) : vec_load(row->p + v), (Vec){0});
        sum += (double)vec_sum(part);
        for (; v < end; v++)
            sum += row->y[v] >= low ? (count ? 1 : (double)row->p[v]) : 0;
    }
    return sum;
}

/* Removes all but the shortest prefix of the ranking that holds `wanted` candidates
 * (count) or that much probability: first the threshold, then, among those that equal
 * it, the lowest ids. One candidate stays whatever is wanted. */
static void keep_prefix(Row *row, double wanted, bool count, float max)
{
    int64_t low = order_of(-INFINITY), high = order_of(max);
    while (low < high) { /* the largest threshold that keeps enough */
        int64_t middle = low + (high - low + 1) / 2;
        if (above(row, of_order((int32_t)middle), count) >= wanted)
            low = middle;
        else
            high = middle - 1;
    }
    float threshold = of_order((int32_t)low);
    double kept = above(row, of_order((int32_t)low + 1), count);
    for (int64_t v = 0; v < row->V; v++) {
        bool keep = row->y[v] > threshold;
        if (row->y[v] == threshold && (kept == 0 || kept < wanted)) {
            kept += count ? 1 : (double)row->p[v];
            keep = true;
        }
        if (!keep) {
            row->y[v] = -INFINITY;
            row->p[v] = 0;
        }
    }
}

static int32_t first_equal(const float *y, int64_t V, float x)
{
    for (int32_t v = 0; v < V; v++) {
        if (y[v] == x)
            return v;
    }
    return 0; /* NaN in the row */
}

static bool is_allowed(const SampleRow *how, int64_t v)
{
    return how->allowed[v / 32] >> (v % 32) & 1U;
}

/* y = allowed penalised logits / T. Returns their maximum. */
static float adjust(Row *row, const float *z, const SampleRow *how, float inv_t)
{
    for (int64_t v = 0; v < row->V; v++)
        row->y[v] = z[v] * inv_t;
    for (int32_t i = 0; i < how->n_recent; i++) {
        int32_t v = how->recent[i];
        ASSERT(v >= 0 && v < row->V);
        float x = z[v];
        x = x > 0 ? x / how->repetition_penalty : x * how->repetition_penalty;
        row->y[v] = x * inv_t;
    }
    for (int64_t v = 0; how->allowed && v < row->V; v++) {
        if (!is_allowed(how, v))
            row->y[v] = -INFINITY;
    }
    return row_max(row->y, row->V);
}

/* p = exp(y - max). */
static void exponentials(Row *row, float max)
{
    int64_t v = 0;
    for (; v + LANES <= row->V; v += LANES)
        vec_store(row->p + v, vec_exp(vec_load(row->y + v) - max));
    if (v < row->V)
        vec_store_part(row->p + v, vec_exp(vec_load_part(row->y + v, row->V - v) - max),
                       row->V - v);
}

enum { BLOCK = 16 * LANES };

/* The sum of the block of p that begins at v. */
static double block_mass(const Row *row, int64_t v)
{
    int64_t end = v + BLOCK < row->V ? v + BLOCK : row->V;
    Vec sum = {0};
    for (; v + LANES <= end; v += LANES)
        sum += vec_load(row->p + v);
    if (v < end)
        sum += vec_load_part(row->p + v, end - v);
    return (double)vec_sum(sum);
}

/* Inverse CDF: whole blocks first, then one by one inside the block that crosses. */
static int32_t draw(const Row *row, double u)
{
    double total = 0, sum = 0;
    int64_t last = 0;
    for (int64_t v = 0; v < row->V; v += BLOCK)
        total += block_mass(row, v);
    double wanted = u * total;
    for (int64_t begin = 0; begin < row->V; begin += BLOCK) {
        double after = sum + block_mass(row, begin);
        int64_t end = begin + BLOCK < row->V ? begin + BLOCK : row->V;
        for (int64_t v = begin; after > wanted && v < end; v++) {
            if (row->p[v] == 0)
                continue;
            sum += (double)row->p[v];
            last = v;
            if (sum > wanted)
                return (int32_t)v;
        }
        sum = after;
    }
    return (int32_t)last;
}

/* The filters, then the draw, over y whose maximum is max. */
static int32_t filter_and_draw(Row *row, const SampleRow *how, float max)
{
    exponentials(row, max);
    if (how->top_k > 0 && how->top_k < row->V)
        keep_prefix(row, how->top_k, true, max);
    if (how->top_p < 1)
        keep_prefix(row, (double)how->top_p * above(row, -INFINITY, false), false, max);
    for (int64_t v = 0; how->min_p > 0 && v < row->V; v++)
        row->p[v] = row->p[v] < how->min_p ? 0 : row->p[v];
    return draw(row, how->u);
}

/* log of the share of exp(z*inv_t - top - log_sum) that the allowed ids have, relative to
 * the largest of them: it does not underflow. Overwrites p. */
static float log_kept(const Row *row, const float *z, const SampleRow *how, float inv_t,
                      float top, double log_sum)
{
    float high = -INFINITY;
    double sum = 0;
    if (!how->allowed)
        return 0;
    for (int64_t v = 0; v < row->V; v++) {
        bool higher = z[v] * inv_t > high && is_allowed(how, v);
        high = higher ? z[v] * inv_t : high;
    }
    for (int64_t v = 0; v < row->V; v++)
        row->p[v] = is_allowed(how, v) ? z[v] * inv_t - high : -88; /* exp(-88) is 0 */
    sum = row_exp(row->p, row->V, 0);
    return (float)((double)(high - top) + log(sum) - log_sum);
}

static SampleOut sample_row(Row *row, const float *z, const SampleRow *how)
{
    bool greedy = how->temperature <= 0;
    float inv_t = greedy ? 1 : 1 / how->temperature;
    float top = row_max(z, row->V) * inv_t;
    RowSums sums = row_sums(z, row->V, inv_t, top);
    double log_sum = log(sums.exp);
    float max = adjust(row, z, how, inv_t);
    ASSERT(!(max <= -INFINITY)); /* something is allowed; NaN passes */
    SampleOut out = {.entropy = (float)(log_sum - sums.exp_s / sums.exp),
                     .log_kept = log_kept(row, z, how, inv_t, top, log_sum)};
    out.id = greedy ? first_equal(row->y, row->V, max) : filter_and_draw(row, how, max);
    out.logprob = (float)((double)(z[out.id] * inv_t - top) - log_sum);
    return out;
}

static void head_sample(TensorOps *t, SampleOut *out, Tensor x, Weight *w,
                        const SampleRow *rows, int64_t M)
{
    CpuContext *context = cpu_context(t);
    int64_t V = w->rows, C = w->cols, chunk = cpu_logit_rows(V);
    float *scratch = cpu_floats(&context->sample, context->threads * 2 * V);
    float *z = cpu_floats(&context->logits, (M < chunk ? M : chunk) * V);
    for (int64_t begin = 0; begin < M; begin += chunk) {
        int64_t n = M - begin < chunk ? M - begin : chunk;
        t->head_logits(t, z, tensor_slice(x, begin * C, n * C), w, n);
        PARALLEL_FOR_UNEVEN(t, n * V)
        for (int64_t i = 0; i < n; i++) {
            float *mine = scratch + CPU_THREAD * 2 * V;
            Row row = {mine, mine + V, V};
            out[begin + i] = sample_row(&row, z + i * V, &rows[begin + i]);
        }
    }
}

void SIMD_FILL(sample_)(TensorOps *t)
{
    t->head_sample = head_sample;
}
