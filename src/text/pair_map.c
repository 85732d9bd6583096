/* pair_map.c - see pair_map.h. */
#include "text/pair_map.h"

#include "base/mem.h"

enum { FIRST_SLOTS = 64 };

static PairMapSlot *free_slot(PairMapSlot *slots, size_t n_slots, int32_t a, int32_t b)
{
    size_t i = pair_map_home(a, b, n_slots);
    while (slots[i].a >= 0)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static Status grow(PairMap *m, Err *err)
{
    size_t n = m->n_slots == 0 ? FIRST_SLOTS : m->n_slots * 2;
    PairMapSlot *slots;
    TRY(MEM_ARRAY(&slots, n, err));
    for (size_t i = 0; i < n; i++)
        slots[i].a = -1;
    for (size_t i = 0; i < m->n_slots; i++) {
        const PairMapSlot *old = &m->slots[i];
        if (old->a >= 0)
            *free_slot(slots, n, old->a, old->b) = *old;
    }
    mem_free(m->slots);
    m->slots = slots;
    m->n_slots = n;
    return OK;
}

Status pair_map_put(PairMap *m, int32_t a, int32_t b, uint64_t **value, bool *is_new,
                    Err *err)
{
    ASSERT(a >= 0 && b >= 0);
    *value = pair_map_find(m, a, b);
    *is_new = !*value;
    if (*value)
        return OK;
    if (m->n * 2 >= m->n_slots)
        TRY(grow(m, err));
    PairMapSlot *slot = free_slot(m->slots, m->n_slots, a, b);
    *slot = (PairMapSlot){a, b, 0};
    m->n++;
    *value = &slot->value;
    return OK;
}

void pair_map_release(PairMap *m)
{
    if (!m)
        return;
    mem_free(m->slots);
    *m = (PairMap){0};
}
