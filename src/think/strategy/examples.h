/* examples.h - worked examples for few-shot prompts, and which of them suit a question.
 *
 * A file of conversations (data/record.h: {"question", "answer"}, {"prompt",
 * "completion"}, {"messages"} ...), of which the last user's turn is the question and what
 * follows the answer. A row may say in "steps" how the answer is come to.
 *
 *     fixed     the first k
 *     random    k drawn anew for each question
 *     nearest   the k that share the most telling words with the question (BM25)
 *     diverse   near, but unlike one another: maximal marginal relevance (Carbonell and
 *               Goldstein 1998), half relevance, half difference
 *
 * An example whose question is the one that is asked is never shown. */
#ifndef THINK_STRATEGY_EXAMPLES_H
#define THINK_STRATEGY_EXAMPLES_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

typedef enum ExamplePick {
    PICK_FIXED,
    PICK_RANDOM,
    PICK_NEAREST,
    PICK_DIVERSE
} ExamplePick;
extern const char *const example_pick_names[]; /* ended by NULL */

typedef struct Example {
    Str question, steps, answer; /* steps: "" when it shows none */
    uint64_t *words;             /* hashes of its question's words, sorted */
    uint32_t *counts;            /* how often each occurs */
    size_t n_words, length;      /* distinct, and all */
} Example;

typedef struct Examples {
    Example *examples;
    size_t n, cap;
    double mean_length; /* in words */
} Examples;

/* ERR_FORMAT names file and line. ERR_OPTION: no examples in it. */
NODISCARD Status examples_load(Examples *out, const char *path, Err *err);
NODISCARD Status examples_add(Examples *e, Span question, Span steps, Span answer,
                              Err *err);
void examples_release(Examples *e); /* accepts zeroed */

/* The numbers of at most k examples into picked, in the order in which they are shown:
 * the most relevant last, next to the question. Returns how many. seed and key decide
 * what is random. Threads: any. */
NODISCARD Status examples_pick(const Examples *e, ExamplePick how, Span question,
                               size_t k, uint64_t seed, uint64_t key, size_t *picked,
                               size_t *n, Err *err);

/* BM25 (Robertson; k1 = 1.2, b = 0.75) of every example for a question, words as above:
 * relevance has e->n places. */
void examples_relevance(const Examples *e, const Example *question, double *relevance);

#endif
