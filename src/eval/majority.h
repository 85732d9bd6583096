/* majority.h - what several answers to one question agree on (self-consistency, Wang et al.
 * 2022).
 *
 * Answers are numbers of what they say, so that equal ones are the same answer; a negative
 * one is invalid and has no vote. */
#ifndef EVAL_MAJORITY_H
#define EVAL_MAJORITY_H

#include "base/err.h"
#include "base/rng.h"

#include <stdbool.h>

/* The answer with most votes among the n; ties go to the one that came first. -1: all are
 * invalid. O(n^2). */
int64_t majority_of(const int64_t *answers, int64_t n);
/* The chance that the majority of k of the n answers is `right`: the mean over `subsets`
 * random choices of k, in the order in which they came (exact for k = n). k <= n. */
NODISCARD Status majority_at(const int64_t *answers, int64_t n, int64_t k,
                             int64_t right, int64_t subsets, Rng rng, double *out,
                             Err *err);
/* Whether the leader's lead is beyond doubt: P(p1 > p2) = 1 - I_{1/2}(v1 + 1, v2 + 1) for
 * the two largest counts, at least `sure` (Aggarwal et al. 2023). */
bool majority_settled(const int64_t *answers, int64_t n, double sure);

#endif
