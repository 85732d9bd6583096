/* guard.c - running mean and deviation of the loss, see guard.h.
 *
 * Exponential weights (West 1979): d = loss - mean; mean += a d;
 * variance = (1 - a)(variance + a d^2). While few losses were seen, a = 1/n, the plain
 * average. The deviation has a floor of 2 % of the mean and of 0.02: where the loss has
 * become still, a small wave is no spike. */
#include "train/guard.h"

#include <math.h>

enum { GUARD_WARMUP = 20, GUARD_SPAN = 50 };

double guard_deviations(const LossGuard *g, double loss)
{
    if (g->n < GUARD_WARMUP)
        return 0;
    double deviation = fmax(sqrt(g->variance), fmax(0.02 * fabs(g->mean), 0.02));
    return (loss - g->mean) / deviation;
}

void guard_add(LossGuard *g, double loss)
{
    g->n++;
    double a = fmax(1.0 / (double)g->n, 1.0 / GUARD_SPAN);
    double d = loss - g->mean;
    g->mean += a * d;
    g->variance = (1 - a) * (g->variance + a * d * d);
}
