/* dpo.c - direct preference optimisation, see dpo.h.
 *
 * The optimum of "reward minus beta times KL to the reference" is pi = ref exp(r/beta)/Z,
 * so a policy is a reward model: r = beta v + const with its log-ratio
 *
 *     v(y) = log pi(y|x) - log ref(y|x)          a sum over the tokens of the answer
 *
 * and is trained as one, by the loss over pairs of tensor/loss_preference.h at v. An update
 * is the mean over its rankings of the mean over a ranking's pairs; each answer of a
 * ranking is run once, whatever the number of pairs (ranking_pass.h). Everything is divided
 * by the whole update, so micro-batches and order do not matter.
 *
 * IPO is the paper's, over sums: its aim 1/(2 beta) is then nats of an answer, as DPO's
 * beta is of an answer's KL. per_token divides v by the answer's tokens: with ipo this is
 * what TRL trains (whose aim is then nats of a token, unreachably far at the usual beta),
 * with sigmoid length-normalised DPO. */
#include "stages/dpo.h"

#include "base/log.h"
#include "base/mem.h"
#include "stages/epochs.h"
#include "stages/preferences.h"
#include "stages/ranking_pass.h"
#include "tensor/loss_preference.h"

#include <math.h>
#include <stdio.h>

enum { PAIRS_ALL, PAIRS_ENDS };
static const char *const pairs_names[] = {"all", "ends", NULL};
static const char *const loss_names[] = {"sigmoid", "ipo", NULL};

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(DpoOptions, model, NULL, "folder of the SFT model: policy and reference"),
    OPT_TEXT(DpoOptions, data, NULL, "comparisons: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(DpoOptions, heldout_data, NULL, "comparisons to evaluate on; unset: a share of the data"),
    OPT_TEXT(DpoOptions, world, NULL, "practice world (its folder or world.json): logs the gold score on held-out prompts; unset: does not"),
    OPT_TEXT(DpoOptions, heldout_prompts, NULL, "prompts of the samples and the gold score; unset: those of the comparisons"),
    OPT_CHOICE(DpoOptions, loss, RANKING_SIGMOID, loss_names, "of a pair: DPO's, or IPO's, which aims at a margin of 1/(2 beta)"),
    OPT_REAL(DpoOptions, beta, 0.1, 0.0001, 1000, "how much a nat of KL to the reference costs, in units of the implied reward"),
    OPT_REAL(DpoOptions, label_smoothing, 0, 0, 0.499, "chance that a comparison is the wrong way round (conservative DPO)"),
    OPT_BOOL(DpoOptions, per_token, false, "divide log-ratios by the tokens of the answer"),
    OPT_CHOICE(DpoOptions, pairs, PAIRS_ALL, pairs_names, "of a ranking: all with different ranks, or the best against the worst"),
    OPT_REAL(DpoOptions, epochs, 1, 0.001, 1000, "passes over the comparisons"),
    OPT_INT(DpoOptions, batch_prompts, 32, 1, 1e6, "rankings an update"),
    OPT_REAL(DpoOptions, heldout, 0.1, 0, 0.5, "share of the comparisons held out when heldout_data is unset"),
    OPT_CHOICE(DpoOptions, overlong, OVERLONG_REFUSE, overlong_names, "what to do with an answer longer than the context; truncate cuts the prompt's start"),
    OPT_INT(DpoOptions, eval_prompts, 128, 1, 1e6, "prompts of the gold score at most"),
    OPT_INT(DpoOptions, max_new, 96, 1, 1e6, "tokens of an answer on the way at most"),
    OPT_END
};
/* clang-format on */
const OptTable dpo_options = {"dpo", "direct preference optimisation",
                              sizeof(DpoOptions), fields};

static const TrainOptions stage_defaults = {
    .lr = 1e-4, /* at width 192 */
    .lr_end = 0.1,
    .schedule = SCHEDULE_COSINE,
    .warmup = 0.1,
    .weight_decay = 0,
    .beta2 = 0.999,
    .eps = 1e-8,
};
static const double lora_lr = 1e-3; /* at width 192 */

/* Sums over the rankings of an update; all but the loss over their pairs. */
typedef struct DpoSums {
    double loss, pairs, right;
    double chosen, rejected;           /* v */
    double logp_chosen, logp_rejected; /* log pi */
} DpoSums;

typedef struct DpoStage {
    const DpoOptions *o;
    const TrainOptions *t;
    const CorpusOptions *corpus;
    Policy policy;
    Rankings train, heldout;
    float *train_ref, *heldout_ref; /* log ref of each document */
    RankingPass pass;
    DpoSums sums; /* of what the pass is running */
    Epochs epochs;
} DpoStage;

static void release(DpoStage *s)
{
    ranking_pass_release(&s->pass);
    epochs_release(&s->epochs);
    mem_free(s->train_ref);
    mem_free(s->heldout_ref);
    rankings_release(&s->train);
    rankings_release(&s->heldout);
    policy_release(&s->policy);
}

/* --- the objective ------------------------------------------------------------------- */

static void add_pairs(DpoSums *sums, const float *logprob, const float *v,
                      const int32_t *rank, int64_t K)
{
    for (int64_t i = 0; i < K; i++) {
        for (int64_t j = 0; j < K; j++) {
            if (rank[i] >= rank[j])
                continue;
            sums->chosen += (double)v[i];
            sums->rejected += (double)v[j];
            sums->logp_chosen += (double)logprob[i];
            sums->logp_rejected += (double)logprob[j];
        }
    }
}

/* log pi of a ranking's answers. */
static void take_logprobs(void *self, int64_t i, const float *logprob,
                          const int64_t *tokens, float *dlogprob)
{
    DpoStage *s = self;
    const DpoOptions *o = s->o;
    const Rankings *r = s->pass.rankings;
    const float *ref = r == &s->train ? s->train_ref : s->heldout_ref;
    const RankingLoss how = {
        .kind = o->loss, .beta = o->beta, .label_smoothing = o->label_smoothing};
    int64_t first = r->first[i], K = rankings_answers(r, i), pairs;
    double scale = 1 / (double)o->batch_prompts, right;
    float v[RECORD_MAX_ANSWERS];
    for (int64_t k = 0; k < K; k++) {
        v[k] = log_ratio(logprob[k], ref[first + k]);
        if (o->per_token)
            v[k] /= (float)tokens[k];
    }
    s->sums.loss += loss_ranking(&how, v, NULL, r->rank + first, K, dlogprob);
    for (int64_t k = 0; k < K; k++)
        dlogprob[k] = (float)(scale * (double)dlogprob[k] /
                              (o->per_token ? (double)tokens[k] : 1));
    loss_ranking_pairs(v, r->rank + first, K, &pairs, &right);
    s->sums.pairs += (double)pairs;
    s->sums.right += right;
    add_pairs(&s->sums, logprob, v, r->rank + first, K);
}

static void put_sums(const DpoStage *s, const char *prefix, double rankings, Metrics *m)
{
    const DpoSums *sums = &s->sums;
    double n = sums->pairs, beta = s->o->beta;
    put_under(m, prefix, "loss", sums->loss / rankings);
    put_under(m, prefix, "rewards/chosen", beta * sums->chosen / n);
    put_under(m, prefix, "rewards/rejected", beta * sums->rejected / n);
    put_under(m, prefix, "rewards/accuracies", sums->right / n);
    put_under(m, prefix, "rewards/margins", beta * (sums->chosen - sums->rejected) / n);
    put_under(m, prefix, "logps/chosen", sums->logp_chosen / n);
    put_under(m, prefix, "logps/rejected", sums->logp_rejected / n);
}

static Status update(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                     Err *err)
{
    (void)skip;
    (void)err;
    DpoStage *s = self;
    int64_t B = s->o->batch_prompts;
    s->sums = (DpoSums){0};
    ranking_pass_begin(&s->pass, &s->train, true);
    for (int64_t b = 0; b < B; b++)
        ranking_pass_add(&s->pass, epochs_at(&s->epochs, u * B + b));
    ranking_pass_end(&s->pass);
    *loss = s->sums.loss / (double)B;
    put_sums(s, "", (double)B, m);
    return OK;
}

static Status evaluate(void *self, int64_t u, Metrics *m, Err *err)
{
    (void)u;
    DpoStage *s = self;
    int64_t n = (int64_t)s->heldout.n;
    s->sums = (DpoSums){0};
    ranking_pass_begin(&s->pass, &s->heldout, false);
    for (int64_t i = 0; i < n; i++)
        ranking_pass_add(&s->pass, i);
    ranking_pass_end(&s->pass);
    if (n > 0) {
        put_sums(s, "heldout/", (double)n, m);
        put_under(m, "heldout/", "pairs", s->sums.pairs);
    }
    return policy_put_gold(&s->policy, m, err);
}

static Status sample(void *self, int64_t u, json_t *samples, Err *err)
{
    (void)u;
    DpoStage *s = self;
    return policy_sample(&s->policy, samples, err);
}

static double tokens(void *self)
{
    const DpoStage *s = self;
    return s->pass.tokens;
}

static double flops(void *self)
{
    const DpoStage *s = self;
    const ModelShape *shape = &s->policy.sft.model->shape;
    return s->pass.tokens * model_shape_train_flops(shape, (double)shape->context / 4);
}

/* --- the stage ----------------------------------------------------------------------- */

static Status check_options(const DpoOptions *o, Err *err)
{
    if (!o->data)
        return err_set(err, ERR_OPTION, "option 'data' is not set: comparisons");
    if (o->loss == RANKING_IPO && o->label_smoothing > 0)
        return err_set(err, ERR_OPTION,
                       "label_smoothing has a meaning with loss: sigmoid alone");
    if (o->world && !o->heldout_prompts && !o->heldout_data)
        return err_set(err, ERR_OPTION,
                       "world is set, but neither heldout_prompts nor heldout_data: "
                       "the gold score is of held-out prompts");
    return OK;
}

static Status load_data(DpoStage *s, Err *err)
{
    const DpoOptions *o = s->o;
    const ChatTemplate *chat = s->policy.sft.chat;
    RankingsOptions how = {.corpus = s->corpus,
                           .context = s->policy.sft.model->shape.context,
                           .overlong = o->overlong,
                           .ends = o->pairs == PAIRS_ENDS,
                           .heldout = o->heldout_data ? 0 : o->heldout};
    TRY(rankings_load(&s->train, &s->heldout, o->data, chat, &how, err));
    how.heldout = 0;
    if (o->heldout_data)
        TRY(rankings_load(&s->heldout, NULL, o->heldout_data, chat, &how, err));
    if (s->train.n == 0)
        return err_set(err, ERR_FORMAT, "'%s' has no ranking with an order", o->data);
    if (s->train.dropped + s->train.unordered > 0)
        log_warn("dpo: left out %lld answers longer than the context and %lld rankings "
                 "in which all answers tie",
                 (long long)s->train.dropped, (long long)s->train.unordered);
    PolicyOptions ask = {.world = o->world,
                         .prompts = o->heldout_prompts ? o->heldout_prompts
                                    : o->heldout_data  ? o->heldout_data
                                                       : o->data,
                         .most_prompts = o->eval_prompts,
                         .max_new = o->max_new,
                         .seed = s->t->seed,
                         .corpus = s->corpus};
    return policy_ask(&s->policy, &ask, err);
}

static Status prepare(DpoStage *s, TensorOps *ops, Err *err)
{
    MemoryPlan plan = {.ops = ops};
    Model *model = s->policy.sft.model;
    int64_t most =
        ranking_pass_tokens(s->t->micro_batch, &model->shape, &s->train, &s->heldout);
    TRY(policy_plan(&plan, &s->policy, most, s->t, err));
    TRY(policy_prepare(&s->policy, err));
    TapeOptions tape = {.backward = true, .recomputed = plan.recomputed};
    TRY(ranking_pass_init(&s->pass, model, most, s->t->micro_batch, tape, err));
    s->pass.self = s;
    s->pass.take = take_logprobs;
    TRY(epochs_init(&s->epochs, (int64_t)s->train.n, s->t->seed, err));
    TRY(policy_reference(s->pass.answers, &s->train.docs, "reference", &s->train_ref,
                         err));
    return policy_reference(s->pass.answers, &s->heldout.docs, NULL, &s->heldout_ref,
                            err);
}

static void tell_verdict(const json_t *metrics)
{
    double accuracy =
        json_number_value(json_object_get(metrics, "heldout/rewards/accuracies"));
    log_info("dpo: the policy's own rewards order %.1f %% of held-out pairs as people "
             "did",
             100 * accuracy);
}

Status stage_dpo(const StageEnv *env, const DpoOptions *o, const TrainOptions *given,
                 StageReport *report, Err *err)
{
    TRY(check_options(o, err));
    TrainOptions t = *given, defaults = stage_defaults;
    DpoStage s = {.o = o, .t = &t, .corpus = &env->corpus};
    ChatModel *sft = &s.policy.sft;
    TrainReport run = {0};
    Status status =
        chat_model_open_to_train(sft, env->ops, o->model, &env->lora, t.seed, err);
    if (status == OK)
        status = load_data(&s, err);
    if (status != OK)
        goto done;
    bool adapts = env->lora.lora_rank > 0;
    defaults.lr = stage_lr(adapts ? lora_lr : stage_defaults.lr, &sft->model->shape);
    train_options_resolve(&t, &defaults);
    status = prepare(&s, env->ops, err);
    if (status != OK)
        goto done;

    const uint64_t data[] = {rankings_hash(&s.train), rankings_hash(&s.heldout),
                             documents_hash(&s.policy.prompts.rendered),
                             lora_hash(&env->lora)};
    Objective objective = {
        .self = &s,
        .stage = "dpo",
        .updates =
            (int64_t)ceil(o->epochs * (double)s.train.n / (double)o->batch_prompts),
        .fingerprint = stage_fingerprint(&dpo_options, o, &t, data, adapts ? 4 : 3),
        .updates_per_iteration = 1,
        .n_learners = 1,
        .learners = {&s.policy.learner},
        .update = update,
        .evaluate = evaluate,
        .sample = sample,
        .tokens = tokens,
        .flops = flops,
    };
    lora_tell("dpo", env->ops, &sft->model->shape);
    log_info("dpo: %zu rankings, %lld pairs, %lld updates, peak learning rate %.3g",
             s.train.n, (long long)rankings_pairs(&s.train),
             (long long)objective.updates, t.lr);
    ModelSpecials specials = chat_specials(sft->tok);
    status = trainer_run(&objective, &t, sft->tok, &specials, env->folder, &run, err);
    if (status == OK) {
        if (s.heldout.n > 0)
            tell_verdict(run.final_metrics);
        snprintf(report->data, sizeof report->data,
                 "%zu rankings of %zu answers, %lld pairs; %.2f epochs; %zu held out",
                 s.train.n, s.train.docs.n, (long long)rankings_pairs(&s.train),
                 o->epochs, s.heldout.n);
        stage_report_fill(report, &run, sft->model, o->model);
    }
done:
    train_report_release(&run);
    release(&s);
    return status;
}
