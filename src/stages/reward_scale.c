/* reward_scale.c - scale and zero of a reward model: samples of the SFT model get unit
 * spread, demonstrations mean 0; see reward.c. */
#include "stages/reward_internal.h"

#include "base/mem.h"
#include "base/stats.h"

enum { NORM_TOKENS = 96, MOST_SCORED = 1000 };

int64_t reward_gain_tokens(const ModelShape *shape)
{
    return NORM_TOKENS < shape->context / 2 ? NORM_TOKENS : shape->context / 2;
}

int32_t reward_gain_capacity(const RewardStage *r)
{
    const ModelShape *shape = &r->sft.model->shape;
    return prompts_capacity(&r->prompts, reward_gain_tokens(shape), shape);
}

/* Scores of samples of the SFT model; *n of them in *score, to be mem_freed. */
static Status score_samples(RewardStage *r, double **score, int64_t *n, Err *err)
{
    const Prompts *prompts = &r->prompts;
    Answerer *answerer = NULL;
    Reward reward = {0};
    int64_t *which = NULL;
    EngineResult *results = NULL;
    RewardItem *items = NULL;
    *n = 0;
    int64_t max_new = reward_gain_tokens(&r->sft.model->shape);
    size_t count = (size_t)prompts->n;
    Status status = answerer_new(&answerer, r->sft.model, r->sft.tok, r->sft.chat,
                                 REWARD_GAIN_SLOTS, reward_gain_capacity(r), true, err);
    if (status == OK)
        status = reward_from_model(&reward, r->learner.model, err);
    if (status == OK)
        status = MEM_ARRAY(&which, count, err);
    if (status == OK)
        status = MEM_ARRAY(&results, count, err);
    if (status == OK)
        status = MEM_ARRAY(&items, count, err);
    if (status == OK)
        status = MEM_ARRAY(score, count, err);
    for (int64_t i = 0; status == OK && i < prompts->n; i++)
        which[i] = i;
    AnswerOptions o = {.temperature = 1, .max_new = max_new, .seed = r->t->seed};
    if (status == OK)
        status = answerer_run(answerer, prompts, which, prompts->n, 0, &o, results,
                              NULL, err);
    for (int64_t i = 0; status == OK && i < prompts->n; i++)
        items[i] = answerer_item(answerer, prompts, i, &results[i]);
    if (status == OK)
        status = reward_score(&reward, items, prompts->n, err);
    for (int64_t i = 0; status == OK && i < prompts->n; i++)
        (*score)[(*n)++] = items[i].score;
    for (int64_t i = 0; results && i < prompts->n; i++)
        engine_result_release(&results[i]);
    mem_free(which);
    mem_free(results);
    mem_free(items);
    reward_release(&reward);
    answerer_free(answerer);
    return status;
}

static int64_t at_most(size_t n, int64_t most)
{
    return (int64_t)n < most ? (int64_t)n : most;
}

/* Scores of documents [0, n) in *score, to be mem_freed. */
static Status score_documents(RewardStage *r, const Documents *docs, int64_t n,
                              double **score, Err *err)
{
    float *value;
    TRY(MEM_ARRAY(&value, (size_t)n, err));
    Status status = answer_pass_values(r->pass.answers, docs, n, value, NULL, err);
    if (status == OK)
        status = MEM_ARRAY(score, (size_t)n, err);
    for (int64_t d = 0; status == OK && d < n; d++)
        (*score)[d] = (double)value[d];
    mem_free(value);
    return status;
}

/* The scores whose spread becomes 1. */
static Status score_for_gain(RewardStage *r, double **score, int64_t *n, Err *err)
{
    *score = NULL;
    if (r->prompts.n > 0)
        return score_samples(r, score, n, err);
    *n = at_most(r->train.docs.n, MOST_SCORED);
    return score_documents(r, &r->train.docs, *n, score, err);
}

static Status set_gain(RewardStage *r, Metrics *m, Err *err)
{
    double *score;
    int64_t n;
    Status status = score_for_gain(r, &score, &n, err);
    if (status == OK) {
        double spread = stats_sd(score, n);
        double gain = spread > 1e-6 ? 1 / spread : 1;
        Model *model = r->learner.model;
        model->ops->scale(model->ops, model->score.value, (float)gain);
        model_changed(model);
        metrics_put(m, "gain", gain);
        metrics_put(m, "sample_score_mean", stats_mean(score, n) * gain);
    }
    mem_free(score);
    return status;
}

static Status set_bias(RewardStage *r, Metrics *m, Err *err)
{
    int64_t n = at_most(r->demonstrations.n, MOST_SCORED);
    if (n == 0)
        return OK;
    double *score;
    TRY(score_documents(r, &r->demonstrations, n, &score, err));
    r->learner.model->score_bias -= stats_mean(score, n);
    metrics_put(m, "bias", r->learner.model->score_bias);
    metrics_put(m, "demonstration_score_std", stats_sd(score, n));
    mem_free(score);
    return OK;
}

Status reward_set_scale(RewardStage *r, Metrics *m, Err *err)
{
    TRY(set_gain(r, m, err));
    return set_bias(r, m, err);
}
