/* piece_cache.h - pieces of text -> the ids they become, as an Encoder remembers them.
 *
 * A few thousand pieces are nine tenths of any text, so a table of fixed size that
 * forgets is as good as one that grows: a new piece takes the place of an old one of the
 * same hash. A set of two short pieces is a cache line, and so is a long piece. Pieces
 * of more than PIECE_LONG_MOST bytes or PIECE_LONG_IDS ids are not remembered. */
#ifndef TEXT_PIECE_CACHE_H
#define TEXT_PIECE_CACHE_H

#include "base/err.h"
#include "text/piece_key.h"

enum {
    PIECE_SHORT_IDS = 4,
    PIECE_LONG_MOST = 30,
    PIECE_LONG_IDS = 8,
    PIECE_SHORT_BITS = 15, /* log2 of the sets of two short pieces */
    PIECE_LONG_BITS = 12,  /* log2 of the long pieces */
};

typedef struct PieceShort {
    PieceKey key;                 /* zero: free */
    int32_t ids[PIECE_SHORT_IDS]; /* their number is in the high byte of the first */
} PieceShort;

typedef struct PieceLong {
    unsigned char len, n; /* bytes (0: free) and ids */
    char bytes[PIECE_LONG_MOST];
    int32_t ids[PIECE_LONG_IDS];
} PieceLong;

typedef struct PieceCache {
    PieceShort *shorts; /* [2 << PIECE_SHORT_BITS] */
    PieceLong *longs;   /* [1 << PIECE_LONG_BITS] */
} PieceCache;

NODISCARD Status piece_cache_new(PieceCache *c, Err *err);
void piece_cache_release(PieceCache *c);

static inline PieceShort *piece_cache_set(const PieceCache *c, PieceKey key)
{
    return c->shorts + 2 * (piece_key_hash(key) >> (64 - PIECE_SHORT_BITS));
}

/* The entry of a short piece, or NULL. */
static inline const PieceShort *piece_cache_find(const PieceCache *c, PieceKey key)
{
    const PieceShort *set = piece_cache_set(c, key);
    const PieceShort *slot = set + !piece_key_equal(set[0].key, key);
    return piece_key_equal(slot->key, key) ? slot : NULL;
}

/* Remembers ids below 2^24; nothing happens when they are too many. */
void piece_cache_put(PieceCache *c, PieceKey key, const int32_t *ids, size_t n);
/* The same for longer pieces and the hash of their bytes. */
const PieceLong *piece_cache_find_long(const PieceCache *c, Span piece, uint64_t hash);
void piece_cache_put_long(PieceCache *c, Span piece, uint64_t hash, const int32_t *ids,
                          size_t n);

#endif
