/* piece_key.h - a short piece of text as two words: compared and hashed without a loop.
 * Most pieces of most texts are short. */
#ifndef TEXT_PIECE_KEY_H
#define TEXT_PIECE_KEY_H

#include "base/bytes.h"
#include "base/str.h"

enum { PIECE_KEY_MOST = 15 }; /* bytes of a piece */

/* The bytes, then zeros, then the length: never all zero. */
typedef struct PieceKey {
    uint64_t low, high;
} PieceKey;

/* Of a piece of 1 to PIECE_KEY_MOST bytes in a text that ends at `end`: what lies behind
 * the piece is read and masked when the text has it. */
static inline PieceKey piece_key(Span piece, const char *end)
{
    char copy[16] = {0};
    const char *bytes = piece.ptr;
    if (end - bytes < (ptrdiff_t)sizeof copy) {
        memcpy(copy, bytes, piece.len);
        bytes = copy;
    }
    PieceKey key = {bytes_u64(bytes), bytes_u64(bytes + 8)};
    uint64_t n = piece.len, all = ~(uint64_t)0;
    if (n <= 8) {
        key.low &= all >> (64 - 8 * n);
        key.high = 0;
    } else {
        key.high &= all >> (128 - 8 * n);
    }
    key.high |= n << 56;
    return key;
}

static inline bool piece_key_equal(PieceKey a, PieceKey b)
{
    return ((a.low ^ b.low) | (a.high ^ b.high)) == 0;
}

/* Good in its high bits. */
static inline uint64_t piece_key_hash(PieceKey key)
{
    uint64_t h = key.low ^ (key.high << 29 | key.high >> 35) * 0x9e3779b97f4a7c15u;
    h *= 0xc6a4a7935bd1e995u;
    return (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
}

/* The bytes again, into out[16]. */
static inline Span piece_key_bytes(PieceKey key, char out[16])
{
    bytes_put_u64(out, key.low);
    bytes_put_u64(out + 8, key.high);
    return (Span){out, (size_t)(key.high >> 56)};
}

#endif
