/* ppo.h - stage 4: reinforcement learning from human feedback with PPO (Schulman et al.
 * 2017; Ziegler et al. 2019; Ouyang et al. 2022). Separate critic initialised from the
 * reward model, per-token k1 KL to the reference in the reward, score at the EOS index,
 * GAE, whitened advantages, clipped ratio and value. */
#ifndef STAGES_RL_PPO_H
#define STAGES_RL_PPO_H

#include "stages/rl/options.h"
#include "stages/stage.h"

typedef struct PpoOptions {
    RlOptions rl;
    char *critic; /* folder that it starts from; NULL: a reward model or the policy */
    double gamma, lambda, value_clip,
        value_coef_lr; /* value_coef_lr: critic's lr_scale */
    bool whiten_rewards, whiten_advantages;
} PpoOptions;
extern const OptTable ppo_options;
NODISCARD Status stage_ppo(const StageEnv *env, const PpoOptions *o,
                           const TrainOptions *t, StageReport *report, Err *err);

#endif
