/* group_internal.h - what RLOO and GRPO make of collected episodes, as functions on arrays,
 * so that tests can drive them with a policy of their own: x->relative and x->advantage
 * (=) from scores (and, in RLOO, KL). The KL of the episodes is summed (rl_sum_kl). */
#ifndef STAGES_RL_GROUP_INTERNAL_H
#define STAGES_RL_GROUP_INTERNAL_H

#include "stages/rl/grpo.h"
#include "stages/rl/rl_internal.h"
#include "stages/rl/rloo.h"

/* x->outcome (=): what the end of each episode is worth less kl_coef times its k1. */
void group_outcomes(const RlOptions *o, double kl_coef, Experience *x);
void rloo_advantages(const RlooOptions *o, double kl_coef, Experience *x);
void grpo_advantages(const GrpoOptions *o, double kl_coef, Experience *x);
/* The coefficient of k3 in the loss. */
double grpo_loss_kl(const GrpoOptions *o, double kl_coef);
/* The weight of each token of the pass and what their sum is divided by (loss_grpo). */
double grpo_weights(const GrpoOptions *o, const Minibatch *mb, const RlPass *pass,
                    float *w);

#endif
