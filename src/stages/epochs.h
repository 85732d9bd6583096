/* epochs.h - the endless stream of shuffled epochs over n examples: place e holds a pure
 * function of (seed, n, e), so that nothing about the order needs saving. */
#ifndef STAGES_EPOCHS_H
#define STAGES_EPOCHS_H

#include "base/err.h"

#include <stdint.h>

typedef struct Epochs {
    int64_t *order; /* of the examples in `epoch` */
    int64_t n, epoch;
    uint64_t seed;
} Epochs;

NODISCARD Status epochs_init(Epochs *e, int64_t n, int64_t seed, Err *err);
void epochs_release(Epochs *e);
int64_t epochs_at(Epochs *e, int64_t place);

#endif
