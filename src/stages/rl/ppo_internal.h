/* ppo_internal.h - what PPO makes of collected episodes, as functions on arrays (a number
 * an action, as in Experience): so that tests can drive them with a policy of their own. */
#ifndef STAGES_RL_PPO_INTERNAL_H
#define STAGES_RL_PPO_INTERNAL_H

#include "stages/rl/ppo.h"
#include "stages/rl/rl_internal.h"

/* reward (=): minus kl_coef k1 at each action, and at the last what the end is worth. */
void ppo_rewards(const PpoOptions *o, double kl_coef, const Experience *x,
                 float *reward);
/* x->advantage (=), whitened over the batch, and returns (=), from rewards and values. */
void ppo_advantages(const PpoOptions *o, const float *reward, const float *value,
                    Experience *x, float *returns);

#endif
