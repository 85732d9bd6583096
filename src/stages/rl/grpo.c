/* grpo.c - GRPO over the core of reinforcement learning, see grpo.h and rl_internal.h.
 *
 * With K answers y_1..y_K to a prompt, their scores r_i and beta the KL coefficient:
 *
 *     A_i = (r_i - mean(r)) / (sd(r) + 1e-4)        at every action of y_i
 *     L   = 1/B sum_i 1/|y_i| sum_t [ max(-A_i ratio_t, -A_i clip(ratio_t, 1 - low, 1 + high))
 *                                     + beta k3_t ]
 *
 * k3_t estimates KL(pi || ref) from the drawn token and is learned through. In expectation
 * that is the gradient of KL(ref || pi) in the states that pi visits: the policy stays near
 * the reference, but the optimum is another one than that of the reward less beta KL(pi ||
 * ref), which kl_in reward has (tests/unit/oracle/test_rl_table.c). The options:
 *
 *     scale   group   over the group's deviation, as above
 *             batch   over the deviation of the whole iteration
 *             none    not divided: Dr. GRPO, which finds that the division favours prompts
 *                     whose answers are nearly all alike
 *     loss    answer  1/B sum_i 1/|y_i| sum_t, as above
 *             token   1/n sum_t over all n tokens of the minibatch: DAPO; long answers
 *                     count as much as their length
 *             constant  1/(B max_new) sum_t: Dr. GRPO; no reward for being long when wrong
 *     kl_in   loss    beta k3, as above
 *             reward  r_i - beta sum_t (log pi(a_t) - log ref(a_t)) instead: k1, as in RLOO
 *     clip_high       DAPO: more room for tokens that were improbable
 *     equal_groups    DAPO: groups whose answers all score the same teach nothing (A = 0);
 *                     drop: they do not count in B and n; resample: and others are asked */
#include "base/mem.h"
#include "base/stats.h"
#include "stages/rl/group_internal.h"
#include "tensor/mutant.h"

static const char *const scales[] = {"group", "batch", "none", NULL};
static const char *const losses[] = {"answer", "token", "constant", NULL};
static const char *const places[] = {"loss", "reward", NULL};
static const char *const equals[] = {"keep", "drop", "resample", NULL};

/* clang-format off */
static const OptField fields[] = {
    RL_FIELDS(8, 1, 0.04, "weight of the KL to the reference; where it starts when kl_target is set"),
    OPT_CHOICE(GrpoOptions, scale, GRPO_SCALE_GROUP, scales, "whose deviation the advantages are divided by; Dr. GRPO: none"),
    OPT_CHOICE(GrpoOptions, loss, GRPO_LOSS_ANSWER, losses, "the mean over tokens: of each answer first, of all tokens (DAPO), or over max_new (Dr. GRPO)"),
    OPT_CHOICE(GrpoOptions, kl_in, GRPO_KL_LOSS, places, "where the KL is: a term of the loss (k3), or taken from the score (k1), as RLOO does"),
    OPT_REAL(GrpoOptions, clip_high, 0, 0, 1e6, "of the policy's ratio upwards (DAPO: 0.28); 0: as clip"),
    OPT_CHOICE(GrpoOptions, equal_groups, EQUAL_KEEP, equals, "what is done with prompts whose answers all score the same"),
    OPT_INT(GrpoOptions, resample_rounds, 3, 1, 1000, "how often equal_groups resample asks other prompts; what is equal then is dropped"),
    OPT_END
};
/* clang-format on */
const OptTable grpo_options = {"grpo",
                               "group relative policy optimisation (GRPO, "
                               "Dr. GRPO, DAPO)",
                               sizeof(GrpoOptions), fields};

typedef struct Grpo {
    const GrpoOptions *o;
    float *weight; /* of each token in a pass */
} Grpo;

void grpo_advantages(const GrpoOptions *o, double kl_coef, Experience *x)
{
    int64_t K = o->rl.answers;
    group_outcomes(&o->rl, o->kl_in == GRPO_KL_REWARD ? kl_coef : 0, x);
    for (int64_t i = 0; i < x->n; i += K)
        loss_group_advantage(x->outcome + i, K, o->scale == GRPO_SCALE_GROUP,
                             x->relative + i);
    if (o->scale == GRPO_SCALE_BATCH) {
        double scale = stats_sd(x->outcome, x->n) + 1e-4;
        for (int64_t i = 0; i < x->n; i++)
            x->relative[i] /= scale;
    }
    rl_spread(x);
}

static void credit(RlStage *s)
{
    const Grpo *g = s->own;
    grpo_advantages(g->o, s->kl_coef, &s->experience);
}

double grpo_weights(const GrpoOptions *o, const Minibatch *mb, const RlPass *pass,
                    float *w)
{
    for (int64_t k = 0, t = 0; k < pass->n; k++) {
        int64_t n = pass->actions[k];
        float each = o->loss == GRPO_LOSS_ANSWER ? 1.0F / (float)n : 1.0F;
        for (int64_t end = t + n; t < end; t++)
            w[t] = pass->weight[t] * each;
    }
    if (o->loss == GRPO_LOSS_TOKEN)
        return mb->actions;
    return o->loss == GRPO_LOSS_ANSWER ? mb->episodes
                                       : mb->episodes * (double)o->rl.max_new;
}

double grpo_loss_kl(const GrpoOptions *o, double kl_coef)
{
    if (o->kl_in == GRPO_KL_REWARD)
        return 0;
    return MUTANT(KL_SIGN) ? -kl_coef : kl_coef;
}

static PolicyLoss policy_loss(RlStage *s, const Minibatch *mb)
{
    Grpo *g = s->own;
    const RlPass *pass = &s->pass;
    double high = g->o->clip_high > 0 ? g->o->clip_high : s->o->clip;
    const GrpoLoss how = {
        .low = s->o->clip, .high = high, .kl_coef = grpo_loss_kl(g->o, s->kl_coef)};
    double total = grpo_weights(g->o, mb, pass, g->weight);
    return loss_grpo(&how, pass->logprob, pass->old_logprob, pass->ref_logprob,
                     pass->advantage, g->weight, pass->batch->n_learned, total,
                     pass->dlogprob);
}

static Status prepare(RlStage *s, TapeOptions keeps, Err *err)
{
    (void)keeps;
    Grpo *g = s->own;
    return MEM_ARRAY(&g->weight, (size_t)rl_pass_tokens(s), err);
}

static void release(RlStage *s)
{
    Grpo *g = s->own;
    mem_free(g->weight);
}

static const RlMethod method = {
    .options = &grpo_options,
    .credit = credit,
    .policy_loss = policy_loss,
    .prepare = prepare,
    .release = release,
};

Status stage_grpo(const StageEnv *env, const GrpoOptions *o, const TrainOptions *t,
                  StageReport *report, Err *err)
{
    Grpo g = {.o = o};
    RlStage s = {.method = &method,
                 .o = &o->rl,
                 .own = &g,
                 .equal_groups = o->equal_groups,
                 .resample_rounds = o->resample_rounds};
    TRY(rl_check_group(&o->rl, err));
    return rl_run(&s, env, t, report, err);
}
