// floor: text
/* fuzz_tokenizer_llama2c.c - a vocabulary of llama2.c: the first 259 tokens are put in
 * front of what the fuzzer makes. What is read encodes any text, decodes it again, and
 * comes back from tokenizer.json. */
#include "text/tokenizer.h"
#include "text/tokenizer_write.h"

#include "base/bytes.h"
#include "base/err.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_token(Str *file, const char *name)
{
    char head[8] = {0};
    bytes_put_u32(head + 4, (uint32_t)strlen(name));
    str_append(file, head, sizeof head);
    str_puts(file, name);
}

static void put_head(Str *file)
{
    char name[8];
    str_append(file, "\7\0\0\0", 4);
    put_token(file, "<unk>");
    put_token(file, "<s>");
    put_token(file, "</s>");
    for (unsigned i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        put_token(file, name);
    }
}

static void use(const Tokenizer *tok, Span text)
{
    Err err = {0};
    Ids ids = {0};
    Str back = {0}, json = {0};
    ASSERT(tokenizer_encode(tok, text, &ids, &err) == OK);
    ASSERT(tokenizer_decode(tok, ids.ptr, ids.len, true, &back, &err) == OK);
    Span got = str_span(&back);
    if (text.len > 0) { /* the dummy space */
        ASSERT(got.len > 0 && got.ptr[0] == ' ');
        got.ptr++;
        got.len--;
    }
    ASSERT(span_equal(got, text));
    tokenizer_write_json(tok, &json);
    Tokenizer *again;
    if (tokenizer_from_json(&again, str_span(&json), (Span){0}, &err) == OK)
        ASSERT(tokenizer_vocab(again) == tokenizer_vocab(tok));
    else
        ASSERT(err.msg[0]);
    tokenizer_free(again);
    ids_release(&ids);
    str_release(&back);
    str_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    Span text = {(const char *)data, size};
    Str file = {0};
    Err err = {0};
    Tokenizer *tok;
    put_head(&file);
    str_append(&file, text.ptr + 1, size - 1);
    if (tokenizer_from_llama2c(&tok, str_span(&file), 259 + data[0], &err) == OK)
        use(tok, text);
    else
        ASSERT(err.msg[0]);
    tokenizer_free(tok);
    str_release(&file);
    return 0;
}
