/* engine_internal.h - what the scheduler (engine.c) and the scorers (score.c,
 * score_shared.c) have in common: the slots (slots.c) and the buffers of a step. */
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

#include "engine/engine.h"
#include "engine/stop.h"

/* One sequence, running or gone: what a free slot read last stays until it is given to
 * another. ids[0..total) are prompt and result; the keys and values of ids[0..cached) are
 * in the cache. total - cached is 1 while decoding, more while a prompt (or what a hook
 * forced) is still to be read. */
typedef struct Slot {
    int64_t request; /* -1: free */
    int64_t given;   /* when it was given to its last request: Engine.given */
    bool shares;     /* what it has read may serve others */
    int32_t shared;  /* ids that it has from others */
    int32_t *ids;    /* (capacity), a piece of Engine.pool */
    int32_t total, cached;
    int32_t
        leader; /* a slot that reads the first `share` ids for this one too; -1: none */
    int32_t share;
    StopMatcher stop;
} Slot;

struct Engine {
    Model *model; /* borrowed: outlives us */
    int32_t n_slots, capacity;
    int32_t max_tokens;      /* of one model_decode */
    const Span *token_bytes; /* borrowed; may be NULL */
    ModelCache *cache;
    Slot *slots;
    int64_t given;     /* slots given to requests so far */
    int32_t *pool;     /* (n_slots, capacity) */
    int32_t *force;    /* (capacity): what a hook forces */
    uint32_t *allowed; /* (n_slots, allowed_words): bits of constraints */
    int64_t allowed_words;

    /* One step: the tokens run, and the slots that draw. */
    int32_t *step_ids, *step_slots, *step_positions; /* (max_tokens) */
    int32_t *rows, *targets; /* (max_tokens): of model_decode's, those asked about */
    float *logprobs;         /* (max_tokens) */
    int32_t *row_slot;       /* (n_slots) */
    SampleRow *how;          /* (n_slots) */
    SampleOut *drawn;        /* (n_slots) */

    /* Scoring: made at the first engine_score. */
    Tape *tape;
    int64_t score_tokens;
    int32_t *score_ids, *score_positions, *score_starts; /* (score_tokens) */
    int32_t *score_rows, *score_targets;                 /* (score_tokens) */
    float *score_logprobs;                               /* (score_tokens) */
};

void engine_score_release(Engine *e);
/* The rows that an item puts into a pass. */
static inline int64_t score_rows(const EngineScore *item)
{
    return item->first < item->n ? item->n - 1 : 0;
}
NODISCARD Status engine_score_check(const Engine *e, const EngineScore *items,
                                    int64_t n, Err *err);

/* Gives a free slot to a request that begins with n ids; of their first `most` it takes
 * over what another slot has read, or waits until it has (most 0: it shares nothing, and
 * others have nothing of it). Returns the slot; -1: none is free. */
int32_t slots_give(Engine *e, int64_t request, const int32_t *ids, int64_t n,
                   int64_t most);
/* Copies to the slots that wait what their leaders have read by now. */
void slots_copy(Engine *e);
/* Puts the slot's waiting tokens into the step, behind the n that are there; returns how
 * many are there then, max_tokens at most. */
int64_t slots_take(Engine *e, int32_t s, int64_t n);

#endif
