/* ppo_update.c - learning from collected experience, see ppo_internal.h.
 *
 * With ratio_t = pi(a_t)/pi_old(a_t), A_t the whitened advantage, R_t the return and n the
 * actions of the minibatch (Schulman et al. 2017):
 *
 *     policy  1/n   sum_t max(-A_t ratio_t, -A_t clip(ratio_t, 1 - c, 1 + c))
 *             - entropy_coef/n sum_t H_t  +  ptx_coef * (mean loss on pretraining text)
 *     critic  1/2n  sum_t max((V_t - R_t)^2, (clip(V_t, Vold_t -+ c_v) - R_t)^2)
 *
 * Policy and critic are separate models, so their losses need no coefficient between
 * them. A minibatch is run in passes of at most micro_batch tokens; n counts all of it. */
#include "base/rng.h"
#include "stages/ppo_internal.h"
#include "tensor/loss.h"

#include <math.h>
#include <string.h>

/* --- passes -------------------------------------------------------------------------- */

void ppo_shuffle(PpoStage *p, int64_t iteration, int64_t epoch)
{
    for (int64_t i = 0; i < p->o->batch; i++)
        p->order[i] = i;
    /* A stream beside those that shuffle the prompts, whose index is an epoch. */
    uint64_t index = (uint64_t)1 << 40 | (uint64_t)(iteration * p->o->epochs + epoch);
    Rng rng = rng_make((uint64_t)p->t->seed, RNG_SHUFFLE, index);
    rng_shuffle(&rng, p->order, p->o->batch);
}

void ppo_minibatch(const PpoStage *p, int64_t minibatch, int64_t *begin, int64_t *end)
{
    *begin = p->o->batch * minibatch / p->o->minibatches;
    *end = p->o->batch * (minibatch + 1) / p->o->minibatches;
}

bool ppo_lay(PpoStage *p, int64_t *at, int64_t end)
{
    PpoPass *pass = &p->pass;
    const Experience *x = &p->experience;
    int64_t context = p->sft.model->shape.context;
    batch_reset(pass->batch);
    pass->n = 0;
    for (; *at < end; (*at)++) {
        int64_t i = p->order[*at], n = x->episodes[i].n_ids;
        if (pass->n > 0 && pass->batch->n + n - 1 > p->t->micro_batch)
            break;
        bool fits =
            batch_add(pass->batch, x->ids + i * context, x->is_action + i * context, n);
        ASSERT(fits);
        pass->episodes[pass->n++] = i;
    }
    batch_finish(pass->batch);
    return pass->n > 0;
}

void ppo_gather(const PpoStage *p, float *to, const float *from)
{
    int64_t n = 0;
    for (int64_t k = 0; k < p->pass.n; k++) {
        const Episode *e = &p->experience.episodes[p->pass.episodes[k]];
        memcpy(to + n, from + e->first, (size_t)e->actions * sizeof *to);
        n += e->actions;
    }
    ASSERT(n == p->pass.batch->n_learned);
}

void ppo_scatter(const PpoStage *p, float *to, const float *from)
{
    int64_t n = 0;
    for (int64_t k = 0; k < p->pass.n; k++) {
        const Episode *e = &p->experience.episodes[p->pass.episodes[k]];
        memcpy(to + e->first, from + n, (size_t)e->actions * sizeof *to);
        n += e->actions;
    }
    ASSERT(n == p->pass.batch->n_learned);
}

/* Actions stand in the batch as the targets of the rows before them. */
void ppo_forward_policy(PpoStage *p, Model *model, Tape *tape)
{
    PpoPass *pass = &p->pass;
    const Batch *b = pass->batch;
    ModelTokens tokens = batch_tokens(b);
    model_forward(model, tape, &tokens);
    model_logprobs(model, tape, b->learned_rows, b->learned_targets, b->n_learned,
                   (float)(1 / p->o->temperature), pass->logprob, pass->entropy);
}

/* The same rows: the state before the action, which has not seen it. */
void ppo_forward_critic(PpoStage *p)
{
    PpoPass *pass = &p->pass;
    const Batch *b = pass->batch;
    ModelTokens tokens = batch_tokens(b);
    model_forward(p->critic.model, p->critic_tape, &tokens);
    model_scores(p->critic.model, p->critic_tape, b->learned_rows, b->n_learned,
                 pass->value);
}

/* --- one update ---------------------------------------------------------------------- */

/* What the passes of a minibatch add up to. */
typedef struct Minibatch {
    double actions;
    double policy_loss, value_loss; /* of all actions together */
    double clip_fraction, value_clip_fraction, approx_kl, entropy, ratio, ratio_squares;
    double ratio_max, ratio_min;
} Minibatch;

static void policy_pass(PpoStage *p, Minibatch *mb)
{
    PpoPass *pass = &p->pass;
    const Experience *x = &p->experience;
    int64_t n = pass->batch->n_learned;
    ppo_forward_policy(p, p->sft.model, p->policy_tape);
    ppo_gather(p, pass->old_logprob, x->logprob);
    ppo_gather(p, pass->advantage, x->advantage);
    PolicyLoss loss = loss_policy(pass->logprob, pass->old_logprob, pass->advantage,
                                  x->ones, n, p->o->clip, mb->actions, pass->dlogprob);
    bool bonus = p->o->entropy_coef > 0;
    for (int64_t t = 0; t < n; t++) {
        mb->entropy += (double)pass->entropy[t];
        pass->dentropy[t] = (float)(-p->o->entropy_coef / mb->actions);
    }
    model_logprobs_backward(p->sft.model, p->policy_tape, pass->dlogprob,
                            bonus ? pass->dentropy : NULL);
    model_backward(p->sft.model, p->policy_tape);
    mb->policy_loss += loss.loss;
    mb->clip_fraction += loss.clip_fraction * loss.weight;
    mb->approx_kl += loss.approx_kl * loss.weight;
    mb->ratio += loss.ratio_mean * loss.weight;
    mb->ratio_squares +=
        (loss.ratio_variance + loss.ratio_mean * loss.ratio_mean) * loss.weight;
    mb->ratio_max = fmax(mb->ratio_max, loss.ratio_max);
    mb->ratio_min = fmin(mb->ratio_min, loss.ratio_min);
}

static void critic_pass(PpoStage *p, Minibatch *mb)
{
    PpoPass *pass = &p->pass;
    const Experience *x = &p->experience;
    ppo_forward_critic(p);
    ppo_gather(p, pass->old_value, x->value);
    ppo_gather(p, pass->returns, x->returns);
    ValueLoss loss =
        loss_value(pass->value, pass->old_value, pass->returns, x->ones,
                   pass->batch->n_learned, p->o->value_clip, mb->actions, pass->dvalue);
    model_scores_backward(p->critic.model, p->critic_tape, pass->dvalue);
    model_backward(p->critic.model, p->critic_tape);
    mb->value_loss += loss.loss;
    mb->value_clip_fraction += loss.clip_fraction * loss.weight;
}

/* Adds ptx_coef times the gradient of the loss on pretraining text, so that what was
 * learned there is not unlearned (Ouyang et al. 2022, eq. 2). */
static Status ptx_pass(PpoStage *p, int64_t u, double *loss, Err *err)
{
    *loss = 0;
    if (!p->ptx_packer)
        return OK;
    const Batch *batch;
    TRY(prefetch_batch(p->ptx_ahead, u, &batch, err));
    LmLoss sum = lm_pass_loss(p->ptx_pass, batch, p->o->ptx_coef);
    *loss = sum.nll / sum.weight;
    p->tokens += (double)batch->n;
    p->flops += (double)batch->n *
                model_shape_train_flops(&p->sft.model->shape,
                                        (double)p->sft.model->shape.context / 2);
    return OK;
}

static void add_to_sums(PpoStage *p, const Minibatch *mb, double ptx_loss)
{
    UpdateSums *s = &p->sums;
    double n = mb->actions, ratio = mb->ratio / n;
    if (s->updates == 0) {
        s->ratio_max = mb->ratio_max;
        s->ratio_min = mb->ratio_min;
        s->first_ratio_error = fmax(mb->ratio_max - 1, 1 - mb->ratio_min);
    }
    s->updates++;
    s->policy_loss += mb->policy_loss;
    s->value_loss += mb->value_loss;
    s->ptx_loss += ptx_loss;
    s->clip_fraction += mb->clip_fraction / n;
    s->value_clip_fraction += mb->value_clip_fraction / n;
    s->approx_kl += mb->approx_kl / n;
    s->entropy += mb->entropy / n;
    s->ratio += ratio;
    s->ratio_variance += fmax(0, mb->ratio_squares / n - ratio * ratio);
    s->ratio_max = fmax(s->ratio_max, mb->ratio_max);
    s->ratio_min = fmin(s->ratio_min, mb->ratio_min);
}

static void put_sums(const PpoStage *p, Metrics *m)
{
    const UpdateSums *s = &p->sums;
    double n = s->updates;
    metrics_put(m, "loss", (s->policy_loss + s->value_loss) / n);
    metrics_put(m, "loss/policy_avg", s->policy_loss / n);
    metrics_put(m, "loss/value_avg", s->value_loss / n);
    metrics_put(m, "policy/approxkl_avg", s->approx_kl / n);
    metrics_put(m, "policy/clipfrac_avg", s->clip_fraction / n);
    metrics_put(m, "policy/entropy_avg", s->entropy / n);
    metrics_put(m, "val/clipfrac_avg", s->value_clip_fraction / n);
    metrics_put(m, "val/ratio", s->ratio / n);
    metrics_put(m, "val/ratio_var", s->ratio_variance / n);
    metrics_put(m, "val/ratio_max", s->ratio_max);
    metrics_put(m, "val/ratio_min", s->ratio_min);
    metrics_put(m, "val/first_ratio_error", s->first_ratio_error);
    if (p->ptx_packer)
        metrics_put(m, "ptx/loss", s->ptx_loss / n);
    if (p->o->target_kl > 0)
        metrics_put(m, "policy/updates_skipped", s->skipped);
}

static double count_actions(const PpoStage *p, int64_t begin, int64_t end)
{
    double n = 0;
    for (int64_t i = begin; i < end; i++)
        n += (double)p->experience.episodes[p->order[i]].actions;
    return n;
}

static double mean_kl(const PpoStage *p)
{
    double sum = 0;
    for (int64_t i = 0; i < p->o->batch; i++)
        sum += p->experience.episodes[i].kl;
    return sum / (double)p->o->batch;
}

/* Passes over one minibatch; the gradients are in the two models afterwards. */
static Status learn_minibatch(PpoStage *p, int64_t u, int64_t number, bool skip[2],
                              double *loss, Err *err)
{
    int64_t at, end;
    ppo_minibatch(p, number, &at, &end);
    Minibatch mb = {.actions = count_actions(p, at, end),
                    .ratio_max = -HUGE_VAL,
                    .ratio_min = HUGE_VAL};
    double flops = model_shape_train_flops(&p->sft.model->shape, 64) +
                   model_shape_train_flops(&p->critic.model->shape, 64);
    while (ppo_lay(p, &at, end)) {
        policy_pass(p, &mb);
        critic_pass(p, &mb);
        p->tokens += (double)p->pass.batch->n;
        p->flops += flops * (double)p->pass.batch->n;
    }
    double ptx_loss;
    TRY(ptx_pass(p, u, &ptx_loss, err));
    add_to_sums(p, &mb, ptx_loss);
    *loss = mb.policy_loss + mb.value_loss;
    if (p->o->target_kl > 0 && mb.approx_kl / mb.actions > p->o->target_kl) {
        p->stopped = skip[0] = skip[1] = true;
        p->sums.skipped++;
    }
    return OK;
}

Status ppo_update(PpoStage *p, int64_t u, Metrics *m, double *loss, bool skip[2],
                  Err *err)
{
    const PpoOptions *o = p->o;
    int64_t per_iteration = o->minibatches * o->epochs;
    int64_t iteration = u / per_iteration, step = u % per_iteration;
    if (step == 0) {
        TRY(ppo_collect(p, iteration, m, err));
        p->sums = (UpdateSums){0};
        p->stopped = false;
    }
    if (step % o->minibatches == 0)
        ppo_shuffle(p, iteration, step / o->minibatches);
    if (p->stopped) {
        skip[0] = skip[1] = true;
        p->sums.skipped++;
    } else {
        TRY(learn_minibatch(p, u, step % o->minibatches, skip, &p->last_loss, err));
    }
    *loss = p->last_loss;
    if (step == per_iteration - 1) {
        put_sums(p, m);
        if (o->kl_target > 0)
            p->kl_coef = loss_adaptive_kl(p->kl_coef, mean_kl(p), o->kl_target,
                                          o->kl_horizon, o->batch);
    }
    return OK;
}
