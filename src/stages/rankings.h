/* rankings.h - ranked answers as ids: for each ranking the K conversations (prompt and
 * answer) and their ranks. What the reward model is trained and measured on. For its
 * report also what a row says beside them: "scores":[K], by which a judge ranked, and a
 * group ("source" or "skill", or the field that is asked for). */
#ifndef STAGES_RANKINGS_H
#define STAGES_RANKINGS_H

#include "data/corpus.h"
#include "stages/documents.h"

enum { RANKINGS_GROUPS = 32 }; /* further ones are none */
typedef struct Rankings {
    Documents docs;
    int32_t *rank; /* of each document; 1 is best */
    float *margin; /* of each document: Record.margins */
    float *truth;  /* of each document: its score in the row, NAN where there is none */
    int64_t *first;                /* ranking i is documents first[i] .. first[i+1] */
    int32_t *group;                /* of each ranking: a number in groups, or -1 */
    char *groups[RANKINGS_GROUPS]; /* names */
    int32_t n_groups;
    size_t n, cap, rank_cap, margin_cap, truth_cap, first_cap, group_cap;
    int64_t dropped;   /* answers longer than the context */
    int64_t unordered; /* rankings left out because all answers tie */
} Rankings;

typedef struct RankingsOptions {
    const CorpusOptions *corpus; /* borrowed */
    int64_t context;
    int overlong; /* OVERLONG_... */
    bool ends;    /* of each ranking the best and the worst answer alone, of equals the
                       first */
    double heldout;    /* share of the rankings that go to the second set */
    const char *group; /* field of a row that says its group; NULL: source or skill */
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
