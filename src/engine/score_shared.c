/* score_shared.c - log-probabilities of given ids over the cache, see engine_score_shared
 * in engine.h.
 *
 * As in engine.c, slots are given to items and read them in steps, and what an item has in
 * common with another slot is copied; but nothing is drawn, and the head is asked for the
 * ids that come next. Row first-1 is the first that is asked, so so many ids are shared at
 * most. */
#include "engine/engine_internal.h"

/* Gives free slots the items behind *next; returns how many there was nothing to do for. */
static int64_t admit(Engine *e, const EngineScore *items, int64_t n, int64_t *next)
{
    int64_t idle = 0;
    for (; *next < n; (*next)++) {
        const EngineScore *item = &items[*next];
        int64_t rows = score_rows(item);
        if (rows == 0)
            idle++;
        else if (slots_give(e, *next, item->ids, rows, item->first - 1) < 0)
            break;
    }
    return idle;
}

/* The rows of a step whose next id is asked for, and these ids. */
static int64_t choose_rows(Engine *e, const EngineScore *items, int64_t n)
{
    int64_t chosen = 0;
    for (int64_t i = 0; i < n; i++) {
        const EngineScore *item = &items[e->slots[e->step_slots[i]].request];
        int64_t after = e->step_positions[i] + 1;
        if (after < item->first)
            continue;
        e->rows[chosen] = (int32_t)i;
        e->targets[chosen++] = item->ids[after];
    }
    return chosen;
}

/* Reads what the slots have waiting; returns how many items are done by it. */
static int64_t step(Engine *e, EngineScore *items)
{
    int64_t n = 0, done = 0;
    slots_copy(e);
    for (int32_t s = 0; s < e->n_slots; s++) {
        if (e->slots[s].request >= 0 && e->slots[s].leader < 0)
            n = slots_take(e, s, n);
    }
    ASSERT(n > 0);
    model_decode(e->model, e->cache, e->step_ids, e->step_slots, e->step_positions, n);
    int64_t chosen = choose_rows(e, items, n);
    model_decode_logprobs(e->model, e->cache, e->rows, e->targets, chosen, e->logprobs);
    for (int64_t i = 0; i < chosen; i++) {
        int32_t row = e->rows[i];
        EngineScore *item = &items[e->slots[e->step_slots[row]].request];
        item->logprobs[e->step_positions[row] + 1] = e->logprobs[i];
    }
    for (int32_t s = 0; s < e->n_slots; s++) {
        Slot *slot = &e->slots[s];
        if (slot->request < 0 || slot->cached < slot->total)
            continue;
        slot->request = -1;
        done++;
    }
    return done;
}

Status engine_score_shared(Engine *e, EngineScore *items, int64_t n, Err *err)
{
    int64_t next = 0, done = 0;
    TRY(engine_score_check(e, items, n, err));
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < items[i].n; k++)
            items[i].logprobs[k] = 0;
    }
    for (;;) {
        done += admit(e, items, n, &next);
        if (done == n)
            return OK;
        done += step(e, items);
    }
}
