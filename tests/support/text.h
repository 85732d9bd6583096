/* text.h - what the tests of text/ share: a small trained tokenizer, ids and texts
 * compared with their expectation. */
#ifndef SUPPORT_TEXT_H
#define SUPPORT_TEXT_H

#include "support/check.h"

#include "text/bpe_train.h"
#include "text/template.h"
#include "text/tokenizer.h"

static inline Tokenizer *text_train(const char *text, int32_t vocab,
                                    SplitPattern pattern)
{
    Err err = {0};
    BpeTrainer *trainer;
    Tokenizer *tok;
    Span doc = span_of(text);
    CHECK_OK(bpe_trainer_new(&trainer, pattern, &err));
    CHECK_OK(bpe_trainer_add(trainer, &doc, 1, &err));
    CHECK_OK(bpe_trainer_finish(trainer, vocab, &tok, &err));
    bpe_trainer_free(trainer);
    return tok;
}

static const char text_sample[] =
    "the cat sat on the mat. the cat and the dog sat. What's that? It's 12 or 123.\n"
    "the dog sat on the cat and the mat sat on the dog. calculator(12*7) gives 84.\n"
    "What is that cat on the mat? The other dog, that's what. We'll see, they're 12.\n";

/* Ids as "1 2 3" in a static buffer. */
static inline const char *text_ids(const Ids *ids)
{
    static char out[4096];
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < ids->len && at + 12 < sizeof out; i++)
        at += (size_t)snprintf(out + at, sizeof out - at, i ? " %d" : "%d",
                               (int)ids->ptr[i]);
    return out;
}

static inline void text_check_round_trip(const Tokenizer *tok, Span text)
{
    Err err = {0};
    Ids ids = {0};
    Str back = {0};
    CHECK_OK(tokenizer_encode(tok, text, &ids, &err));
    for (size_t i = 0; i < ids.len; i++)
        assert_false(tokenizer_is_special(tok, ids.ptr[i]));
    CHECK_OK(tokenizer_decode(tok, ids.ptr, ids.len, true, &back, &err));
    assert_int_equal(back.len, text.len);
    if (text.len > 0)
        assert_memory_equal(back.ptr, text.ptr, text.len);
    str_release(&back);
    ids_release(&ids);
}

#endif
