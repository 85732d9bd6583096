/* beside.c - see beside.h. */
#include "study/beside.h"

#include "base/mem.h"

#include <math.h>

static double deviation_of_mean(const double *x, int64_t n)
{
    return stats_sd(x, n) / sqrt((double)n);
}

static Status kl_of(const Measure *m, Beside *out, Err *err)
{
    const double *sampled = measure_column(m, "kl"),
                 *exact = measure_column(m, "kl_exact");
    int64_t n = measure_n(m);
    double *gap;
    TRY(MEM_ARRAY(&gap, (size_t)n, err));
    for (int64_t i = 0; i < n; i++)
        gap[i] = sampled[i] - exact[i];
    out->kl = stats_mean(sampled, n);
    out->kl_exact = stats_mean(exact, n);
    out->kl_error = deviation_of_mean(sampled, n);
    out->kl_gap = stats_mean(gap, n);
    out->kl_gap_error = deviation_of_mean(gap, n);
    mem_free(gap);
    return OK;
}

static Status wins_of(const Measure *a, const Measure *b, Winrate *out, Err *err)
{
    const double *before = measure_column(a, "gold"),
                 *after = measure_column(b, "gold");
    const double *length_a = measure_column(a, "length"),
                 *length_b = measure_column(b, "length");
    int64_t n = measure_n(b);
    double *outcome = NULL, *longer = NULL;
    Status status = MEM_ARRAY(&outcome, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&longer, (size_t)n, err);
    for (int64_t i = 0; status == OK && i < n; i++) {
        outcome[i] = after[i] > before[i] ? 1 : after[i] < before[i] ? 0 : .5;
        longer[i] = length_b[i] - length_a[i];
    }
    if (status == OK)
        status = winrate_of(outcome, longer, n, out, err);
    mem_free(outcome);
    mem_free(longer);
    return status;
}

Status beside_of(const Measure *before, const Measure *after, const char *proxy,
                 Beside *out, Err *err)
{
    int64_t n = measure_n(after);
    const double *gold = measure_column(after, "gold"),
                 *gold_before = measure_column(before, "gold");
    *out = (Beside){.prompts = n, .sft = (double)NAN, .proxy = (double)NAN};
    out->gain = stats_paired(gold, gold_before, n, &out->interval);
    out->in_deviations = out->gain / stats_sd(gold_before, n);
    out->ended = stats_mean(measure_column(after, "ended"), n);
    if (proxy) {
        out->proxy = stats_mean(measure_column(after, proxy), n);
        out->sft = stats_mean(measure_column(before, proxy), n);
    }
    TRY(kl_of(after, out, err));
    return wins_of(before, after, &out->wins, err);
}
