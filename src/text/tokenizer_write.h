/* tokenizer_write.h - a tokenizer as the text of its two files; what went wrong is in
 * out->failed. tokenizer_from_json gives the same tokenizer back. */
#ifndef TEXT_TOKENIZER_WRITE_H
#define TEXT_TOKENIZER_WRITE_H

#include "text/tokenizer.h"

void tokenizer_write_json(const Tokenizer *tok, Str *out);
void tokenizer_write_config(const Tokenizer *tok, Str *out);

#endif
