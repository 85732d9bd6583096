/* rankings.h - ranked answers as ids: for each ranking the K conversations (prompt and
 * answer) and their ranks. What the reward model is trained and measured on. */
#ifndef STAGES_RANKINGS_H
#define STAGES_RANKINGS_H

#include "data/corpus.h"
#include "stages/documents.h"

typedef struct Rankings {
    Documents docs;
    int32_t *rank;  /* of each document; 1 is best */
    float *margin;  /* of each document: Record.margins */
    int64_t *first; /* ranking i is documents first[i] .. first[i+1] */
    size_t n, cap, rank_cap, margin_cap, first_cap;
    int64_t dropped;   /* answers longer than the context */
    int64_t unordered; /* rankings left out because all answers tie */
} Rankings;

typedef struct RankingsOptions {
    const CorpusOptions *corpus; /* borrowed */
    int64_t context;
    int overlong; /* OVERLONG_... */
    bool ends;    /* of each ranking the best and the worst answer alone, of equals the
                       first */
    double heldout; /* share of the rankings that go to the second set */
} RankingsOptions;
/* Adds all rankings of a data specification to *train or, by a hash of the prompt, to
 * *heldout (may be NULL when the share is 0). */
NODISCARD Status rankings_load(Rankings *train, Rankings *heldout, const char *spec,
                               const ChatTemplate *chat, const RankingsOptions *o,
                               Err *err);
void rankings_release(Rankings *r);
int64_t rankings_answers(const Rankings *r, int64_t i); /* K of ranking i */
int64_t rankings_pairs(const Rankings *r); /* with different ranks, of all rankings */
/* Ids of the largest ranking. */
int64_t rankings_largest(const Rankings *r);
uint64_t rankings_hash(const Rankings *r); /* of ids, ranks and margins */

#endif
