/* rollout.c - collecting experience, see rl_internal.h.
 *
 * For each prompt of an iteration the policy pi draws its answers a_1..a_T at temperature
 * T_s. Log-probabilities of pi and of the reference are those under softmax(logits / T_s),
 * the distribution that was drawn from; they are computed again by the training forward, in
 * the passes in which the first epoch will learn, so that the ratio of the first update
 * is exactly 1. What becomes of scores and log-probabilities is the method's. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/stats.h"
#include "base/system.h"
#include "stages/rl/rl_internal.h"

#include <math.h>
#include <string.h>

void rl_take_time(double *seconds, double *mark)
{
    double now = system_seconds();
    *seconds += now - *mark;
    *mark = now;
}

/* --- prompts and answers ------------------------------------------------------------- */

/* Prompt number e of the endless stream of shuffled epochs. */
static int64_t prompt_at(RlStage *s, int64_t e)
{
    int64_t n = s->prompts.n, epoch = e / n;
    if (epoch != s->prompt_epoch) {
        for (int64_t i = 0; i < n; i++)
            s->prompt_order[i] = i;
        Rng rng = rng_make((uint64_t)s->t->seed, RNG_SHUFFLE, (uint64_t)epoch);
        rng_shuffle(&rng, s->prompt_order, n);
        s->prompt_epoch = epoch;
    }
    return s->prompt_order[e % n];
}

/* Answers from the next prompts in the stream into places [first, batch). */
static Status draw(RlStage *s, int64_t first, Err *err)
{
    int64_t B = s->o->batch, K = s->o->answers;
    for (int64_t i = first; i < B; i++)
        s->which[i] = prompt_at(s, s->groups + (i - first) / K);
    AnswerOptions o = {s->o->temperature, s->o->max_new, s->t->seed};
    double mark = system_seconds();
    TRY(answerer_run(s->answerer, &s->prompts, s->which + first, B - first,
                     (uint64_t)(s->groups * K), &o, s->results + first, NULL, err));
    s->groups += (B - first) / K;
    for (int64_t i = first; i < B; i++) {
        s->items[i] =
            answerer_item(s->answerer, &s->prompts, s->which[i], &s->results[i]);
        s->times.drawn += (double)s->results[i].n;
    }
    rl_take_time(&s->times.rollout, &mark);
    Status status = reward_score(&s->rewards.reward, s->items + first, B - first, err);
    rl_take_time(&s->times.reward, &mark);
    for (int64_t i = first; status != OK && i < B; i++)
        engine_result_release(&s->results[i]);
    return status;
}

/* What is known of an answer before the models have looked at it. */
static Episode episode_of(const RlStage *s, int64_t i)
{
    const EngineResult *r = &s->results[i];
    return (Episode){.prompt = s->which[i],
                     .n_ids = documents_len(&s->prompts.rendered, s->which[i]) + r->n,
                     .n_answer = r->n,
                     .ended = answerer_ended(s->answerer, r),
                     .score = s->items[i].score,
                     .scaled = s->items[i].score};
}

double rl_final_reward(const RlOptions *o, const Episode *e)
{
    double score = e->scaled, clip = o->score_clip;
    if (clip > 0)
        score = fmax(-clip, fmin(clip, score));
    score -=
        loss_overlong(e->n_answer, o->max_new, o->overlong_buffer, o->overlong_penalty);
    return e->ended ? score : score - o->missing_eos_penalty;
}

/* Whether the answers of the group that begins at place i are all worth the same. */
static bool is_equal(const RlStage *s, int64_t i)
{
    Episode first = episode_of(s, i);
    for (int64_t k = 1; k < s->o->answers; k++) {
        Episode other = episode_of(s, i + k);
        if (rl_final_reward(s->o, &other) != rl_final_reward(s->o, &first))
            return false;
    }
    return true;
}

/* Moves the groups of places [first, batch) whose answers differ to the front of them and
 * releases the others; returns where the front ends. */
static int64_t keep_unequal(RlStage *s, int64_t first)
{
    int64_t K = s->o->answers, kept = first;
    for (int64_t i = first; i < s->o->batch; i += K) {
        bool equal = is_equal(s, i);
        s->resampled += equal;
        for (int64_t k = 0; k < K; k++) {
            if (equal) {
                engine_result_release(&s->results[i + k]);
                continue;
            }
            s->which[kept] = s->which[i + k];
            s->results[kept] = s->results[i + k];
            s->items[kept++] = s->items[i + k];
        }
    }
    return kept;
}

static void release_answers(RlStage *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        engine_result_release(&s->results[i]);
}

/* The answers of the iteration, scored, into all places. */
static Status answer(RlStage *s, Err *err)
{
    int64_t rounds = s->equal_groups == EQUAL_RESAMPLE ? s->resample_rounds : 0;
    s->resampled = 0;
    TRY(draw(s, 0, err));
    for (int64_t filled = 0; rounds > 0; rounds--) {
        filled = keep_unequal(s, filled);
        if (filled == s->o->batch)
            break;
        Status status = draw(s, filled, err);
        if (status != OK) {
            release_answers(s, filled);
            return status;
        }
    }
    return OK;
}

/* Copies an answer into the experience; actions are what was drawn. */
static void store_episode(RlStage *s, int64_t i)
{
    Experience *x = &s->experience;
    const EngineResult *r = &s->results[i];
    Episode *e = &x->episodes[i];
    int64_t context = s->sft.model->shape.context;
    int32_t *ids = x->ids + i * context;
    float *is_action = x->is_action + i * context;
    *e = episode_of(s, i);
    e->repetition = guards_repetition(r->ids, r->n, s->grams);
    e->first = x->actions;
    int64_t n_prompt = e->n_ids - r->n;
    memcpy(ids, documents_ids(&s->prompts.rendered, e->prompt),
           (size_t)n_prompt * sizeof *ids);
    memcpy(ids + n_prompt, r->ids, (size_t)r->n * sizeof *ids);
    for (int64_t t = 0; t < n_prompt; t++)
        is_action[t] = 0;
    for (int64_t t = 0; t < r->n; t++) {
        is_action[n_prompt + t] = r->forced[t] ? 0.0F : 1.0F;
        if (!r->forced[t])
            x->drawn_logprob[x->actions + e->actions++] = r->logprobs[t];
    }
    x->actions += e->actions;
}

/* Scores with mean 0 and unit spread over the iteration (Touvron et al. 2023, 3.2.3). */
static void whiten_scores(Experience *x)
{
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < x->n; i++)
        mean += x->episodes[i].score / (double)x->n;
    for (int64_t i = 0; i < x->n; i++)
        variance += pow(x->episodes[i].score - mean, 2) / (double)x->n;
    for (int64_t i = 0; i < x->n; i++)
        x->episodes[i].scaled = (x->episodes[i].score - mean) / sqrt(variance + 1e-8);
}

/* Leaves out what the options say is not learned from. */
static void weigh(RlStage *s)
{
    Experience *x = &s->experience;
    int64_t K = s->o->answers;
    s->equal = 0;
    for (int64_t i = 0; i < x->n; i++) {
        bool equal = K > 1 && is_equal(s, i / K * K);
        Episode *e = &x->episodes[i];
        s->equal += equal && i % K == 0;
        e->left_out = (equal && s->equal_groups != EQUAL_KEEP) ||
                      (s->o->mask_truncated && !e->ended);
        for (int64_t t = e->first; t < e->first + e->actions; t++)
            x->weight[t] = e->left_out ? 0.0F : 1.0F;
    }
}

static Status put_gold(RlStage *s, Metrics *m, Err *err)
{
    int64_t B = s->o->batch;
    if (!s->gold.self)
        return OK;
    TRY(reward_score(&s->gold, s->items, B, err));
    double sum = 0;
    for (int64_t i = 0; i < B; i++)
        sum += s->items[i].score;
    metrics_put(m, "gold/score", sum / (double)B);
    return OK;
}

static Status roll_out(RlStage *s, Metrics *m, Err *err)
{
    rewards_begin(&s->rewards);
    TRY(answer(s, err));
    rewards_put(&s->rewards, "", m);
    s->experience.actions = 0;
    for (int64_t i = 0; i < s->o->batch; i++)
        store_episode(s, i);
    if (s->o->whiten_scores)
        whiten_scores(&s->experience);
    weigh(s);
    Status status = put_gold(s, m, err);
    release_answers(s, s->o->batch);
    return status;
}

/* --- what the models say about them -------------------------------------------------- */

static void look_at_pass(RlStage *s)
{
    Experience *x = &s->experience;
    rl_forward_policy(s, s->reference, s->reference_tape);
    rl_scatter(s, x->ref_logprob, s->pass.logprob);
    rl_forward_policy(s, s->sft.model, s->policy_tape);
    rl_scatter(s, x->logprob, s->pass.logprob);
    rl_scatter(s, x->entropy, s->pass.entropy);
    s->flops += 2.0 / 3.0 * (double)s->pass.batch->n *
                model_shape_train_flops(&s->sft.model->shape, 64);
    if (s->method->look)
        s->method->look(s);
}

static void look_back(RlStage *s, int64_t iteration)
{
    Experience *x = &s->experience;
    rl_shuffle(s, iteration, 0);
    for (int64_t mb = 0; mb < s->o->minibatches; mb++) {
        int64_t at, end;
        rl_minibatch(s, mb, &at, &end);
        while (rl_lay(s, &at, end))
            look_at_pass(s);
    }
    double gap = 0;
    for (int64_t t = 0; t < x->actions; t++)
        gap += fabs((double)x->logprob[t] - (double)x->drawn_logprob[t]);
    x->engine_gap = gap / (double)x->actions;
}

void rl_sum_kl(Experience *x)
{
    for (int64_t i = 0; i < x->n; i++) {
        Episode *e = &x->episodes[i];
        e->kl = e->kl3 = 0;
        for (int64_t t = e->first; t < e->first + e->actions; t++) {
            double d = (double)x->logprob[t] - (double)x->ref_logprob[t];
            e->kl += loss_kl1(d);
            e->kl3 += loss_kl3(d);
        }
    }
}

void rl_spread(Experience *x)
{
    for (int64_t i = 0; i < x->n; i++) {
        const Episode *e = &x->episodes[i];
        for (int64_t t = e->first; t < e->first + e->actions; t++)
            x->advantage[t] = (float)x->relative[i];
    }
}

/* --- metrics ------------------------------------------------------------------------- */

Moments rl_moments(const float *x, int64_t n)
{
    Moments m = {0};
    for (int64_t i = 0; i < n; i++)
        m.mean += (double)x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        m.variance += ((double)x[i] - m.mean) * ((double)x[i] - m.mean) / (double)n;
    return m;
}

static void put_episodes(const RlStage *s, Metrics *m, Err *err)
{
    const Experience *x = &s->experience;
    int64_t B = s->o->batch;
    double kl = 0, kl3 = 0, ended = 0, final = 0, repeated = 0, *score = NULL,
           *length = NULL;
    if (MEM_ARRAY(&score, (size_t)B, err) != OK ||
        MEM_ARRAY(&length, (size_t)B, err) != OK)
        goto done; /* metrics alone are lost, and the next allocation will tell */
    for (int64_t i = 0; i < B; i++) {
        const Episode *e = &x->episodes[i];
        kl += e->kl / (double)B;
        kl3 += e->kl3 / (double)B;
        ended += e->ended;
        repeated += e->repetition / (double)B;
        final += rl_final_reward(s->o, e) / (double)B;
        score[i] = e->score;
        length[i] = (double)e->actions;
    }
    metrics_put(m, "objective/kl", kl);
    metrics_put(m, "objective/kl3", kl3);
    metrics_put(m, "objective/kl_coef", s->kl_coef);
    metrics_put(m, "objective/non_score_reward", -s->kl_coef * kl);
    metrics_put(m, "objective/rlhf_reward", final - s->kl_coef * kl);
    metrics_put(m, "objective/scores", stats_mean(score, B));
    metrics_put(m, "objective/scores_std", stats_sd(score, B));
    metrics_put(m, "val/num_eos_tokens", ended);
    metrics_put(m, "response/len_mean", stats_mean(length, B));
    metrics_put(m, "response/missing_eos_frac", 1 - ended / (double)B);
    metrics_put(m, "response/repetition", repeated);
    metrics_put(m, "len_reward_corr", stats_correlation(length, score, B));
done:
    mem_free(score);
    mem_free(length);
}

static void put_groups(const RlStage *s, Metrics *m)
{
    double groups = (double)s->o->batch / (double)s->o->answers;
    if (s->o->answers > 1)
        metrics_put(m, "frac_reward_zero_std", s->equal / groups);
    if (s->equal_groups == EQUAL_RESAMPLE)
        metrics_put(m, "groups_resampled", s->resampled);
}

static void put_experience(const RlStage *s, int64_t iteration, Metrics *m, Err *err)
{
    const Experience *x = &s->experience;
    int64_t n = x->actions, B = s->o->batch;
    metrics_put(m, "episode", (double)((iteration + 1) * B));
    put_episodes(s, m, err);
    put_groups(s, m);
    metrics_put(m, "objective/entropy",
                -rl_moments(x->logprob, n).mean * (double)n / (double)B);
    if (s->method->put_experience)
        s->method->put_experience(s, m);
    metrics_put(m, "val/engine_gap", x->engine_gap);
}

Status rl_collect(RlStage *s, int64_t iteration, Metrics *m, Err *err)
{
    s->times = (RlTimes){0};
    TRY(roll_out(s, m, err));
    double mark = system_seconds();
    look_back(s, iteration);
    rl_take_time(&s->times.look_back, &mark);
    rl_sum_kl(&s->experience);
    s->method->credit(s);
    put_experience(s, iteration, m, err);
    return OK;
}
