/* figures.c - see figures.h. */
#include "study/figures.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* --- best of n ----------------------------------------------------------------------- */

double best_of_n_kl(int64_t n)
{
    return log((double)n) - (double)(n - 1) / (double)n;
}

/* E max = integral of x n phi(x) Phi(x)^(n-1), by the trapezoid rule, which is exact to
 * rounding for so smooth a function that vanishes at both ends. */
double normal_maximum(int64_t n)
{
    enum { STEPS = 64, END = 12 };
    double sum = 0;
    for (int i = -STEPS * END; i <= STEPS * END; i++) {
        double x = i / (double)STEPS;
        double density = exp(-x * x / 2) / sqrt(2 * acos(-1.0));
        double below = erfc(-x / sqrt(2.0)) / 2;
        sum += x * (double)n * density * pow(below, (double)(n - 1)) / STEPS;
    }
    return sum;
}

typedef struct Scored {
    double proxy, value;
} Scored;

static int by_proxy(const void *a, const void *b)
{
    const Scored *x = a, *y = b;
    return (x->proxy > y->proxy) - (x->proxy < y->proxy);
}

/* log C(n, k) */
static double log_choose(double n, double k)
{
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/* Equal proxies are equally good to the one who chooses: each gets their mean value. */
static void share_ties(Scored *s, int64_t n)
{
    for (int64_t i = 0; i < n;) {
        int64_t end = i;
        double sum = 0;
        while (end < n && !(s[end].proxy > s[i].proxy))
            sum += s[end++].value;
        for (int64_t j = i; j < end; j++)
            s[j].value = sum / (double)(end - i);
        i = end;
    }
}

static double best_of_prompt(Scored *s, int64_t N, int64_t n)
{
    double sum = 0;
    qsort(s, (size_t)N, sizeof *s, by_proxy);
    share_ties(s, N);
    for (int64_t i = n; i <= N; i++) {
        double chance = exp(log_choose((double)(i - 1), (double)(n - 1)) -
                            log_choose((double)N, (double)n));
        sum += chance * s[i - 1].value;
    }
    return sum;
}

Status best_of_n(const double *proxy, const double *value, int64_t prompts,
                 int64_t answers, int64_t n, double *mean, StatsInterval *interval,
                 Err *err)
{
    Scored *s = NULL;
    double *best = NULL;
    ASSERT(n >= 1 && n <= answers);
    Status status = MEM_ARRAY(&s, (size_t)answers, err);
    if (status == OK)
        status = MEM_ARRAY(&best, (size_t)prompts, err);
    for (int64_t p = 0; status == OK && p < prompts; p++) {
        for (int64_t k = 0; k < answers; k++)
            s[k] = (Scored){proxy[p * answers + k], value[p * answers + k]};
        best[p] = best_of_prompt(s, answers, n);
    }
    if (status == OK)
        *mean = mean_interval(best, prompts, interval);
    mem_free(s);
    mem_free(best);
    return status;
}

/* --- orders -------------------------------------------------------------------------- */

double pair_accuracy(const double *proxy, const double *gold, int64_t prompts,
                     int64_t answers, int64_t *pairs)
{
    double right = 0;
    *pairs = 0;
    for (int64_t p = 0; p < prompts; p++) {
        const double *r = proxy + p * answers, *g = gold + p * answers;
        for (int64_t i = 0; i < answers; i++) {
            for (int64_t j = 0; j < answers; j++) {
                if (g[i] > g[j]) {
                    right += r[i] > r[j] ? 1 : r[i] < r[j] ? 0 : .5;
                    ++*pairs;
                }
            }
        }
    }
    return *pairs > 0 ? right / (double)*pairs : (double)NAN;
}

Status rank_correlation(const double *x, const double *y, int64_t n, double *out,
                        Err *err)
{
    double *rank[2] = {NULL, NULL};
    const double *const values[2] = {x, y};
    Status status = OK;
    for (int v = 0; status == OK && v < 2; v++) {
        status = MEM_ARRAY(&rank[v], (size_t)n, err);
        for (int64_t i = 0; status == OK && i < n; i++) {
            for (int64_t j = 0; j < n; j++) {
                double a = values[v][i], b = values[v][j];
                rank[v][i] += b < a ? 1 : b > a ? 0 : .5;
            }
        }
    }
    if (status == OK)
        *out = stats_correlation(rank[0], rank[1], n);
    mem_free(rank[0]);
    mem_free(rank[1]);
    return status;
}

static void centre(const double *x, int64_t prompts, int64_t answers, double *out)
{
    for (int64_t p = 0; p < prompts; p++) {
        double mean = stats_mean(x + p * answers, answers);
        for (int64_t k = 0; k < answers; k++)
            out[p * answers + k] = x[p * answers + k] - mean;
    }
}

Status within_prompts(const double *proxy, const double *gold, int64_t prompts,
                      int64_t answers, double *rho, double *share, Err *err)
{
    int64_t n = prompts * answers;
    double *centred;
    TRY(MEM_ARRAY(&centred, (size_t)(2 * n), err));
    centre(proxy, prompts, answers, centred);
    centre(gold, prompts, answers, centred + n);
    *rho = stats_correlation(centred, centred + n, n);
    /* Of N values the mean takes one degree of freedom away. */
    double lost = sqrt((double)answers / (double)(answers > 1 ? answers - 1 : 1));
    *share = lost * stats_sd(centred + n, n) / stats_sd(gold, n);
    mem_free(centred);
    return OK;
}

double mean_interval(const double *x, int64_t n, StatsInterval *out)
{
    double mean = stats_mean(x, n);
    double half = n > 1 ? stats_student(n - 1) * stats_sd(x, n) / sqrt((double)n) : 0;
    *out = (StatsInterval){mean - half, mean + half};
    return mean;
}
