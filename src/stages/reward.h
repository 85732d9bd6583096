/* reward.h - stage 3: a reward model from people's rankings (Ouyang et al. 2022, 3.5):
 * the SFT model with a scalar head read at the last token, Bradley-Terry loss over all
 * pairs of a ranking. Afterwards the gain is folded into score.weight so that samples of
 * the SFT model have unit spread, and score_bias makes demonstrations average 0.
 *
 * The stage ends with a report on held-out rankings (reward_report.json and .md in its
 * folder), which says whether the model is fit for reinforcement learning. */
#ifndef STAGES_REWARD_H
#define STAGES_REWARD_H

#include "stages/stage.h"

typedef struct RewardOptions {
    char *model, *data, *heldout_data; /* sft folder; comparisons */
    char *demonstrations;              /* for the bias; NULL: no centring */
    char *prompts; /* for the gain; NULL: the comparisons' own answers do */
    double heldout, epochs;
    int64_t batch_prompts; /* rankings an update */
    double margin, centre; /* tensor/loss_preference.h */
    int overlong;
    /* of the report (reward_report.h) */
    char *groups;
    double label_noise;
    bool learning_curve;
} RewardOptions;
extern const OptTable reward_options;
NODISCARD Status stage_reward(const StageEnv *env, const RewardOptions *o,
                              const TrainOptions *t, StageReport *report, Err *err);
#endif
