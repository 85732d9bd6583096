/* reward.c - stage 3: a reward model from rankings, see reward.h.
 *
 * The loss of an update is the mean over its rankings of
 *
 *     L = -1/P sum_{i ranked above j} log sigma(r_i - r_j)
 *
 * (tensor/loss_preference.h), where the data's margin m_ij may be taken from the
 * difference and a small centre (r_i + r_j)^2 added. All K answers of a ranking are in one
 * batch element: each is run forward once, as a document of its own (ranking_pass.h).
 *
 * Only differences of scores are learned (but for the centre), so scale and zero are free.
 * They are fixed at the end, for PPO's sake, whose KL coefficient means something only
 * relative to the scale of rewards (Ziegler et al. 2019): samples of the SFT model get unit
 * spread, demonstrations mean 0.
 *
 * Scale and zero are in reward_scale.c, the learning curve in reward_curve.c, the report
 * at the end in reward_report.c. */
#include "stages/reward.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "stages/calibration.h"
#include "stages/reward_internal.h"
#include "stages/reward_report.h"
#include "tensor/loss_preference.h"

#include <math.h>
#include <stdio.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(RewardOptions, model, NULL, "folder of the SFT model"),
    OPT_TEXT(RewardOptions, data, NULL, "comparisons: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(RewardOptions, heldout_data, NULL, "comparisons to evaluate on; unset: a share of the data"),
    OPT_TEXT(RewardOptions, demonstrations, NULL, "whose mean score becomes 0; unset: no centring"),
    OPT_TEXT(RewardOptions, prompts, NULL, "samples of the SFT model on these get unit spread; unset: the comparisons' answers do"),
    OPT_REAL(RewardOptions, heldout, 0.1, 0, 0.5, "share of the comparisons held out when heldout_data is unset"),
    OPT_REAL(RewardOptions, epochs, 1, 0.001, 1000, "passes over the comparisons; more than one overfits soon"),
    OPT_INT(RewardOptions, batch_prompts, 32, 1, 1e6, "rankings an update"),
    OPT_REAL(RewardOptions, margin, 1, 0, 1e6, "factor of the margins that the data say; 0: they are passed over"),
    OPT_REAL(RewardOptions, centre, 0, 0, 1e6, "weight of the squared sum of a pair's scores, which keeps them near 0; 0.01 is usual"),
    OPT_CHOICE(RewardOptions, overlong, OVERLONG_REFUSE, overlong_names, "what to do with an answer longer than the context; truncate cuts the prompt's start"),
    OPT_TEXT(RewardOptions, groups, NULL, "field of a comparison's row by which the report breaks the accuracy down; unset: source, or else skill"),
    OPT_REAL(RewardOptions, label_noise, 0, 0, 0.49, "chance that a held-out label is wrong, where it is known: for the report's ceiling; 0: it is not known"),
    OPT_BOOL(RewardOptions, learning_curve, false, "before the model, train two on a sixteenth and on a quarter of the comparisons: what more of them would bring (a third more time)"),
    OPT_END
};
/* clang-format on */
const OptTable reward_options = {"reward", "train a reward model on ranked answers",
                                 sizeof(RewardOptions), fields};

static const TrainOptions stage_defaults = {
    .lr = 5e-4, /* at width 192 */
    .lr_end = 0.1,
    .schedule = SCHEDULE_COSINE,
    .warmup = 0.03,
    .weight_decay = 0,
    .beta2 = 0.95,
    .eps = 1e-8,
};
static const double lora_lr = 3e-3; /* at width 192 */

void reward_release_learner(RewardStage *r)
{
    ranking_pass_release(&r->pass);
    epochs_release(&r->epochs);
    adamw_release(&r->learner.adamw, r->learner.model);
    model_free(r->learner.model);
    r->learner = (Learner){0};
}

static void release(RewardStage *r)
{
    reward_release_learner(r);
    mem_free(r->part);
    mem_free(r->heldout_score);
    json_decref(r->curve);
    documents_release(&r->demonstrations);
    prompts_release(&r->prompts);
    rankings_release(&r->train);
    rankings_release(&r->heldout);
    chat_model_release(&r->sft);
}

/* --- the objective ------------------------------------------------------------------- */

/* Scores of one ranking: the loss goes into sums, held-out scores are kept, gradients are
 * those of the mean over an update's rankings. */
static void take_scores(void *self, int64_t i, const float *score,
                        const int64_t *tokens, float *dscore)
{
    (void)tokens;
    RewardStage *r = self;
    const Rankings *rankings = r->pass.rankings;
    const RankingLoss how = {.beta = 1, .centre = r->o->centre};
    int64_t first = rankings->first[i], K = rankings_answers(rankings, i), pairs;
    const int32_t *rank = rankings->rank + first;
    double scale = 1 / (double)r->o->batch_prompts, right;
    r->sums.loss +=
        loss_ranking(&how, score, rankings->margin + first, rank, K, dscore);
    loss_ranking_pairs(score, rank, K, &pairs, &right);
    r->sums.pairs += (double)pairs;
    r->sums.right += right;
    for (int64_t k = 0; k < K; k++) {
        dscore[k] = (float)(scale * (double)dscore[k]);
        if (rankings == &r->heldout)
            r->heldout_score[first + k] = score[k];
    }
}

Status reward_update(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                     Err *err)
{
    (void)skip;
    (void)err;
    RewardStage *r = self;
    int64_t B = r->o->batch_prompts;
    r->sums = (RankingSums){0};
    ranking_pass_begin(&r->pass, &r->train, true);
    for (int64_t b = 0; b < B; b++) {
        int64_t i = epochs_at(&r->epochs, u * B + b);
        ranking_pass_add(&r->pass, r->part ? r->part[i] : i);
    }
    ranking_pass_end(&r->pass);
    *loss = r->sums.loss / (double)B;
    metrics_put(m, "loss", *loss);
    metrics_put(m, "accuracy", r->sums.right / r->sums.pairs);
    return OK;
}

void reward_score_heldout(RewardStage *r)
{
    r->sums = (RankingSums){0};
    ranking_pass_begin(&r->pass, &r->heldout, false);
    for (int64_t i = 0; i < (int64_t)r->heldout.n; i++)
        ranking_pass_add(&r->pass, i);
    ranking_pass_end(&r->pass);
}

static Status put_calibration(const RewardStage *r, double n_pairs, Metrics *m,
                              Err *err)
{
    const Rankings *h = &r->heldout;
    Pairs pairs;
    Calibration c;
    TRY(pairs_reserve(&pairs, (int64_t)n_pairs, err));
    for (int64_t i = 0; i < (int64_t)h->n; i++) {
        int64_t length[RECORD_MAX_ANSWERS], first = h->first[i];
        int64_t K = rankings_answers(h, i);
        for (int64_t k = 0; k < K; k++)
            length[k] = documents_len(&h->docs, first + k);
        pairs_add(&pairs, r->heldout_score + first, h->rank + first, length, K);
    }
    Status status = calibration_of(&pairs, &c, err);
    if (status == OK) {
        metrics_put(m, "heldout/accuracy", c.accuracy);
        metrics_put(m, "heldout/length_accuracy", c.length_accuracy);
        metrics_put(m, "heldout/margin", c.margin);
        metrics_put(m, "heldout/temperature", c.temperature);
        metrics_put(m, "heldout/ece", c.ece);
        metrics_put(m, "heldout/ece_fitted", c.ece_fitted);
    }
    pairs_release(&pairs);
    return status;
}

static Status put_scores(const RewardStage *r, Metrics *m, Err *err)
{
    int64_t n = (int64_t)r->heldout.docs.n;
    double *score = NULL, *length = NULL;
    Status status = MEM_ARRAY(&score, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&length, (size_t)n, err);
    for (int64_t d = 0; status == OK && d < n; d++) {
        score[d] = (double)r->heldout_score[d];
        length[d] = (double)documents_len(&r->heldout.docs, d);
    }
    if (status == OK) {
        metrics_put(m, "heldout/score_mean", stats_mean(score, n));
        metrics_put(m, "heldout/score_std", stats_sd(score, n));
        metrics_put(m, "heldout/length_correlation",
                    stats_correlation(score, length, n));
    }
    mem_free(score);
    mem_free(length);
    return status;
}

static Status evaluate(void *self, int64_t u, Metrics *m, Err *err)
{
    (void)u;
    RewardStage *r = self;
    if (r->heldout.n == 0)
        return OK;
    reward_score_heldout(r);
    metrics_put(m, "heldout/loss", r->sums.loss / (double)r->heldout.n);
    metrics_put(m, "heldout/pairs", r->sums.pairs);
    TRY(put_calibration(r, r->sums.pairs, m, err));
    return put_scores(r, m, err);
}

/* --- the end ------------------------------------------------------------------------- */

static Status write_report(const RewardStage *r, const json_t *report, Err *err)
{
    Str path = {0}, text = {0};
    reward_report_markdown(report, &text);
    Status status = str_check(&text, err);
    if (status == OK)
        status = json_write_file(file_join(&path, r->folder, "reward_report.json"),
                                 report, err);
    if (status == OK)
        status = file_write_atomic(file_join(&path, r->folder, "reward_report.md"),
                                   text.ptr, text.len, err);
    str_release(&path);
    str_release(&text);
    return status;
}

/* The last point of the curve is the model itself. */
static Status end_curve(RewardStage *r, Err *err)
{
    json_t *point;
    if (!r->curve)
        return OK;
    TRY(reward_curve_point(&r->heldout, r->heldout_score, (int64_t)r->train.n, &point,
                           err));
    json_array_append_new(r->curve, point);
    return OK;
}

/* Of the scores that evaluate left. */
static Status report_on(RewardStage *r, Metrics *m, Err *err)
{
    if (r->heldout.n == 0)
        return OK;
    json_t *report;
    TRY(end_curve(r, err));
    RewardReportInput in = {.train = &r->train,
                            .heldout = &r->heldout,
                            .score = r->heldout_score,
                            .tok = r->sft.tok,
                            .seed = r->t->seed,
                            .label_noise = r->o->label_noise,
                            .curve = r->curve};
    TRY(reward_report_make(&in, &report, err));
    const json_t *words =
        json_object_get(json_object_get(report, "baselines"), "bag_of_words");
    metrics_put(m, "heldout/bag_of_words_accuracy",
                json_number_value(json_object_get(words, "accuracy")));
    reward_report_tell(report);
    Status status = write_report(r, report, err);
    json_decref(report);
    return status;
}

static Status finish(void *self, Metrics *m, Err *err)
{
    RewardStage *r = self;
    TRY(reward_set_scale(r, m, err));
    TRY(evaluate(r, 0, m, err)); /* what depends on the scale */
    return report_on(r, m, err);
}

static double tokens(void *self)
{
    const RewardStage *r = self;
    return r->pass.tokens;
}

static double flops(void *self)
{
    const RewardStage *r = self;
    const ModelShape *shape = &r->learner.model->shape;
    return r->pass.tokens * model_shape_train_flops(shape, (double)shape->context / 4);
}

/* --- the stage ----------------------------------------------------------------------- */

static Status load_demonstrations(RewardStage *r, Err *err)
{
    if (!r->o->demonstrations)
        return OK;
    RecordList list = {0};
    Status status =
        corpus_load(&list, r->o->demonstrations, RECORD_CHAT, r->corpus, err);
    for (size_t i = 0; status == OK && i < list.n; i++) {
        status = documents_add(&r->demonstrations, r->sft.chat, &list.records[i].chat,
                               false, err);
        int64_t last = (int64_t)r->demonstrations.n - 1;
        if (status == OK &&
            documents_len(&r->demonstrations, last) > r->sft.model->shape.context)
            documents_drop_last(&r->demonstrations);
    }
    record_list_release(&list);
    return status;
}

/* The margins of the data, times the option. */
static void scale_margins(RewardStage *r)
{
    Rankings *const sets[] = {&r->train, &r->heldout};
    for (int s = 0; s < 2; s++) {
        for (size_t d = 0; d < sets[s]->docs.n; d++)
            sets[s]->margin[d] = (float)(r->o->margin * (double)sets[s]->margin[d]);
    }
}

static Status load_data(RewardStage *r, Err *err)
{
    const RewardOptions *o = r->o;
    if (!o->data)
        return err_set(err, ERR_OPTION, "option 'data' is not set: comparisons");
    RankingsOptions how = {.corpus = r->corpus,
                           .context = r->sft.model->shape.context,
                           .overlong = o->overlong,
                           .group = o->groups,
                           .heldout = o->heldout_data ? 0 : o->heldout};
    TRY(rankings_load(&r->train, &r->heldout, o->data, r->sft.chat, &how, err));
    how.heldout = 0;
    if (o->heldout_data)
        TRY(rankings_load(&r->heldout, NULL, o->heldout_data, r->sft.chat, &how, err));
    if (r->train.n == 0)
        return err_set(err, ERR_FORMAT, "'%s' has no ranking with an order", o->data);
    if (r->train.dropped + r->train.unordered > 0)
        log_warn(
            "reward: left out %lld answers longer than the context and %lld rankings "
            "in which all answers tie",
            (long long)r->train.dropped, (long long)r->train.unordered);
    scale_margins(r);
    if (o->prompts) {
        const ModelShape *shape = &r->sft.model->shape;
        TRY(prompts_load(&r->prompts, o->prompts, r->corpus, r->sft.chat,
                         shape->context, reward_gain_tokens(shape), REWARD_GAIN_PROMPTS,
                         err));
    }
    return load_demonstrations(r, err);
}

static Status reward_shape(const RewardStage *r, ModelShape *shape, Err *err)
{
    *shape = r->sft.model->shape;
    shape->head = HEAD_SCALAR;
    shape->tied = false;
    shape->lora = r->lora;
    return model_shape_check(shape, err);
}

static int64_t pass_tokens(const RewardStage *r)
{
    return ranking_pass_tokens(r->t->micro_batch, &r->sft.model->shape, &r->train,
                               &r->heldout);
}

/* The SFT model and the data are in memory already. */
static Status plan_memory(MemoryPlan *plan, const RewardStage *r, Err *err)
{
    const ModelShape *sft = &r->sft.model->shape;
    ModelShape shape;
    TRY(reward_shape(r, &shape, err));
    lora_plan(plan, r->sft.model);
    memory_add_process(plan);
    memory_add_model(plan, &shape, true);
    memory_add_optimizer(plan, &shape);
    memory_add_tape(plan, &shape, pass_tokens(r), true);
    if (r->prompts.n > 0) { /* for the gain */
        memory_add_cache(plan,
                         engine_bytes(sft, REWARD_GAIN_SLOTS, reward_gain_capacity(r)));
        memory_add_tape(plan, &shape, reward_pass_tokens(&shape), false);
    }
    return memory_settle(plan, r->t, err);
}

/* An adapter shares the SFT model's weights, all weights are a copy of them. */
static Status make_model(RewardStage *r, TensorOps *ops, Err *err)
{
    ModelShape shape;
    uint64_t seed = (uint64_t)r->t->seed;
    r->learner = (Learner){.name = "model", .lr_scale = 1};
    TRY(reward_shape(r, &shape, err));
    if (r->lora.rank > 0) {
        TRY(model_adapter_new(&r->learner.model, r->sft.model, &r->lora, HEAD_SCALAR,
                              true, seed, err));
    } else {
        TRY(model_new(&r->learner.model, ops, &shape, true, err));
        TRY(model_init(r->learner.model, seed, err));
        TRY(model_copy_trunk(r->learner.model, r->sft.model, err));
    }
    return adamw_new(&r->learner.adamw, r->learner.model, err);
}

static Status open_sft(RewardStage *r, const StageEnv *env, Err *err)
{
    TRY(lora_read(&env->lora, &r->lora, err));
    if (r->lora.rank > 0)
        return chat_model_open_shared(&r->sft, env->ops, r->o->model, err);
    return chat_model_open(&r->sft, env->ops, r->o->model, false, err);
}

Status reward_make_learner(RewardStage *r, TensorOps *ops, int32_t recomputed,
                           int64_t n, Err *err)
{
    TapeOptions tape = {.backward = true, .recomputed = recomputed};
    TRY(make_model(r, ops, err));
    TRY(ranking_pass_init(&r->pass, r->learner.model, pass_tokens(r), r->t->micro_batch,
                          tape, err));
    r->pass.self = r;
    r->pass.take = take_scores;
    return epochs_init(&r->epochs, n, r->t->seed, err);
}

int64_t reward_updates(const RewardStage *r, int64_t rankings)
{
    double batches = (double)rankings / (double)r->o->batch_prompts;
    return (int64_t)ceil(r->o->epochs * batches);
}

Status stage_reward(const StageEnv *env, const RewardOptions *o,
                    const TrainOptions *given, StageReport *report, Err *err)
{
    TrainOptions t = *given, defaults = stage_defaults;
    RewardStage r = {.o = o, .t = &t, .corpus = &env->corpus, .folder = env->folder};
    TrainReport run = {0};
    Status status = open_sft(&r, env, err);
    if (status == OK)
        status = load_data(&r, err);
    if (status != OK)
        goto done;
    bool adapts = r.lora.rank > 0;
    defaults.lr = stage_lr(adapts ? lora_lr : stage_defaults.lr, &r.sft.model->shape);
    train_options_resolve(&t, &defaults);
    MemoryPlan plan = {.ops = env->ops};
    status = plan_memory(&plan, &r, err);
    const uint64_t data[] = {rankings_hash(&r.train), rankings_hash(&r.heldout),
                             documents_hash(&r.demonstrations), lora_hash(&env->lora)};
    uint64_t run_hash = stage_fingerprint(&reward_options, o, &t, data, adapts ? 4 : 3);
    if (status == OK)
        status = MEM_ARRAY(&r.heldout_score, r.heldout.docs.n, err);
    if (status == OK)
        status = reward_learning_curve(&r, env->ops, plan.recomputed, run_hash, err);
    if (status == OK)
        status =
            reward_make_learner(&r, env->ops, plan.recomputed, (int64_t)r.train.n, err);
    if (status != OK)
        goto done;

    Objective objective = {
        .self = &r,
        .stage = "reward",
        .updates = reward_updates(&r, (int64_t)r.train.n),
        .fingerprint = run_hash,
        .updates_per_iteration = 1,
        .n_learners = 1,
        .learners = {&r.learner},
        .update = reward_update,
        .evaluate = evaluate,
        .finish = finish,
        .tokens = tokens,
        .flops = flops,
    };
    lora_tell("reward", env->ops, &r.learner.model->shape);
    log_info("reward: %zu rankings, %zu answers, %lld updates, peak learning rate %.3g",
             r.train.n, r.train.docs.n, (long long)objective.updates, t.lr);
    ModelSpecials specials = chat_specials(r.sft.tok);
    status = trainer_run(&objective, &t, r.sft.tok, &specials, env->folder, &run, err);
    if (status == OK) {
        snprintf(report->data, sizeof report->data,
                 "%zu rankings of %zu answers; %.2f epochs; %zu held out", r.train.n,
                 r.train.docs.n, o->epochs, r.heldout.n);
        stage_report_fill(report, &run, r.learner.model, o->model);
    }
done:
    train_report_release(&run);
    release(&r);
    return status;
}
