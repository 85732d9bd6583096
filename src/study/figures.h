/* figures.h - the arithmetic of a study: numbers in, numbers out. Pure.
 *
 * Answers are laid out prompt after prompt, `answers` of each: x[p * answers + k]. */
#ifndef STUDY_FIGURES_H
#define STUDY_FIGURES_H

#include "base/err.h"
#include "base/stats.h"

/* KL(best of n || reference) where no two answers are the same: log n - (n-1)/n. */
double best_of_n_kl(int64_t n);
/* E of the largest of n standard normal numbers. */
double normal_maximum(int64_t n);

/* Mean over prompts of E[value of the answer with the highest proxy among n drawn without
 * replacement from its answers], which is unbiased for every n <= answers:
 *
 *     sum_{i=n..N} C(i-1, n-1)/C(N, n) value_(i),   sorted by proxy ascending
 *
 * and its 95 % interval over prompts. value may be proxy itself. */
NODISCARD Status best_of_n(const double *proxy, const double *value, int64_t prompts,
                           int64_t answers, int64_t n, double *mean,
                           StatsInterval *interval, Err *err);

/* Share of the pairs of answers to one prompt with different gold that the proxy orders as
 * gold does; equal proxies count half. *pairs is how many there are. */
double pair_accuracy(const double *proxy, const double *gold, int64_t prompts,
                     int64_t answers, int64_t *pairs);

/* What is left of both once each prompt's mean is taken away: *rho is the correlation of
 * proxy and gold within prompts, *share the deviation of gold there as a share of its
 * deviation over all. */
NODISCARD Status within_prompts(const double *proxy, const double *gold,
                                int64_t prompts, int64_t answers, double *rho,
                                double *share, Err *err);

/* Rank correlation (Spearman 1904), ties get their mean rank. */
NODISCARD Status rank_correlation(const double *x, const double *y, int64_t n,
                                  double *out, Err *err);

/* Mean and its 95 % interval (Student); n 1: the mean alone. */
double mean_interval(const double *x, int64_t n, StatsInterval *out);

#endif
