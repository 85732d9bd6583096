/* ppo.h - stage 4: reinforcement learning from human feedback with PPO (Schulman et al.
 * 2017; Ziegler et al. 2019; Ouyang et al. 2022). Separate critic initialised from the
 * reward model, or a row over the policy's trunk; per-token k1 KL to the reference in the
 * reward, score at the EOS index, GAE, whitened advantages, clipped ratio and value. */
#ifndef STAGES_RL_PPO_H
#define STAGES_RL_PPO_H

#include "stages/rl/options.h"
#include "stages/stage.h"

typedef struct PpoOptions {
    RlOptions rl;
    /* "separate" (NULL too): a model of its own, which starts from a reward model or the
     * policy; a folder: from that; "shared": a row over the policy's trunk */
    char *critic;
    double gamma, lambda, value_clip;
    double value_coef_lr; /* of a separate critic: its lr_scale */
    double value_coef;    /* of a shared one: the weight of its loss */
    bool whiten_rewards, whiten_advantages;
} PpoOptions;
extern const OptTable ppo_options;
NODISCARD Status stage_ppo(const StageEnv *env, const PpoOptions *o,
                           const TrainOptions *t, StageReport *report, Err *err);

#endif
