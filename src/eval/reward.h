/* reward.h - the reward interface: answers to numbers. PPO, best-of-n, rankings and win
 * rates know only this; behind it stands a reward model, the gold judge of the practice
 * world, its tests, a program (reward_program.h), a rule (reward_rules.h), or a weighted
 * sum of such parts (reward_sum.h). */
#ifndef EVAL_REWARD_H
#define EVAL_REWARD_H

#include "data/world/world.h"
#include "engine/engine.h"
#include "format/json.h"
#include "text/template.h"
#include "think/answer.h"

typedef struct RewardItem {
    const Conversation *prompt; /* borrowed, like all here */
    const json_t *row;          /* the prompt's row of data (Record.row); NULL: none */
    const int32_t *prompt_ids;  /* rendered with the generation prompt */
    int64_t n_prompt;
    const int32_t *answer; /* as generated, end-of-turn included if ended */
    int64_t n_answer;
    bool ended;
    double score; /* out */
} RewardItem;

/* Answer i of answers to `prompts`; borrows from both. */
RewardItem reward_item(const Answers *answers, const Record *prompts,
                       const ChatTemplate *chat, int64_t i);

typedef struct Reward Reward;
struct Reward {
    void *self;
    const char *name;
    Status (*score)(void *self, RewardItem *items, int64_t n, Err *err);
    void (*free)(void *self);
};

/* ERR_OPTION when the model in `folder` has no scalar head (it "is no WHAT": "reward
 * model", "critic"), or cannot read all that the policy writes. */
NODISCARD Status reward_model_check(const Model *model, const char *folder,
                                    const char *what, const ModelShape *policy,
                                    Err *err);
/* Scalar head at the last token. Takes nothing: model and template are borrowed. */
NODISCARD Status reward_from_model(Reward *out, Model *reward_model, Err *err);
/* The tokens of its passes: it takes a tape for scoring of so many. */
int64_t reward_pass_tokens(const ModelShape *shape);
/* The gold judge over decoded answers. */
NODISCARD Status reward_from_judge(Reward *out, const World *world,
                                   const Tokenizer *tok, const ChatTemplate *chat,
                                   Err *err);
/* 1 where the answer is right as the practice world's tests count it, else 0: a reward that
 * can be verified, with nothing to say on form. */
NODISCARD Status reward_from_skill(Reward *out, const World *world,
                                   const Tokenizer *tok, const ChatTemplate *chat,
                                   Err *err);
NODISCARD Status reward_score(Reward *r, RewardItem *items, int64_t n, Err *err);
void reward_release(Reward *r);

#endif
