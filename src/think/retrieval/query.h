/* query.h - a question as an expression of SQLite's full text search (FTS5).
 *
 * What a person types is never the expression itself: AND, NEAR, -, :, * and quotes are
 * syntax there. Each word becomes a quoted term, and the terms are joined by OR, since a
 * question shares only some of its words with what answers it. Words that almost every
 * English text holds ("what", "is", "the") are left out while others remain. */
#ifndef THINK_RETRIEVAL_QUERY_H
#define THINK_RETRIEVAL_QUERY_H

#include "base/str.h"

#include <stdbool.h>

enum { QUERY_TERMS = 64, QUERY_TERM_BYTES = 128 };

/* Appends the expression to out; nothing when the question has no word. At most
 * QUERY_TERMS different terms: the first ones; longer words are left out. Numbers such as
 * 2,381.5 and words in "double quotes" are phrases. ERR_NOMEM is all that can go wrong. */
NODISCARD Status query_build(Span question, bool keep_stop_words, Str *out, Err *err);

/* Is this word, in lower case, one of those left out? */
bool query_is_stop_word(Span word);

#endif
