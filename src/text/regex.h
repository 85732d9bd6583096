/* split_regex.h - a foreign split pattern, run by PCRE2 (UTF, UCP, JIT). The pattern may
 * come with a file from anywhere: its length, its work per match and its stack are
 * limited, and a match that goes over is ERR_LIMIT. */
#ifndef TEXT_SPLIT_REGEX_H
#define TEXT_SPLIT_REGEX_H

#include "base/str.h"

typedef struct SplitRegex SplitRegex;
NODISCARD Status split_regex_new(SplitRegex **out, Span source, Err *err);
void split_regex_free(SplitRegex *r); /* accepts NULL */

/* What one user of r needs beside it; free with split_regex_scratch_free. */
NODISCARD Status split_regex_scratch(const SplitRegex *r, void **out, Err *err);
void split_regex_scratch_free(void *scratch); /* accepts NULL */

/* The first non-empty match at or after `from` in text, which is valid UTF-8, or a span
 * of length 0. */
NODISCARD Status split_regex_find(const SplitRegex *r, void *scratch, Span text,
                                  size_t from, Span *found, Err *err);

#endif
