/* byte_map.c - see byte_map.h. */
#include "text/byte_map.h"

#include "base/mem.h"
#include "base/rng.h"

enum { FIRST_SLOTS = 64 };

uint64_t byte_map_hash(Span key)
{
    return rng_hash(key.ptr, key.len, 0);
}

ByteMapEntry *byte_map_find(const ByteMap *m, Span key, uint64_t hash)
{
    if (m->n_slots == 0)
        return NULL;
    size_t mask = m->n_slots - 1;
    for (size_t i = (size_t)hash & mask; m->slots[i].index != 0; i = (i + 1) & mask) {
        if (m->slots[i].hash != (uint32_t)(hash >> 32))
            continue;
        ByteMapEntry *e = &m->entries[m->slots[i].index - 1];
        if (span_equal(byte_map_key(m, e), key))
            return e;
    }
    return NULL;
}

static void place(ByteMapSlot *slots, size_t n_slots, uint64_t hash, size_t index)
{
    size_t i = (size_t)hash & (n_slots - 1);
    while (slots[i].index != 0)
        i = (i + 1) & (n_slots - 1);
    slots[i] = (ByteMapSlot){(uint32_t)(hash >> 32), (uint32_t)index + 1};
}

static Status grow_slots(ByteMap *m, Err *err)
{
    size_t n = m->n_slots == 0 ? FIRST_SLOTS : m->n_slots * 2;
    ByteMapSlot *slots;
    TRY(MEM_ARRAY(&slots, n, err));
    for (size_t i = 0; i < m->n; i++)
        place(slots, n, byte_map_hash(byte_map_key(m, &m->entries[i])), i);
    mem_free(m->slots);
    m->slots = slots;
    m->n_slots = n;
    return OK;
}

Status byte_map_put(ByteMap *m, Span key, uint64_t hash, ByteMapEntry **entry,
                    bool *is_new, Err *err)
{
    *entry = byte_map_find(m, key, hash);
    if (is_new)
        *is_new = !*entry;
    if (*entry)
        return OK;
    if (key.len > UINT32_MAX || m->n >= UINT32_MAX - 1)
        return err_set(err, ERR_LIMIT, "a table of %zu strings with one of %zu bytes",
                       m->n, key.len);
    if (m->n * 2 >= m->n_slots)
        TRY(grow_slots(m, err));
    TRY(MEM_PUSH_ROOM(&m->entries, m->n, &m->cap, err));
    size_t at = m->keys.len;
    str_span_append(&m->keys, key);
    TRY(str_check(&m->keys, err));
    place(m->slots, m->n_slots, hash, m->n);
    *entry = &m->entries[m->n++];
    **entry = (ByteMapEntry){at, (uint32_t)key.len, 0};
    return OK;
}

void byte_map_release(ByteMap *m)
{
    if (!m)
        return;
    mem_free(m->entries);
    mem_free(m->slots);
    str_release(&m->keys);
    *m = (ByteMap){0};
}
