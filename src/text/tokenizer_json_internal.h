/* tokenizer_json_internal.h - what the halves of the tokenizer.json reader share: what
 * its normalizer, pre_tokenizer, post_processor and decoder come down to. */
#ifndef TEXT_TOKENIZER_JSON_INTERNAL_H
#define TEXT_TOKENIZER_JSON_INTERNAL_H

#include "text/tokenizer_internal.h"

#include <jansson.h>

typedef struct TokenizerParts {
    bool nfc;
    bool prepend;       /* the dummy prefix of TOKENIZER_SCORES */
    bool spaces_marked; /* spaces become U+2581 */
    bool byte_level;    /* tokens are spelt in GPT-2's byte alphabet */
    Span bos;           /* put in front by the post_processor; empty: nothing is */
} TokenizerParts;

/* Reads the four parts of root; the patterns go to split. Strings stay root's. */
NODISCARD Status tokenizer_parts_read(TokenizerParts *parts, Split *split,
                                      const json_t *root, Err *err);

/* tokenizer_config.json: roles of specials, chat template, length. */
NODISCARD Status tokenizer_config_read(Tokenizer *tok, Span config, Err *err);

/* "<what> 'text' <why>" with text quoted. */
NODISCARD Status tokenizer_json_fault(Err *err, const char *what, Span text,
                                      const char *why);

#endif
