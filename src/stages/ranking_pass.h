/* ranking_pass.h - whole rankings in passes: all K answers of one are run forward once, in
 * one pass, and all pairs use their numbers (Ouyang et al. 2022, 3.5; pairs shuffled as
 * separate examples would let an answer be learned K-1 times over). What reward modelling
 * and DPO share. A ranking is never cut between two passes. */
#ifndef STAGES_RANKING_PASS_H
#define STAGES_RANKING_PASS_H

#include "stages/answer_pass.h"
#include "stages/rankings.h"

typedef struct RankingPass {
    AnswerPass *answers;
    const Rankings *rankings; /* whose numbers are in the queue */
    int64_t micro_batch;      /* tokens of a pass, unless one ranking has more */
    int64_t *queue, queued, cap;
    bool learns;
    double tokens; /* learned from so far */
    /* Told the numbers of ranking i, one an answer; fills dvalue with their gradient (it is
     * not read when the pass only measures). */
    void *self;
    void (*take)(void *self, int64_t i, const float *value, const int64_t *tokens,
                 float *dvalue);
} RankingPass;

/* Tokens of the longest pass. b may be empty. */
int64_t ranking_pass_tokens(int64_t micro_batch, const ModelShape *shape,
                            const Rankings *a, const Rankings *b);
/* The model is borrowed; passes of ranking_pass_tokens. */
NODISCARD Status ranking_pass_init(RankingPass *p, Model *model, int64_t most_tokens,
                                   int64_t micro_batch, TapeOptions o, Err *err);
void ranking_pass_release(RankingPass *p);
/* Everything that is added until ranking_pass_end is of these rankings; learns: gradients
 * are added to the model. */
void ranking_pass_begin(RankingPass *p, const Rankings *rankings, bool learns);
void ranking_pass_add(RankingPass *p, int64_t i);
void ranking_pass_end(RankingPass *p);

#endif
