/* extract.h - the one extractor: what an answer says, apart from how it says it. All arms of
 * a comparison go through the same one, so that none wins by its format alone. */
#ifndef EVAL_EXTRACT_H
#define EVAL_EXTRACT_H

#include "base/str.h"

#include <stdbool.h>

/* What follows the last '#' up to white space, ';' or the end, as the answers of data/tasks/
 * end; length 0: the answer is invalid. Borrowed from text. */
Span extract_answer(Span text);
/* The last number in a text, without signs of thousands ("1,234" is 1234), into *out: an
 * optional minus, digits, a decimal point with digits behind it. False: there is none. */
bool extract_number(Span text, Str *out);

#endif
