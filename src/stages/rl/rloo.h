/* rloo.h - reinforcement learning with a leave-one-out baseline (Ahmadian et al. 2024):
 * no critic; several answers to each prompt, and an answer's baseline is the mean of the
 * others. The whole answer is one action, the KL to the reference part of its reward. */
#ifndef STAGES_RL_RLOO_H
#define STAGES_RL_RLOO_H

#include "stages/rl/options.h"
#include "stages/stage.h"

typedef struct RlooOptions {
    RlOptions rl;
    bool whiten_advantages;
} RlooOptions;
extern const OptTable rloo_options;
NODISCARD Status stage_rloo(const StageEnv *env, const RlooOptions *o,
                            const TrainOptions *t, StageReport *report, Err *err);

#endif
