/* reward_internal.h - the parts of reward modelling that reward.c (the stage and its
 * objective), reward_scale.c (scale and zero) and reward_curve.c (the learning curve)
 * share. */
#ifndef STAGES_REWARD_INTERNAL_H
#define STAGES_REWARD_INTERNAL_H

#include "stages/answers.h"
#include "stages/epochs.h"
#include "stages/ranking_pass.h"
#include "stages/reward.h"

/* Sums over the rankings of an update. */
typedef struct RankingSums {
    double loss, pairs, right;
} RankingSums;

typedef struct RewardStage {
    const RewardOptions *o;
    const TrainOptions *t;
    ModelLora lora; /* rank 0: all weights are trained */
    const CorpusOptions *corpus;
    ChatModel sft;   /* frozen: the tokenizer, and samples for the gain */
    Learner learner; /* the reward model */
    Rankings train, heldout;
    Documents demonstrations;
    Prompts prompts; /* for the gain; n 0: the comparisons' answers serve */
    RankingPass pass;
    RankingSums sums;     /* of what the pass is running */
    Epochs epochs;        /* of the training rankings, or of a part of them: */
    int64_t *part;        /* numbers of those; NULL: all */
    float *heldout_score; /* of each held-out answer */
    const char *folder;   /* where the report goes */
    json_t *curve;        /* points of the learning curve; NULL: none */
} RewardStage;

/* One update's gradient and scores (reward.c); Objective.update. */
NODISCARD Status reward_update(void *self, int64_t u, Metrics *m, double *loss,
                               bool skip[2], Err *err);
/* Scores of all held-out answers into heldout_score. */
void reward_score_heldout(RewardStage *r);
/* What learns, from the start, on the first n rankings of r->part or on all. */
NODISCARD Status reward_make_learner(RewardStage *r, TensorOps *ops, int32_t recomputed,
                                     int64_t n, Err *err);
void reward_release_learner(RewardStage *r);
int64_t reward_updates(const RewardStage *r, int64_t rankings);

/* --- scale and zero (reward_scale.c) --- */
enum { REWARD_GAIN_PROMPTS = 256, REWARD_GAIN_SLOTS = 32 };
int64_t
reward_gain_tokens(const ModelShape *shape); /* of a sample that the gain is for */
int32_t reward_gain_capacity(const RewardStage *r);
/* Folds the gain into score.weight and sets score_bias; puts both. */
NODISCARD Status reward_set_scale(RewardStage *r, Metrics *m, Err *err);

/* --- the learning curve (reward_curve.c) --- */
/* Trains its first points into r->curve, or takes them from the stage's folder when this
 * very run (by its fingerprint) has trained them before. */
NODISCARD Status reward_learning_curve(RewardStage *r, TensorOps *ops,
                                       int32_t recomputed, uint64_t run, Err *err);

#endif
