/* ppo.c - PPO over the core of reinforcement learning, see ppo.h and rl_internal.h.
 *
 * Beside policy, reference and reward there is a critic that learns V(s_t), the value of
 * the state before action a_t; it starts as the reward model, if there is one (Stiennon et
 * al. 2020 found separate networks clearly better than a shared one). With `critic: shared`
 * it is a row over the policy's trunk instead (Ziegler et al. 2019), which begins at zero,
 * takes no memory to speak of, and whose gradient goes into the trunk. Of collected
 * episodes:
 *
 *     reward_t     = -beta (log pi(a_t) - log ref(a_t))          k1, a penalty per token
 *     reward_last += score - missing_eos_penalty [no <|im_end|>]
 *     delta_t      = reward_t + gamma V(s_t+1) - V(s_t),         V beyond the end is 0
 *     advantage_t  = delta_t + gamma lambda advantage_t+1        (Schulman et al. 2016)
 *     return_t     = advantage_t + V(s_t)
 *
 * and the advantages of the whole batch are whitened. The score stands at the last
 * action, the <|im_end|> where there is one. Then, with ratio_t = pi(a_t)/pi_old(a_t) and n
 * the actions of a minibatch (Schulman et al. 2017):
 *
 *     policy  1/n   sum_t max(-A_t ratio_t, -A_t clip(ratio_t, 1 - c, 1 + c))
 *     critic  1/2n  sum_t max((V_t - R_t)^2, (clip(V_t, Vold_t -+ c_v) - R_t)^2)
 *
 * A shared critic's loss counts value_coef beside the policy's, in one gradient. */
#include "base/log.h"
#include "base/mem.h"
#include "stages/rl/ppo_internal.h"
#include "tensor/mutant.h"

#include <string.h>

/* clang-format off */
static const OptField fields[] = {
    RL_FIELDS(1, 2, 0.05, "penalty for a nat of KL to the reference; where it starts when kl_target is set"),
    OPT_TEXT(PpoOptions, critic, NULL, "separate: a model of its own, which starts from the first reward model, or else from the policy's trunk with a fresh head; FOLDER: from that model with a scalar head; shared: a row over the policy's own trunk; unset: separate"),
    OPT_REAL(PpoOptions, gamma, 1, 0, 1, "discount of a token"),
    OPT_REAL(PpoOptions, lambda, 0.95, 0, 1, "of generalised advantage estimation"),
    OPT_REAL(PpoOptions, value_clip, 0.2, 0, 1e6, "of the value's change; 0: none"),
    OPT_REAL(PpoOptions, value_coef_lr, 3, 0, 1000, "the critic's learning rate as a multiple of the policy's; not of a shared one"),
    OPT_REAL(PpoOptions, value_coef, 0.1, 1e-6, 1e6, "weight of a shared critic's loss beside the policy's"),
    OPT_BOOL(PpoOptions, whiten_rewards, false, "scale rewards to unit spread in each iteration"),
    OPT_BOOL(PpoOptions, whiten_advantages, true, "scale the advantages of an iteration to mean 0 and unit spread"),
    OPT_END
};
/* clang-format on */
const OptTable ppo_options = {"ppo", "reinforcement learning from a reward",
                              sizeof(PpoOptions), fields};

typedef struct Ppo {
    const PpoOptions *o;
    bool
        shared; /* the critic is the policy's second head, and the next two are empty */
    Learner critic; /* a model of its own */
    Tape *tape;
    /* a number an action of the experience, and of a pass */
    float *value, *reward, *returns;
    float *new_value, *old_value, *pass_returns, *dvalue;
    double value_loss, value_clip_fraction; /* sums of an iteration */
} Ppo;

/* --- the critic ---------------------------------------------------------------------- */

static bool is_named(const char *critic, const char *name)
{
    return critic && strcmp(critic, name) == 0;
}

static ModelHead policy_head(const RlStage *s)
{
    const Ppo *p = s->own;
    return p->shared ? HEAD_BOTH : HEAD_LM;
}

static Status open_critic(RlStage *s, TensorOps *ops, Err *err)
{
    (void)ops;
    Ppo *p = s->own;
    if (p->shared) {
        log_info("ppo: the critic is a row over the policy's trunk");
        return OK;
    }
    const char *folder = is_named(p->o->critic, "separate") ? NULL : p->o->critic;
    const RewardEnv env = rl_reward_env(s);
    const char *from;
    p->critic = (Learner){.name = "critic", .lr_scale = p->o->value_coef_lr};
    s->critic = &p->critic;
    Model *trunk = s->lora.rank > 0 ? s->reference : s->sft.model;
    TRY(rewards_critic(&p->critic.model, &s->rewards, folder, &env, trunk, &s->lora,
                       s->t->seed, &from, err));
    log_info("ppo: the critic starts from %s", from);
    return OK;
}

static void plan_critic(const RlStage *s, MemoryPlan *plan)
{
    const Ppo *p = s->own;
    if (p->shared)
        return;
    const Model *base = p->critic.model->base, *ours = s->sft.model->base;
    bool named = p->o->critic && !is_named(p->o->critic, "separate");
    if (base && base != ours && named) /* else it is a reward model's */
        memory_add_model(plan, &base->shape, false);
    memory_add_model(plan, &p->critic.model->shape, true);
}

static void plan_training(const RlStage *s, MemoryPlan *plan)
{
    const Ppo *p = s->own;
    if (p->shared)
        return;
    memory_add_optimizer(plan, &p->critic.model->shape);
    memory_add_tape(plan, &p->critic.model->shape, rl_pass_tokens(s), true);
}

static Status prepare(RlStage *s, TapeOptions keeps, Err *err)
{
    Ppo *p = s->own;
    size_t n = (size_t)(s->o->batch * s->sft.model->shape.context);
    size_t most = (size_t)rl_pass_tokens(s);
    if (!p->shared) {
        TRY(adamw_new(&p->critic.adamw, p->critic.model, err));
        TRY(tape_new(&p->tape, p->critic.model, rl_pass_tokens(s), keeps, err));
    }
    TRY(MEM_ARRAY(&p->value, n, err));
    TRY(MEM_ARRAY(&p->reward, n, err));
    TRY(MEM_ARRAY(&p->returns, n, err));
    TRY(MEM_ARRAY(&p->new_value, most, err));
    TRY(MEM_ARRAY(&p->old_value, most, err));
    TRY(MEM_ARRAY(&p->pass_returns, most, err));
    return MEM_ARRAY(&p->dvalue, most, err);
}

static void release(RlStage *s)
{
    Ppo *p = s->own;
    float *const arrays[] = {p->value,     p->reward,       p->returns, p->new_value,
                             p->old_value, p->pass_returns, p->dvalue};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mem_free(arrays[i]);
    tape_free(p->tape);
    adamw_release(&p->critic.adamw, p->critic.model);
    model_free(p->critic.model);
}

/* At the rows of the policy: the state before the action, which has not seen it. */
static void put_values(RlStage *s, Model *model, Tape *tape)
{
    Ppo *p = s->own;
    const Batch *b = s->pass.batch;
    model_scores(model, tape, b->learned_rows, b->n_learned, p->new_value);
}

static void forward_critic(RlStage *s)
{
    Ppo *p = s->own;
    ModelTokens tokens = batch_tokens(s->pass.batch);
    model_forward(p->critic.model, p->tape, &tokens);
    put_values(s, p->critic.model, p->tape);
}

/* The policy has just read the same pass. */
static void look(RlStage *s)
{
    Ppo *p = s->own;
    if (p->shared) {
        put_values(s, s->sft.model, s->policy_tape);
    } else {
        forward_critic(s);
        s->flops += 1.0 / 3.0 * (double)s->pass.batch->n *
                    model_shape_train_flops(&p->critic.model->shape, 64);
    }
    rl_scatter(s, p->value, p->new_value);
}

/* Of new_value, weighed; its gradient into dvalue. */
static void add_value_loss(RlStage *s, Minibatch *mb, double weight)
{
    Ppo *p = s->own;
    int64_t n = s->pass.batch->n_learned;
    rl_gather(s, p->old_value, p->value);
    rl_gather(s, p->pass_returns, p->returns);
    ValueLoss loss =
        loss_value(p->new_value, p->old_value, p->pass_returns, s->pass.weight, n,
                   p->o->value_clip, mb->actions / weight, p->dvalue);
    mb->other_loss += loss.loss;
    p->value_loss += loss.loss / weight;
    p->value_clip_fraction += loss.clip_fraction * loss.weight / mb->actions;
}

static void learn(RlStage *s, Minibatch *mb)
{
    Ppo *p = s->own;
    if (p->shared)
        return;
    forward_critic(s);
    add_value_loss(s, mb, 1);
    if (!MUTANT(CRITIC_UNTRAINED)) {
        model_scores_backward(p->critic.model, p->tape, p->dvalue);
        model_backward(p->critic.model, p->tape);
    }
    s->flops +=
        (double)s->pass.batch->n * model_shape_train_flops(&p->critic.model->shape, 64);
}

static void learn_beside(RlStage *s, Minibatch *mb)
{
    Ppo *p = s->own;
    if (!p->shared)
        return;
    put_values(s, s->sft.model, s->policy_tape);
    add_value_loss(s, mb, p->o->value_coef);
    if (!MUTANT(CRITIC_UNTRAINED))
        model_scores_backward(s->sft.model, s->policy_tape, p->dvalue);
}

/* --- rewards and advantages ---------------------------------------------------------- */

void ppo_rewards(const PpoOptions *o, double kl_coef, const Experience *x,
                 float *reward)
{
    if (MUTANT(KL_SIGN))
        kl_coef = -kl_coef;
    for (int64_t i = 0; i < x->n; i++) {
        const Episode *e = &x->episodes[i];
        for (int64_t t = e->first; t < e->first + e->actions; t++) {
            double d = (double)x->logprob[t] - (double)x->ref_logprob[t];
            double kl = MUTANT(K3_REWARD) ? loss_kl3(d) : loss_kl1(d);
            reward[t] = (float)(-kl_coef * kl);
        }
        if (e->actions > 0) {
            int64_t last = e->first + e->actions - 1;
            if (MUTANT(SCORE_EARLY) && e->actions > 1)
                last--;
            reward[last] = (float)((double)reward[last] + rl_final_reward(&o->rl, e));
        }
    }
    if (o->whiten_rewards)
        loss_whiten(reward, x->weight, x->actions, false);
}

void ppo_advantages(const PpoOptions *o, const float *reward, const float *value,
                    Experience *x, float *returns)
{
    for (int64_t i = 0; i < x->n; i++) {
        const Episode *e = &x->episodes[i];
        loss_gae(reward + e->first, value + e->first, e->actions, o->gamma, o->lambda,
                 x->advantage + e->first, returns + e->first);
    }
    if (o->whiten_advantages)
        loss_whiten(x->advantage, x->weight, x->actions, true);
}

static void credit(RlStage *s)
{
    Ppo *p = s->own;
    ppo_rewards(p->o, s->kl_coef, &s->experience, p->reward);
    ppo_advantages(p->o, p->reward, p->value, &s->experience, p->returns);
}

static PolicyLoss policy_loss(RlStage *s, const Minibatch *mb)
{
    const RlPass *pass = &s->pass;
    return loss_policy(pass->logprob, pass->old_logprob, pass->advantage, pass->weight,
                       pass->batch->n_learned, s->o->clip, mb->actions, pass->dlogprob);
}

/* --- metrics ------------------------------------------------------------------------- */

/* 1 - mean((return - value)^2) / var(return): 1 when the critic knows all. */
static double explained_variance(const Ppo *p, int64_t n, double variance)
{
    double error = 0;
    for (int64_t t = 0; t < n; t++) {
        double d = (double)p->returns[t] - (double)p->value[t];
        error += d * d / (double)n;
    }
    return variance > 0 ? 1 - error / variance : 0;
}

static double explained(const RlStage *s)
{
    const Ppo *p = s->own;
    int64_t n = s->experience.actions;
    return explained_variance(p, n, rl_moments(p->returns, n).variance);
}

static void put_experience(const RlStage *s, Metrics *m)
{
    const Ppo *p = s->own;
    int64_t n = s->experience.actions;
    Moments returns = rl_moments(p->returns, n);
    metrics_put(m, "val/mean", rl_moments(p->value, n).mean);
    metrics_put(m, "returns/mean", returns.mean);
    metrics_put(m, "returns/var", returns.variance);
    metrics_put(m, "val/var_explained", explained(s));
}

static void begin(RlStage *s)
{
    Ppo *p = s->own;
    p->value_loss = p->value_clip_fraction = 0;
}

static void put_updates(const RlStage *s, Metrics *m)
{
    const Ppo *p = s->own;
    double n = s->sums.updates > 0 ? s->sums.updates : 1;
    metrics_put(m, "loss/value_avg", p->value_loss / n);
    metrics_put(m, "val/clipfrac_avg", p->value_clip_fraction / n);
}

/* --- the stage ----------------------------------------------------------------------- */

static const RlMethod method = {
    .options = &ppo_options,
    .credit = credit,
    .policy_loss = policy_loss,
    .policy_head = policy_head,
    .open = open_critic,
    .plan_models = plan_critic,
    .plan_training = plan_training,
    .prepare = prepare,
    .look = look,
    .learn = learn,
    .learn_beside = learn_beside,
    .begin = begin,
    .put_experience = put_experience,
    .put_updates = put_updates,
    .explained = explained,
    .release = release,
};

Status stage_ppo(const StageEnv *env, const PpoOptions *o, const TrainOptions *t,
                 StageReport *report, Err *err)
{
    Ppo p = {.o = o, .shared = is_named(o->critic, "shared")};
    RlStage s = {.method = &method, .o = &o->rl, .own = &p};
    return rl_run(&s, env, t, report, err);
}
