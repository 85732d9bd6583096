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

/* What the first n bytes are of two words; a table, because a branch on the length of a
 * word is guessed wrong too often. */
/* clang-format off */
static const uint64_t piece_key_masks[PIECE_KEY_MOST + 1][2] = {
    {0, 0},
    {0xff, 0},
    {0xffff, 0},
    {0xffffff, 0},
    {0xffffffff, 0},
    {0xffffffffff, 0},
    {0xffffffffffff, 0},
    {0xffffffffffffff, 0},
    {UINT64_MAX, 0},
    {UINT64_MAX, 0xff},
    {UINT64_MAX, 0xffff},
    {UINT64_MAX, 0xffffff},
    {UINT64_MAX, 0xffffffff},
    {UINT64_MAX, 0xffffffffff},
    {UINT64_MAX, 0xffffffffffff},
    {UINT64_MAX, 0xffffffffffffff},
};
/* clang-format on */

/* Of a piece of 1 to PIECE_KEY_MOST bytes in a text that ends at `end`: what lies behind
 * the piece is read and masked when the text has it. */
static inline PieceKey piece_key(Span piece, const char *end)
{
    char copy[16];
    const char *bytes = piece.ptr;
    if (end - bytes < (ptrdiff_t)sizeof copy) {
        memset(copy, 0, sizeof copy);
        memcpy(copy, bytes, piece.len);
        bytes = copy;
    }
    uint64_t n = piece.len;
    return (PieceKey){bytes_u64(bytes) & piece_key_masks[n][0],
                      (bytes_u64(bytes + 8) & piece_key_masks[n][1]) | n << 56};
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
