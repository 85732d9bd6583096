/* update.c - learning from collected experience, see rl_internal.h.
 *
 * A minibatch is run in passes of at most micro_batch tokens; whatever a loss is divided by
 * counts all of it, so the cuts change nothing:
 *
 *     policy  the method's loss  -  entropy_coef/n sum_t H_t
 *             +  ptx_coef * (mean loss on pretraining text)
 *
 * with n the actions of the minibatch. A critic that is a model of its own needs no
 * coefficient beside the policy's loss; one over the policy's trunk has one (ppo.c). */
#include "base/rng.h"
#include "base/system.h"
#include "stages/rl/rl_internal.h"
#include "tensor/mutant.h"

#include <math.h>
#include <string.h>

/* --- passes -------------------------------------------------------------------------- */

void rl_shuffle(RlStage *s, int64_t iteration, int64_t epoch)
{
    for (int64_t i = 0; i < s->o->batch; i++)
        s->order[i] = i;
    /* A stream beside those that shuffle the prompts, whose index is an epoch. */
    uint64_t index = (uint64_t)1 << 40 | (uint64_t)(iteration * s->o->epochs + epoch);
    Rng rng = rng_make((uint64_t)s->t->seed, RNG_SHUFFLE, index);
    rng_shuffle(&rng, s->order, s->o->batch);
}

void rl_minibatch(const RlStage *s, int64_t minibatch, int64_t *begin, int64_t *end)
{
    *begin = s->o->batch * minibatch / s->o->minibatches;
    *end = s->o->batch * (minibatch + 1) / s->o->minibatches;
}

bool rl_lay(RlStage *s, int64_t *at, int64_t end)
{
    RlPass *pass = &s->pass;
    const Experience *x = &s->experience;
    int64_t context = s->sft.model->shape.context;
    batch_reset(pass->batch);
    pass->n = 0;
    for (; *at < end; (*at)++) {
        int64_t i = s->order[*at], n = x->episodes[i].n_ids;
        if (pass->n > 0 && pass->batch->n + n - 1 > s->t->micro_batch)
            break;
        bool fits =
            batch_add(pass->batch, x->ids + i * context, x->is_action + i * context, n);
        ASSERT(fits);
        pass->actions[pass->n] = x->episodes[i].actions;
        pass->episodes[pass->n++] = i;
    }
    batch_finish(pass->batch);
    return pass->n > 0;
}

void rl_gather(const RlStage *s, float *to, const float *from)
{
    int64_t n = 0;
    for (int64_t k = 0; k < s->pass.n; k++) {
        const Episode *e = &s->experience.episodes[s->pass.episodes[k]];
        memcpy(to + n, from + e->first, (size_t)e->actions * sizeof *to);
        n += e->actions;
    }
    ASSERT(n == s->pass.batch->n_learned);
}

void rl_scatter(const RlStage *s, float *to, const float *from)
{
    int64_t n = 0;
    for (int64_t k = 0; k < s->pass.n; k++) {
        const Episode *e = &s->experience.episodes[s->pass.episodes[k]];
        memcpy(to + e->first, from + n, (size_t)e->actions * sizeof *to);
        n += e->actions;
    }
    ASSERT(n == s->pass.batch->n_learned);
}

/* Actions stand in the batch as the targets of the rows before them. */
void rl_forward_policy(RlStage *s, Model *model, Tape *tape)
{
    RlPass *pass = &s->pass;
    const Batch *b = pass->batch;
    ModelTokens tokens = batch_tokens(b);
    double temperature = MUTANT(TEMPERATURE) ? 1 : s->o->temperature;
    model_forward(model, tape, &tokens);
    model_logprobs(model, tape, b->learned_rows, b->learned_targets, b->n_learned,
                   (float)(1 / temperature), pass->logprob, pass->entropy);
}

/* --- one update ---------------------------------------------------------------------- */

static void add_policy_loss(Minibatch *mb, const PolicyLoss *loss)
{
    if (loss->weight == 0)
        return;
    mb->policy_loss += loss->loss;
    mb->clip_fraction += loss->clip_fraction * loss->weight;
    mb->approx_kl += loss->approx_kl * loss->weight;
    mb->ratio += loss->ratio_mean * loss->weight;
    mb->ratio_squares +=
        (loss->ratio_variance + loss->ratio_mean * loss->ratio_mean) * loss->weight;
    mb->ratio_max = fmax(mb->ratio_max, loss->ratio_max);
    mb->ratio_min = fmin(mb->ratio_min, loss->ratio_min);
}

static void policy_pass(RlStage *s, Minibatch *mb)
{
    RlPass *pass = &s->pass;
    const Experience *x = &s->experience;
    int64_t n = pass->batch->n_learned;
    rl_forward_policy(s, s->sft.model, s->policy_tape);
    rl_gather(s, pass->old_logprob, x->logprob);
    rl_gather(s, pass->ref_logprob, x->ref_logprob);
    rl_gather(s, pass->advantage, x->advantage);
    rl_gather(s, pass->weight, x->weight);
    PolicyLoss loss = s->method->policy_loss(s, mb);
    bool bonus = s->o->entropy_coef > 0;
    for (int64_t t = 0; t < n; t++) {
        double weight = (double)pass->weight[t];
        mb->entropy += weight * (double)pass->entropy[t];
        pass->dentropy[t] = (float)(-s->o->entropy_coef * weight / mb->actions);
    }
    model_logprobs_backward(s->sft.model, s->policy_tape, pass->dlogprob,
                            bonus ? pass->dentropy : NULL);
    if (s->method->learn_beside)
        s->method->learn_beside(s, mb);
    model_backward(s->sft.model, s->policy_tape);
    add_policy_loss(mb, &loss);
}

/* Adds ptx_coef times the gradient of the loss on pretraining text, so that what was
 * learned there is not unlearned (Ouyang et al. 2022, eq. 2). */
static Status ptx_pass(RlStage *s, int64_t u, double *loss, Err *err)
{
    *loss = 0;
    if (!s->ptx_packer)
        return OK;
    const Batch *batch;
    TRY(prefetch_batch(s->ptx_ahead, u, &batch, err));
    LmLoss sum = lm_pass_loss(s->ptx_pass, batch, s->o->ptx_coef);
    *loss = sum.nll / sum.weight;
    s->tokens += (double)batch->n;
    s->flops += (double)batch->n *
                model_shape_train_flops(&s->sft.model->shape,
                                        (double)s->sft.model->shape.context / 2);
    return OK;
}

static void add_to_sums(UpdateSums *sums, const Minibatch *mb, double ptx_loss)
{
    double n = mb->actions, ratio = mb->ratio / n;
    if (sums->updates == 0) {
        sums->ratio_max = mb->ratio_max;
        sums->ratio_min = mb->ratio_min;
        sums->first_ratio_error = fmax(mb->ratio_max - 1, 1 - mb->ratio_min);
    }
    sums->updates++;
    sums->policy_loss += mb->policy_loss;
    sums->other_loss += mb->other_loss;
    sums->ptx_loss += ptx_loss;
    sums->clip_fraction += mb->clip_fraction / n;
    sums->approx_kl += mb->approx_kl / n;
    sums->entropy += mb->entropy / n;
    sums->ratio += ratio;
    sums->ratio_variance += fmax(0, mb->ratio_squares / n - ratio * ratio);
    sums->ratio_max = fmax(sums->ratio_max, mb->ratio_max);
    sums->ratio_min = fmin(sums->ratio_min, mb->ratio_min);
}

static void put_sums(const RlStage *s, Metrics *m)
{
    const UpdateSums *sums = &s->sums;
    double n = sums->updates > 0 ? sums->updates : 1;
    metrics_put(m, "loss", (sums->policy_loss + sums->other_loss) / n);
    metrics_put(m, "loss/policy_avg", sums->policy_loss / n);
    metrics_put(m, "policy/approxkl_avg", sums->approx_kl / n);
    metrics_put(m, "policy/clipfrac_avg", sums->clip_fraction / n);
    metrics_put(m, "policy/entropy_avg", sums->entropy / n);
    metrics_put(m, "val/ratio", sums->ratio / n);
    metrics_put(m, "val/ratio_var", sums->ratio_variance / n);
    metrics_put(m, "val/ratio_max", sums->ratio_max);
    metrics_put(m, "val/ratio_min", sums->ratio_min);
    metrics_put(m, "val/first_ratio_error", sums->first_ratio_error);
    if (s->method->put_updates)
        s->method->put_updates(s, m);
    if (s->ptx_packer)
        metrics_put(m, "ptx/loss", sums->ptx_loss / n);
    if (s->o->target_kl > 0 || s->equal_groups != EQUAL_KEEP || s->o->mask_truncated)
        metrics_put(m, "policy/updates_skipped", sums->skipped);
}

static Minibatch count(const RlStage *s, int64_t begin, int64_t end)
{
    Minibatch mb = {.ratio_max = -HUGE_VAL, .ratio_min = HUGE_VAL};
    for (int64_t i = begin; i < end; i++) {
        const Episode *e = &s->experience.episodes[s->order[i]];
        mb.actions += e->left_out ? 0 : (double)e->actions;
        mb.episodes += !e->left_out;
    }
    return mb;
}

static double mean_kl(const RlStage *s)
{
    double sum = 0;
    for (int64_t i = 0; i < s->o->batch; i++)
        sum += s->experience.episodes[i].kl;
    return sum / (double)s->o->batch;
}

static void skip_update(RlStage *s, bool skip[2])
{
    skip[0] = skip[1] = true;
    s->sums.skipped++;
}

/* Passes over one minibatch; the gradients are in the models afterwards. */
static Status learn_minibatch(RlStage *s, int64_t u, int64_t number, bool skip[2],
                              double *loss, Err *err)
{
    int64_t at, end;
    rl_minibatch(s, number, &at, &end);
    Minibatch mb = count(s, at, end);
    if (mb.actions == 0) { /* all was left out */
        skip_update(s, skip);
        return OK;
    }
    double flops = model_shape_train_flops(&s->sft.model->shape, 64);
    double mark = system_seconds();
    while (rl_lay(s, &at, end)) {
        policy_pass(s, &mb);
        if (s->method->learn)
            s->method->learn(s, &mb);
        s->tokens += (double)s->pass.batch->n;
        s->times.learned += (double)s->pass.batch->n;
        s->flops += flops * (double)s->pass.batch->n;
    }
    double ptx_loss;
    TRY(ptx_pass(s, u, &ptx_loss, err));
    rl_take_time(&s->times.update, &mark);
    add_to_sums(&s->sums, &mb, ptx_loss);
    *loss = mb.policy_loss + mb.other_loss;
    if (s->o->target_kl > 0 && mb.approx_kl / mb.actions > s->o->target_kl) {
        s->stopped = true;
        skip_update(s, skip);
    }
    return OK;
}

Status rl_update(RlStage *s, int64_t u, Metrics *m, double *loss, bool skip[2],
                 Err *err)
{
    const RlOptions *o = s->o;
    int64_t per_iteration = o->minibatches * o->epochs;
    int64_t iteration = u / per_iteration, step = u % per_iteration;
    if (step == 0) {
        TRY(rl_check_guards(s, err));
        TRY(rl_collect(s, iteration, m, err));
        s->sums = (UpdateSums){0};
        s->stopped = false;
        if (s->method->begin)
            s->method->begin(s);
    }
    if (step % o->minibatches == 0)
        rl_shuffle(s, iteration, step / o->minibatches);
    if (s->stopped)
        skip_update(s, skip);
    else
        TRY(learn_minibatch(s, u, step % o->minibatches, skip, &s->last_loss, err));
    *loss = s->last_loss;
    if (step == per_iteration - 1) {
        put_sums(s, m);
        rl_watch_iteration(s);
        if (o->kl_target > 0)
            s->kl_coef = loss_adaptive_kl(s->kl_coef, mean_kl(s), o->kl_target,
                                          o->kl_horizon, o->batch);
    }
    return OK;
}
