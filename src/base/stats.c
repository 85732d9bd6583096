/* stats.c - means, intervals and calibration, see stats.h. Of nothing the mean is 0:
 * a report then says n = 0 beside it. */
#include "base/stats.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>

static const double z95 = 1.96; /* two-sided 95 % of a normal */

double stats_mean(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : 0;
}

double stats_sd(const double *x, int64_t n)
{
    if (n < 2)
        return 0;
    double mean = stats_mean(x, n), squares = 0;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return sqrt(squares / (double)(n - 1));
}

double stats_correlation(const double *x, const double *y, int64_t n)
{
    double mx = stats_mean(x, n), my = stats_mean(y, n);
    double xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    double scale = sqrt(xx) * sqrt(yy);
    return scale > 0 ? xy / scale : 0;
}

/* The i-th of N is the best of the n with chance C(i-1, n-1)/C(N, n); from one i to the next
 * lower, C(i-2, n-1) = C(i-1, n-1) (i - n)/(i - 1). */
double stats_best_of(const double *ascending, int64_t N, int64_t n)
{
    ASSERT(n >= 1 && n <= N);
    double sum = 0, chance = (double)n / (double)N; /* C(N-1, n-1)/C(N, n) */
    for (int64_t i = N; i >= n; i--) {
        sum += chance * ascending[i - 1];
        if (i > 1)
            chance *= (double)(i - n) / (double)(i - 1);
    }
    return sum;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between the two nearest ranks, linearly (R's type 7, NumPy's default). */
double stats_quantile(double *x, int64_t n, double q)
{
    ASSERT(q >= 0 && q <= 1);
    if (n <= 0)
        return 0;
    qsort(x, (size_t)n, sizeof *x, compare_doubles);
    double rank = q * (double)(n - 1);
    int64_t low = (int64_t)rank;
    int64_t high = low + 1 < n ? low + 1 : low;
    return x[low] + (rank - (double)low) * (x[high] - x[low]);
}

StatsInterval stats_wilson(double k, double n)
{
    if (n <= 0)
        return (StatsInterval){0, 1};
    double p = k / n, z2 = z95 * z95;
    double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    return (StatsInterval){fmax(0, centre - half), fmin(1, centre + half)};
}

/* Up to 10 from tables; beyond, the expansion of Fisher and Cornish (1960) in 1/df, which
 * is right to 1e-5 there. */
double stats_student(int64_t df)
{
    static const double t[] = {0,        12.706205, 4.302653, 3.182446,
                               2.776445, 2.570582,  2.446912, 2.364624,
                               2.306004, 2.262157,  2.228139};
    ASSERT(df >= 1);
    if (df <= 10)
        return t[df];
    double z = 1.95996398, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z,
           z9 = z7 * z * z;
    double n = (double)df;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n) +
           (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) /
               (92160 * n * n * n * n);
}

double stats_paired(const double *a, const double *b, int64_t n, StatsInterval *out)
{
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        mean += (a[i] - b[i]) / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
    double half = n > 1 ? z95 * sqrt(squares / (double)(n - 1) / (double)n) : 0;
    *out = (StatsInterval){mean - half, mean + half};
    return mean;
}

double stats_paired_shares(int64_t b, int64_t c, int64_t n, StatsInterval *out)
{
    double N = (double)n, only = (double)(b + c), gap = (double)(b - c);
    double d = n > 0 ? gap / N : 0;
    double half = n > 0 ? z95 * sqrt(fmax(0, only - gap * gap / N)) / N : 1;
    *out = (StatsInterval){d - half, d + half};
    return d;
}

/* 2 sum_{i <= min(b,c)} C(b+c, i) / 2^(b+c), term by term from the logarithm of the first:
 * the largest is the last, so nothing underflows that counts. */
double stats_mcnemar(int64_t b, int64_t c)
{
    double n = (double)(b + c), sum = 0;
    int64_t least = b < c ? b : c;
    for (int64_t i = 0; i <= least; i++)
        sum += exp(lgamma(n + 1) - lgamma((double)i + 1) - lgamma(n - (double)i + 1) -
                   n * log(2));
    return fmin(1, 2 * sum);
}

double stats_clustered(const double *x, const int64_t *cluster, int64_t n,
                       StatsInterval *out)
{
    double mean = stats_mean(x, n), squares = 0;
    for (int64_t i = 0, next; i < n; i = next) {
        double sum = 0;
        for (next = i; next < n && cluster[next] == cluster[i]; next++)
            sum += x[next] - mean;
        squares += sum * sum;
    }
    double half = n > 0 ? z95 * sqrt(squares) / (double)n : 0;
    *out = (StatsInterval){mean - half, mean + half};
    return mean;
}

double stats_pass_at(int64_t n, int64_t c, int64_t k)
{
    ASSERT(k >= 1 && k <= n && c >= 0 && c <= n);
    double none = 1; /* C(n-c, k) / C(n, k) */
    for (int64_t i = 0; i < k; i++)
        none *= fmax(0, (double)(n - c - i) / (double)(n - i));
    return 1 - none;
}

/* I_{1/2}(a, b) for whole a and b is the chance of at least a heads in a + b - 1 throws of
 * a coin. */
double stats_lead(int64_t v1, int64_t v2)
{
    double n = (double)(v1 + v2 + 1), doubt = 0;
    for (int64_t i = v1 + 1; i <= v1 + v2 + 1; i++)
        doubt += exp(lgamma(n + 1) - lgamma((double)i + 1) - lgamma(n - (double)i + 1) -
                     n * log(2));
    return 1 - doubt;
}

/* Naeini et al. 2015: sum over bins of |mean hit - mean p| * share. The share times a
 * mean is a sum over n, so each bin adds |sum of (hit - p)| / n. */
double stats_ece(const double *p, const double *hit, int64_t n, int bins)
{
    ASSERT(bins >= 1);
    double error = 0;
    for (int bin = 0; bin < bins; bin++) {
        double gap = 0;
        for (int64_t i = 0; i < n; i++) {
            int of_i = (int)((p[i] - 0.5) * 2 * bins);
            of_i = of_i < 0 ? 0 : of_i >= bins ? bins - 1 : of_i;
            if (of_i == bin)
                gap += hit[i] - p[i];
        }
        error += fabs(gap);
    }
    return n > 0 ? error / (double)n : 0;
}
