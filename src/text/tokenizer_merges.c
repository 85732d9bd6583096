/* tokenizer_merges.c - a byte-level tokenizer from a list of merges: what the trainer
 * ends with. */
#include "text/byte_alphabet.h"
#include "text/tokenizer_internal.h"
#include "text/utf8.h"

const char *const token_specials[TOKEN_SPECIALS] = {
    TOKEN_BOS,       TOKEN_EOS,  TOKEN_PAD,  TOKEN_SYSTEM, TOKEN_USER,
    TOKEN_ASSISTANT, TOKEN_TOOL, TOKEN_CALL, TOKEN_END};

static Status add_bytes(Tokenizer *tok, Err *err)
{
    unsigned char order[256];
    byte_alphabet_order(order);
    for (int i = 0; i < 256; i++)
        TRY(tokenizer_add_token(tok, (Span){(const char *)&order[i], 1}, 0, err));
    return OK;
}

static Status side(const Tokenizer *tok, Span bytes, size_t rank, int32_t *id, Err *err)
{
    *id = tokenizer_find(tok, bytes);
    if (*id >= 0)
        return OK;
    Str shown = {0};
    str_quote(&shown, bytes, 64);
    Status status = err_set(err, ERR_FORMAT, "merge %zu needs '%s', which is no token",
                            rank, str_c(&shown));
    str_release(&shown);
    return status;
}

static Status add_merge(Tokenizer *tok, const Span merge[2], size_t rank, Err *err)
{
    Merge m = {.rank = (uint32_t)rank};
    TRY(side(tok, merge[0], rank, &m.a, err));
    TRY(side(tok, merge[1], rank, &m.b, err));
    Str whole = {0};
    str_span_append(&whole, merge[0]);
    str_span_append(&whole, merge[1]);
    Status status = str_check(&whole, err);
    /* Two merges may give the same bytes; they are one token. */
    m.result = status == OK ? tokenizer_find(tok, str_span(&whole)) : -1;
    if (status == OK && m.result < 0) {
        m.result = tokenizer_vocab(tok);
        status = tokenizer_add_token(tok, str_span(&whole), 0, err);
    }
    str_release(&whole);
    return status == OK ? tokenizer_add_merge(tok, m, err) : status;
}

static Status add_special(Tokenizer *tok, const char *name, Err *err)
{
    Span bytes = span_of(name);
    if (utf8_valid_prefix(bytes) < bytes.len)
        return err_set(err, ERR_FORMAT, "the name of a special token is not UTF-8");
    if (tokenizer_find(tok, bytes) >= 0)
        return err_set(err, ERR_FORMAT, "special token '%s' is also a merge", name);
    return tokenizer_add_token(tok, bytes, TOKEN_FLAG_SPECIAL, err);
}

static Status build(Tokenizer *tok, SplitPattern pattern, const Span (*merges)[2],
                    size_t n_merges, const char *const *specials, size_t n_specials,
                    Err *err)
{
    if (pattern == SPLIT_CUSTOM)
        return err_set(err, ERR_OPTION, "a custom split pattern needs its regex");
    TRY(split_add(tok->split, pattern, (Span){0}, err));
    TRY(add_bytes(tok, err));
    for (size_t i = 0; i < n_merges; i++)
        TRY(add_merge(tok, merges[i], i, err));
    for (size_t i = 0; i < n_specials; i++)
        TRY(add_special(tok, specials[i], err));
    tok->adds_bos = tokenizer_special(tok, TOKEN_BOS) >= 0;
    return tokenizer_finish(tok, err);
}

Status tokenizer_from_merges(Tokenizer **out, SplitPattern pattern,
                             const Span (*merges)[2], size_t n_merges,
                             const char *const *specials, size_t n_specials, Err *err)
{
    Tokenizer *tok;
    *out = NULL;
    TRY(tokenizer_new(&tok, TOKENIZER_BYTE_BPE, err));
    Status status = build(tok, pattern, merges, n_merges, specials, n_specials, err);
    if (status != OK) {
        tokenizer_free(tok);
        return status;
    }
    *out = tok;
    return OK;
}

Status tokenizer_of_bytes(Tokenizer **out, Err *err)
{
    return tokenizer_from_merges(out, SPLIT_GPT2, NULL, 0, token_specials,
                                 TOKEN_SPECIALS, err);
}
