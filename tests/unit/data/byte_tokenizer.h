/* byte_tokenizer.h - a tokenizer whose ids are bytes, and tame's special tokens. */
#ifndef UNIT_DATA_BYTE_TOKENIZER_H
#define UNIT_DATA_BYTE_TOKENIZER_H

#include "support/check.h"
#include "text/tokenizer.h"

static inline Tokenizer *byte_tokenizer(void)
{
    static const char *const specials[] = {TOKEN_BOS,    TOKEN_EOS,  TOKEN_PAD,
                                           TOKEN_SYSTEM, TOKEN_USER, TOKEN_ASSISTANT,
                                           TOKEN_TOOL,   TOKEN_CALL, TOKEN_END};
    Err err = {OK, ""};
    Tokenizer *tok;
    CHECK_OK(tokenizer_from_merges(&tok, SPLIT_GPT2, NULL, 0, specials,
                                   sizeof specials / sizeof *specials, &err));
    return tok;
}

#endif
