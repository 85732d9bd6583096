/* tokenizer_llama2c.c - llama2.c's vocabulary file (karpathy/llama2.c, tokenizer.py):
 *
 *     OFFSET  SIZE  WHAT
 *          0     4  u32 length of the longest token
 *                   then for each token, in the order of ids:
 *                4  f32 score
 *                4  u32 length
 *                   its bytes, U+2581 written as a space
 *
 * Ids 0, 1, 2 are unknown, begin, end of text; 3 to 258 are the bytes, "<0x00>" to
 * "<0xFF>". There are no merges in it: any two tokens merge whose joined bytes are a
 * token, the best score first. Listed once here, ranked by score (equal scores, equal
 * ranks: the leftmost goes first), they encode as llama2.c does. */
#include "base/bytes.h"
#include "base/mem.h"
#include "text/tokenizer_internal.h"
#include "text/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTE = 3, FIRST_PIECE = FIRST_BYTE + 256, MOST_BYTES = 256 };

typedef struct Record {
    float score;
    Span bytes;
} Record;

/* Reads the record at *at and moves *at behind it. */
static Status read_record(Span file, size_t *at, Record *out, Err *err)
{
    if (file.len - *at < 8)
        return err_set(err, ERR_FORMAT, "cut off at byte %zu", *at);
    out->score = bytes_f32(file.ptr + *at);
    size_t len = bytes_u32(file.ptr + *at + 4);
    *at += 8;
    if (len > file.len - *at)
        return err_set(err, ERR_FORMAT, "cut off: %zu bytes of %zu", file.len - *at,
                       len);
    if (len == 0 || len > MOST_BYTES)
        return err_set(err, ERR_FORMAT, "%zu bytes, not 1 to %d", len, MOST_BYTES);
    out->bytes = (Span){file.ptr + *at, len};
    *at += len;
    if (utf8_valid_prefix(out->bytes) < len)
        return err_set(err, ERR_FORMAT, "not UTF-8");
    if (!isfinite(out->score))
        return err_set(err, ERR_FORMAT, "the score is not a number");
    return OK;
}

static Status add_record(Tokenizer *tok, Span bytes, Err *err)
{
    static const char *const specials[FIRST_BYTE] = {"<unk>", "<s>", "</s>"};
    int32_t id = tokenizer_vocab(tok);
    if (id < FIRST_BYTE)
        return tokenizer_add_token(tok, span_of(specials[id]), TOKEN_FLAG_SPECIAL, err);
    if (id >= FIRST_PIECE)
        return tokenizer_add_token(tok, bytes, 0, err);
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", (unsigned)(id - FIRST_BYTE));
    if (!span_equal(bytes, span_of(name)))
        return err_set(err, ERR_FORMAT, "not '%s'", name);
    char byte = (char)(id - FIRST_BYTE);
    return tokenizer_add_token(tok, (Span){&byte, 1}, TOKEN_FLAG_BYTE, err);
}

/* --- merges from scores ---------------------------------------------------------- */
typedef struct Scored {
    float score;
    int32_t id;
} Scored;

static int better_first(const void *a, const void *b)
{
    const Scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Every way to make `id` of two tokens. */
static Status add_merges_of(Tokenizer *tok, int32_t id, uint32_t rank, Err *err)
{
    Span whole = tokenizer_bytes(tok, id);
    for (size_t cut = 1; cut < whole.len; cut++) {
        Span left = {whole.ptr, cut}, right = {whole.ptr + cut, whole.len - cut};
        Merge m = {.a = tokenizer_find(tok, left), .result = id, .rank = rank};
        m.b = m.a >= 0 ? tokenizer_find(tok, right) : -1;
        if (m.b >= 0)
            TRY(tokenizer_add_merge(tok, m, err));
    }
    return OK;
}

static Status add_merges(Tokenizer *tok, Scored *order, size_t n, Err *err)
{
    qsort(order, n, sizeof *order, better_first);
    uint32_t rank = 0;
    for (size_t i = 0; i < n; i++) {
        /* llama2.c looks for a best score above this. */
        if (order[i].score <= -1e10f)
            break;
        if (i > 0 && order[i].score < order[i - 1].score)
            rank = (uint32_t)tok->n_merges;
        TRY(add_merges_of(tok, order[i].id, rank, err));
    }
    return OK;
}

static Status build(Tokenizer *tok, Span file, Scored *order, size_t vocab, Err *err)
{
    size_t at = 4, n = 0;
    for (size_t id = 0; id < vocab; id++) {
        Record record = {0};
        Status status = read_record(file, &at, &record, err);
        if (status == OK)
            status = add_record(tok, record.bytes, err);
        if (status != OK)
            return err_context(err, "token %zu", id);
        if (id >= FIRST_PIECE)
            order[n++] = (Scored){record.score, (int32_t)id};
    }
    if (at < file.len)
        return err_set(err, ERR_FORMAT, "%zu bytes behind the last of %zu tokens",
                       file.len - at, vocab);
    tok->dummy_prefix = tok->adds_bos = true;
    TRY(add_merges(tok, order, n, err));
    return tokenizer_finish(tok, err);
}

Status tokenizer_from_llama2c(Tokenizer **out, Span bytes, int32_t vocab, Err *err)
{
    *out = NULL;
    if (vocab < FIRST_PIECE)
        return err_set(err, ERR_FORMAT, "a vocabulary of %d tokens, fewer than %d",
                       (int)vocab, FIRST_PIECE);
    /* Each token takes at least 9 bytes: no table is made for tokens not there. */
    if (bytes.len < 4 || (bytes.len - 4) / 9 < (size_t)vocab)
        return err_set(err, ERR_FORMAT, "%zu bytes, too few for %d tokens", bytes.len,
                       (int)vocab);
    Tokenizer *tok;
    Scored *order;
    TRY(MEM_ARRAY(&order, (size_t)vocab, err));
    Status status = tokenizer_new(&tok, TOKENIZER_SCORES, err);
    if (status == OK)
        status = build(tok, bytes, order, (size_t)vocab, err);
    mem_free(order);
    if (status != OK) {
        tokenizer_free(tok);
        return status;
    }
    *out = tok;
    return OK;
}
