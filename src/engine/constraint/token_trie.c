/* token_trie.c - see token_trie.h. */
#include "engine/constraint/token_trie.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

typedef struct Token {
    Span bytes;
    int32_t id;
} Token;

static int by_bytes(const void *a, const void *b)
{
    const Token *x = a, *y = b;
    size_t n = x->bytes.len < y->bytes.len ? x->bytes.len : y->bytes.len;
    int order = memcmp(x->bytes.ptr, y->bytes.ptr, n);
    if (order != 0)
        return order;
    if (x->bytes.len != y->bytes.len)
        return x->bytes.len < y->bytes.len ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* The tokens that text is made of, sorted; returns how many. */
static int32_t list_tokens(const Tokenizer *tok, Token *tokens)
{
    int32_t n = 0;
    for (int32_t id = 0; id < tokenizer_vocab(tok); id++) {
        Span bytes = tokenizer_bytes(tok, id);
        if (!tokenizer_is_special(tok, id) && bytes.len > 0 &&
            bytes.len <= TRIE_TOKEN_BYTES)
            tokens[n++] = (Token){bytes, id};
    }
    qsort(tokens, (size_t)n, sizeof *tokens, by_bytes);
    return n;
}

static size_t common(Span a, Span b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
        n++;
    return n;
}

static int32_t count_nodes(const Token *tokens, int32_t n)
{
    size_t nodes = 1;
    for (int32_t i = 0; i < n; i++) {
        Span before = i > 0 ? tokens[i - 1].bytes : (Span){"", 0};
        nodes += tokens[i].bytes.len - common(before, tokens[i].bytes);
    }
    return (int32_t)nodes;
}

static Status make_arrays(TokenTrie *t, int32_t n_tokens, Err *err)
{
    size_t n = (size_t)t->n;
    TRY(MEM_ARRAY(&t->byte, n, err));
    TRY(MEM_ARRAY(&t->depth, n, err));
    TRY(MEM_ARRAY(&t->end, n, err));
    TRY(MEM_ARRAY(&t->first, n + 1, err));
    return MEM_ARRAY(&t->ids, (size_t)n_tokens, err);
}

static void fill(TokenTrie *t, const Token *tokens, int32_t n_tokens)
{
    int32_t path[TRIE_TOKEN_BYTES + 1] = {0}; /* the nodes of the text so far */
    int32_t n = 1, depth = 0;
    for (int32_t i = 0; i < n_tokens; i++) {
        Span text = tokens[i].bytes;
        int32_t shared = i > 0 ? (int32_t)common(tokens[i - 1].bytes, text) : 0;
        for (; depth > shared; depth--)
            t->end[path[depth]] = n;
        while (depth < (int32_t)text.len) {
            t->byte[n] = (uint8_t)text.ptr[depth];
            t->depth[n] = (uint16_t)++depth;
            t->first[n] = i;
            path[depth] = n++;
        }
        if (depth > t->deepest)
            t->deepest = depth;
        t->ids[i] = tokens[i].id;
        t->first[n] = i + 1; /* what follows has later ones */
    }
    for (; depth >= 0; depth--)
        t->end[path[depth]] = n;
    t->first[n] = n_tokens;
}

Status token_trie_new(TokenTrie **out, const Tokenizer *tok, Err *err)
{
    TokenTrie *t;
    Token *tokens = NULL;
    *out = NULL;
    TRY(MEM_ARRAY(&t, 1, err));
    *t = (TokenTrie){.tok = tok, .vocab = tokenizer_vocab(tok)};
    Status status = MEM_ARRAY(&tokens, (size_t)t->vocab, err);
    if (status == OK) {
        int32_t n = list_tokens(tok, tokens);
        t->n = count_nodes(tokens, n);
        status = make_arrays(t, n, err);
        if (status == OK)
            fill(t, tokens, n);
    }
    mem_free(tokens);
    if (status != OK) {
        token_trie_free(t);
        return status;
    }
    *out = t;
    return OK;
}

void token_trie_free(TokenTrie *t)
{
    if (!t)
        return;
    mem_free(t->byte);
    mem_free(t->depth);
    mem_free(t->end);
    mem_free(t->first);
    mem_free(t->ids);
    mem_free(t);
}

/* The node one byte below `node`, or -1. */
static int32_t below(const TokenTrie *t, int32_t node, uint8_t byte)
{
    for (int32_t i = node + 1; i < t->end[node]; i = t->end[i]) {
        if (t->byte[i] == byte)
            return i;
    }
    return -1;
}

int32_t token_trie_find(const TokenTrie *t, Span text)
{
    int32_t node = 0;
    for (size_t i = 0; i < text.len && node >= 0; i++)
        node = below(t, node, (uint8_t)text.ptr[i]);
    return node;
}

/* --- text to ids ------------------------------------------------------------------------- */
static bool spells(const TokenTrie *t, const int32_t *ids, size_t n, Span text)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        Span bytes = tokenizer_bytes(t->tok, ids[i]);
        Span rest = {text.ptr + at, text.len - at};
        if (tokenizer_is_special(t->tok, ids[i]) || !span_starts(rest, bytes))
            return false;
        at += bytes.len;
    }
    return at == text.len;
}

static Status encode_longest(const TokenTrie *t, Span text, Ids *out, Err *err)
{
    for (size_t at = 0; at < text.len;) {
        int32_t id = -1, node = 0;
        size_t longest = 0;
        for (size_t i = at; i < text.len; i++) {
            node = below(t, node, (uint8_t)text.ptr[i]);
            if (node < 0)
                break;
            if (t->first[node] < t->first[node + 1]) {
                id = t->ids[t->first[node]];
                longest = i + 1 - at;
            }
        }
        if (id < 0)
            return err_set(err, ERR_OPTION,
                           "the tokenizer has no token for byte 0x%02x",
                           (unsigned char)text.ptr[at]);
        TRY(ids_push(out, id, err));
        at += longest;
    }
    return OK;
}

Status token_trie_encode(const TokenTrie *t, Span text, Ids *out, Err *err)
{
    size_t before = out->len, skip = 0;
    TRY(tokenizer_encode(t->tok, text, out, err));
    int32_t *ids = out->ptr + before;
    size_t n = out->len - before;
    /* Some tokenizers put a space in front of any text. */
    if (n > 0 && span_equal(tokenizer_bytes(t->tok, ids[0]), SPAN(" ")) &&
        text.len > 0 && text.ptr[0] != ' ')
        skip = 1;
    if (n > skip && spells(t, ids + skip, n - skip, text)) {
        memmove(ids, ids + skip, (n - skip) * sizeof *ids);
        out->len -= skip;
        return OK;
    }
    out->len = before;
    return encode_longest(t, text, out, err);
}
