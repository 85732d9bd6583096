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

/* The terms of a question, in lower case (ASCII). */
typedef struct QueryTerms {
    Span words[QUERY_TERMS]; /* borrowed from text */
    size_t n;
    Str text;
} QueryTerms;
/* At most QUERY_TERMS different ones, the first; longer words are left out. Numbers such as
 * 2,381.5 and words in "double quotes" are phrases. ERR_NOMEM is all that can go wrong. */
NODISCARD Status query_terms(Span question, bool keep_stop_words, QueryTerms *out,
                             Err *err);
void query_terms_release(QueryTerms *t); /* accepts zeroed */
/* Appends n terms joined by OR. */
void query_join(const Span *words, size_t n, Str *out);
/* Both in one: nothing is appended when the question has no word. */
NODISCARD Status query_build(Span question, bool keep_stop_words, Str *out, Err *err);

/* Is this word, in lower case, one of those left out? */
bool query_is_stop_word(Span word);

#endif
