/* constraint_internal.h - what the compiled constraint (constraint.c) and a sequence under
 * it (constraint_run.c) share. */
#ifndef ENGINE_CONSTRAINT_CONSTRAINT_INTERNAL_H
#define ENGINE_CONSTRAINT_CONSTRAINT_INTERNAL_H

#include "engine/constraint/automaton.h"
#include "engine/constraint/constraint.h"

#include <pthread.h>

typedef struct Mask {
    uint32_t *bits;   /* (words) of the vocabulary; NULL: not made yet */
    int32_t farthest; /* most bytes that are needed behind one of its tokens */
} Mask;

struct Constraint {
    const TokenTrie *trie;
    Network *net;
    pthread_mutex_t lock; /* of all below */
    Automaton *a;
    Mask *masks; /* by number of state */
    size_t n_masks, words;
    int64_t generation;  /* of the automaton when the masks were made */
    int32_t *path;       /* (deepest + 1): states along a walk */
    int64_t *max_tokens; /* (parts); 0: none */
};

/* What a token may leave to come. Bytes to the end and to the end of the part; a token over
 * them by up to `slack` is allowed all the same. */
typedef struct MaskLimits {
    int64_t to_end, to_part_end; /* INT64_MAX: no limit */
    int32_t part;
    int64_t slack;
} MaskLimits;

typedef struct MaskWalk {
    bool full, any;
    int32_t farthest;
    int64_t least_over; /* the least by which a token that the grammar allows is over */
} MaskWalk;

/* Sets the bits of the tokens that may follow `state`; limits NULL: none. */
MaskWalk constraint_walk(Constraint *c, int32_t state, const MaskLimits *limits,
                         uint32_t *bits);
/* The mask of a state; NULL: no room, forget. */
const Mask *constraint_mask(Constraint *c, int32_t state);
/* Is there a longer token that begins with `text`, and whose rest may follow `state`? */
bool constraint_spans(Constraint *c, Span text, int32_t state);

#endif
