/* tokenizer_encode.c - text to ids. The tokens with TOKEN_FLAG_ADDED are looked for
 * first; what lies between them is normalised if the tokenizer asks for it, and then
 *
 *   TOKENIZER_BYTE_BPE  is cut into pieces, each of which is a token, or is merged from
 *                       its bytes (text/merge.h);
 *   TOKENIZER_SCORES    gets a space in front and is merged as one piece from its
 *                       characters, or from its bytes where a character is no token.
 *
 * The ids to merge are put at the end of the output, and merged there. An Encoder does
 * so once for a piece that it meets often (text/piece_cache.h). */
#include "base/mem.h"
#include "text/merge.h"
#include "text/piece_cache.h"
#include "text/tokenizer_internal.h"
#include "text/utf8.h"

#include <utf8proc.h>

/* --- byte-level BPE -------------------------------------------------------------- */
static Status merge_tail(const Tokenizer *tok, Ids *out, size_t start, Err *err)
{
    size_t n = out->len - start;
    TRY(merge_ids(&tok->pairs, out->ptr + start, &n, err));
    out->len = start + n;
    return OK;
}

/* What goes with the tokenizer while it encodes: nothing, or an Encoder's memory. */
struct Encoder {
    const Tokenizer *tok;
    PieceCache cache; /* TOKENIZER_BYTE_BPE; or zero: not used */
};

static Status encode_piece(const Tokenizer *tok, Span piece, uint64_t hash, Ids *out,
                           Err *err)
{
    if (piece.len <= TOKENIZER_MOST_BYTES) {
        const ByteMapEntry *e = byte_map_find(&tok->ordinary, piece, hash);
        if (e && (e->value & 1))
            return ids_push(out, (int32_t)(e->value >> 1), err);
    }
    size_t start = out->len;
    TRY(ids_reserve(out, piece.len, err));
    for (size_t i = 0; i < piece.len; i++)
        out->ptr[start + i] = tok->byte_ids[(unsigned char)piece.ptr[i]];
    out->len += piece.len;
    return merge_tail(tok, out, start, err);
}

static Status learn_short(Encoder *e, Span piece, PieceKey key, Ids *out, Err *err)
{
    size_t start = out->len;
    TRY(encode_piece(e->tok, piece, byte_map_hash(piece), out, err));
    piece_cache_put(&e->cache, key, out->ptr + start, out->len - start);
    return OK;
}

/* All PIECE_SHORT_IDS are copied, which is faster than to choose: out has the room. */
static Status encode_short(Encoder *e, Span piece, const char *end, Ids *out, Err *err)
{
    PieceKey key = piece_key(piece, end);
    const PieceShort *known = piece_cache_find(&e->cache, key);
    if (!known)
        return learn_short(e, piece, key, out, err);
    int32_t *ids = out->ptr + out->len;
    memcpy(ids, known->ids, sizeof known->ids);
    ids[0] &= 0xffffff;
    out->len += (size_t)(known->ids[0] >> 24);
    return OK;
}

static Status encode_long(Encoder *e, Span piece, Ids *out, Err *err)
{
    uint64_t hash = byte_map_hash(piece);
    const PieceLong *known = piece_cache_find_long(&e->cache, piece, hash);
    if (known)
        return ids_append(out, known->ids, known->n, err);
    size_t start = out->len;
    TRY(encode_piece(e->tok, piece, hash, out, err));
    piece_cache_put_long(&e->cache, piece, hash, out->ptr + start, out->len - start);
    return OK;
}

static Status encode_next(Encoder *e, Span piece, const char *end, Ids *out, Err *err)
{
    if (!e->cache.shorts)
        return encode_piece(e->tok, piece, byte_map_hash(piece), out, err);
    if (out->cap - out->len < PIECE_SHORT_IDS)
        TRY(ids_reserve(out, PIECE_SHORT_IDS, err));
    return piece.len <= PIECE_KEY_MOST ? encode_short(e, piece, end, out, err)
                                       : encode_long(e, piece, out, err);
}

static Status encode_pieces(Encoder *e, Span text, Ids *out, Err *err)
{
    SplitCursor cursor;
    TRY(split_begin(&cursor, e->tok->split, text, err));
    const char *end = text.ptr + text.len;
    Status status;
    for (;;) {
        Span piece;
        status = split_next(&cursor, &piece, err);
        if (status != OK || piece.len == 0)
            break;
        status = encode_next(e, piece, end, out, err);
        if (status != OK)
            break;
    }
    split_end(&cursor);
    return status;
}

/* --- scores ---------------------------------------------------------------------- */

/* A first byte and the continuation bytes behind it, four bytes at most: a character,
 * if the text is UTF-8 (llama2.c's rule). */
static size_t character(Span s, size_t at)
{
    size_t n = 1;
    while (n < 4 && at + n < s.len && ((unsigned char)s.ptr[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

static Status encode_characters(const Tokenizer *tok, Span text, Ids *out, Err *err)
{
    size_t start = out->len;
    TRY(ids_reserve(out, text.len + 1, err));
    if (tok->dummy_prefix)
        out->ptr[out->len++] = tokenizer_find(tok, SPAN(" "));
    for (size_t at = 0, n; at < text.len; at += n) {
        n = character(text, at);
        int32_t id = tokenizer_find(tok, (Span){text.ptr + at, n});
        if (id >= 0) {
            out->ptr[out->len++] = id;
            continue;
        }
        for (size_t i = 0; i < n; i++)
            out->ptr[out->len++] = tok->byte_ids[(unsigned char)text.ptr[at + i]];
    }
    return merge_tail(tok, out, start, err);
}

/* --- normal form C --------------------------------------------------------------- */
static Status no_normal_form(utf8proc_ssize_t code, Err *err)
{
    return err_set(err, code == UTF8PROC_ERROR_NOMEM ? ERR_NOMEM : ERR_LIMIT,
                   "cannot bring text to normal form C: %s", utf8proc_errmsg(code));
}

static Status append_nfc(Str *out, Span valid, Err *err)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)valid.ptr;
    utf8proc_ssize_t len = (utf8proc_ssize_t)valid.len;
    utf8proc_option_t how = (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    utf8proc_ssize_t n = utf8proc_decompose(bytes, len, NULL, 0, how);
    if (n < 0)
        return no_normal_form(n, err);
    utf8proc_int32_t *codes;
    TRY(MEM_ARRAY(&codes, (size_t)n + 1, err)); /* reencode ends with a NUL */
    n = utf8proc_decompose(bytes, len, codes, n, how);
    if (n >= 0)
        n = utf8proc_reencode(codes, n, how);
    if (n >= 0)
        str_append(out, (const char *)codes, (size_t)n);
    mem_free(codes);
    return n >= 0 ? OK : no_normal_form(n, err);
}

/* Bytes that are not UTF-8 stay as they are. */
static Status to_nfc(Str *out, Span text, Err *err)
{
    while (text.len > 0) {
        size_t n = utf8_valid_prefix(text);
        if (n > 0) {
            TRY(append_nfc(out, (Span){text.ptr, n}, err));
        } else {
            n = 1;
            str_append(out, text.ptr, 1);
        }
        text.ptr += n;
        text.len -= n;
    }
    return str_check(out, err);
}

static bool is_ascii(Span s)
{
    unsigned char all = 0;
    for (size_t i = 0; i < s.len; i++)
        all |= (unsigned char)s.ptr[i];
    return all < 0x80;
}

/* --- all ------------------------------------------------------------------------- */
static Status encode_between(Encoder *e, Span text, Ids *out, Err *err)
{
    const Tokenizer *tok = e->tok;
    Str normal = {0};
    if (text.len == 0)
        return OK;
    if (tok->nfc && !is_ascii(text)) {
        Status status = to_nfc(&normal, text, err);
        if (status != OK) {
            str_release(&normal);
            return status;
        }
        text = str_span(&normal);
    }
    Status status = tok->kind == TOKENIZER_SCORES
                        ? encode_characters(tok, text, out, err)
                        : encode_pieces(e, text, out, err);
    str_release(&normal);
    return status;
}

/* The longest added token that text has at `at`, or -1. */
static int32_t added_at(const Tokenizer *tok, Span text, size_t at, size_t *len)
{
    size_t most = text.len - at;
    if (most > tok->longest_added)
        most = tok->longest_added;
    for (*len = most; *len > 0; --*len) {
        Span name = {text.ptr + at, *len};
        const ByteMapEntry *e = byte_map_find(&tok->added, name, byte_map_hash(name));
        int32_t id = e ? (int32_t)(e->value >> 1) : -1;
        if (id >= 0 && !tokenizer_is_special(tok, id))
            return id;
    }
    return -1;
}

static Status encode_all(Encoder *e, Span text, Ids *out, Err *err)
{
    const Tokenizer *tok = e->tok;
    size_t from = 0, len = 0;
    for (size_t at = 0; tok->longest_added > 0 && at < text.len; at++) {
        if (!tok->starts_added[(unsigned char)text.ptr[at]])
            continue;
        int32_t id = added_at(tok, text, at, &len);
        if (id < 0)
            continue;
        TRY(encode_between(e, (Span){text.ptr + from, at - from}, out, err));
        TRY(ids_push(out, id, err));
        from = at + len;
        at = from - 1;
    }
    return encode_between(e, (Span){text.ptr + from, text.len - from}, out, err);
}

Status tokenizer_encode(const Tokenizer *tok, Span text, Ids *out, Err *err)
{
    Encoder forgetful = {.tok = tok};
    return encoder_encode(&forgetful, text, out, err);
}

/* --- encoders -------------------------------------------------------------------- */
Status encoder_new(Encoder **out, const Tokenizer *tok, Err *err)
{
    Encoder *e;
    *out = NULL;
    TRY(MEM_ARRAY(&e, 1, err));
    e->tok = tok;
    Status status =
        tok->kind == TOKENIZER_BYTE_BPE ? piece_cache_new(&e->cache, err) : OK;
    if (status != OK) {
        encoder_free(e);
        return status;
    }
    *out = e;
    return OK;
}

Status encoder_encode(Encoder *e, Span text, Ids *out, Err *err)
{
    size_t before = out->len;
    Status status = text.len > 0 ? encode_all(e, text, out, err) : OK;
    if (status != OK)
        out->len = before;
    return status;
}

void encoder_free(Encoder *e)
{
    if (!e)
        return;
    piece_cache_release(&e->cache);
    mem_free(e);
}
