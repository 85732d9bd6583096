/* epochs.c - the stream of shuffled epochs, see epochs.h. */
#include "stages/epochs.h"

#include "base/mem.h"
#include "base/rng.h"

Status epochs_init(Epochs *e, int64_t n, int64_t seed, Err *err)
{
    *e = (Epochs){.n = n, .epoch = -1, .seed = (uint64_t)seed};
    return MEM_ARRAY(&e->order, (size_t)n, err);
}

void epochs_release(Epochs *e)
{
    mem_free(e->order);
    *e = (Epochs){0};
}

int64_t epochs_at(Epochs *e, int64_t place)
{
    int64_t epoch = place / e->n;
    if (epoch != e->epoch) {
        for (int64_t i = 0; i < e->n; i++)
            e->order[i] = i;
        Rng rng = rng_make(e->seed, RNG_SHUFFLE, (uint64_t)epoch);
        rng_shuffle(&rng, e->order, e->n);
        e->epoch = epoch;
    }
    return e->order[place % e->n];
}
