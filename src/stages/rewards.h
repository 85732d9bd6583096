/* rewards.h - the reward of a stage that learns by reinforcement: the option `reward`
 * (eval/reward_spec.h) opened, planned and logged, and the critic that may start from it.
 *
 *     rewards_open(&r, o->reward, &env, &err);            after the policy
 *     rewards_check(&r, &prompts, &err);                  after the prompts
 *     rewards_plan(plan, &r);
 *     rewards_prepare(&r, &err);                          after the plan
 *     rewards_begin(&r); reward_score(&r.reward, ...); rewards_put(&r, "", m);
 *     rewards_release(&r); */
#ifndef STAGES_REWARDS_H
#define STAGES_REWARDS_H

#include "eval/reward_sum.h"
#include "stages/answers.h"
#include "train/memory.h"

/* Help of the option `reward`, which is an OPT_TREE. */
#define REWARDS_HELP                                                                   \
    "what answers are worth: the folder of a reward model, or a list of parts "        \
    "[{model: FOLDER}, {program: FILE, weight: 0.5}, {regex: TEXT}, ...], or a "       \
    ".yaml file of it (docs/rewards.md)"

typedef struct Rewards {
    RewardSum *sum;
    Reward reward; /* of the sum; usable after rewards_prepare */
    uint64_t hash; /* for the stage's fingerprint; 0: one model alone */
} Rewards;

/* ERR_OPTION when text is NULL: the option is not set. */
NODISCARD Status rewards_open(Rewards *r, const char *text, const RewardEnv *env,
                              Err *err);
/* Whether every prompt can be judged: its row has the fields that are asked for. */
NODISCARD Status rewards_check(const Rewards *r, const Prompts *prompts, Err *err);
/* The reward models and their tapes. */
void rewards_plan(MemoryPlan *plan, const Rewards *r);
NODISCARD Status rewards_prepare(Rewards *r, Err *err);
void rewards_release(Rewards *r);

void rewards_begin(Rewards *r); /* what is scored from here is what rewards_put puts */
/* When there are several parts: PREFIXrewards/NAME/mean and /std
 * of each, before its weight, over the answers that it was asked about. */
void rewards_put(const Rewards *r, const char *prefix, Metrics *m);

/* A critic that trains: the model in `folder`, which must have a scalar head and the
 * policy's vocabulary; without one (NULL) the first reward model, and without that the
 * policy's trunk with a fresh head by the seed. *from (may be NULL) says which in words. */
NODISCARD Status rewards_critic(Model **out, const Rewards *r, const char *folder,
                                const RewardEnv *env, const Model *policy, int64_t seed,
                                const char **from, Err *err);
/* The policy's trunk, copied, under a scalar head that trains. */
NODISCARD Status scalar_over_trunk(Model **out, TensorOps *ops, const Model *trunk,
                                   int64_t seed, Err *err);

#endif
