/* rloo.c - RLOO over the core of reinforcement learning, see rloo.h and rl_internal.h.
 *
 * With K answers y_1..y_K to a prompt, beta the KL coefficient and all sums over an answer's
 * actions:
 *
 *     R_i  = score_i - beta sum_t (log pi(a_t) - log ref(a_t))           k1
 *     A_i  = R_i - mean_{j != i} R_j
 *     L    = mean_i max(-A_i ratio_i, -A_i clip(ratio_i, 1 - c, 1 + c)),
 *     ratio_i = pi(y_i)/pi_old(y_i) = exp sum_t (log pi(a_t) - log pi_old(a_t)) */
#include "base/mem.h"
#include "stages/rl/group_internal.h"
#include "tensor/mutant.h"

#include <math.h>

/* clang-format off */
static const OptField fields[] = {
    RL_FIELDS(4, 1, 0.05, "penalty for a nat of KL to the reference; where it starts when kl_target is set"),
    OPT_BOOL(RlooOptions, whiten_advantages, false, "scale the advantages of an iteration to mean 0 and unit spread"),
    OPT_END
};
/* clang-format on */
const OptTable rloo_options = {"rloo", "reinforcement learning without a critic (RLOO)",
                               sizeof(RlooOptions), fields};

typedef struct Rloo {
    const RlooOptions *o;
    float *advantage, *weight; /* of each answer in a pass; [batch] */
} Rloo;

/* (x - mean)/(deviation + 1e-4). */
static void whiten(double *x, int64_t n)
{
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (int64_t i = 0; i < n; i++)
        x[i] = (x[i] - mean) / (sqrt(variance) + 1e-4);
}

void group_outcomes(const RlOptions *o, double kl_coef, Experience *x)
{
    if (MUTANT(KL_SIGN))
        kl_coef = -kl_coef;
    for (int64_t i = 0; i < x->n; i++) {
        const Episode *e = &x->episodes[i];
        double kl = MUTANT(K3_REWARD) ? e->kl3 : e->kl;
        x->outcome[i] = rl_final_reward(o, e) - kl_coef * kl;
    }
}

void rloo_advantages(const RlooOptions *o, double kl_coef, Experience *x)
{
    int64_t K = o->rl.answers;
    group_outcomes(&o->rl, kl_coef, x);
    for (int64_t i = 0; i < x->n; i += K)
        loss_leave_one_out(x->outcome + i, K, x->relative + i);
    if (o->whiten_advantages)
        whiten(x->relative, x->n);
    rl_spread(x);
}

static void credit(RlStage *s)
{
    const Rloo *r = s->own;
    rloo_advantages(r->o, s->kl_coef, &s->experience);
}

static PolicyLoss policy_loss(RlStage *s, const Minibatch *mb)
{
    Rloo *r = s->own;
    const RlPass *pass = &s->pass;
    const Experience *x = &s->experience;
    for (int64_t k = 0; k < pass->n; k++) {
        int64_t i = pass->episodes[k];
        r->advantage[k] = (float)x->relative[i];
        r->weight[k] = x->episodes[i].left_out ? 0.0F : 1.0F;
    }
    return loss_policy_sequence(pass->logprob, pass->old_logprob, r->advantage,
                                r->weight, pass->actions, pass->n, s->o->clip,
                                mb->episodes, pass->dlogprob);
}

static Status prepare(RlStage *s, TapeOptions keeps, Err *err)
{
    (void)keeps;
    Rloo *r = s->own;
    TRY(MEM_ARRAY(&r->advantage, (size_t)s->o->batch, err));
    return MEM_ARRAY(&r->weight, (size_t)s->o->batch, err);
}

static void release(RlStage *s)
{
    Rloo *r = s->own;
    mem_free(r->advantage);
    mem_free(r->weight);
}

static const RlMethod method = {
    .options = &rloo_options,
    .credit = credit,
    .policy_loss = policy_loss,
    .prepare = prepare,
    .release = release,
};

Status stage_rloo(const StageEnv *env, const RlooOptions *o, const TrainOptions *t,
                  StageReport *report, Err *err)
{
    Rloo r = {.o = o};
    RlStage s = {.method = &method, .o = &o->rl, .own = &r};
    TRY(rl_check_group(&o->rl, err));
    return rl_run(&s, env, t, report, err);
}
