/* split.h - cuts text into the pieces (pre-tokens) in which merges happen.
 *
 * The patterns of GPT-2, cl100k (GPT-4; Llama 3 has the same) and Qwen2 are scanned by
 * hand; any other one is PCRE2's. A tokenizer may have a chain of patterns, each
 * cutting the pieces of the one before. The pieces of a text, in order, are the text.
 * Bytes that are not UTF-8 are characters by themselves, neither letter, number nor
 * white space. Classes are those of Unicode 15 (utf8proc). Threads: many may use one
 * Split at a time, each with its own cursor. */
#ifndef TEXT_SPLIT_H
#define TEXT_SPLIT_H

#include "text/tokenizer.h"

enum { SPLIT_MOST = 4 }; /* patterns in a chain */

typedef struct Split Split;
NODISCARD Status split_new(Split **out, Err *err);
void split_free(Split *split); /* accepts NULL */
/* Adds the next pattern of the chain. regex: SPLIT_CUSTOM's; a SPLIT_CUSTOM that is
 * one of the known patterns becomes that one. */
NODISCARD Status split_add(Split *split, SplitPattern pattern, Span regex, Err *err);

int split_count(const Split *split);
SplitPattern split_pattern(const Split *split, int i);
Span split_regex(const Split *split, int i); /* the source text of pattern i */

/* Where one pattern of the chain stands. */
typedef struct SplitState {
    Span rest;     /* what it still has to cut */
    Span valid;    /* SPLIT_CUSTOM: stretch of valid UTF-8 that rest is in */
    Span found;    /* SPLIT_CUSTOM: the last match in it */
    void *scratch; /* SPLIT_CUSTOM: PCRE2's */
} SplitState;

typedef struct SplitCursor {
    const Split *split; /* borrowed: outlives us */
    uint64_t ends;      /* bit i: a piece ends in front of window[i]; 0: not known */
    const char *window; /* where a piece began (text/split_window.h) */
    SplitState states[SPLIT_MOST];
} SplitCursor;
NODISCARD Status split_begin(SplitCursor *c, const Split *split, Span text, Err *err);
/* From the start of another text, with the memory of split_begin. */
void split_restart(SplitCursor *c, Span text);
/* The next piece when its end is not known yet; for split_next. */
NODISCARD Status split_scan(SplitCursor *c, Span *piece, Err *err);
/* The next piece; one of length 0 after the last. */
NODISCARD static inline Status split_next(SplitCursor *c, Span *piece, Err *err)
{
    if (c->ends == 0)
        return split_scan(c, piece, err);
    Span *rest = &c->states[0].rest;
    const char *end = c->window + __builtin_ctzll(c->ends);
    *piece = (Span){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = (Span){end, rest->len - piece->len};
    c->ends &= c->ends - 1;
    return OK;
}
void split_end(SplitCursor *c); /* accepts a zeroed cursor */

#endif
