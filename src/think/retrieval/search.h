/* search.h - the passages of an index that answer to a question, best first.
 *
 * 1. Rankers, each with a list of passages: the words of the question (BM25F, score.c) is
 *    always one; others, by vectors say, join through the same table.
 * 2. Several lists become one by reciprocal rank fusion (Cormack et al., SIGIR 2009): the
 *    sum of 1/(60 + rank).
 * 3. With a language model the best are put in order by query likelihood (Sachan et al.
 *    2022, UPR): log p(question | passage) for each of its tokens. One call a candidate.
 *
 * BM25 in a small collection: score.c says why ours is not SQLite's. */
#ifndef THINK_RETRIEVAL_SEARCH_H
#define THINK_RETRIEVAL_SEARCH_H

#include "think/lm/lm.h"
#include "think/retrieval/index.h"

typedef struct SearchOptions {
    int64_t k;                 /* passages wanted */
    double k1, b;              /* BM25 */
    double heading, heading_b; /* weight and length correction of the heading */
    bool stop_words;           /* search for "the" and "what" too */
    int64_t candidates;        /* of each ranker, and to be ordered by a model */
} SearchOptions;
extern const OptTable search_options;

typedef struct Ranked {
    int64_t chunk;
    double score; /* higher is better */
} Ranked;

/* A way to find passages. */
typedef struct Ranker {
    const char *name;
    void *self;
    /* At most `most` passages, best first, into out; *n how many. */
    Status (*rank)(void *self, Index *x, Span question, int64_t most, Ranked *out,
                   int64_t *n, Err *err);
} Ranker;

enum { MOST_RANKERS = 7 };
typedef struct Searcher {
    Index *index; /* all borrowed */
    const SearchOptions *o;
    const Ranker *rankers; /* beside the words */
    size_t n_rankers;      /* <= MOST_RANKERS */
    Lm *reorder;           /* NULL: as ranked; else can.score */
    bool snippets;         /* fill those of the hits */
} Searcher;

typedef struct Hit {
    Passage passage;
    double score; /* of the words, of the fusion, or nats a token of the question */
    Str snippet;  /* around the words found, which stand between HIT_ON and HIT_OFF;
                      cut at both ends by "…" */
} Hit;
#define HIT_ON  '\x01'
#define HIT_OFF '\x02'

typedef struct Hits {
    Hit *hits;
    size_t n;
} Hits;
void hits_release(Hits *h); /* accepts zeroed */

/* Passages with the same text count once. None is no error. usage: what a model took, may
 * be NULL without one. */
NODISCARD Status search_passages(const Searcher *s, Span question, Hits *out,
                                 LmUsage *usage, Err *err);

/* The words alone, as a ranker would: for whoever needs no texts. */
NODISCARD Status search_words(Index *x, const SearchOptions *o, Span question,
                              int64_t most, Ranked *out, int64_t *n, Err *err);

/* Fuses lists[i] of n[i] into out, which has room for their sum, and says how many are
 * different. Ties: the smaller id first. */
int64_t rank_fuse(const Ranked *const *lists, const int64_t *n, size_t n_lists,
                  Ranked *out);

/* log p(question | passage) for each token of the question: step 3. A passage that does
 * not fit into the model's context is cut. */
NODISCARD Status query_likelihood(Lm *lm, const Passage *p, Span question, double *out,
                                  LmUsage *usage, Err *err);

#endif
