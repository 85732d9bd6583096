/* slots.c - the slots of the cache: who is given which, and what has been read and is not
 * read again.
 *
 * A free slot keeps what it read. A request takes over the longest beginning that it has
 * in common with any slot: of a free one at once, of a running one as soon as that has
 * read it. Slots are found by their ids, which are all that keys and values depend on. */
#include "engine/engine_internal.h"

#include <string.h>

/* Fewer are not worth waiting for. */
enum { SHARED_LEAST = 8 };

static int32_t common_prefix(const Slot *slot, const int32_t *ids, int32_t most)
{
    int32_t n = 0;
    while (n < most && n < slot->total && slot->ids[n] == ids[n])
        n++;
    return n;
}

/* The slot that has most of the first ids, and how many; -1: none has enough. A free one
 * has what it read, a running one will have all of its ids; one that waits for another
 * itself is none, so nobody waits in a circle. */
static int32_t find_source(const Engine *e, const int32_t *ids, int32_t most,
                           int32_t *share)
{
    int32_t best = -1;
    *share = SHARED_LEAST - 1;
    for (int32_t s = 0; s < e->n_slots; s++) {
        const Slot *slot = &e->slots[s];
        bool running = slot->request >= 0;
        if (!slot->shares || (running && slot->leader >= 0))
            continue;
        int32_t n = common_prefix(slot, ids, most);
        if (!running && n > slot->cached)
            n = slot->cached;
        if (n > *share) {
            *share = n;
            best = s;
        }
    }
    return best;
}

/* The free slot for a request that finds `share` ids in slot `source` (-1: none): that one
 * where little else would be lost, or else the one that was given away longest ago. */
static int32_t find_place(const Engine *e, int32_t source, int32_t share)
{
    int32_t oldest = -1;
    if (source >= 0 && e->slots[source].request < 0 &&
        share >= e->slots[source].cached - share)
        return source;
    for (int32_t s = 0; s < e->n_slots; s++) {
        if (e->slots[s].request < 0 &&
            (oldest < 0 || e->slots[s].given < e->slots[oldest].given))
            oldest = s;
    }
    return oldest;
}

int32_t slots_give(Engine *e, int64_t request, const int32_t *ids, int64_t n,
                   int64_t most)
{
    int32_t share, source = find_source(e, ids, (int32_t)most, &share);
    int32_t s = find_place(e, source, share);
    if (s < 0)
        return -1;
    Slot *slot = &e->slots[s];
    bool waits = source >= 0 && e->slots[source].request >= 0;
    bool has = source >= 0 && !waits;
    if (has && source != s)
        model_cache_copy(e->cache, source, s, share);
    slot->leader = waits ? source : -1;
    slot->share = share;
    slot->shared = slot->cached = has ? share : 0;
    slot->request = request;
    slot->given = ++e->given;
    slot->shares = most > 0;
    memcpy(slot->ids, ids, (size_t)n * sizeof *ids);
    slot->total = (int32_t)n;
    return s;
}

/* Who waits for one that is gone, or waits itself, reads alone. */
void slots_copy(Engine *e)
{
    for (int32_t s = 0; s < e->n_slots; s++) {
        Slot *slot = &e->slots[s];
        if (slot->request < 0 || slot->leader < 0)
            continue;
        const Slot *leader = &e->slots[slot->leader];
        bool alike = common_prefix(leader, slot->ids, slot->share) == slot->share;
        if (alike && leader->cached >= slot->share) {
            model_cache_copy(e->cache, slot->leader, s, slot->share);
            slot->shared = slot->cached = slot->share;
            slot->leader = -1;
        } else if (!alike || leader->request < 0 || leader->leader >= 0) {
            slot->leader = -1;
        }
    }
}

int64_t slots_take(Engine *e, int32_t s, int64_t n)
{
    Slot *slot = &e->slots[s];
    for (; n < e->max_tokens && slot->cached < slot->total; n++) {
        e->step_ids[n] = slot->ids[slot->cached];
        e->step_slots[n] = s;
        e->step_positions[n] = slot->cached++;
    }
    return n;
}
