/* tokenizer.c - a Tokenizer's building, its tables and its getters; decoding. Encoding
 * is in tokenizer_encode.c. */
#include "text/tokenizer.h"

#include "base/mem.h"
#include "base/rng.h"
#include "text/merge.h"
#include "text/template.h"
#include "text/tokenizer_internal.h"

#include <string.h>

/* --- building -------------------------------------------------------------------- */
Status tokenizer_new(Tokenizer **out, TokenizerKind kind, Err *err)
{
    Tokenizer *tok;
    *out = NULL;
    TRY(MEM_ARRAY(&tok, 1, err));
    tok->kind = kind;
    tok->bos = tok->eos = tok->pad = tok->end_of_turn = -1;
    for (int i = 0; i < 256; i++)
        tok->byte_ids[i] = -1;
    Status status = split_new(&tok->split, err);
    if (status != OK) {
        tokenizer_free(tok);
        return status;
    }
    *out = tok;
    return OK;
}

void tokenizer_free(Tokenizer *tok)
{
    if (!tok)
        return;
    split_free(tok->split);
    str_release(&tok->bytes);
    mem_free(tok->tokens);
    mem_free(tok->merges);
    byte_map_release(&tok->ordinary);
    byte_map_release(&tok->added);
    pair_map_release(&tok->pairs);
    mem_free(tok->chat_template);
    mem_free(tok);
}

static Status put_name(ByteMap *map, Span bytes, uint64_t value, size_t id, Err *err)
{
    ByteMapEntry *entry;
    bool is_new;
    TRY(byte_map_put(map, bytes, byte_map_hash(bytes), &entry, &is_new, err));
    if (!is_new)
        return err_set(err, ERR_FORMAT, "tokens %zu and %zu are the same",
                       (size_t)(entry->value >> 1), id);
    entry->value = value;
    return OK;
}

Status tokenizer_add_token(Tokenizer *tok, Span bytes, uint32_t flags, Err *err)
{
    size_t id = tok->n;
    if (id >= TOKENIZER_MOST_TOKENS)
        return err_set(err, ERR_LIMIT, "more than %d tokens", TOKENIZER_MOST_TOKENS);
    if (bytes.len == 0 || bytes.len > TOKENIZER_MOST_BYTES)
        return err_set(err, bytes.len == 0 ? ERR_FORMAT : ERR_LIMIT,
                       "token %zu has %zu bytes, not 1 to %d", id, bytes.len,
                       TOKENIZER_MOST_BYTES);
    TRY(MEM_PUSH_ROOM(&tok->tokens, tok->n, &tok->cap, err));
    size_t at = tok->bytes.len;
    str_span_append(&tok->bytes, bytes);
    TRY(str_check(&tok->bytes, err));
    unsigned char first = (unsigned char)bytes.ptr[0];
    if (flags & (TOKEN_FLAG_SPECIAL | TOKEN_FLAG_ADDED)) {
        TRY(put_name(&tok->added, bytes, (uint64_t)id << 1, id, err));
        if (!(flags & TOKEN_FLAG_SPECIAL)) {
            tok->starts_added[first] = true;
            if (tok->longest_added < bytes.len)
                tok->longest_added = bytes.len;
        }
    } else if (flags & TOKEN_FLAG_BYTE) {
        tok->byte_ids[first] = (int32_t)id;
    } else {
        TRY(put_name(&tok->ordinary, bytes, (uint64_t)id << 1, id, err));
        if (bytes.len == 1 && tok->kind == TOKENIZER_BYTE_BPE)
            tok->byte_ids[first] = (int32_t)id;
    }
    tok->tokens[tok->n++] = (Token){at, (uint32_t)bytes.len, flags};
    return OK;
}

Status tokenizer_add_merge(Tokenizer *tok, Merge merge, Err *err)
{
    if (tok->n_merges >= TOKENIZER_MOST_MERGES)
        return err_set(err, ERR_LIMIT, "more than %d merges", TOKENIZER_MOST_MERGES);
    TRY(MEM_PUSH_ROOM(&tok->merges, tok->n_merges, &tok->cap_merges, err));
    tok->merges[tok->n_merges++] = merge;
    return OK;
}

int32_t tokenizer_find(const Tokenizer *tok, Span bytes)
{
    const ByteMapEntry *e = byte_map_find(&tok->ordinary, bytes, byte_map_hash(bytes));
    return e ? (int32_t)(e->value >> 1) : -1;
}

/* --- finishing ------------------------------------------------------------------- */
static Status make_pairs(Tokenizer *tok, Err *err)
{
    for (size_t i = 0; i < tok->n_merges; i++) {
        const Merge *m = &tok->merges[i];
        uint64_t *value;
        bool is_new;
        TRY(pair_map_put(&tok->pairs, m->a, m->b, &value, &is_new, err));
        if (!is_new)
            return err_set(err, ERR_FORMAT, "merge %zu is there twice", i);
        *value = merge_value(m->rank, m->result);
    }
    return OK;
}

/* Marks the tokens that merging their own bytes gives: a piece of text that is one of
 * them needs no merging, which is most of all pieces. */
static Status mark_reachable(Tokenizer *tok, Err *err)
{
    int32_t ids[TOKENIZER_MOST_BYTES];
    for (size_t i = 0; i < tok->ordinary.n; i++) {
        ByteMapEntry *e = &tok->ordinary.entries[i];
        Span bytes = byte_map_key(&tok->ordinary, e);
        size_t n = bytes.len;
        for (size_t j = 0; j < n; j++)
            ids[j] = tok->byte_ids[(unsigned char)bytes.ptr[j]];
        if (!tok->ignore_merges)
            TRY(merge_ids(&tok->pairs, ids, &n, err));
        if (tok->ignore_merges || (n == 1 && ids[0] == (int32_t)(e->value >> 1)))
            e->value |= 1;
    }
    return OK;
}

static int32_t first_special(const Tokenizer *tok, const char *const *names)
{
    int32_t id = -1;
    for (int i = 0; names[i] && id < 0; i++)
        id = tokenizer_special(tok, names[i]);
    return id;
}

static void find_roles(Tokenizer *tok)
{
    static const char *const bos[] = {TOKEN_BOS, "<s>", NULL};
    static const char *const eos[] = {TOKEN_EOS, "</s>", NULL};
    static const char *const pad[] = {TOKEN_PAD, "<pad>", NULL};
    static const char *const end[] = {TOKEN_END, "<|eot_id|>", "<end_of_turn>", NULL};
    if (tok->bos < 0)
        tok->bos = first_special(tok, bos);
    if (tok->eos < 0)
        tok->eos = first_special(tok, eos);
    if (tok->pad < 0)
        tok->pad = first_special(tok, pad);
    tok->end_of_turn = first_special(tok, end);
}

static void make_fingerprint(Tokenizer *tok)
{
    uint64_t sizes[] = {(uint64_t)tok->kind, tok->nfc, tok->ignore_merges,
                        tok->dummy_prefix,   tok->n,   tok->n_merges};
    uint64_t h = rng_hash(sizes, sizeof sizes, 1);
    for (int i = 0; i < split_count(tok->split); i++) {
        Span regex = split_regex(tok->split, i);
        h = rng_hash(regex.ptr, regex.len, h);
    }
    for (size_t i = 0; i < tok->n; i++) {
        Span bytes = tokenizer_bytes(tok, (int32_t)i);
        h = rng_hash(bytes.ptr, bytes.len, h + tok->tokens[i].flags);
    }
    tok->fingerprint = rng_hash(tok->merges, tok->n_merges * sizeof *tok->merges, h);
}

Status tokenizer_finish(Tokenizer *tok, Err *err)
{
    for (int i = 0; i < 256; i++) {
        if (tok->byte_ids[i] < 0)
            return err_set(err, ERR_FORMAT, "no token for byte 0x%02x", (unsigned)i);
    }
    if (tok->dummy_prefix && tokenizer_find(tok, SPAN(" ")) < 0)
        return err_set(err, ERR_FORMAT, "no token for a space");
    TRY(make_pairs(tok, err));
    if (tok->kind == TOKENIZER_BYTE_BPE)
        TRY(mark_reachable(tok, err));
    find_roles(tok);
    make_fingerprint(tok);
    return OK;
}

Status tokenizer_set_template(Tokenizer *tok, Span jinja, Err *err)
{
    mem_free(tok->chat_template);
    tok->chat_template = NULL;
    if (jinja.len == 0 || span_equal(jinja, span_of(template_jinja())))
        return OK;
    tok->chat_template = mem_dup(jinja.ptr, jinja.len);
    if (!tok->chat_template)
        return err_set(err, ERR_NOMEM, "no memory for a chat template");
    return OK;
}

const char *tokenizer_missing_special(const Tokenizer *tok)
{
    static const char *const needed[] = {TOKEN_BOS,       TOKEN_SYSTEM, TOKEN_USER,
                                         TOKEN_ASSISTANT, TOKEN_TOOL,   TOKEN_CALL,
                                         TOKEN_END};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (tokenizer_special(tok, needed[i]) < 0)
            return needed[i];
    }
    return NULL;
}

/* --- using ----------------------------------------------------------------------- */
Span tokenizer_bytes(const Tokenizer *tok, int32_t id)
{
    ASSERT(id >= 0 && (size_t)id < tok->n);
    return (Span){tok->bytes.ptr + tok->tokens[id].at, tok->tokens[id].len};
}

Span tokenizer_bytes_after(const Tokenizer *tok, int32_t before, int32_t id)
{
    Span bytes = tokenizer_bytes(tok, id);
    bool at_start = tok->dummy_prefix && before >= 0 && before == tok->bos;
    if (at_start && !tokenizer_is_special(tok, id) && bytes.ptr[0] == ' ') {
        bytes.ptr++;
        bytes.len--;
    }
    return bytes;
}

Status tokenizer_decode(const Tokenizer *tok, const int32_t *ids, size_t n,
                        bool with_specials, Str *out, Err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= tok->n)
            return err_set(err, ERR_FORMAT, "id %d at %zu is not in [0, %zu)",
                           (int)ids[i], i, tok->n);
    }
    for (size_t i = 0; i < n; i++) {
        if (with_specials || !tokenizer_is_special(tok, ids[i]))
            str_span_append(
                out, tokenizer_bytes_after(tok, i > 0 ? ids[i - 1] : -1, ids[i]));
    }
    return str_check(out, err);
}

bool tokenizer_is_special(const Tokenizer *tok, int32_t id)
{
    ASSERT(id >= 0 && (size_t)id < tok->n);
    return (tok->tokens[id].flags & TOKEN_FLAG_SPECIAL) != 0;
}

int32_t tokenizer_special(const Tokenizer *tok, const char *name)
{
    Span key = span_of(name);
    const ByteMapEntry *e = byte_map_find(&tok->added, key, byte_map_hash(key));
    return e ? (int32_t)(e->value >> 1) : -1;
}

int32_t tokenizer_vocab(const Tokenizer *tok)
{
    return (int32_t)tok->n;
}

TokenizerKind tokenizer_kind(const Tokenizer *tok)
{
    return tok->kind;
}

uint64_t tokenizer_fingerprint(const Tokenizer *tok)
{
    return tok->fingerprint;
}

int32_t tokenizer_bos(const Tokenizer *tok)
{
    return tok->bos;
}

int32_t tokenizer_eos(const Tokenizer *tok)
{
    return tok->eos;
}

int32_t tokenizer_pad(const Tokenizer *tok)
{
    return tok->pad;
}

int32_t tokenizer_end_of_turn(const Tokenizer *tok)
{
    return tok->end_of_turn;
}

bool tokenizer_adds_bos(const Tokenizer *tok)
{
    return tok->adds_bos;
}

bool tokenizer_has_foreign_template(const Tokenizer *tok)
{
    return tok->chat_template != NULL;
}

void tokenizer_set_max_length(Tokenizer *tok, int64_t tokens)
{
    tok->max_length = tokens;
}
