/* gbnf_write.h - any grammar as llama.cpp's text (gbnf.h): regular expressions and schemas
 * for endpoints that take nothing else. Pure. */
#ifndef FORMAT_GRAMMAR_GBNF_WRITE_H
#define FORMAT_GRAMMAR_GBNF_WRITE_H

#include "format/grammar/grammar.h"

/* Appends rules `root`, what `node` allows, and r0, r1 ... of g. ERR_OPTION: the text has no
 * form for "any text up to ...", and none for a class without characters. */
NODISCARD Status gbnf_write(const Grammar *g, int32_t node, Str *out, Err *err);

#endif
