/* extract.h - the answer inside an answer: "348 * 27 = 9396. The answer is 9,396." says
 * 9396. One extractor serves every strategy that is compared, because a strategy that only
 * writes tidier text must not look like one that thinks better; a text without an answer
 * is invalid, which is counted apart and never a vote.
 *
 *     answer             what stands behind the last "answer is" or "Answer:"
 *     number             the last number
 *     choice             the last of A, B, C, D (behind "answer is", if that is there)
 *     choice:yes,no      the same of the words given
 *     regex:EXPRESSION   its first group (or all of it) where it matches last
 *     exact              all of the text
 *     auto               answer, else number, else exact
 *
 * Two answers are the same when their normal forms are: letters small, white space single,
 * without quotes, emphasis, currency and the full stop around them; numbers without
 * thousands' commas, a plus sign, leading zeros or zeros behind the last digit. */
#ifndef THINK_EXTRACT_H
#define THINK_EXTRACT_H

#include "base/err.h"
#include "base/str.h"
#include "text/regex.h"

#include <stdbool.h>

typedef enum ExtractKind {
    EXTRACT_AUTO,
    EXTRACT_ANSWER,
    EXTRACT_NUMBER,
    EXTRACT_CHOICE,
    EXTRACT_REGEX,
    EXTRACT_EXACT
} ExtractKind;

enum { EXTRACT_MOST_CHOICES = 32 };

typedef struct Extractor {
    ExtractKind kind;
    Str source; /* the specification; the choices point into it */
    Regex *regex;
    Span choices[EXTRACT_MOST_CHOICES];
    size_t n_choices;
} Extractor;

/* Pure. ERR_OPTION says what is wrong with the specification. */
NODISCARD Status extractor_parse(Extractor *out, Span spec, Err *err);
void extractor_release(Extractor *e); /* accepts zeroed */

/* Finds the answer in text: *found is borrowed from it (or from e: a choice), of length 0
 * when there is none. *marked: the text says itself that this is its answer; a last number
 * and a whole text are guesses. Threads: any. */
NODISCARD Status extract_find(const Extractor *e, Span text, Span *found, bool *marked,
                              Err *err);
/* Appends the normal form of an answer. */
void extract_normal(Span answer, Str *out);
/* Both: appends the normal form of the answer in text, nothing when there is none. */
NODISCARD Status extract(const Extractor *e, Span text, Str *out, bool *valid,
                         Err *err);

#endif
