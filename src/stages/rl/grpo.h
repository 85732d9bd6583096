/* grpo.h - group relative policy optimisation (Shao et al. 2024): no critic; an answer's
 * advantage is its score less the mean of its group, over the group's deviation; the KL to
 * the reference is a term of the loss (k3). Options make Dr. GRPO (Liu et al. 2025) or DAPO
 * (Yu et al. 2025) of it. */
#ifndef STAGES_RL_GRPO_H
#define STAGES_RL_GRPO_H

#include "stages/rl/options.h"
#include "stages/stage.h"

enum { GRPO_SCALE_GROUP, GRPO_SCALE_BATCH, GRPO_SCALE_NONE };
enum { GRPO_KL_LOSS, GRPO_KL_REWARD };
enum { GRPO_LOSS_ANSWER, GRPO_LOSS_TOKEN, GRPO_LOSS_CONSTANT };

typedef struct GrpoOptions {
    RlOptions rl;
    int scale, loss, kl_in; /* GRPO_SCALE_..., GRPO_LOSS_..., GRPO_KL_... */
    double clip_high;
    int equal_groups;
    int64_t resample_rounds;
} GrpoOptions;
extern const OptTable grpo_options;
NODISCARD Status stage_grpo(const StageEnv *env, const GrpoOptions *o,
                            const TrainOptions *t, StageReport *report, Err *err);

#endif
