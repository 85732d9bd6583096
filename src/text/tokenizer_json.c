/* tokenizer_json.c - reads tokenizer.json, Hugging Face's format, as far as it is BPE:
 *
 *   with ByteLevel        tokens are spelt in GPT-2's byte alphabet: TOKENIZER_BYTE_BPE
 *   with byte_fallback    spaces are U+2581, "<0x0A>" is a byte: TOKENIZER_SCORES
 *
 * The file may come from anywhere. Ids must be [0, n) each once, merges must be of
 * tokens and give tokens, sizes are limited (tokenizer_internal.h). */
#include "format/json.h"

#include "base/mem.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer_json_internal.h"

#include <string.h>

typedef struct Named {
    Span name; /* as the file spells it; empty: none yet */
    uint32_t flags;
} Named;

typedef struct Reading {
    Tokenizer *tok;
    TokenizerParts parts;
    const json_t *vocab; /* object, name -> id */
    Named *names;        /* by id */
    size_t cap, n;       /* names has room for cap, n are there */
    Str text;            /* scratch */
} Reading;

/* --- tokens ---------------------------------------------------------------------- */
static Status put(Reading *r, int64_t id, Span name, Err *err)
{
    if (id < 0 || (uint64_t)id >= r->cap)
        return tokenizer_json_fault(err, "token", name, "has an id out of range");
    if (r->names[id].name.len > 0)
        return tokenizer_json_fault(err, "token", name, "has the id of another token");
    if (name.len == 0)
        return err_set(err, ERR_FORMAT, "token %d is empty", (int)id);
    r->names[id].name = name;
    r->n++;
    return OK;
}

static Status read_vocab(Reading *r, Err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(r->vocab), key, value)
    {
        if (!json_is_integer(value))
            return tokenizer_json_fault(err, "token", span_of(key),
                                        "has no integer id");
        TRY(put(r, json_integer_value(value), span_of(key), err));
    }
    return OK;
}

/* Blanks around an added token that vanish with it cannot come back in decoding. */
static Status check_added(const json_t *o, Span name, Err *err)
{
    static const char *const keys[] = {"single_word", "lstrip", "rstrip"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bool on;
        TRY(json_get_bool_or(o, keys[i], false, &on, err));
        if (on)
            return tokenizer_json_fault(err, keys[i], name, "is not supported");
    }
    return OK;
}

static Status read_added_token(Reading *r, const json_t *o, Err *err)
{
    int64_t id;
    Span name;
    bool special;
    TRY(json_get_int(o, "id", &id, err));
    TRY(json_get_text(o, "content", &name, err));
    TRY(json_get_bool_or(o, "special", false, &special, err));
    if (!special)
        TRY(check_added(o, name, err));
    const json_t *in_vocab = json_object_getn(r->vocab, name.ptr, name.len);
    if (!in_vocab)
        TRY(put(r, id, name, err));
    else if (json_integer_value(in_vocab) != id)
        return tokenizer_json_fault(err, "added token", name,
                                    "has another id in 'vocab'");
    r->names[id].flags = special ? TOKEN_FLAG_SPECIAL : TOKEN_FLAG_ADDED;
    return OK;
}

static Status read_added(Reading *r, const json_t *added, Err *err)
{
    for (size_t i = 0; i < json_array_size(added); i++) {
        if (read_added_token(r, json_array_get(added, i), err) != OK)
            return err_context(err, "added_tokens %zu", i);
    }
    return OK;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* "<0x0A>" -> 10, anything else -1. */
static int raw_byte(Span name)
{
    if (name.len != 6 || !span_starts(name, SPAN("<0x")) || name.ptr[5] != '>')
        return -1;
    int high = hex_digit(name.ptr[3]), low = hex_digit(name.ptr[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void unmark_spaces(Str *out, Span name)
{
    Span mark = SPAN("\xe2\x96\x81");
    size_t from = 0;
    for (ptrdiff_t at; (at = span_find(name, mark, from)) >= 0;) {
        str_append(out, name.ptr + from, (size_t)at - from);
        str_putc(out, ' ');
        from = (size_t)at + mark.len;
    }
    str_append(out, name.ptr + from, name.len - from);
}

static Status add_token(Reading *r, const Named *named, Err *err)
{
    uint32_t flags = named->flags;
    str_reset(&r->text);
    if (flags != 0) {
        str_span_append(&r->text, named->name);
    } else if (r->tok->kind == TOKENIZER_BYTE_BPE) {
        if (!byte_alphabet_unspell(&r->text, named->name))
            return tokenizer_json_fault(err, "token", named->name,
                                        "has a character that stands for no byte");
    } else if (raw_byte(named->name) >= 0) {
        flags = TOKEN_FLAG_BYTE;
        str_putc(&r->text, (char)raw_byte(named->name));
    } else {
        unmark_spaces(&r->text, named->name);
    }
    TRY(str_check(&r->text, err));
    return tokenizer_add_token(r->tok, str_span(&r->text), flags, err);
}

static Status read_tokens(Reading *r, const json_t *added, Err *err)
{
    size_t in_vocab = json_object_size(r->vocab), n_added = json_array_size(added);
    if (in_vocab > TOKENIZER_MOST_TOKENS || n_added > TOKENIZER_MOST_TOKENS)
        return err_set(err, ERR_LIMIT, "more than %d tokens", TOKENIZER_MOST_TOKENS);
    r->cap = in_vocab + n_added;
    TRY(MEM_ARRAY(&r->names, r->cap, err));
    TRY(read_vocab(r, err));
    TRY(read_added(r, added, err));
    for (size_t id = 0; id < r->n; id++) {
        if (r->names[id].name.len == 0)
            return err_set(err, ERR_FORMAT, "%zu tokens, but none with id %zu", r->n,
                           id);
        TRY(add_token(r, &r->names[id], err));
    }
    return OK;
}

/* --- merges ---------------------------------------------------------------------- */

/* "a b" or ["a", "b"]. */
static Status merge_sides(const json_t *merge, Span sides[2], Err *err)
{
    if (json_is_array(merge) && json_array_size(merge) == 2) {
        for (size_t i = 0; i < 2; i++) {
            const json_t *side = json_array_get(merge, i);
            if (!json_is_string(side))
                return err_set(err, ERR_FORMAT, "not two strings");
            sides[i] = (Span){json_string_value(side), json_string_length(side)};
        }
        return OK;
    }
    Span both = {json_string_value(merge), json_string_length(merge)};
    ptrdiff_t cut = both.ptr ? span_find(both, SPAN(" "), 0) : -1;
    if (cut < 0 || span_find(both, SPAN(" "), (size_t)cut + 1) >= 0)
        return err_set(err, ERR_FORMAT, "not two tokens with one space between them");
    sides[0] = (Span){both.ptr, (size_t)cut};
    sides[1] = (Span){both.ptr + cut + 1, both.len - (size_t)cut - 1};
    return OK;
}

static Status token_id(const Reading *r, Span name, int32_t *id, Err *err)
{
    const json_t *value = json_object_getn(r->vocab, name.ptr, name.len);
    if (!value)
        return tokenizer_json_fault(err, "token", name, "is not in 'vocab'");
    *id = (int32_t)json_integer_value(value);
    uint32_t flags = r->tok->tokens[*id].flags;
    if (flags & (TOKEN_FLAG_SPECIAL | TOKEN_FLAG_BYTE))
        return tokenizer_json_fault(err, "token", name, "cannot be in a merge");
    return OK;
}

static Status read_merge(Reading *r, const json_t *merge, Err *err)
{
    Span sides[2] = {{0}, {0}};
    TRY(merge_sides(merge, sides, err));
    Merge m = {0};
    TRY(token_id(r, sides[0], &m.a, err));
    TRY(token_id(r, sides[1], &m.b, err));
    str_reset(&r->text);
    str_span_append(&r->text, sides[0]);
    str_span_append(&r->text, sides[1]);
    TRY(str_check(&r->text, err));
    TRY(token_id(r, str_span(&r->text), &m.result, err));
    size_t n = r->tok->n_merges;
    m.rank = (uint32_t)n;
    /* The ways to make one token have its score, and so one rank. */
    if (r->tok->kind == TOKENIZER_SCORES && n > 0 &&
        r->tok->merges[n - 1].result == m.result)
        m.rank = r->tok->merges[n - 1].rank;
    return tokenizer_add_merge(r->tok, m, err);
}

/* --- model ----------------------------------------------------------------------- */
static Status check_empty(const json_t *model, const char *key, Err *err)
{
    const json_t *v = json_object_get(model, key);
    if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
        return OK;
    return err_set(err, ERR_FORMAT, "'%s' is not supported", key);
}

static Status read_model_settings(Reading *r, const json_t *model, Err *err)
{
    Span type = SPAN("BPE"); /* the first files had no type */
    bool byte_fallback;
    if (json_object_get(model, "type"))
        TRY(json_get_text(model, "type", &type, err));
    if (!span_equal(type, SPAN("BPE")))
        return tokenizer_json_fault(err, "type", type, "is not supported");
    TRY(check_empty(model, "dropout", err));
    TRY(check_empty(model, "continuing_subword_prefix", err));
    TRY(check_empty(model, "end_of_word_suffix", err));
    TRY(json_get_bool_or(model, "ignore_merges", false, &r->tok->ignore_merges, err));
    TRY(json_get_bool_or(model, "byte_fallback", false, &byte_fallback, err));
    r->tok->nfc = r->parts.nfc;
    if (r->parts.byte_level)
        return OK;
    if (!byte_fallback || !r->parts.spaces_marked || split_count(r->tok->split) > 0)
        return err_set(err, ERR_FORMAT,
                       "neither of bytes (ByteLevel) nor of characters "
                       "with byte_fallback and U+2581 for spaces");
    if (r->tok->ignore_merges)
        return err_set(err, ERR_FORMAT, "'ignore_merges' is not supported here");
    r->tok->kind = TOKENIZER_SCORES;
    r->tok->dummy_prefix = r->parts.prepend;
    return OK;
}

static Status read_model(Reading *r, const json_t *root, Err *err)
{
    const json_t *model = json_object_get(root, "model");
    r->vocab = json_object_get(model, "vocab");
    const json_t *merges = json_object_get(model, "merges");
    if (!json_is_object(r->vocab) || !json_is_array(merges))
        return err_set(err, ERR_FORMAT, "no 'vocab' or no 'merges'");
    TRY(read_model_settings(r, model, err));
    TRY(read_tokens(r, json_object_get(root, "added_tokens"), err));
    for (size_t i = 0; i < json_array_size(merges); i++) {
        if (read_merge(r, json_array_get(merges, i), err) != OK)
            return err_context(err, "merge %zu", i);
    }
    return OK;
}

static Status read_root(Reading *r, const json_t *root, Span config, Err *err)
{
    if (!json_is_object(root))
        return err_set(err, ERR_FORMAT, "not an object");
    TRY(tokenizer_parts_read(&r->parts, r->tok->split, root, err));
    if (read_model(r, root, err) != OK)
        return err_context(err, "model");
    if (r->parts.bos.len > 0) {
        r->tok->bos = tokenizer_special(r->tok, r->parts.bos.ptr);
        if (r->tok->bos < 0)
            return tokenizer_json_fault(err, "post_processor: token", r->parts.bos,
                                        "is not in 'added_tokens'");
        r->tok->adds_bos = true;
    }
    TRY(tokenizer_config_read(r->tok, config, err));
    return tokenizer_finish(r->tok, err);
}

Status tokenizer_from_json(Tokenizer **out, Span tokenizer_json, Span tokenizer_config,
                           Err *err)
{
    *out = NULL;
    Reading r = {0};
    json_t *root;
    Status status = json_parse(tokenizer_json, &root, err);
    if (status == OK)
        status = tokenizer_new(&r.tok, TOKENIZER_BYTE_BPE, err);
    if (status == OK)
        status = read_root(&r, root, tokenizer_config, err);
    json_decref(root);
    mem_free(r.names);
    str_release(&r.text);
    if (status != OK) {
        tokenizer_free(r.tok);
        return status;
    }
    *out = r.tok;
    return OK;
}
