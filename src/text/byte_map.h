/* byte_map.h - a hash table from byte strings to numbers: token bytes to ids, pre-tokens
 * to counts. Open addressing with linear probes, at most half full; a slot holds 32 bits
 * of the hash, so that a key is compared only when it is very likely the one. Entries
 * stand in the order in which they were put. Keys are copied. */
#ifndef TEXT_BYTE_MAP_H
#define TEXT_BYTE_MAP_H

#include "base/str.h"

#include <stdint.h>

typedef struct ByteMapEntry {
    size_t at; /* of the key in ByteMap.keys */
    uint32_t len;
    uint64_t value;
} ByteMapEntry;

typedef struct ByteMapSlot {
    uint32_t hash;
    uint32_t index; /* of the entry, plus 1; 0: free */
} ByteMapSlot;

typedef struct ByteMap { /* zeroed: empty and ready */
    ByteMapEntry *entries;
    size_t n, cap;
    ByteMapSlot *slots;
    size_t n_slots; /* a power of two */
    Str keys;
} ByteMap;

uint64_t byte_map_hash(Span key);
/* The entry of key, NULL when there is none; good until the next put. */
ByteMapEntry *byte_map_find(const ByteMap *m, Span key, uint64_t hash);
/* Finds or makes (value 0) the entry of key. *is_new may be NULL. */
NODISCARD Status byte_map_put(ByteMap *m, Span key, uint64_t hash, ByteMapEntry **entry,
                              bool *is_new, Err *err);
static inline Span byte_map_key(const ByteMap *m, const ByteMapEntry *e)
{
    return (Span){str_c(&m->keys) + e->at, e->len};
}
void byte_map_release(ByteMap *m);

#endif
