/* record_text.h - the text of a row {"text": "..."} without a tree of JSON: rows of
 * pretraining data are many, long and simple. Pure. */
#ifndef DATA_RECORD_TEXT_H
#define DATA_RECORD_TEXT_H

#include "base/str.h"

/* If row is an object whose values are texts, which has "text" and no key of another
 * layout (data/record.h), appends its text to *out: what json_parse would give. Else, and
 * wherever JSON is broken or unusual, false and *out as it was: record_parse asks
 * json_parse then. */
bool record_text_row(Span row, Str *out);

#endif
