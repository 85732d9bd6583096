/* ppo_rollout.c - collecting experience for PPO, see ppo_internal.h.
 *
 * For each of `batch` prompts the policy pi draws one answer a_1..a_T at temperature T_s.
 * Log-probabilities of pi and of the reference are those under softmax(logits / T_s), the
 * distribution that was drawn from; they are computed again by the training forward, in
 * the passes in which the first epoch will learn, so that the ratio of the first update
 * is exactly 1. V(s_t) is the critic's value of the state before a_t. Then
 *
 *     reward_t     = -beta (log pi(a_t) - log ref(a_t))          k1, a penalty per token
 *     reward_last += score - missing_eos_penalty [no <|im_end|>]
 *     delta_t      = reward_t + gamma V(s_t+1) - V(s_t),         V beyond the end is 0
 *     advantage_t  = delta_t + gamma lambda advantage_t+1        (Schulman et al. 2016)
 *     return_t     = advantage_t + V(s_t)
 *
 * and the advantages of the whole batch are whitened. The score stands at the last
 * action, the <|im_end|> where there is one. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/stats.h"
#include "stages/ppo_internal.h"
#include "tensor/loss.h"

#include <math.h>
#include <string.h>

/* --- prompts and answers ------------------------------------------------------------- */

/* Prompt number e of the endless stream of shuffled epochs. */
static int64_t prompt_at(PpoStage *p, int64_t e)
{
    int64_t n = p->prompts.n, epoch = e / n;
    if (epoch != p->prompt_epoch) {
        for (int64_t i = 0; i < n; i++)
            p->prompt_order[i] = i;
        Rng rng = rng_make((uint64_t)p->t->seed, RNG_SHUFFLE, (uint64_t)epoch);
        rng_shuffle(&rng, p->prompt_order, n);
        p->prompt_epoch = epoch;
    }
    return p->prompt_order[e % n];
}

/* Copies an answer into the experience; actions are what was drawn. */
static void store_episode(PpoStage *p, int64_t i, const EngineResult *r)
{
    Experience *x = &p->experience;
    Episode *e = &x->episodes[i];
    int64_t context = p->sft.model->shape.context;
    int64_t n_prompt = documents_len(&p->prompts.rendered, p->which[i]);
    int32_t *ids = x->ids + i * context;
    float *is_action = x->is_action + i * context;
    *e = (Episode){.prompt = p->which[i],
                   .n_ids = n_prompt + r->n,
                   .first = x->actions,
                   .ended = answerer_ended(p->answerer, r)};
    memcpy(ids, documents_ids(&p->prompts.rendered, p->which[i]),
           (size_t)n_prompt * sizeof *ids);
    memcpy(ids + n_prompt, r->ids, (size_t)r->n * sizeof *ids);
    for (int64_t t = 0; t < n_prompt; t++)
        is_action[t] = 0;
    for (int64_t t = 0; t < r->n; t++) {
        is_action[n_prompt + t] = r->forced[t] ? 0.0F : 1.0F;
        if (!r->forced[t])
            x->returns[x->actions + e->actions++] = r->logprobs[t]; /* for engine_gap */
    }
    x->actions += e->actions;
}

static Status roll_out(PpoStage *p, int64_t iteration, Err *err)
{
    int64_t B = p->o->batch;
    for (int64_t i = 0; i < B; i++)
        p->which[i] = prompt_at(p, iteration * B + i);
    AnswerOptions o = {p->o->temperature, p->o->max_new, p->t->seed};
    TRY(answerer_run(p->answerer, &p->prompts, p->which, B, (uint64_t)(iteration * B),
                     &o, p->results, NULL, err));
    p->experience.actions = 0;
    for (int64_t i = 0; i < B; i++) {
        store_episode(p, i, &p->results[i]);
        p->items[i] =
            answerer_item(p->answerer, &p->prompts, p->which[i], &p->results[i]);
    }
    return OK;
}

static Status score_answers(PpoStage *p, Metrics *m, Err *err)
{
    int64_t B = p->o->batch;
    TRY(reward_score(&p->rewards.reward, p->items, B, err));
    rewards_put(&p->rewards, "", m);
    for (int64_t i = 0; i < B; i++)
        p->experience.episodes[i].score = p->items[i].score;
    if (!p->gold.self)
        return OK;
    TRY(reward_score(&p->gold, p->items, B, err));
    double sum = 0;
    for (int64_t i = 0; i < B; i++)
        sum += p->items[i].score;
    metrics_put(m, "gold/score", sum / (double)B);
    return OK;
}

/* --- what the models say about them -------------------------------------------------- */

static void look_back(PpoStage *p, int64_t iteration)
{
    Experience *x = &p->experience;
    ppo_shuffle(p, iteration, 0);
    for (int64_t mb = 0; mb < p->o->minibatches; mb++) {
        int64_t at, end;
        ppo_minibatch(p, mb, &at, &end);
        while (ppo_lay(p, &at, end)) {
            ppo_forward_policy(p, p->reference, p->reference_tape);
            ppo_scatter(p, x->ref_logprob, p->pass.logprob);
            ppo_forward_policy(p, p->sft.model, p->policy_tape);
            ppo_scatter(p, x->logprob, p->pass.logprob);
            ppo_scatter(p, x->entropy, p->pass.entropy);
            ppo_forward_critic(p);
            ppo_scatter(p, x->value, p->pass.value);
            p->flops += 4.0 / 3.0 * (double)p->pass.batch->n *
                        model_shape_train_flops(&p->sft.model->shape, 64);
        }
    }
    double gap = 0;
    for (int64_t t = 0; t < x->actions; t++) /* the sampler's were left in returns */
        gap += fabs((double)x->logprob[t] - (double)x->returns[t]);
    x->engine_gap = gap / (double)x->actions;
}

/* --- rewards and advantages ---------------------------------------------------------- */

/* What the end of an episode is worth. */
static double final_reward(const PpoStage *p, const Episode *e)
{
    double score = e->score, clip = p->o->score_clip;
    if (clip > 0)
        score = fmax(-clip, fmin(clip, score));
    return e->ended ? score : score - p->o->missing_eos_penalty;
}

static void set_rewards(PpoStage *p)
{
    Experience *x = &p->experience;
    for (int64_t i = 0; i < p->o->batch; i++) {
        Episode *e = &x->episodes[i];
        for (int64_t t = e->first; t < e->first + e->actions; t++) {
            double d = (double)x->logprob[t] - (double)x->ref_logprob[t];
            x->reward[t] = (float)(-p->kl_coef * loss_kl1(d));
            e->kl += loss_kl1(d);
            e->kl3 += loss_kl3(d);
        }
        if (e->actions > 0) {
            int64_t last = e->first + e->actions - 1;
            x->reward[last] = (float)((double)x->reward[last] + final_reward(p, e));
        }
    }
    if (p->o->whiten_rewards)
        loss_whiten(x->reward, x->ones, x->actions, false);
}

static void set_advantages(PpoStage *p)
{
    Experience *x = &p->experience;
    for (int64_t i = 0; i < p->o->batch; i++) {
        const Episode *e = &x->episodes[i];
        loss_gae(x->reward + e->first, x->value + e->first, e->actions, p->o->gamma,
                 p->o->lambda, x->advantage + e->first, x->returns + e->first);
    }
    loss_whiten(x->advantage, x->ones, x->actions, true);
}

/* --- metrics ------------------------------------------------------------------------- */

typedef struct Moments {
    double mean, variance;
} Moments;

static Moments moments(const float *x, int64_t n)
{
    Moments m = {0};
    for (int64_t i = 0; i < n; i++)
        m.mean += (double)x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        m.variance += ((double)x[i] - m.mean) * ((double)x[i] - m.mean) / (double)n;
    return m;
}

/* 1 - mean((return - value)^2) / var(return): 1 when the critic knows all. */
static double explained_variance(const Experience *x, double variance)
{
    double error = 0;
    for (int64_t t = 0; t < x->actions; t++) {
        double d = (double)x->returns[t] - (double)x->value[t];
        error += d * d / (double)x->actions;
    }
    return variance > 0 ? 1 - error / variance : 0;
}

static void put_episodes(const PpoStage *p, Metrics *m, Err *err)
{
    const Experience *x = &p->experience;
    int64_t B = p->o->batch;
    double kl = 0, kl3 = 0, ended = 0, final = 0, *score = NULL, *length = NULL;
    if (MEM_ARRAY(&score, (size_t)B, err) != OK ||
        MEM_ARRAY(&length, (size_t)B, err) != OK)
        goto done; /* metrics alone are lost, and the next allocation will tell */
    for (int64_t i = 0; i < B; i++) {
        const Episode *e = &x->episodes[i];
        kl += e->kl / (double)B;
        kl3 += e->kl3 / (double)B;
        ended += e->ended;
        final += final_reward(p, e) / (double)B;
        score[i] = e->score;
        length[i] = (double)e->actions;
    }
    metrics_put(m, "objective/kl", kl);
    metrics_put(m, "objective/kl3", kl3);
    metrics_put(m, "objective/kl_coef", p->kl_coef);
    metrics_put(m, "objective/non_score_reward", -p->kl_coef * kl);
    metrics_put(m, "objective/rlhf_reward", final - p->kl_coef * kl);
    metrics_put(m, "objective/scores", stats_mean(score, B));
    metrics_put(m, "objective/scores_std", stats_sd(score, B));
    metrics_put(m, "val/num_eos_tokens", ended);
    metrics_put(m, "response/len_mean", stats_mean(length, B));
    metrics_put(m, "response/missing_eos_frac", 1 - ended / (double)B);
    metrics_put(m, "len_reward_corr", stats_correlation(length, score, B));
done:
    mem_free(score);
    mem_free(length);
}

static void put_experience(const PpoStage *p, int64_t iteration, Metrics *m, Err *err)
{
    const Experience *x = &p->experience;
    int64_t n = x->actions, B = p->o->batch;
    metrics_put(m, "episode", (double)((iteration + 1) * B));
    put_episodes(p, m, err);
    Moments surprise = moments(x->logprob, n), returns = moments(x->returns, n);
    metrics_put(m, "objective/entropy", -surprise.mean * (double)n / (double)B);
    metrics_put(m, "val/mean", moments(x->value, n).mean);
    metrics_put(m, "returns/mean", returns.mean);
    metrics_put(m, "returns/var", returns.variance);
    metrics_put(m, "val/var_explained", explained_variance(x, returns.variance));
    metrics_put(m, "val/engine_gap", x->engine_gap);
}

Status ppo_collect(PpoStage *p, int64_t iteration, Metrics *m, Err *err)
{
    TRY(roll_out(p, iteration, err));
    Status status = score_answers(p, m, err);
    for (int64_t i = 0; i < p->o->batch; i++)
        engine_result_release(&p->results[i]);
    TRY(status);
    look_back(p, iteration);
    set_rewards(p);
    set_advantages(p);
    put_experience(p, iteration, m, err);
    return OK;
}
