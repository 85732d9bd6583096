/* reward_sum.h - the weighted sum of the parts of a RewardSpec, as one Reward.
 *
 *     reward_sum_open(&sum, &spec, &env, &err);      models, worlds, programs
 *     ... the plan of the memory: reward_sum_model(sum, i) ...
 *     reward_sum_prepare(sum, &reward, &err);        the models' tapes
 *     reward_sum_begin(sum);                         counts from here
 *     reward_score(&reward, items, n, &err);         perhaps several times
 *     reward_sum_part(sum, i, &stats);               what each part said
 *     reward_sum_free(sum);
 *
 * A part that `when` leaves out of an item counts 0 there and is not asked. */
#ifndef EVAL_REWARD_SUM_H
#define EVAL_REWARD_SUM_H

#include "eval/reward.h"
#include "eval/reward_spec.h"

typedef struct RewardSum RewardSum;

/* Borrowed, for as long as the sum lives. */
typedef struct RewardEnv {
    TensorOps *ops;
    const ModelShape *policy; /* whose answers a reward model must be able to read */
    const Tokenizer *tok;
    const ChatTemplate *chat;
    bool hurries; /* a stop ends a program's wait (reward_program.h) */
    /* Where adapters are trained: the policy's reference. Reward models are then opened
     * beside it, over one base where they have the same. NULL: each by itself. */
    Model *beside;
} RewardEnv;

/* Takes what spec holds (it is empty afterwards, also on an error). Opens everything but
 * the models' tapes. The message names the part. */
NODISCARD Status reward_sum_open(RewardSum **out, RewardSpec *spec,
                                 const RewardEnv *env, Err *err);
/* Takes the tapes; *out borrows the sum. */
NODISCARD Status reward_sum_prepare(RewardSum *sum, Reward *out, Err *err);
void reward_sum_free(RewardSum *sum); /* NULL allowed */

/* Whether a prompt with this row (NULL: none) can be judged. */
NODISCARD Status reward_sum_check(const RewardSum *sum, const json_t *row, Err *err);
/* The i-th reward model and its folder; NULL beyond the last. */
Model *reward_sum_model(const RewardSum *sum, size_t i, const char **folder);
const RewardSpec *reward_sum_spec(const RewardSum *sum);

void reward_sum_begin(RewardSum *sum);
/* What part i said since then, before its weight; n 0: it was not asked. */
typedef struct RewardPartStats {
    const char *name;
    double mean, sd;
    int64_t n;
} RewardPartStats;
void reward_sum_part(const RewardSum *sum, size_t i, RewardPartStats *out);

#endif
