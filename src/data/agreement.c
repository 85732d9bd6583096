/* agreement.c - see agreement.h. */
#include "data/agreement.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static int by_unit(const void *a, const void *b)
{
    const AlphaValue *x = a, *y = b;
    if (x->unit != y->unit)
        return (x->unit > y->unit) - (x->unit < y->unit);
    return (x->value > y->value) - (x->value < y->value);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The distinct values of units with two or more, their counts, and how often two of them
 * meet in a unit. */
typedef struct Coincidences {
    double *value, *count, *meet; /* [n], [n], [n*n] */
    int64_t n;
    double total;
} Coincidences;

static void release(Coincidences *c)
{
    mem_free(c->value);
    mem_free(c->count);
    mem_free(c->meet);
}

static int64_t unit_end(const AlphaValue *values, int64_t n, int64_t from)
{
    int64_t end = from;
    while (end < n && values[end].unit == values[from].unit)
        end++;
    return end;
}

static int64_t index_of(const Coincidences *c, double value)
{
    const double *at =
        bsearch(&value, c->value, (size_t)c->n, sizeof *c->value, by_size);
    return at - c->value;
}

static Status find_values(Coincidences *c, const AlphaValue *values, int64_t n,
                          Err *err)
{
    int64_t kept = 0;
    TRY(MEM_ARRAY(&c->value, (size_t)n, err));
    for (int64_t i = 0; i < n;) {
        int64_t end = unit_end(values, n, i);
        for (int64_t k = i; end - i >= 2 && k < end; k++)
            c->value[kept++] = values[k].value;
        i = end;
    }
    qsort(c->value, (size_t)kept, sizeof *c->value, by_size);
    for (int64_t i = 0; i < kept; i++) {
        if (c->n == 0 || c->value[i] > c->value[c->n - 1])
            c->value[c->n++] = c->value[i];
    }
    c->total = (double)kept;
    TRY(MEM_ARRAY(&c->count, (size_t)c->n, err));
    return MEM_ARRAY(&c->meet, (size_t)(c->n * c->n), err);
}

/* Each ordered pair of a unit's m values counts 1/(m-1): a unit counts as often as it has
 * values. */
static void count_meetings(Coincidences *c, const AlphaValue *values, int64_t n)
{
    for (int64_t i = 0; i < n;) {
        int64_t end = unit_end(values, n, i);
        double share = end - i >= 2 ? 1.0 / (double)(end - i - 1) : 0;
        for (int64_t a = i; share > 0 && a < end; a++) {
            int64_t row = index_of(c, values[a].value);
            c->count[row] += 1;
            for (int64_t b = i; b < end; b++)
                c->meet[row * c->n + index_of(c, values[b].value)] +=
                    a != b ? share : 0;
        }
        i = end;
    }
}

static double distance(const Coincidences *c, int64_t a, int64_t b, AlphaMetric metric)
{
    if (a == b)
        return 0;
    if (metric == ALPHA_NOMINAL)
        return 1;
    double d = c->value[a] - c->value[b];
    if (metric == ALPHA_ORDINAL) {
        int64_t low = a < b ? a : b, high = a < b ? b : a;
        d = -(c->count[a] + c->count[b]) / 2;
        for (int64_t g = low; g <= high; g++)
            d += c->count[g];
    }
    return d * d;
}

static double alpha_of(const Coincidences *c, AlphaMetric metric)
{
    double observed = 0, expected = 0;
    for (int64_t a = 0; a < c->n; a++) {
        for (int64_t b = 0; b < c->n; b++) {
            double d = distance(c, a, b, metric);
            observed += d * c->meet[a * c->n + b];
            expected += d * c->count[a] * c->count[b];
        }
    }
    return expected > 0 ? 1 - (c->total - 1) * observed / expected : (double)NAN;
}

Status agreement_alpha(AlphaValue *values, int64_t n, AlphaMetric metric, double *alpha,
                       Err *err)
{
    Coincidences c = {0};
    qsort(values, (size_t)n, sizeof *values, by_unit);
    Status status = find_values(&c, values, n, err);
    if (status == OK) {
        count_meetings(&c, values, n);
        *alpha = alpha_of(&c, metric);
    }
    release(&c);
    return status;
}

static int sign(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

double agreement_of_ranks(const int32_t *a, const int32_t *b, int32_t n)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = i + 1; j < n; j++) {
            int x = sign(a[i], a[j]), y = sign(b[i], b[j]);
            sum += x == y ? 1 : x == 0 || y == 0 ? 0.5 : 0;
        }
    }
    return sum / (0.5 * n * (n - 1));
}

void agreement_mid_ranks(const int32_t *ranks, int32_t n, double *out)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t better = 0, same = 0;
        for (int32_t j = 0; j < n; j++) {
            better += ranks[j] < ranks[i];
            same += ranks[j] == ranks[i];
        }
        out[i] = better + (same + 1) / 2.0;
    }
}
