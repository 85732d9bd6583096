/* agreement.h - how far people agree. Pure.
 *
 * Krippendorff's alpha (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability):
 * 1 - observed disagreement / disagreement by chance; 1 is perfect, 0 is chance. It takes
 * any number of observers, and missing values. */
#ifndef DATA_AGREEMENT_H
#define DATA_AGREEMENT_H

#include "base/err.h"

#include <stdint.h>

/* How far apart two values are: all differences alike, by their order, by their
 * difference. */
typedef enum AlphaMetric { ALPHA_NOMINAL, ALPHA_ORDINAL, ALPHA_INTERVAL } AlphaMetric;

/* A value that somebody gave to a unit. */
typedef struct AlphaValue {
    int64_t unit;
    double value;
} AlphaValue;

/* Of n values, which are sorted here. Units with one value alone are passed over; NaN when
 * nothing can be said: no unit has two values, or all values are the same. */
NODISCARD Status agreement_alpha(AlphaValue *values, int64_t n, AlphaMetric metric,
                                 double *alpha, Err *err);

/* Of two rankings of n answers, the share of the n(n-1)/2 pairs which both order alike or
 * both tie; a pair that only one ties counts half. n >= 2. */
double agreement_of_ranks(const int32_t *a, const int32_t *b, int32_t n);
/* The mean of the places that rank k takes, ties sharing theirs: 1 1 3 -> 1.5 1.5 3. */
void agreement_mid_ranks(const int32_t *ranks, int32_t n, double *out);

#endif
