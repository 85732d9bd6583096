/* stage_judge.h - who says how good answers are where data is made of them (rank, bestof):
 * the gold judge of a practice world, or a reward model. */
#ifndef STAGES_STAGE_JUDGE_H
#define STAGES_STAGE_JUDGE_H

#include "eval/reward.h"
#include "stages/stage_internal.h"

typedef struct StageJudge {
    Reward reward;
    World *world;        /* behind it, or */
    Model *reward_model; /* this */
} StageJudge;

/* `folder`: a practice world (its folder or world.json), or the folder of a reward model;
 * NULL is ERR_OPTION naming `option`. Borrows the model's tokenizer and template. */
NODISCARD Status stage_judge_open(StageJudge *out, TensorOps *ops, const char *folder,
                                  const char *option, const ChatModel *model, Err *err);
void stage_judge_release(StageJudge *j);

#endif
