/* preferences.h - what the offline stages of preference learning (DPO, KTO) share: the
 * policy, its reference, and what the policy's answers to held-out prompts look like.
 *
 * Policy and reference begin as the same model. So log ref(y|x) of every answer is what the
 * policy says before its first step: it is computed up front, from the weights as they were
 * loaded and before any checkpoint is resumed, and kept as one number an answer. A second
 * model is never in memory. Where an adapter is what learns, that holds as well: it begins
 * as nothing, or as the adapter that was learned before, and so do they. */
#ifndef STAGES_PREFERENCES_H
#define STAGES_PREFERENCES_H

#include "stages/answer_pass.h"
#include "stages/answers.h"

typedef struct Policy {
    ChatModel sft;    /* its model learns */
    Learner learner;  /* its moments are ours */
    Prompts prompts;  /* for samples and the gold score */
    RecordList asked; /* the same as records; borrows them */
    Answerer *answerer;
    World *world; /* NULL: no gold score */
    Reward gold;
    AnswerOptions how;
} Policy;

/* What the policy is asked on the way. */
typedef struct PolicyOptions {
    const char *world;    /* of the gold judge; NULL: answers are shown, not judged */
    const char *prompts;  /* whose first are asked */
    int64_t most_prompts; /* when they are judged */
    int64_t max_new, seed;
    const CorpusOptions *corpus;
} PolicyOptions;

/* Before the plan of the memory: the prompts and the world; the model is open. */
NODISCARD Status policy_ask(Policy *p, const PolicyOptions *o, Err *err);
/* The model, the optimizer, a tape of pass_tokens, the answers; called when the model and
 * the data are in memory. */
NODISCARD Status policy_plan(MemoryPlan *plan, const Policy *p, int64_t pass_tokens,
                             const TrainOptions *t, Err *err);
NODISCARD Status policy_prepare(Policy *p, Err *err); /* takes what was planned */
void policy_release(Policy *p);

/* log ref(y|x) of all documents, the caller's to mem_free; shows progress. The model must
 * still have the weights that it was loaded with. */
NODISCARD Status policy_reference(AnswerPass *pass, const Documents *docs,
                                  const char *progress, float **out, Err *err);
/* log pi - log ref. */
static inline float log_ratio(float logprob, float reference)
{
    return (float)((double)logprob - (double)reference);
}

/* metrics_put under the name prefix + name: "heldout/" + "loss". */
void put_under(Metrics *m, const char *prefix, const char *name, double value);
/* heldout/gold and its like, as PPO logs them; nothing when there is no world. */
NODISCARD Status policy_put_gold(Policy *p, Metrics *m, Err *err);
/* Objective.sample for a stage that has its Policy. */
NODISCARD Status policy_sample(Policy *p, json_t *samples, Err *err);

#endif
