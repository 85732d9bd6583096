/* token_trie.h - the vocabulary of a tokenizer as a tree of bytes: tokens that begin alike
 * share their beginnings, so that one walk beside an automaton finds all tokens that a
 * grammar allows, and what cannot begin a token's text is skipped with all that follows.
 *
 * Nodes lie in the order of the walk (each before those below it), so the walk is a loop
 * over arrays. Special tokens and tokens without bytes are not in it: no constraint
 * allows them. Made once for a tokenizer; read-only after that. */
#ifndef ENGINE_CONSTRAINT_TOKEN_TRIE_H
#define ENGINE_CONSTRAINT_TOKEN_TRIE_H

#include "text/tokenizer.h"

enum { TRIE_TOKEN_BYTES = 1024 }; /* longer tokens are left out */

typedef struct TokenTrie {
    const Tokenizer *tok; /* borrowed */
    int32_t vocab;        /* of tok */
    int32_t n;            /* nodes; number 0 is the empty text */
    uint8_t *byte;        /* (n) the last byte of a node's text */
    uint16_t *depth;      /* (n) its length */
    int32_t *end;         /* (n) the first node behind it that is not below it */
    int32_t *first;       /* (n + 1): ids[first[i], first[i+1]) have this text */
    int32_t *ids;
    int32_t deepest;
} TokenTrie;

NODISCARD Status token_trie_new(TokenTrie **out, const Tokenizer *tok, Err *err);
void token_trie_free(TokenTrie *t); /* accepts NULL */

/* The node with this text, or -1. */
int32_t token_trie_find(const TokenTrie *t, Span text);
/* Appends ids whose bytes are exactly `text`: as the tokenizer would write it where it
 * can, else the longest tokens from the left. ERR_OPTION: it has no tokens for it. */
NODISCARD Status token_trie_encode(const TokenTrie *t, Span text, Ids *out, Err *err);

#endif
