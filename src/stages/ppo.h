/* ppo.h - stage 4: reinforcement learning from human feedback with PPO (Schulman et al.
 * 2017; Ziegler et al. 2019; Ouyang et al. 2022). Separate critic initialised from the
 * reward model, per-token k1 KL to the reference in the reward, score at the EOS index,
 * GAE, whitened advantages, clipped ratio and value. */
#ifndef STAGES_PPO_H
#define STAGES_PPO_H

#include "stages/stage.h"

typedef struct PpoOptions {
    char *model, *reward, *prompts; /* sft folder; eval/reward_spec.h; data spec */
    char *critic; /* folder it starts from; NULL: reward model or policy */
    char *world;  /* world.json: log the gold reward; NULL: do not */
    char *heldout_prompts;
    char *ptx_data; /* shard folder or data spec for the pretraining mix */
    int64_t episodes, batch, minibatches, epochs;
    double temperature;
    int64_t max_new;
    double kl_coef, kl_target, kl_horizon; /* kl_target 0: fixed coefficient */
    double gamma, lambda, clip, value_clip,
        value_coef_lr; /* value_coef_lr: critic's lr_scale */
    double missing_eos_penalty, score_clip;
    double entropy_coef, ptx_coef;
    double
        target_kl; /* approx_kl above which an iteration's remaining updates are skipped; 0 off */
    bool whiten_rewards, tools; /* tools: the calculator in rollouts */
    int64_t eval_prompts;
} PpoOptions;
extern const OptTable ppo_options;
NODISCARD Status stage_ppo(const StageEnv *env, const PpoOptions *o,
                           const TrainOptions *t, StageReport *report, Err *err);
#endif
