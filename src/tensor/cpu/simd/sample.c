/* sample.c - from one row of logits to one id; what it does is in ref/sample.c. Where
 * the reference sorts, this searches: a filter that keeps a prefix of the ranking is
 * a threshold on the logits, found by bisection over the ordered bit patterns of floats
 * (32 passes over the row, no memory but two rows a thread). */
#include "tensor/cpu/simd/fill.h"

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

/* Sum of p over y >= low, or the count of those when p is NULL. */
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
 * it, the lowest ids. */
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
        if (row->y[v] == threshold && kept < wanted) {
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

static float highest(const float *y, int64_t V)
{
    float max = y[0];
    for (int64_t v = 1; v < V; v++)
        max = y[v] > max ? y[v] : max;
    return max;
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
        if (!(how->allowed[v / 32] >> (v % 32) & 1U))
            row->y[v] = -INFINITY;
    }
    return highest(row->y, row->V);
}

/* out = exp(y - shift) over n floats; returns the sum. */
static double exponentials(float *out, const float *y, int64_t n, float shift)
{
    int64_t v = 0;
    double sum = 0;
    for (; v + LANES <= n; v += LANES) {
        Vec e = vec_exp(vec_load(y + v) - shift);
        vec_store(out + v, e);
        sum += (double)vec_sum(e);
    }
    if (v < n)
        vec_store_part(out + v, vec_exp(vec_load_part(y + v, n - v) - shift), n - v);
    for (; v < n; v++)
        sum += (double)out[v];
    return sum;
}

static int32_t draw(const Row *row, double u)
{
    double total = 0, sum = 0;
    int32_t last = 0;
    for (int64_t v = 0; v < row->V; v++)
        total += (double)row->p[v];
    for (int32_t v = 0; v < row->V; v++) {
        if (row->p[v] == 0)
            continue;
        sum += (double)row->p[v];
        last = v;
        if (sum > u * total)
            return v;
    }
    return last;
}

static SampleOut sample_row(Row *row, const float *z, const SampleRow *how)
{
    bool greedy = how->temperature <= 0;
    float inv_t = greedy ? 1 : 1 / how->temperature;
    int64_t V = row->V;

    /* pass 1: the distribution that is reported */
    float top = highest(z, V) * inv_t;
    for (int64_t v = 0; v < V; v++)
        row->y[v] = z[v] * inv_t;
    double sum = exponentials(row->p, row->y, V, top), mean = 0;
    for (int64_t v = 0; v < V; v++)
        mean += row->p[v] > 0 ? (double)row->p[v] * (double)(row->y[v] - top) : 0;
    double log_sum = log(sum);
    SampleOut out = {.entropy = (float)(log_sum - mean / sum)};

    /* pass 2: the one that is drawn from */
    bool is_same = how->n_recent == 0 && !how->allowed;
    float max = top;
    if (!is_same) {
        max = adjust(row, z, how, inv_t);
        ASSERT(max > -INFINITY);
        exponentials(row->p, row->y, V, max);
    }
    if (greedy) {
        out.id = first_equal(row->y, V, max);
    } else {
        if (how->top_k > 0 && how->top_k < V)
            keep_prefix(row, how->top_k, true, max);
        if (how->top_p < 1)
            keep_prefix(row, (double)how->top_p * above(row, -INFINITY, false), false,
                        max);
        for (int64_t v = 0; how->min_p > 0 && v < V; v++)
            row->p[v] = row->p[v] < how->min_p ? 0 : row->p[v];
        out.id = draw(row, how->u);
    }
    out.logprob = (float)((double)(z[out.id] * inv_t - top) - log_sum);
    return out;
}

static void head_sample(TensorOps *t, SampleOut *out, Tensor x, Weight *w,
                        const SampleRow *rows, int64_t M)
{
    CpuContext *context = cpu_context(t);
    int64_t V = w->rows, C = w->cols, chunk = cpu_chunk_rows(V);
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
