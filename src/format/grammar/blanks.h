/* blanks.h - a text with blanks that a model fills, pure. What stands outside of {{ }} is
 * fixed and never drawn:
 *
 *     The capital of {{country}} is {{gen "capital" regex="[A-Z][a-z]+"}}.
 *     Is it large? {{select "large" "yes" | "no"}}
 *     It lies on the river {{gen "river" stop="," max_tokens=8}}
 *
 *     {{gen "NAME" ...}}   the model writes; what it may write, and where that ends:
 *         regex="..."      (regex.h), grammar="..." (gbnf.h), schema={...} (schema.h):
 *                          it ends where these do
 *         stop="..."       any text, up to this, which is part of the filled text and not
 *                          of the blank; may be given several times
 *         max_tokens=N     it is brought to its end within N tokens
 *         Without any of these the blank goes to the end of its line when the fixed text
 *         behind it begins with a newline, and to the end of the answer when it is last.
 *     {{select "NAME" "a" | "b"}}   one of these; words need no quotes
 *     {{NAME}}             a value that is given with the template
 *     {{"..."}}            a literal, for text with braces
 *
 * In quotes: \" \\ \n \t. */
#ifndef FORMAT_GRAMMAR_BLANKS_H
#define FORMAT_GRAMMAR_BLANKS_H

#include "format/grammar/grammar.h"

enum { BLANKS_STOPS = 8 };

typedef struct BlanksPart {
    char *name; /* owned; NULL: fixed text */
    Str text;   /* of fixed text */
    int32_t node;
    Str stops[BLANKS_STOPS]; /* what ends it and does not belong to it */
    int32_t n_stops;
    int64_t max_tokens; /* 0: no limit of its own */
} BlanksPart;

typedef struct Blanks {
    Grammar g;
    BlanksPart *parts;
    size_t n, cap;
} Blanks; /* zeroed: empty */

typedef struct BlanksValue {
    Span name, text;
} BlanksValue;

/* ERR_FORMAT with line and column. Names of blanks differ. */
NODISCARD Status blanks_parse(Blanks *out, Span text, const BlanksValue *values,
                              size_t n_values, Err *err);
/* Appends a fixed text, or a blank of a node of out->g (max_tokens 0: no limit). */
NODISCARD Status blanks_add_text(Blanks *b, Span text, Err *err);
NODISCARD Status blanks_add(Blanks *b, Span name, int32_t node, int64_t max_tokens,
                            Err *err);
/* Appends a blank that is any text up to `stop`. */
NODISCARD Status blanks_add_until(Blanks *b, Span name, Span stop, int64_t max_tokens,
                                  Err *err);
void blanks_release(Blanks *b); /* accepts zeroed */

#endif
