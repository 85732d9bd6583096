/* sft.c - stage 2: supervised fine-tuning on demonstrations, see sft.h.
 *
 * A demonstration is rendered by the chat template with its loss mask, conversations are
 * packed several to a row, each attending to itself alone, and the rest is next-token
 * prediction: the loss is the mean over all tokens that the assistant writes in an
 * update, so a long answer counts for as much as it has tokens.
 *
 * Documents of the pretraining text can be mixed in, each token of them with the weight
 * ptx_coef (Ouyang et al. 2022 do so in PPO): what the demonstrations do not ask about is
 * not forgotten. */
#include "stages/sft.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "stages/answers.h"
#include "stages/lm_objective.h"
#include "stages/ptx_shard.h"

#include <math.h>
#include <stdio.h>

static const PackOverlong overlong_kinds[] = {PACK_REFUSE, PACK_TRUNCATE, PACK_DROP};

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(SftOptions, model, NULL, "folder of the base model"),
    OPT_TEXT(SftOptions, data, NULL, "demonstrations: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(SftOptions, heldout_data, NULL, "demonstrations to evaluate on; unset: a share of the data"),
    OPT_REAL(SftOptions, heldout, 0.02, 0, 0.5, "share of the demonstrations held out when heldout_data is unset"),
    OPT_REAL(SftOptions, epochs, 2, 0.001, 1000, "passes over the demonstrations"),
    OPT_INT(SftOptions, batch_tokens, 8192, 1, 1e9, "tokens an update"),
    OPT_CHOICE(SftOptions, overlong, 0, overlong_names, "what to do with a conversation longer than the context"),
    OPT_TEXT(SftOptions, ptx_data, NULL, "pretraining text to mix in: folder with train.shard, or data; needs ptx_coef"),
    OPT_REAL(SftOptions, ptx_coef, 0, 0, 1e6, "weight of a token of pretraining text, a token of an answer has 1; 0: not mixed in"),
    OPT_REAL(SftOptions, ptx_share, 0.5, 0, 1e6, "tokens of pretraining text for each token of the demonstrations"),
    OPT_END
};
/* clang-format on */
const OptTable sft_options = {"sft", "fine-tune on demonstrations", sizeof(SftOptions),
                              fields};

static const TrainOptions stage_defaults = {
    .lr = 1e-3, /* at width 192 */
    .lr_end = 0.1,
    .schedule = SCHEDULE_COSINE,
    .warmup = 0.03,
    .weight_decay = 0,
    .beta2 = 0.95,
    .eps = 1e-8,
};
static const double lora_lr = 3e-3; /* at width 192 */

enum { SAMPLES = 8, SAMPLE_TOKENS = 96 };

/* The demonstrations, and after them some documents of the pretraining text. */
typedef struct Mix {
    Documents *demonstrations; /* borrowed */
    Shard shard;
    int64_t *documents, n; /* which ones of the shard */
    float coef;
} Mix;

typedef struct Sft {
    LmObjective lm; /* first: the functions bound by lm_objective_bind get this */
    const CorpusOptions *corpus;
    ChatModel base;
    Documents train, heldout;
    Mix mix;
    Prompts prompts; /* of the first held-out demonstrations, for samples */
    Answerer *answerer;
    int64_t seed;
} Sft;

static void release(Sft *s)
{
    answerer_free(s->answerer);
    prompts_release(&s->prompts);
    lm_objective_release(&s->lm);
    mem_free(s->mix.documents);
    shard_close(&s->mix.shard);
    documents_release(&s->train);
    documents_release(&s->heldout);
    chat_model_release(&s->base);
}

/* --- data ---------------------------------------------------------------------------- */

/* Renders the demonstrations of spec into *train and, by `share`, into *heldout: by a hash
 * of their ids, not by their order. */
static Status load(Sft *s, const char *spec, double share, Documents *train, Err *err)
{
    RecordList list = {0};
    Status status = corpus_load(&list, spec, RECORD_CHAT, s->corpus, err);
    for (size_t i = 0; status == OK && i < list.n; i++) {
        const Conversation *chat = &list.records[i].chat;
        status = documents_add(train, s->base.chat, chat, false, err);
        if (status == OK && share > 0 &&
            documents_is_heldout(train, (int64_t)train->n - 1, share)) {
            documents_drop_last(train);
            status = documents_add(&s->heldout, s->base.chat, chat, false, err);
        }
        if (status != OK)
            err_context(err, "'%s': conversation %zu", spec, i + 1);
    }
    record_list_release(&list);
    return status;
}

static Status load_data(Sft *s, const SftOptions *o, Err *err)
{
    if (!o->data)
        return err_set(err, ERR_OPTION, "option 'data' is not set: demonstrations");
    TRY(load(s, o->data, o->heldout_data ? 0 : o->heldout, &s->train, err));
    if (o->heldout_data)
        TRY(load(s, o->heldout_data, 0, &s->heldout, err));
    if (s->train.n == 0)
        return err_set(err, ERR_FORMAT, "'%s' has no demonstrations", o->data);
    /* Samples answer the held-out questions; without any, the first of the data. */
    const char *spec = o->heldout_data ? o->heldout_data : o->data;
    return prompts_load(&s->prompts, spec, s->corpus, s->base.chat,
                        s->base.model->shape.context, 1, SAMPLES, err);
}

/* --- the mix ------------------------------------------------------------------------- */

static int64_t mix_len(void *self, int64_t doc)
{
    const Mix *m = self;
    int64_t demonstrations = (int64_t)m->demonstrations->n;
    return doc < demonstrations
               ? documents_len(m->demonstrations, doc)
               : shard_doc_len(&m->shard, m->documents[doc - demonstrations]);
}

static void mix_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                    float *weights)
{
    const Mix *m = self;
    int64_t demonstrations = (int64_t)m->demonstrations->n;
    if (doc < demonstrations) {
        PackSource chats = documents_source(m->demonstrations);
        chats.ids(chats.self, doc, from, n, ids, weights);
        return;
    }
    shard_doc_ids(&m->shard, m->documents[doc - demonstrations], from, n, ids);
    for (int64_t i = 0; i < n; i++)
        weights[i] = m->coef;
}

static PackSource mix_source(Mix *m)
{
    return (PackSource){.self = m,
                        .documents = (int64_t)m->demonstrations->n + m->n,
                        .len = mix_len,
                        .ids = mix_ids};
}

/* The first documents that fit into a row, until there are enough of them. */
static Status open_mix(Sft *s, const StageEnv *env, const SftOptions *o, Err *err)
{
    Mix *m = &s->mix;
    int64_t most = s->base.model->shape.context + 1;
    double wanted = o->ptx_share * (double)s->train.ids.len;
    m->demonstrations = &s->train;
    m->coef = (float)o->ptx_coef;
    if (o->ptx_coef <= 0)
        return OK;
    if (!o->ptx_data)
        return err_set(err, ERR_OPTION, "ptx_coef is set, but not ptx_data");
    TRY(ptx_shard_open(&m->shard, env, o->ptx_data, s->base.tok, err));
    TRY(MEM_ARRAY(&m->documents, (size_t)m->shard.documents, err));
    for (int64_t i = 0; i < (int64_t)m->shard.documents && wanted > 0; i++) {
        int64_t len = shard_doc_len(&m->shard, i);
        if (len > most)
            continue;
        m->documents[m->n++] = i;
        wanted -= (double)len;
    }
    return OK;
}

static Status sample(void *self, int64_t u, json_t *samples, Err *err)
{
    (void)u;
    Sft *s = self;
    AnswerOptions o = {.temperature = 1, .max_new = SAMPLE_TOKENS, .seed = s->seed};
    return answerer_show(s->answerer, &s->prompts, s->prompts.n, &o, samples, err);
}

/* --- the stage ----------------------------------------------------------------------- */

/* For `overlong: refuse`. The last token is only a target. */
static Status check_longest(const Documents *d, int64_t context, Err *err)
{
    int64_t longest = documents_longest(d);
    if (longest <= context + 1)
        return OK;
    return err_set(err, ERR_LIMIT,
                   "the longest conversation has %lld tokens, the context %lld; "
                   "overlong: truncate or drop goes on",
                   (long long)longest, (long long)context);
}

/* The base model and the demonstrations are in memory already. */
static Status plan_memory(MemoryPlan *plan, const Sft *s, int32_t capacity,
                          const PackOptions *pack, const TrainOptions *t, Err *err)
{
    const ModelShape *shape = &s->base.model->shape;
    plan->mapped = s->mix.shard.map.len;
    lora_plan(plan, s->base.model);
    memory_add_process(plan);
    lm_objective_plan(plan, shape, pack, t);
    memory_add_cache(plan, engine_bytes(shape, SAMPLES, capacity));
    return memory_settle(plan, t, err);
}

static Status prepare(Sft *s, const StageEnv *env, const SftOptions *o,
                      const TrainOptions *t, Err *err)
{
    int64_t context = s->base.model->shape.context;
    if (overlong_kinds[o->overlong] == PACK_REFUSE) {
        TRY(check_longest(&s->train, context, err));
        TRY(check_longest(&s->heldout, context, err));
    }
    TRY(open_mix(s, env, o, err));
    int64_t rows = o->batch_tokens / context;
    PackOptions pack = {.row = context,
                        .rows = rows > 0 ? rows : 1,
                        .overlong = overlong_kinds[o->overlong],
                        .seed = (uint64_t)t->seed,
                        .shuffle = true};
    int32_t capacity =
        prompts_capacity(&s->prompts, SAMPLE_TOKENS, &s->base.model->shape);
    MemoryPlan plan = {.ops = env->ops};
    TRY(plan_memory(&plan, s, capacity, &pack, t, err));
    TRY(lm_objective_init(&s->lm, s->base.model, mix_source(&s->mix),
                          documents_source(&s->heldout), &pack, t, plan.recomputed,
                          err));
    s->lm.accuracy = true;
    if (packer_dropped(s->lm.train) > 0)
        log_warn(
            "sft: %lld of %zu conversations are longer than the context of %lld: %s",
            (long long)packer_dropped(s->lm.train), s->train.n, (long long)context,
            o->overlong == 1 ? "cut" : "dropped");
    return answerer_new(&s->answerer, s->base.model, s->base.tok, s->base.chat, SAMPLES,
                        capacity, true, err);
}

Status stage_sft(const StageEnv *env, const SftOptions *o, const TrainOptions *given,
                 StageReport *report, Err *err)
{
    Sft s = {.seed = given->seed, .corpus = &env->corpus};
    TrainOptions t = *given, defaults = stage_defaults;
    TrainReport run = {0};
    Status status = chat_model_open_to_train(&s.base, env->ops, o->model, &env->lora,
                                             given->seed, err);
    if (status == OK)
        status = load_data(&s, o, err);
    if (status != OK)
        goto done;
    bool adapts = s.base.model->base != NULL;
    defaults.lr = stage_lr(adapts ? lora_lr : stage_defaults.lr, &s.base.model->shape);
    train_options_resolve(&t, &defaults);
    status = prepare(&s, env, o, &t, err);
    if (status != OK)
        goto done;

    int64_t epoch = packer_batches(s.lm.train);
    const uint64_t data[] = {documents_hash(&s.train), documents_hash(&s.heldout),
                             s.mix.shard.source, lora_hash(&env->lora)};
    Objective objective = {
        .self = &s,
        .stage = "sft",
        .updates = (int64_t)ceil(o->epochs * (double)epoch),
        .fingerprint = stage_fingerprint(&sft_options, o, &t, data, adapts ? 4 : 3),
        .sample = sample,
    };
    lm_objective_bind(&s.lm, &objective);
    lora_tell("sft", env->ops, &s.base.model->shape);
    log_info("sft: %s demonstrations, %lld updates, peak learning rate %.3g",
             log_count((double)s.train.n), (long long)objective.updates, t.lr);
    ModelSpecials specials = chat_specials(s.base.tok);
    status = trainer_run(&objective, &t, s.base.tok, &specials, env->folder, &run, err);
    if (status == OK) {
        snprintf(report->data, sizeof report->data,
                 "%zu demonstrations, %s tokens; %.2f epochs; %zu held out", s.train.n,
                 log_count((double)s.train.ids.len), o->epochs, s.heldout.n);
        stage_report_fill(report, &run, s.base.model, o->model);
    }
done:
    train_report_release(&run);
    release(&s);
    return status;
}
