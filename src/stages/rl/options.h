/* options.h - the options that all stages of reinforcement learning share. Their structs
 * begin with RlOptions, and their tables with RL_FIELDS, so that the core (rl_internal.h)
 * reads any of them. */
#ifndef STAGES_RL_OPTIONS_H
#define STAGES_RL_OPTIONS_H

#include "base/options.h"
#include "stages/rewards.h"

typedef struct RlOptions {
    char *model, *reward, *prompts; /* sft folder; eval/reward_spec.h; data spec */
    char *world;                    /* world.json: log the gold reward; NULL: do not */
    char *gold_reward; /* without a world: a second reward model in gold's place */
    char *heldout_prompts;
    char *ptx_data; /* shard folder or data spec for the pretraining mix */
    int64_t episodes, batch, answers, minibatches, epochs;
    double temperature;
    int64_t max_new;
    double kl_coef, kl_target, kl_horizon; /* kl_target 0: fixed coefficient */
    double clip;
    double missing_eos_penalty, score_clip, overlong_penalty;
    int64_t overlong_buffer;
    double entropy_coef, ptx_coef;
    double target_kl;    /* approx_kl above which an iteration's remaining updates are
                         skipped; 0 off */
    bool mask_truncated; /* learn nothing from answers that do not end */
    bool tools;          /* the calculator in rollouts */
    int64_t eval_prompts;
    bool whiten_scores;
    bool guards; /* stop; else only warn (guards.h) */
    double guard_kl, guard_length, guard_repetition, guard_entropy, guard_gold;
} RlOptions;

/* What the methods' defaults differ in: answers a prompt, epochs, the KL coefficient and
 * what it weighs. */
/* clang-format off */
#define RL_FIELDS(answers_, epochs_, kl_, kl_help_)                                    \
    OPT_TEXT(RlOptions, model, NULL, "folder of the SFT model: policy and reference"), \
    OPT_TREE(RlOptions, reward, NULL, REWARDS_HELP),                                   \
    OPT_TEXT(RlOptions, prompts, NULL, "prompts: FILE[:WEIGHT],... or a glob"),        \
    OPT_TEXT(RlOptions, world, NULL, "practice world (its folder or world.json): logs the gold reward, which is not learned from; unset: does not"), \
    OPT_TEXT(RlOptions, gold_reward, NULL, "folder of a second reward model, which is not learned from: logged as gold where there is no world"), \
    OPT_TEXT(RlOptions, heldout_prompts, NULL, "prompts to evaluate on; unset: no evaluation"), \
    OPT_TEXT(RlOptions, ptx_data, NULL, "pretraining text to mix in: folder with train.shard, or data; needs ptx_coef"), \
    OPT_INT(RlOptions, episodes, 4096, 1, 9e15, "answers to learn from in all"),       \
    OPT_INT(RlOptions, batch, 128, 1, 1e6, "episodes an iteration"),                   \
    OPT_INT(RlOptions, answers, answers_, 1, 1e6, "answers to each prompt of an iteration"), \
    OPT_INT(RlOptions, minibatches, 4, 1, 1e6, "updates an epoch"),                    \
    OPT_INT(RlOptions, epochs, epochs_, 1, 1000, "passes over the episodes of an iteration"), \
    OPT_REAL(RlOptions, temperature, 1, 0.01, 100, "of the rollouts; log-probabilities are taken at the same"), \
    OPT_INT(RlOptions, max_new, 96, 1, 1e6, "tokens an answer may have, tool results included"), \
    OPT_REAL(RlOptions, kl_coef, kl_, 0, 1e6, kl_help_),                               \
    OPT_REAL(RlOptions, kl_target, 0, 0, 1e6, "nats an answer that the coefficient is steered to; 0: it is fixed"), \
    OPT_REAL(RlOptions, kl_horizon, 10000, 1, 1e12, "episodes over which the coefficient adapts"), \
    OPT_REAL(RlOptions, clip, 0.2, 0.0001, 1e6, "of the policy's ratio"),              \
    OPT_REAL(RlOptions, missing_eos_penalty, 1, 0, 1e6, "taken from the score of an answer that does not end"), \
    OPT_REAL(RlOptions, score_clip, 0, 0, 1e6, "limit of a score's size; 0: none"),    \
    OPT_REAL(RlOptions, overlong_penalty, 1, 0, 1e6, "taken from the score of an answer of max_new tokens; less within overlong_buffer"), \
    OPT_INT(RlOptions, overlong_buffer, 0, 0, 1e6, "tokens before max_new over which that penalty grows from 0; 0: there is none"), \
    OPT_BOOL(RlOptions, mask_truncated, false, "learn nothing from answers that do not end"), \
    OPT_REAL(RlOptions, entropy_coef, 0, 0, 1e6, "bonus for a nat of entropy"),        \
    OPT_REAL(RlOptions, ptx_coef, 0, 0, 1e6, "weight of the loss on pretraining text; 0: not mixed in"), \
    OPT_REAL(RlOptions, target_kl, 0, 0, 1e6, "leave an iteration when a minibatch's approximate KL passes this; 0: never"), \
    OPT_BOOL(RlOptions, tools, true, "execute calculator calls in rollouts"),          \
    OPT_INT(RlOptions, eval_prompts, 128, 1, 1e6, "held-out prompts to evaluate on"),  \
    OPT_BOOL(RlOptions, whiten_scores, false, "scale the scores of an iteration to mean 0 and unit spread before anything else"), \
    OPT_BOOL(RlOptions, guards, true, "stop, with a diagnosis, when training goes wrong; no: warn alone"), \
    OPT_REAL(RlOptions, guard_kl, 50, 0, 1e9, "nats an answer from the reference at which to stop; 0: never, as in all guards"), \
    OPT_REAL(RlOptions, guard_length, 4, 0, 1e9, "factor by which the mean length of answers may change"), \
    OPT_REAL(RlOptions, guard_repetition, 0.5, 0, 1, "share of 4-grams that an answer may have had before"), \
    OPT_REAL(RlOptions, guard_entropy, 0.05, 0, 1, "share of the first entropy of a token that must be left"), \
    OPT_REAL(RlOptions, guard_gold, 0.5, 0, 1e9, "deviations that held-out gold may fall below its best while the score rises")
/* clang-format on */

#endif
