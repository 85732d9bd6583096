/* kto.c - Kahneman-Tversky optimisation, see kto.h.
 *
 * With v(y) = log pi(y|x) - log ref(y|x), as in DPO, a good answer's loss falls as v rises
 * above a reference point and flattens out both far above and far below it; a bad one's the
 * other way round (tensor/loss_preference.h). The reference point is KL(pi || ref), which
 * all answers share: the mean v of the update's prompts with answers to other prompts, at
 * least 0, through which no gradient goes. An update therefore has two halves: forward over
 * the mismatched answers, then forward and backward over the rated ones. Their partners are
 * fixed for the whole run, so that the reference's half of both is computed up front.
 *
 * L is the mean over the answers of an update, however they fall into passes. */
#include "stages/kto.h"

#include "base/log.h"
#include "base/mem.h"
#include "stages/epochs.h"
#include "stages/preferences.h"
#include "stages/ratings.h"
#include "tensor/loss_preference.h"

#include <math.h>
#include <stdio.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(KtoOptions, model, NULL, "folder of the SFT model: policy and reference"),
    OPT_TEXT(KtoOptions, data, NULL, "rated answers or comparisons: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(KtoOptions, heldout_data, NULL, "the same to evaluate on; unset: a share of the data"),
    OPT_TEXT(KtoOptions, world, NULL, "practice world (its folder or world.json): logs the gold score on held-out prompts; unset: does not"),
    OPT_TEXT(KtoOptions, heldout_prompts, NULL, "prompts of the samples and the gold score; unset: those of the data"),
    OPT_REAL(KtoOptions, beta, 0.1, 0.0001, 1000, "how much a nat of KL to the reference costs, in units of the implied reward"),
    OPT_REAL(KtoOptions, desirable_weight, 1, 0.0001, 1e6, "of a good answer's loss"),
    OPT_REAL(KtoOptions, undesirable_weight, 0, 0, 1e6, "of a bad answer's loss; 0: so that both kinds weigh the same in all"),
    OPT_REAL(KtoOptions, epochs, 1, 0.001, 1000, "passes over the answers"),
    OPT_INT(KtoOptions, batch, 64, 2, 1e6, "answers an update"),
    OPT_REAL(KtoOptions, heldout, 0.1, 0, 0.5, "share of the prompts held out when heldout_data is unset"),
    OPT_CHOICE(KtoOptions, overlong, OVERLONG_REFUSE, overlong_names, "what to do with an answer longer than the context; truncate cuts the prompt's start"),
    OPT_INT(KtoOptions, eval_prompts, 128, 1, 1e6, "prompts of the gold score at most"),
    OPT_INT(KtoOptions, max_new, 96, 1, 1e6, "tokens of an answer on the way at most"),
    OPT_END
};
/* clang-format on */
const OptTable kto_options = {"kto", "Kahneman-Tversky optimisation",
                              sizeof(KtoOptions), fields};

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

/* Sums over the answers of an update, by kind: [0] bad, [1] good. */
typedef struct KtoSums {
    double loss;
    double n[2], v[2], logp[2];
} KtoSums;

/* A set of ratings with what the reference says of them. */
typedef struct RatedSet {
    Ratings ratings;
    float *ref, *mismatched_ref; /* log ref of each document */
} RatedSet;

typedef struct KtoStage {
    const KtoOptions *o;
    const TrainOptions *t;
    const CorpusOptions *corpus;
    Policy policy;
    RatedSet train, heldout;
    AnswerPass *pass;
    KtoLoss how;
    KtoSums sums; /* of what is being run */
    Epochs epochs;
    int64_t *which; /* the answers that are run; [batch or held-out answers] */
    float *log_kl;  /* v of their mismatched ones */
    bool *good;     /* of those in the pass */
    float *v;
    double tokens, forward_tokens;
} KtoStage;

static void release_set(RatedSet *s)
{
    ratings_release(&s->ratings);
    mem_free(s->ref);
    mem_free(s->mismatched_ref);
}

static void release(KtoStage *k)
{
    answer_pass_free(k->pass);
    epochs_release(&k->epochs);
    release_set(&k->train);
    release_set(&k->heldout);
    mem_free(k->which);
    mem_free(k->log_kl);
    mem_free(k->good);
    mem_free(k->v);
    policy_release(&k->policy);
}

/* --- the objective ------------------------------------------------------------------- */

/* Lays documents which[at..n) until the pass is full; returns the first that is not in
 * it. */
static int64_t lay(KtoStage *k, const Documents *docs, int64_t at, int64_t n)
{
    AnswerPass *pass = k->pass;
    answer_pass_clear(pass);
    for (; at < n; at++) {
        int64_t len = documents_len(docs, k->which[at]);
        if (pass->n > 0 && pass->batch->n + len > k->t->micro_batch)
            break;
        bool fits = answer_pass_add(pass, docs, k->which[at]);
        ASSERT(fits);
    }
    answer_pass_forward(pass);
    k->forward_tokens += (double)pass->batch->n;
    return at;
}

/* The reference point from the mismatched answers of which[0..n). */
static double estimate_kl(KtoStage *k, const RatedSet *set, int64_t n)
{
    for (int64_t at = 0; at < n;) {
        int64_t from = at;
        at = lay(k, &set->ratings.mismatched, at, n);
        for (int64_t i = from; i < at; i++)
            k->log_kl[i] =
                log_ratio(k->pass->value[i - from], set->mismatched_ref[k->which[i]]);
    }
    return loss_kto_kl(k->log_kl, n);
}

/* The loss of which[0..n), and with `learns` its gradient. */
static void run_rated(KtoStage *k, const RatedSet *set, int64_t n, double kl,
                      bool learns)
{
    AnswerPass *pass = k->pass;
    KtoSums *sums = &k->sums;
    for (int64_t at = 0; at < n;) {
        int64_t from = at;
        at = lay(k, &set->ratings.docs, at, n);
        for (int64_t i = from; i < at; i++) {
            int64_t d = k->which[i], j = i - from;
            int kind = k->good[j] = set->ratings.good[d];
            k->v[j] = log_ratio(pass->value[j], set->ref[d]);
            sums->n[kind]++;
            sums->v[kind] += (double)k->v[j];
            sums->logp[kind] += (double)pass->value[j];
        }
        sums->loss +=
            loss_kto(&k->how, k->v, k->good, at - from, kl, (double)n, pass->dvalue);
        if (learns) {
            answer_pass_backward(pass);
            k->tokens += (double)pass->batch->n;
        }
    }
}

/* What there is none of in an update has no mean. */
static void put_sums(const KtoStage *k, const char *prefix, double kl, Metrics *m)
{
    const KtoSums *s = &k->sums;
    double beta = k->o->beta;
    put_under(m, prefix, "loss", s->loss);
    put_under(m, prefix, "kl", kl);
    if (s->n[1] > 0) {
        put_under(m, prefix, "rewards/chosen", beta * s->v[1] / s->n[1]);
        put_under(m, prefix, "logps/chosen", s->logp[1] / s->n[1]);
    }
    if (s->n[0] > 0) {
        put_under(m, prefix, "rewards/rejected", beta * s->v[0] / s->n[0]);
        put_under(m, prefix, "logps/rejected", s->logp[0] / s->n[0]);
    }
    if (s->n[0] > 0 && s->n[1] > 0)
        put_under(m, prefix, "rewards/margins",
                  beta * (s->v[1] / s->n[1] - s->v[0] / s->n[0]));
}

static Status update(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                     Err *err)
{
    (void)skip;
    (void)err;
    KtoStage *k = self;
    int64_t B = k->o->batch;
    k->sums = (KtoSums){0};
    for (int64_t b = 0; b < B; b++)
        k->which[b] = epochs_at(&k->epochs, u * B + b);
    double kl = estimate_kl(k, &k->train, B);
    run_rated(k, &k->train, B, kl, true);
    *loss = k->sums.loss;
    put_sums(k, "", kl, m);
    return OK;
}

static Status evaluate(void *self, int64_t u, Metrics *m, Err *err)
{
    (void)u;
    KtoStage *k = self;
    int64_t n = (int64_t)k->heldout.ratings.docs.n;
    k->sums = (KtoSums){0};
    for (int64_t i = 0; i < n; i++)
        k->which[i] = i;
    if (n > 0) {
        double kl = estimate_kl(k, &k->heldout, n);
        run_rated(k, &k->heldout, n, kl, false);
        put_sums(k, "heldout/", kl, m);
    }
    return policy_put_gold(&k->policy, m, err);
}

static Status sample(void *self, int64_t u, json_t *samples, Err *err)
{
    (void)u;
    KtoStage *k = self;
    return policy_sample(&k->policy, samples, err);
}

static double tokens(void *self)
{
    const KtoStage *k = self;
    return k->tokens;
}

/* A backward pass is two thirds of a step. */
static double flops(void *self)
{
    const KtoStage *k = self;
    const ModelShape *shape = &k->policy.sft.model->shape;
    double a_token = model_shape_train_flops(shape, (double)shape->context / 4);
    return a_token * (k->forward_tokens + 2 * k->tokens) / 3;
}

/* --- the stage ----------------------------------------------------------------------- */

static Status check_options(const KtoOptions *o, Err *err)
{
    if (!o->data)
        return err_set(err, ERR_OPTION,
                       "option 'data' is not set: rated answers or comparisons");
    if (o->world && !o->heldout_prompts && !o->heldout_data)
        return err_set(err, ERR_OPTION,
                       "world is set, but neither heldout_prompts nor heldout_data: "
                       "the gold score is of held-out prompts");
    return OK;
}

static Status load_ratings(KtoStage *k, Err *err)
{
    const KtoOptions *o = k->o;
    const ChatTemplate *chat = k->policy.sft.chat;
    Ratings *train = &k->train.ratings, *heldout = &k->heldout.ratings;
    RatingsOptions how = {.corpus = k->corpus,
                          .context = k->policy.sft.model->shape.context,
                          .overlong = o->overlong,
                          .heldout = o->heldout_data ? 0 : o->heldout};
    TRY(ratings_load(train, heldout, o->data, chat, &how, err));
    how.heldout = 0;
    if (o->heldout_data)
        TRY(ratings_load(heldout, NULL, o->heldout_data, chat, &how, err));
    if (train->docs.n == 0)
        return err_set(err, ERR_FORMAT, "'%s' has no rated answer", o->data);
    if (train->dropped + train->neither > 0)
        log_warn("kto: left out %lld answers longer than the context and %lld of "
                 "comparisons that are neither good nor bad",
                 (long long)train->dropped, (long long)train->neither);
    TRY(ratings_mismatch(train, how.context, k->t->seed, err));
    if (ratings_mismatch(heldout, how.context, k->t->seed, err) != OK)
        return err_context(err, "what is held out");
    return OK;
}

static Status load_data(KtoStage *k, Err *err)
{
    const KtoOptions *o = k->o;
    TRY(load_ratings(k, err));
    PolicyOptions ask = {.world = o->world,
                         .prompts = o->heldout_prompts ? o->heldout_prompts
                                    : o->heldout_data  ? o->heldout_data
                                                       : o->data,
                         .most_prompts = o->eval_prompts,
                         .max_new = o->max_new,
                         .seed = k->t->seed,
                         .corpus = k->corpus};
    return policy_ask(&k->policy, &ask, err);
}

/* The two kinds weigh the same in all unless the option says otherwise (section 4.2 of the
 * paper: weight times number of the good to that of the bad from 1 to 4/3). */
static void set_weights(KtoStage *k)
{
    const Ratings *r = &k->train.ratings;
    double good = (double)r->n_good, bad = (double)r->docs.n - good;
    double weight_bad = k->o->undesirable_weight;
    if (weight_bad <= 0)
        weight_bad = good > 0 && bad > 0 ? k->o->desirable_weight * good / bad : 1;
    k->how = (KtoLoss){k->o->beta, k->o->desirable_weight, weight_bad};
    if (good == 0 || bad == 0)
        log_warn("kto: all answers are %s; there is nothing to tell them from",
                 good > 0 ? "good" : "bad");
    log_info("kto: %s good answers with weight %.3g, %s bad ones with weight %.3g",
             log_count(good), k->how.weight_good, log_count(bad), weight_bad);
}

static Status score_reference(KtoStage *k, RatedSet *set, const char *progress,
                              const char *mismatched_progress, Err *err)
{
    TRY(policy_reference(k->pass, &set->ratings.docs, progress, &set->ref, err));
    return policy_reference(k->pass, &set->ratings.mismatched, mismatched_progress,
                            &set->mismatched_ref, err);
}

static Status make_buffers(KtoStage *k, int64_t pass_tokens, Err *err)
{
    size_t heldout = k->heldout.ratings.docs.n, batch = (size_t)k->o->batch;
    size_t most = heldout > batch ? heldout : batch;
    TRY(MEM_ARRAY(&k->which, most, err));
    TRY(MEM_ARRAY(&k->log_kl, most, err));
    TRY(MEM_ARRAY(&k->good, (size_t)pass_tokens, err));
    TRY(MEM_ARRAY(&k->v, (size_t)pass_tokens, err));
    return epochs_init(&k->epochs, (int64_t)k->train.ratings.docs.n, k->t->seed, err);
}

static Status prepare(KtoStage *k, TensorOps *ops, Err *err)
{
    MemoryPlan plan = {.ops = ops};
    Model *model = k->policy.sft.model;
    int64_t context = model->shape.context;
    int64_t most = k->t->micro_batch > context ? k->t->micro_batch : context;
    TRY(policy_plan(&plan, &k->policy, most, k->t, err));
    TRY(policy_prepare(&k->policy, err));
    TapeOptions tape = {.backward = true, .recomputed = plan.recomputed};
    TRY(answer_pass_new(&k->pass, model, most, tape, err));
    TRY(make_buffers(k, most, err));
    set_weights(k);
    TRY(score_reference(k, &k->train, "reference", "reference, mismatched", err));
    return score_reference(k, &k->heldout, NULL, NULL, err);
}

Status stage_kto(const StageEnv *env, const KtoOptions *o, const TrainOptions *given,
                 StageReport *report, Err *err)
{
    TRY(check_options(o, err));
    TrainOptions t = *given, defaults = stage_defaults;
    KtoStage k = {.o = o, .t = &t, .corpus = &env->corpus};
    ChatModel *sft = &k.policy.sft;
    TrainReport run = {0};
    Status status =
        chat_model_open_to_train(sft, env->ops, o->model, &env->lora, t.seed, err);
    if (status == OK)
        status = load_data(&k, err);
    if (status != OK)
        goto done;
    bool adapts = env->lora.lora_rank > 0;
    defaults.lr = stage_lr(adapts ? lora_lr : stage_defaults.lr, &sft->model->shape);
    train_options_resolve(&t, &defaults);
    status = prepare(&k, env->ops, err);
    if (status != OK)
        goto done;

    const Ratings *train = &k.train.ratings;
    const uint64_t data[] = {ratings_hash(train), ratings_hash(&k.heldout.ratings),
                             documents_hash(&k.policy.prompts.rendered),
                             lora_hash(&env->lora)};
    Objective objective = {
        .self = &k,
        .stage = "kto",
        .updates = (int64_t)ceil(o->epochs * (double)train->docs.n / (double)o->batch),
        .fingerprint = stage_fingerprint(&kto_options, o, &t, data, adapts ? 4 : 3),
        .updates_per_iteration = 1,
        .n_learners = 1,
        .learners = {&k.policy.learner},
        .update = update,
        .evaluate = evaluate,
        .sample = sample,
        .tokens = tokens,
        .flops = flops,
    };
    lora_tell("kto", env->ops, &sft->model->shape);
    log_info("kto: %lld updates, peak learning rate %.3g", (long long)objective.updates,
             t.lr);
    ModelSpecials specials = chat_specials(sft->tok);
    status = trainer_run(&objective, &t, sft->tok, &specials, env->folder, &run, err);
    if (status == OK) {
        snprintf(report->data, sizeof report->data,
                 "%zu rated answers, %lld of them good; %.2f epochs; %zu held out",
                 train->docs.n, (long long)train->n_good, o->epochs,
                 k.heldout.ratings.docs.n);
        stage_report_fill(report, &run, sft->model, o->model);
    }
done:
    train_report_release(&run);
    release(&k);
    return status;
}
