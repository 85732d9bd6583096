/* ppo_internal.h - the parts of PPO that ppo.c (the stage), ppo_rollout.c (collecting
 * experience) and ppo_update.c (learning from it) share.
 *
 * Words: an *episode* is one prompt with one answer. Its *actions* are the tokens of the
 * answer that the policy drew; tokens that a tool forced into it are read like the prompt
 * but are no actions: no loss, no KL, no value. All arrays of Experience hold a number an
 * action, episode after episode.
 *
 * An *iteration* collects `batch` episodes with the current policy and then makes
 * epochs * minibatches updates on them. */
#ifndef STAGES_PPO_INTERNAL_H
#define STAGES_PPO_INTERNAL_H

#include "data/prefetch.h"
#include "data/shards.h"
#include "stages/answers.h"
#include "stages/ppo.h"
#include "stages/rewards.h"
#include "train/lm.h"

typedef struct Episode {
    int64_t prompt;         /* number in PpoStage.prompts */
    int64_t n_ids;          /* prompt and answer */
    int64_t first, actions; /* in the arrays of Experience */
    bool ended;             /* the answer came to its <|im_end|> */
    double score;           /* the reward model's */
    double kl, kl3;         /* summed over the actions */
} Episode;

typedef struct Experience {
    Episode *episodes; /* [batch] */
    int32_t *ids;      /* [batch][context] prompt and answer */
    float *is_action;  /* [batch][context] 1 for ids that are actions */
    int64_t actions;   /* in all */
    /* [batch * context] at most, one an action */
    float *logprob;     /* of the policy that drew it, by the training forward */
    float *ref_logprob; /* of the reference */
    float *entropy;     /* of the policy there */
    float *value;       /* of the critic, before the action */
    float *reward, *advantage, *returns;
    float *ones;       /* weights: every action counts once */
    double engine_gap; /* mean |logprob - the sampler's|: should be rounding alone */
} Experience;

/* Sums over the updates of an iteration, for its line of metrics. */
typedef struct UpdateSums {
    double updates, skipped;
    double policy_loss, value_loss, ptx_loss;
    double clip_fraction, value_clip_fraction, approx_kl, entropy;
    double ratio, ratio_variance, ratio_max, ratio_min;
    double first_ratio_error; /* max |ratio - 1| in the first minibatch: 0 */
} UpdateSums;

/* A pass: whole episodes of one minibatch, and a number an action of them. */
typedef struct PpoPass {
    Batch *batch;
    int64_t *episodes; /* numbers of those in the batch */
    int64_t n;
    float *logprob, *entropy, *value;
    float *old_logprob, *old_value, *advantage, *returns;
    float *dlogprob, *dentropy, *dvalue;
} PpoPass;

typedef struct PpoStage {
    const PpoOptions *o;
    const TrainOptions *t;
    ChatModel sft; /* its model is the policy */
    Model *reference;
    Learner policy, critic;
    Tape *policy_tape, *reference_tape, *critic_tape;
    Rewards rewards;
    const char *critic_from;
    Reward gold; /* gold.self NULL: none */
    World *world;
    Prompts prompts, heldout;
    int64_t *prompt_order, prompt_epoch; /* shuffled prompts of that epoch */
    Answerer *answerer;
    EngineResult *results; /* [batch or eval_prompts] */
    RewardItem *items;
    int64_t *which;
    Experience experience;
    PpoPass pass;
    int64_t *order; /* of the episodes in the current epoch; [batch] */
    /* the pretraining mix; packer NULL: none */
    Shard ptx_shard;
    Packer *ptx_packer;
    Prefetch *ptx_ahead;
    LmPass *ptx_pass;
    double kl_coef; /* the controller's: the only state beside weights */
    bool stopped;   /* target_kl was passed in this iteration */
    double last_loss;
    UpdateSums sums;
    double tokens, flops;
} PpoStage;

/* Collects the episodes of iteration i: rollouts, scores, log-probabilities, values,
 * advantages. Puts what TRL calls objective/..., val/... and returns/... */
NODISCARD Status ppo_collect(PpoStage *p, int64_t iteration, Metrics *m, Err *err);
/* One update's gradients from minibatch `minibatch` of epoch `epoch` of the collected
 * episodes; *skip when target_kl says to leave the rest of the iteration. */
NODISCARD Status ppo_update(PpoStage *p, int64_t u, Metrics *m, double *loss,
                            bool skip[2], Err *err);

/* --- passes (ppo_update.c) --- */
/* The order of episodes in epoch `epoch` of the iteration, into p->order. */
void ppo_shuffle(PpoStage *p, int64_t iteration, int64_t epoch);
/* Episodes [*begin, *end) of p->order are minibatch number `minibatch`. */
void ppo_minibatch(const PpoStage *p, int64_t minibatch, int64_t *begin, int64_t *end);
/* Lays as many episodes of order[*at..end) as a pass takes into p->pass and moves *at on.
 * False when none is left. The same order gives the same passes: so the numbers of the
 * first epoch's first update are those that were collected, bit for bit. */
bool ppo_lay(PpoStage *p, int64_t *at, int64_t end);
void ppo_forward_policy(PpoStage *p, Model *model, Tape *tape);
void ppo_forward_critic(PpoStage *p);
/* From an array of Experience to the pass, and back. */
void ppo_gather(const PpoStage *p, float *to, const float *from);
void ppo_scatter(const PpoStage *p, float *to, const float *from);

#endif
