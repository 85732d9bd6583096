/* pair_map.h - a hash table from pairs of ids to 64 bits: merges of a tokenizer, counts
 * of the trainer. Open addressing with linear probes, at most half full. */
#ifndef TEXT_PAIR_MAP_H
#define TEXT_PAIR_MAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PairMapSlot {
    int32_t a, b; /* a < 0: free */
    uint64_t value;
} PairMapSlot;

typedef struct PairMap { /* zeroed: empty and ready */
    PairMapSlot *slots;
    size_t n_slots; /* a power of two */
    size_t n;
} PairMap;

static inline size_t pair_map_home(int32_t a, int32_t b, size_t n_slots)
{
    uint64_t key = (uint64_t)(uint32_t)a << 32 | (uint32_t)b;
    key *= 0x9e3779b97f4a7c15u; /* Fibonacci hashing: the high bits are the good ones */
    return (size_t)(key >> 32) & (n_slots - 1);
}

/* The value of (a, b), NULL when there is none; good until the next put. */
static inline uint64_t *pair_map_find(const PairMap *m, int32_t a, int32_t b)
{
    if (m->n_slots == 0)
        return NULL;
    size_t i = pair_map_home(a, b, m->n_slots);
    while (m->slots[i].a >= 0) {
        if (m->slots[i].a == a && m->slots[i].b == b)
            return &m->slots[i].value;
        i = (i + 1) & (m->n_slots - 1);
    }
    return NULL;
}

/* Finds or makes (value 0) the value of (a, b); ids are not negative. */
NODISCARD Status pair_map_put(PairMap *m, int32_t a, int32_t b, uint64_t **value,
                              bool *is_new, Err *err);
void pair_map_release(PairMap *m);

#endif
