/* stopwatch.h - where the time of a pass goes: puts clocks around the operations of a
 * TensorOps. Products are timed wherever they are called from the table, so those inside
 * the head's cross-entropy count as products and not as the head's.
 *
 * One TensorOps a process. */
#ifndef BENCH_STOPWATCH_H
#define BENCH_STOPWATCH_H

#include "tensor/ops.h"

typedef struct Spent {
    double products;  /* linear and its backwards, also the head's */
    double attention; /* forward and backward */
    double head;      /* cross-entropy without its products */
} Spent;              /* seconds */

void stopwatch_attach(TensorOps *t);
Spent stopwatch_take(void); /* since the last call; starts again at 0 */

#endif
