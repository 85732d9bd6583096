/* piece_cache.c - see piece_cache.h. */
#include "text/piece_cache.h"

#include "base/mem.h"

Status piece_cache_new(PieceCache *c, Err *err)
{
    *c = (PieceCache){0};
    Status status = MEM_ARRAY(&c->shorts, (size_t)2 << PIECE_SHORT_BITS, err);
    if (status == OK)
        status = MEM_ARRAY(&c->longs, (size_t)1 << PIECE_LONG_BITS, err);
    if (status != OK)
        piece_cache_release(c);
    return status;
}

void piece_cache_release(PieceCache *c)
{
    mem_free(c->shorts);
    mem_free(c->longs);
    *c = (PieceCache){0};
}

/* Of the two in a set, the second is the older one. */
void piece_cache_put(PieceCache *c, PieceKey key, const int32_t *ids, size_t n)
{
    if (n == 0 || n > PIECE_SHORT_IDS)
        return;
    PieceShort *set = piece_cache_set(c, key);
    set[1] = set[0];
    set[0] = (PieceShort){.key = key};
    memcpy(set[0].ids, ids, n * sizeof *ids);
    set[0].ids[0] |= (int32_t)n << 24;
}

static PieceLong *long_slot(const PieceCache *c, uint64_t hash)
{
    return c->longs + (hash >> (64 - PIECE_LONG_BITS));
}

const PieceLong *piece_cache_find_long(const PieceCache *c, Span piece, uint64_t hash)
{
    const PieceLong *slot = long_slot(c, hash);
    bool same =
        piece.len == slot->len && memcmp(piece.ptr, slot->bytes, slot->len) == 0;
    return same ? slot : NULL;
}

void piece_cache_put_long(PieceCache *c, Span piece, uint64_t hash, const int32_t *ids,
                          size_t n)
{
    if (piece.len > PIECE_LONG_MOST || n == 0 || n > PIECE_LONG_IDS)
        return;
    PieceLong *slot = long_slot(c, hash);
    *slot = (PieceLong){.len = (unsigned char)piece.len, .n = (unsigned char)n};
    memcpy(slot->bytes, piece.ptr, piece.len);
    memcpy(slot->ids, ids, n * sizeof *ids);
}
