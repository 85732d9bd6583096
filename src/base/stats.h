/* stats.h - the statistics that reports quote. All sums are double. */
#ifndef BASE_STATS_H
#define BASE_STATS_H

#include <stdint.h>

double stats_mean(const double *x, int64_t n);
double stats_sd(const double *x, int64_t n); /* n-1; 0 when n < 2 */
/* Pearson; 0 if undefined. */
double stats_correlation(const double *x, const double *y, int64_t n);
/* The expected best of n drawn without replacement from N values in ascending order:
 * without bias, what the best of n independent ones is worth. 1 <= n <= N. */
double stats_best_of(const double *ascending, int64_t N, int64_t n);
double stats_quantile(double *x, int64_t n, double q); /* sorts x */

typedef struct StatsInterval {
    double low, high;
} StatsInterval;
/* Wilson score interval (1927) of k successes in n, z = 1.96. */
StatsInterval stats_wilson(double k, double n);
/* The 97.5 % quantile of Student's t with df >= 1 degrees of freedom: how many standard
 * errors a 95 % interval of a mean of df + 1 values reaches to either side. */
double stats_student(int64_t df);
/* mean(a-b) and its 95 % interval (normal). */
double stats_paired(const double *a, const double *b, int64_t n, StatsInterval *out);
/* Two yes-or-no measures of the same n things: `b` times only the first holds, `c` times
 * only the second. The difference of their shares, (b-c)/n, with its 95 % interval (normal),
 * and the chance of a split at least as uneven when they are equally good (McNemar 1947,
 * exact, two-sided). */
double stats_paired_shares(int64_t b, int64_t c, int64_t n, StatsInterval *out);
double stats_mcnemar(int64_t b, int64_t c);
/* The mean of n values and its 95 % interval (normal), where values of one cluster hang
 * together: cluster[i] is x[i]'s, equal ones stand side by side (Miller 2024). */
double stats_clustered(const double *x, const int64_t *cluster, int64_t n,
                       StatsInterval *out);
/* The chance that at least one of k answers drawn from n without replacement is among the
 * c right ones, without bias for every k <= n (Chen et al. 2021). */
double stats_pass_at(int64_t n, int64_t c, int64_t k);
/* Of two things that came v1 >= v2 times: the chance that the first is the likelier one,
 * P(p1 > p2) = 1 - I_{1/2}(v1 + 1, v2 + 1), when nothing was known before (Aggarwal et al.
 * 2023). */
double stats_lead(int64_t v1, int64_t v2);
/* Expected calibration error: confidence p in [.5,1], hit 0/1, `bins` equal bins. */
double stats_ece(const double *p, const double *hit, int64_t n, int bins);

#endif
