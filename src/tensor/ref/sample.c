/* sample.c - from one row of logits to one id, in the order of the transformers library:
 * repetition penalty (Keskar et al. 2019), temperature, allowed ids, top-k, top-p
 * (Holtzman et al. 2020), min-p.
 *
 * Ids are ranked by logit, ties by the lower id; each filter keeps a prefix of that
 * ranking. What is left is drawn by its inverse CDF in the order of ids, so two backends
 * with the same draw agree. logprob and entropy are those of softmax(logits/T) over the
 * whole vocabulary without penalty or filter: the distribution that head_logprob
 * scores. Sorting all V ids a row is the obvious way, and this is the obvious file. */
#include "tensor/ref/ref.h"

#include "base/mem.h"
#include "tensor/host.h"

#include <math.h>
#include <stdlib.h>

typedef struct Candidate {
    double z, p; /* penalised logit / T; unnormalised probability */
    int32_t id;
} Candidate;

static int by_rank(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->z != y->z)
        return x->z > y->z ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static int by_id(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    return x->id < y->id ? -1 : 1;
}

static bool is_recent(const SampleRow *row, int32_t id)
{
    for (int32_t i = 0; i < row->n_recent; i++) {
        if (row->recent[i] == id)
            return true;
    }
    return false;
}

static bool is_allowed(const SampleRow *row, int32_t id)
{
    return !row->allowed || (row->allowed[id / 32] >> (id % 32) & 1u);
}

/* Allowed ids, ranked; returns how many. */
static int64_t rank_candidates(Candidate *c, const double *z, int64_t V,
                               const SampleRow *row, double temperature)
{
    int64_t n = 0;
    double penalty = (double)row->repetition_penalty;
    for (int32_t v = 0; v < V; v++) {
        if (!is_allowed(row, v))
            continue;
        double x = z[v];
        if (is_recent(row, v))
            x = x > 0 ? x / penalty : x * penalty;
        c[n++] = (Candidate){.z = x / temperature, .id = v};
    }
    ASSERT(n > 0);
    qsort(c, (size_t)n, sizeof *c, by_rank);
    for (int64_t i = 0; i < n; i++)
        c[i].p = exp(c[i].z - c[0].z);
    return n;
}

static double mass(const Candidate *c, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += c[i].p;
    return sum;
}

/* How many of n ranked candidates the three filters leave. */
static int64_t filter(const Candidate *c, int64_t n, const SampleRow *row)
{
    if (row->top_k > 0 && row->top_k < n)
        n = row->top_k;
    if (row->top_p < 1) {
        double wanted = (double)row->top_p * mass(c, n), sum = c[0].p;
        int64_t kept = 1;
        while (kept < n && sum < wanted)
            sum += c[kept++].p;
        n = kept;
    }
    while (n > 1 && c[n - 1].p < (double)row->min_p * c[0].p)
        n--;
    return n;
}

static int32_t draw(Candidate *c, int64_t n, double u)
{
    qsort(c, (size_t)n, sizeof *c, by_id);
    double wanted = u * mass(c, n), sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += c[i].p;
        if (sum > wanted)
            return c[i].id;
    }
    return c[n - 1].id;
}

/* log of sum over allowed v of exp((z[v] - max)/T) / sum, without underflow. */
static double log_kept(const double *z, int64_t V, const SampleRow *row, double max,
                       double temperature, double sum)
{
    double top = -HUGE_VAL, part = 0;
    if (!row->allowed)
        return 0;
    for (int32_t v = 0; v < V; v++)
        top = is_allowed(row, v) ? fmax(top, z[v]) : top;
    for (int32_t v = 0; v < V; v++)
        part += is_allowed(row, v) ? exp((z[v] - top) / temperature) : 0;
    return (top - max) / temperature + log(part) - log(sum);
}

static SampleOut sample_row(Candidate *c, const double *z, int64_t V,
                            const SampleRow *row)
{
    bool greedy = row->temperature <= 0;
    double temperature = greedy ? 1 : (double)row->temperature;
    int64_t n = rank_candidates(c, z, V, row, temperature);
    int32_t id = greedy ? c[0].id : draw(c, filter(c, n, row), row->u);

    double max = z[0], sum = 0, entropy = 0;
    for (int64_t v = 1; v < V; v++)
        max = fmax(max, z[v]);
    for (int64_t v = 0; v < V; v++)
        sum += exp((z[v] - max) / temperature);
    for (int64_t v = 0; v < V; v++) {
        double log_p = (z[v] - max) / temperature - log(sum);
        entropy -= exp(log_p) * log_p;
    }
    return (SampleOut){id, (float)((z[id] - max) / temperature - log(sum)),
                       (float)entropy,
                       (float)log_kept(z, V, row, max, temperature, sum)};
}

static void head_sample(TensorOps *t, SampleOut *out, Tensor x, Weight *w,
                        const SampleRow *rows, int64_t M)
{
    (void)t;
    int64_t V = w->rows, C = w->cols;
    const float *px = host_f32(x, M * C), *pw = host_f32(w->value, V * C);
    /* The only memory that ref/ takes inside an operation: obvious, not fast. */
    Candidate *c = mem_alloc_array((size_t)V, sizeof *c);
    double *z = mem_alloc_array((size_t)V, sizeof *z);
    ASSERT(c && z);
    for (int64_t i = 0; i < M; i++) {
        for (int64_t v = 0; v < V; v++)
            z[v] = ref_dot(px + i * C, pw + v * C, C);
        out[i] = sample_row(c, z, V, &rows[i]);
    }
    mem_free(z);
    mem_free(c);
}

void ref_fill_sample(TensorOps *t)
{
    t->head_sample = head_sample;
}
