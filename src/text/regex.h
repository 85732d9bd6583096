/* regex.h - a regular expression, run by PCRE2 (UTF, UCP, JIT): the split patterns of
 * foreign tokenizers, and rewards. It may come with a file from anywhere: its length, its
 * work per match and its stack are limited, and a match that goes over is ERR_LIMIT.
 * Messages are PCRE2's own; the caller says what the expression is for. */
#ifndef TEXT_REGEX_H
#define TEXT_REGEX_H

#include "base/str.h"

typedef struct Regex Regex;
NODISCARD Status regex_new(Regex **out, Span source, Err *err);
void regex_free(Regex *r); /* accepts NULL */

/* What one user of r needs beside it; free with regex_scratch_free. */
NODISCARD Status regex_scratch(const Regex *r, void **out, Err *err);
void regex_scratch_free(void *scratch); /* accepts NULL */

/* The first non-empty match at or after `from` in text, which is valid UTF-8, or a span
 * of length 0. */
NODISCARD Status regex_find(const Regex *r, void *scratch, Span text, size_t from,
                            Span *found, Err *err);
/* After a match was found: what its first group matched; the whole match where there is no
 * group, or it took no part. */
Span regex_group(const Regex *r, void *scratch, Span text, Span found);
/* Whether there is a match, empty or not, anywhere in text, which is valid UTF-8. */
NODISCARD Status regex_matches(const Regex *r, void *scratch, Span text, bool *matches,
                               Err *err);

#endif
