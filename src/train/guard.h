/* guard.h - the watch on the loss: a running mean and deviation, and the test whether a
 * new loss is a spike. Its three numbers are part of a checkpoint, so that a resumed run
 * stops where the other would have. */
#ifndef TRAIN_GUARD_H
#define TRAIN_GUARD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct LossGuard {
    double mean, variance; /* exponentially weighted, over about the last 50 losses */
    int64_t n;             /* losses seen */
} LossGuard;

/* How many deviations `loss` lies above the mean; 0 while fewer than 20 were seen. */
double guard_deviations(const LossGuard *g, double loss);
void guard_add(LossGuard *g, double loss);

#endif
