/* diversity.c - see diversity.h. */
#include "eval/diversity.h"

#include "base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS = 4 };

/* --- n-grams, sorted -------------------------------------------------------------------- */

typedef struct Gram {
    const int32_t *ids;
    int64_t n;
} Gram;

static int compare_grams(const void *a, const void *b)
{
    const Gram *x = a, *y = b;
    for (int64_t i = 0; i < x->n; i++) {
        if (x->ids[i] != y->ids[i])
            return x->ids[i] < y->ids[i] ? -1 : 1;
    }
    return 0;
}

static int64_t grams_in(const DiverseText *t, int64_t n)
{
    return t->n >= n ? t->n - n + 1 : 0;
}

/* Writes the n-grams of a text, sorted; returns how many. */
static int64_t sort_grams(const DiverseText *t, int64_t n, Gram *out)
{
    int64_t count = grams_in(t, n);
    for (int64_t i = 0; i < count; i++)
        out[i] = (Gram){t->ids + i, n};
    if (count > 0)
        qsort(out, (size_t)count, sizeof *out, compare_grams);
    return count;
}

/* How many stand from `at` on that equal the one there. */
static int64_t run_length(const Gram *sorted, int64_t n, int64_t at)
{
    int64_t end = at + 1;
    while (end < n && compare_grams(&sorted[at], &sorted[end]) == 0)
        end++;
    return end - at;
}

Status diversity_distinct(const DiverseText *texts, int64_t count, int64_t n,
                          double *out, Err *err)
{
    int64_t all = 0, different = 0, at = 0;
    Gram *grams;
    ASSERT(n >= 1);
    for (int64_t i = 0; i < count; i++)
        all += grams_in(&texts[i], n);
    TRY(MEM_ARRAY(&grams, (size_t)all, err));
    for (int64_t i = 0; i < count; i++)
        at += sort_grams(&texts[i], n, grams + at);
    if (all > 0)
        qsort(grams, (size_t)all, sizeof *grams, compare_grams);
    for (int64_t i = 0; i < all; i += run_length(grams, all, i))
        different++;
    mem_free(grams);
    *out = all > 0 ? (double)different / (double)all : (double)NAN;
    return OK;
}

/* --- BLEU ------------------------------------------------------------------------------- */

/* The n-grams of all texts, each text's sorted, one order. */
typedef struct Grams {
    Gram *all;
    int64_t *first; /* [count + 1] */
} Grams;

/* How often a gram is in a text's sorted n-grams. */
static int64_t count_gram(const Grams *g, int64_t text, const Gram *gram)
{
    int64_t low = g->first[text], end = g->first[text + 1], high = end;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (compare_grams(&g->all[middle], gram) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool there = low < end && compare_grams(&g->all[low], gram) == 0;
    return there ? run_length(g->all, end, low) : 0;
}

/* Matches of text i's n-grams, each clipped at its most in any one other text. */
static int64_t clipped(const Grams *g, int64_t count, int64_t i)
{
    int64_t matches = 0, end = g->first[i + 1], run;
    for (int64_t at = g->first[i]; at < end; at += run) {
        int64_t most = 0;
        run = run_length(g->all, end, at);
        for (int64_t j = 0; j < count && most < run; j++) {
            int64_t there = j == i ? 0 : count_gram(g, j, &g->all[at]);
            most = there > most ? there : most;
        }
        matches += most < run ? most : run;
    }
    return matches;
}

/* log of the penalty for a text shorter than the reference nearest to it in length. */
static double brevity(const DiverseText *texts, int64_t count, int64_t i)
{
    int64_t best = -1;
    for (int64_t j = 0; j < count; j++) {
        if (j == i)
            continue;
        int64_t gap = llabs(texts[j].n - texts[i].n);
        int64_t best_gap = best < 0 ? INT64_MAX : llabs(best - texts[i].n);
        if (gap < best_gap || (gap == best_gap && texts[j].n < best))
            best = texts[j].n;
    }
    if (texts[i].n >= best)
        return 0;
    return texts[i].n > 0 ? 1 - (double)best / (double)texts[i].n : -(double)INFINITY;
}

/* Adds log p_n / N for each text to logs and counts its orders. */
static Status add_order(const DiverseText *texts, int64_t count, int64_t n,
                        double *logs, int64_t *orders, Err *err)
{
    Grams g = {0};
    int64_t all = 0;
    for (int64_t i = 0; i < count; i++)
        all += grams_in(&texts[i], n);
    Status status = MEM_ARRAY(&g.all, (size_t)all, err);
    if (status == OK)
        status = MEM_ARRAY(&g.first, (size_t)count + 1, err);
    for (int64_t i = 0; status == OK && i < count; i++)
        g.first[i + 1] = g.first[i] + sort_grams(&texts[i], n, g.all + g.first[i]);
    for (int64_t i = 0; status == OK && i < count; i++) {
        int64_t grams = g.first[i + 1] - g.first[i];
        if (grams == 0)
            continue;
        int64_t matches = clipped(&g, count, i);
        logs[i] += log((matches > 0 ? (double)matches : 0.1) / (double)grams);
        orders[i]++;
    }
    mem_free(g.all);
    mem_free(g.first);
    return status;
}

Status diversity_self_bleu(const DiverseText *texts, int64_t count, double *out,
                           Err *err)
{
    double *logs = NULL, sum = 0;
    int64_t *orders = NULL;
    *out = (double)NAN;
    if (count < 2)
        return OK;
    Status status = MEM_ARRAY(&logs, (size_t)count, err);
    if (status == OK)
        status = MEM_ARRAY(&orders, (size_t)count, err);
    for (int64_t n = 1; status == OK && n <= ORDERS; n++)
        status = add_order(texts, count, n, logs, orders, err);
    for (int64_t i = 0; status == OK && i < count; i++) {
        if (orders[i] > 0)
            sum += exp(logs[i] / (double)orders[i] + brevity(texts, count, i));
    }
    if (status == OK)
        *out = sum / (double)count;
    mem_free(logs);
    mem_free(orders);
    return status;
}

int64_t diversity_unique(const DiverseText *texts, int64_t count)
{
    int64_t unique = 0;
    for (int64_t i = 0; i < count; i++) {
        bool is_new = true;
        for (int64_t j = 0; j < i && is_new; j++)
            is_new =
                texts[j].n != texts[i].n ||
                (texts[i].n > 0 && memcmp(texts[j].ids, texts[i].ids,
                                          (size_t)texts[i].n * sizeof(int32_t)) != 0);
        unique += is_new;
    }
    return unique;
}
