/* rl_internal.h - the core of reinforcement learning from scores: what PPO, RLOO and GRPO
 * share. A method (RlMethod) says how scores become advantages and what the policy's loss
 * is; the core does the rest.
 *
 * Words: an *episode* is one prompt with one answer. Its *actions* are the tokens of the
 * answer that the policy drew; tokens that a tool forced into it are read like the prompt
 * but are no actions: no loss, no KL, no value. The `answers` episodes of one prompt stand
 * side by side: a *group*.
 *
 * An *iteration* collects `batch` episodes with the current policy and then makes
 * epochs * minibatches updates on them:
 *
 *     batch of prompts ─► engine: answers, calls executed ─► reward: a score each
 *       └─► training forward: log pi, log ref ─► method: advantages     rollout.c
 *             └─► epochs x minibatches: the method's loss               update.c
 *
 * rl.c opens and closes, evaluates on held-out prompts, and runs the loop. */
#ifndef STAGES_RL_INTERNAL_H
#define STAGES_RL_INTERNAL_H

#include "data/prefetch.h"
#include "data/shards.h"
#include "stages/answers.h"
#include "stages/rl/guards.h"
#include "stages/rl/options.h"
#include "tensor/loss_group.h"
#include "train/lm.h"
#include "train/memory.h"

typedef struct Episode {
    int64_t prompt;         /* number in RlStage.prompts */
    int64_t n_ids;          /* prompt and answer */
    int64_t n_answer;       /* of those */
    int64_t first, actions; /* in the arrays of Experience */
    bool ended;             /* the answer came to its <|im_end|> */
    bool left_out;          /* nothing is learned from it */
    double score, scaled;   /* the reward's; the same, whitened if it is to be */
    double repetition;      /* guards.h */
    double kl, kl3;         /* summed over the actions */
} Episode;

/* All arrays of a number an action go episode after episode. */
typedef struct Experience {
    int64_t n;         /* episodes: the batch */
    Episode *episodes; /* [n] */
    int32_t *ids;      /* [n][context] prompt and answer */
    float *is_action;  /* [n][context] 1 for ids that are actions */
    int64_t actions;   /* in all */
    /* [n * context] at most, one an action */
    float *drawn_logprob; /* what the sampler said */
    float *logprob;       /* of the policy that drew it, by the training forward */
    float *ref_logprob;   /* of the reference */
    float *entropy;       /* of the policy there */
    float *weight;        /* 1; 0 in episodes that are left out */
    float *advantage;     /* the method's */
    /* [n], for methods that compare the answers to a prompt */
    double *outcome;   /* what an episode is worth */
    double *relative;  /* the same beside its group */
    double engine_gap; /* mean |logprob - the sampler's|: should be rounding alone */
} Experience;

/* A pass: whole episodes of one minibatch, and a number an action of them. */
typedef struct RlPass {
    Batch *batch;
    int64_t *episodes; /* numbers of those in the batch */
    int64_t *actions;  /* how many each has */
    int64_t n;
    float *logprob, *entropy; /* forward */
    float *old_logprob, *ref_logprob, *advantage, *weight;
    float *dlogprob, *dentropy;
} RlPass;

/* What the passes of a minibatch add up to. */
typedef struct Minibatch {
    double actions, episodes; /* that are learned from: what losses are divided by */
    double policy_loss,
        other_loss; /* of all together; other: the method's, a critic's */
    double clip_fraction, approx_kl, entropy, ratio, ratio_squares;
    double ratio_max, ratio_min;
} Minibatch;

/* Sums over the updates of an iteration, for its line of metrics. */
typedef struct UpdateSums {
    double updates, skipped;
    double policy_loss, other_loss, ptx_loss;
    double clip_fraction, approx_kl, entropy;
    double ratio, ratio_variance, ratio_max, ratio_min;
    double first_ratio_error; /* max |ratio - 1| in the first minibatch: 0 */
} UpdateSums;

/* Where the seconds of an iteration go; what is left of it is the optimizer's, and that of
 * evaluations. */
typedef struct RlTimes {
    double rollout, reward, look_back, update;
    double drawn, learned; /* tokens: of answers; of the passes that are learned from */
} RlTimes;

typedef struct RlStage RlStage;

/* What distinguishes PPO, RLOO and GRPO. All but the marked are required. */
typedef struct RlMethod {
    const OptTable *options; /* its name is the stage's */
    /* --- the policy --- */
    void (*credit)(RlStage *s); /* experience.advantage, from scores and log-probs */
    /* The loss of the pass and its gradient into pass.dlogprob; sums are divided by a
     * number of the whole minibatch. */
    PolicyLoss (*policy_loss)(RlStage *s, const Minibatch *mb);
    /* --- what a method has beside: a critic; may be NULL --- */
    ModelHead (*policy_head)(const RlStage *s); /* HEAD_BOTH: a row for the critic */
    Status (*open)(RlStage *s, TensorOps *ops, Err *err); /* its models, into s->own */
    void (*plan_models)(const RlStage *s, MemoryPlan *plan);
    void (*plan_training)(const RlStage *s, MemoryPlan *plan);
    Status (*prepare)(RlStage *s, TapeOptions keeps, Err *err);
    void (*look)(RlStage *s); /* at the episodes of the pass, when they are collected */
    void (*learn)(RlStage *s, Minibatch *mb); /* from them: other gradients */
    /* The same at the policy's own pass, whose hidden states are there: what its second head
     * gives back joins the gradient that goes through the trunk. */
    void (*learn_beside)(RlStage *s, Minibatch *mb);
    void (*begin)(RlStage *s); /* an iteration's updates */
    void (*put_experience)(const RlStage *s, Metrics *m);
    void (*put_updates)(const RlStage *s, Metrics *m);
    double (*explained)(const RlStage *s); /* variance of returns, by the critic */
    void (*release)(RlStage *s);
} RlMethod;

/* What becomes of groups whose answers all have the same score: from them alone nothing can
 * be learned where the advantage is relative to the group. */
enum { EQUAL_KEEP, EQUAL_DROP, EQUAL_RESAMPLE };

struct RlStage {
    const RlMethod *method;
    const RlOptions *o; /* the beginning of the method's own */
    const TrainOptions *t;
    void *own;     /* the method's state */
    ChatModel sft; /* its model is the policy */
    Model *reference;
    ModelLora
        lora; /* rank 0: all weights are trained; else adapters over the reference */
    uint64_t lora_hash;
    Learner policy, *critic; /* critic NULL: none */
    Tape *policy_tape, *reference_tape;
    Rewards rewards;
    Reward gold; /* gold.self NULL: none */
    World *world;
    Rewards gold_rewards; /* behind gold, where no world is */
    Prompts prompts, heldout;
    int64_t *prompt_order, prompt_epoch; /* shuffled prompts of that epoch */
    Answerer *answerer;
    EngineResult *results; /* [batch or eval_prompts] */
    RewardItem *items;
    int64_t *which;
    Experience experience;
    RlPass pass;
    int64_t *order; /* of the episodes in the current epoch; [batch] */
    int equal_groups;
    int64_t resample_rounds;
    double equal, resampled; /* groups of this iteration */
    uint64_t *grams;         /* [context], for guards_repetition */
    const char *folder;      /* the stage's */
    bool warned;             /* of a guard that tripped, where guards is off */
    /* the pretraining mix; packer NULL: none */
    Shard ptx_shard;
    Packer *ptx_packer;
    Prefetch *ptx_ahead;
    LmPass *ptx_pass;
    /* State beside weights, kept in checkpoints: the controller's coefficient and how many
     * groups were asked for so far. */
    double kl_coef;
    int64_t groups;
    Guards guards;
    bool stopped; /* target_kl was passed in this iteration */
    double last_loss;
    UpdateSums sums;
    double tokens, flops;
    RlTimes times; /* of this iteration */
};

/* The stage: opens what the options name, learns, saves. `o` begins with RlOptions. */
NODISCARD Status rl_run(RlStage *s, const StageEnv *env, const TrainOptions *given,
                        StageReport *report, Err *err);

/* What rewards and critics are opened with; of the stage's own. */
RewardEnv rl_reward_env(const RlStage *s);

/* For methods that compare the answers to a prompt. */
NODISCARD Status rl_check_group(const RlOptions *o, Err *err);

/* --- watching (watch.c) --- */
GuardLimits rl_guard_limits(const RlOptions *o);
void rl_watch_iteration(RlStage *s);                    /* when its updates are made */
void rl_watch_heldout(RlStage *s, const Metrics *m);    /* after an evaluation */
NODISCARD Status rl_check_guards(RlStage *s, Err *err); /* before an iteration */
NODISCARD Status rl_write_diagnosis(RlStage *s, Err *err); /* at the end */

/* --- collecting (rollout.c) --- */
/* Collects the episodes of an iteration: rollouts, scores, log-probabilities, advantages.
 * Puts what TRL calls objective/..., val/... */
NODISCARD Status rl_collect(RlStage *s, int64_t iteration, Metrics *m, Err *err);
/* Adds what has passed since *mark, and moves it to now. */
void rl_take_time(double *seconds, double *mark);
/* What the end of an episode is worth: its score, limited, less penalties. */
double rl_final_reward(const RlOptions *o, const Episode *e);
/* Every action's advantage is its episode's `relative`. */
void rl_spread(Experience *x);
/* The k1 and k3 estimates of KL(pi || ref) summed over each episode's actions. */
void rl_sum_kl(Experience *x);

/* --- passes and updates (update.c) --- */
/* One update's gradients; *skip when target_kl says to leave the rest of the iteration. */
NODISCARD Status rl_update(RlStage *s, int64_t u, Metrics *m, double *loss,
                           bool skip[2], Err *err);
/* The order of episodes in epoch `epoch` of the iteration, into s->order. */
void rl_shuffle(RlStage *s, int64_t iteration, int64_t epoch);
/* Episodes [*begin, *end) of s->order are minibatch number `minibatch`. */
void rl_minibatch(const RlStage *s, int64_t minibatch, int64_t *begin, int64_t *end);
/* Lays as many episodes of order[*at..end) as a pass takes into s->pass and moves *at on.
 * False when none is left. The same order gives the same passes: so the numbers of the
 * first epoch's first update are those that were collected, bit for bit. */
bool rl_lay(RlStage *s, int64_t *at, int64_t end);
void rl_forward_policy(RlStage *s, Model *model, Tape *tape);
/* From an array of a number an action to the pass, and back. */
void rl_gather(const RlStage *s, float *to, const float *from);
void rl_scatter(const RlStage *s, float *to, const float *from);
/* Tokens of the longest pass: no episode is cut. */
int64_t rl_pass_tokens(const RlStage *s);

typedef struct Moments {
    double mean, variance;
} Moments;
Moments rl_moments(const float *x, int64_t n);

#endif
