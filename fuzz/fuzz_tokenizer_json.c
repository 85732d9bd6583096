// floor: text
/* fuzz_tokenizer_json.c - a tokenizer.json and, behind a byte 0, a tokenizer_config.json.
 * What is read encodes the input itself and decodes it to the same bytes (or their
 * normal form), without special tokens; it is written and read as the same tokenizer. */
#include "text/tokenizer.h"
#include "text/tokenizer_write.h"

#include "base/err.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const Tokenizer *tok, Span text, bool exact)
{
    Err err = {0};
    Ids ids = {0};
    Str back = {0};
    Status status = tokenizer_encode(tok, text, &ids, &err);
    if (status != OK) { /* a split pattern that explodes */
        ASSERT(status != ERR_NOMEM && err.msg[0] && ids.len == 0);
    } else {
        for (size_t i = 0; i < ids.len; i++)
            ASSERT(!tokenizer_is_special(tok, ids.ptr[i]));
        ASSERT(tokenizer_decode(tok, ids.ptr, ids.len, false, &back, &err) == OK);
        ASSERT(!exact || span_equal(str_span(&back), text));
    }
    ids_release(&ids);
    str_release(&back);
}

static void check_written(const Tokenizer *tok)
{
    Err err = {0};
    Str json = {0}, config = {0};
    Tokenizer *again;
    tokenizer_write_json(tok, &json);
    tokenizer_write_config(tok, &config);
    ASSERT(tokenizer_from_json(&again, str_span(&json), str_span(&config), &err) == OK);
    ASSERT(tokenizer_fingerprint(again) == tokenizer_fingerprint(tok));
    tokenizer_free(again);
    str_release(&json);
    str_release(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Span json = {(const char *)data, size}, config = {0};
    const char *cut = size > 0 ? memchr(data, 0, size) : NULL;
    if (cut) {
        json.len = (size_t)(cut - json.ptr);
        config = (Span){cut + 1, size - json.len - 1};
    }
    Err err = {0};
    Tokenizer *tok;
    if (tokenizer_from_json(&tok, json, config, &err) == OK) {
        Span text = {(const char *)data, size < 4096 ? size : 4096};
        bool exact = tokenizer_kind(tok) == TOKENIZER_BYTE_BPE &&
                     span_find(json, SPAN("NFC"), 0) < 0;
        check_text(tok, text, exact);
        check_written(tok);
    } else {
        ASSERT(err.msg[0]);
    }
    tokenizer_free(tok);
    return 0;
}
