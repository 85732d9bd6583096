/* open_book.h - what documents do for a model's answers, in four arms over the same
 * questions: so that what the search misses and what the reader gets wrong are told apart.
 *
 *     closed book   the question alone: what the model remembers
 *     gold          beside the right passage: what it can read
 *     retrieved     beside what the search finds: what a user gets
 *     wrong         beside another question's passage: what it believes; right would be
 *                   to say that the documents do not say
 *
 * An answer is right when one of the question's answers stands in it as whole words,
 * whatever the case, punctuation, articles and commas in numbers. All arms are judged so. */
#ifndef EVAL_OPEN_BOOK_H
#define EVAL_OPEN_BOOK_H

#include "eval/retrieval.h"
#include "think/retrieval/open_book.h"

typedef enum BookArm {
    BOOK_CLOSED,
    BOOK_GOLD,
    BOOK_FOUND,
    BOOK_WRONG,
    BOOK_ARMS
} BookArm;
extern const char *const book_arm_names[]; /* "closed book", ... */

typedef struct BookResult {
    int64_t right, unknown; /* answers; unknown: says that it does not know */
    int64_t bare;           /* says something and cites nothing */
    int64_t cites, held;    /* citations, and those that hold */
    int64_t tokens;         /* written */
    bool *is_right;         /* [n] */
} BookResult;

typedef struct BookReport {
    int64_t n;       /* questions of every arm: those whose right passage is there */
    int64_t without; /* questions left out: no passage of the index is right */
    BookResult arms[BOOK_ARMS];
} BookReport;
void book_report_release(BookReport *r); /* accepts zeroed */

typedef struct BookOptions {
    int64_t max_new;
} BookOptions;
extern const OptTable book_measure_options;

/* Greedy answers. lines (may be NULL) gets a JSON line an answer: {"question", "arm",
 * "answer", "right", "unknown", "cites", "held"}. ERR_FORMAT: a question has no answer. */
NODISCARD Status book_measure(Lm *lm, const Searcher *s, const RetrievalQuestions *q,
                              const OpenBookOptions *book, const BookOptions *o,
                              Str *lines, BookReport *out, LmUsage *usage, Err *err);

/* Is it right, by the rule above? */
bool book_is_right(const RetrievalQuestion *q, Span answer);

#endif
