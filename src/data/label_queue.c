/* label_queue.c - see label_queue.h. */
#include "data/label_queue.h"

#include "base/rng.h"

/* The item's place in the labeler's own order: the smallest comes first. */
static uint64_t turn_of(int64_t item, int64_t labeler)
{
    Rng r = rng_make((uint64_t)labeler, RNG_LABEL, (uint64_t)item);
    return rng_u64(&r);
}

static bool wants_first(const LabelChoice *c, int64_t each)
{
    return !c->first && (c->repeated || c->others < each);
}

static bool wants_second(const LabelChoice *c)
{
    return c->repeated && c->first && !c->second && !c->skipped;
}

/* How many labels this labeler gave after the one with that id. */
static int64_t labels_since(const LabelChoice *choices, size_t n, int64_t id)
{
    int64_t since = 0;
    for (size_t i = 0; i < n; i++)
        since += (choices[i].first > id) + (choices[i].second > id);
    return since;
}

/* Of those that wait for a second time, the one that waits longest. */
static const LabelChoice *longest_waiting(const LabelChoice *choices, size_t n)
{
    const LabelChoice *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (wants_second(&choices[i]) && (!best || choices[i].first < best->first))
            best = &choices[i];
    }
    return best;
}

static const LabelChoice *first_in_turn(const LabelChoice *choices, size_t n,
                                        int64_t labeler, int64_t each)
{
    const LabelChoice *best = NULL;
    uint64_t turn = 0;
    for (size_t i = 0; i < n; i++) {
        if (!wants_first(&choices[i], each))
            continue;
        uint64_t mine = turn_of(choices[i].item, labeler);
        if (!best || mine < turn) {
            best = &choices[i];
            turn = mine;
        }
    }
    return best;
}

LabelNext label_queue_next(const LabelChoice *choices, size_t n, int64_t labeler,
                           int64_t each)
{
    LabelNext next = {0};
    for (size_t i = 0; i < n; i++) {
        const LabelChoice *c = &choices[i];
        bool first = wants_first(c, each);
        next.done += (c->first > 0) + (c->second > 0);
        next.open += first + (wants_second(c) || (first && c->repeated));
    }
    const LabelChoice *again = longest_waiting(choices, n),
                      *first = first_in_turn(choices, n, labeler, each);
    bool is_time = again &&
                   next.done % LABEL_QUEUE_SECONDS == LABEL_QUEUE_SECONDS - 1 &&
                   labels_since(choices, n, again->first) >= LABEL_QUEUE_GAP;
    const LabelChoice *chosen = again && (is_time || !first) ? again : first;
    next.any = chosen != NULL;
    if (chosen) {
        next.item = chosen->item;
        next.round = chosen == again;
    }
    return next;
}

void label_queue_shown(int64_t item, int64_t labeler, int32_t round, int32_t n,
                       int32_t *shown)
{
    int64_t order[LABEL_MAX_ANSWERS];
    Rng own = rng_make((uint64_t)labeler, RNG_LABEL, (uint64_t)item);
    Rng r = rng_child(&own, 1 + (uint64_t)round);
    for (int32_t i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(&r, order, n);
    for (int32_t i = 0; i < n; i++)
        shown[i] = (int32_t)order[i];
}
