/* pretrain.c - stage 1: a base model from documents, see pretrain.h.
 *
 * The dial: `depth` layers give
 *
 *     width        48 a layer, rounded up to a multiple of 32    depth 4: 192
 *     heads        of 32 channels                                         6
 *     MLP          8/3 of the width, rounded up to 64 (Shazeer 2020)    512
 *     tokens       10 a parameter; 20 is compute-optimal for large models (Hoffmann
 *                  et al. 2022), and fewer than 6 wasted the shapes that were tried here
 *     batch        512 tokens a layer                                  2048
 *     peak rate    3e-3 * 192 / width                                  3e-3
 *
 * and every one of them can be given instead (docs/experiments.md has the sweep, from
 * tools/sweep_dial.sh). Documents are tokenised once into shards
 * (data/shards.h), split by hash into training and held-out, and packed; a document that
 * is longer than the context goes on in the next row. */
#include "stages/pretrain.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/shards.h"
#include "engine/engine.h"
#include "stages/lm_objective.h"
#include "stages/stage_internal.h"

#include <math.h>
#include <stdio.h>

static const char *const optimizer_names[] = {"adamw", "muon", NULL};

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(PretrainOptions, data, NULL, "documents: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(PretrainOptions, heldout_data, NULL, "documents to evaluate on; unset: a share of the data"),
    OPT_TEXT(PretrainOptions, tokenizer, NULL, "folder with tokenizer.json"),
    OPT_INT(PretrainOptions, depth, 4, 1, 512, "layers: the dial from which the sizes below follow"),
    OPT_INT(PretrainOptions, hidden, 0, 0, 1e6, "width; 0: from depth"),
    OPT_INT(PretrainOptions, intermediate, 0, 0, 1e7, "width of the MLP; 0: from the width"),
    OPT_INT(PretrainOptions, heads, 0, 0, 1e4, "query heads; 0: of 32 channels each"),
    OPT_INT(PretrainOptions, kv_heads, 0, 0, 1e4, "key and value heads; 0: as many as query heads"),
    OPT_INT(PretrainOptions, context, 256, 8, 1e6, "longest sequence, tokens"),
    OPT_BOOL(PretrainOptions, tied, true, "the head is the embedding"),
    OPT_BOOL(PretrainOptions, qkv_bias, false, "biases on queries, keys and values (Qwen2)"),
    OPT_BOOL(PretrainOptions, qk_norm, false, "norms on queries and keys (Qwen3)"),
    OPT_REAL(PretrainOptions, rope_theta, 10000, 1, 1e9, "base of the rotary positions"),
    OPT_INT(PretrainOptions, tokens, 0, 0, 9e15, "tokens to train on; 0: 10 a parameter"),
    OPT_INT(PretrainOptions, batch_tokens, 0, 0, 1e9, "tokens an update; 0: 512 a layer"),
    OPT_CHOICE(PretrainOptions, optimizer, OPTIMIZER_ADAMW, optimizer_names, "what updates the matrices of the layers; all other weights are AdamW's"),
    OPT_REAL(PretrainOptions, muon_lr, 0.005, 1e-9, 10, "Muon: peak learning rate (tuned at width 128); lr is that of AdamW's weights"),
    OPT_REAL(PretrainOptions, muon_momentum, 0.95, 0, 0.9999999, "Muon: memory of the gradient"),
    OPT_REAL(PretrainOptions, heldout, 0.01, 0, 0.5, "share of the documents held out when heldout_data is unset"),
    OPT_REAL(PretrainOptions, source_entropy, 0, 0, 8, "entropy of the data in bits per byte, when known; 0: unknown"),
    OPT_END
};
/* clang-format on */
const OptTable pretrain_options = {"pretrain", "train a base model on documents",
                                   sizeof(PretrainOptions), fields};

static const TrainOptions stage_defaults = {
    .lr = 3e-3, /* at width 192 */
    .lr_end = 0.1,
    .schedule = SCHEDULE_COSINE,
    .warmup = 0.02,
    .weight_decay = 0.1,
    .beta2 = 0.95,
    .eps = 1e-8,
};

enum { SAMPLES = 4, SAMPLE_PREFIX = 8, SAMPLE_TOKENS = 64, MAX_HELDOUT = 1000 };

/* Tokens of the longest sample. */
static int32_t sample_capacity(const ModelShape *shape)
{
    int32_t most = SAMPLE_PREFIX + SAMPLE_TOKENS;
    return most < shape->context ? most : shape->context;
}

/* --- the dial ------------------------------------------------------------------------ */

static int64_t round_up(double x, int64_t to)
{
    return (int64_t)ceil(x / (double)to) * to;
}

static Status derive_shape(const PretrainOptions *o, const Tokenizer *tok,
                           ModelShape *shape, Err *err)
{
    int64_t hidden = o->hidden ? o->hidden : round_up(48.0 * (double)o->depth, 32);
    int64_t heads = o->heads ? o->heads : hidden / 32;
    int64_t mlp =
        o->intermediate ? o->intermediate : round_up(8.0 / 3.0 * (double)hidden, 64);
    if (heads < 1)
        return err_set(err, ERR_OPTION, "hidden %lld is less than one head of 32",
                       (long long)hidden);
    *shape = (ModelShape){
        .head = HEAD_LM,
        .vocab = tokenizer_vocab(tok),
        .hidden = (int32_t)hidden,
        .intermediate = (int32_t)mlp,
        .layers = (int32_t)o->depth,
        .heads = (int32_t)heads,
        .kv_heads = (int32_t)(o->kv_heads ? o->kv_heads : heads),
        .context = (int32_t)o->context,
        .rope_theta = o->rope_theta,
        .norm_eps = 1e-5,
        .tied = o->tied,
        .qkv_bias = o->qkv_bias,
        .qk_norm = o->qk_norm,
    };
    return model_shape_check(shape, err);
}

/* How much to train: what was not given. */
typedef struct Budget {
    int64_t tokens, batch_tokens, rows;
} Budget;

static Budget derive_budget(const PretrainOptions *o, const ModelShape *shape)
{
    ASSERT(shape->layers > 0 && shape->context > 0); /* model_shape_check */
    Budget b = {o->tokens, o->batch_tokens, 0};
    if (b.tokens == 0)
        b.tokens = 10 * model_shape_params(shape);
    if (b.batch_tokens == 0)
        b.batch_tokens = 512 * (int64_t)shape->layers;
    b.rows = b.batch_tokens / shape->context;
    b.rows = b.rows > 0 ? b.rows : 1;
    b.batch_tokens = b.rows * shape->context;
    return b;
}

/* --- documents ----------------------------------------------------------------------- */

typedef struct Pretrain {
    LmObjective lm; /* first: the functions bound by lm_objective_bind get this */
    Tokenizer *tok;
    Model *model;
    Shard train, heldout;
    int32_t *id_bytes;
    Engine *engine;
    int64_t seed;
} Pretrain;

static void release(Pretrain *p)
{
    engine_free(p->engine);
    lm_objective_release(&p->lm);
    mem_free(p->id_bytes);
    shard_close(&p->train);
    shard_close(&p->heldout);
    model_free(p->model);
    tokenizer_free(p->tok);
}

static Status open_documents(Pretrain *p, const StageEnv *env, const PretrainOptions *o,
                             Err *err)
{
    Str path = {0};
    ShardOptions split = {.heldout = o->heldout, .max_heldout = MAX_HELDOUT};
    Status status = file_make_folders(env->data, err);
    if (status == OK)
        status = shards_build(env->data, o->data, o->heldout_data, &env->corpus, &split,
                              p->tok, err);
    if (status == OK)
        status = shard_open(&p->train, file_join(&path, env->data, "train.shard"), err);
    if (status == OK)
        status =
            shard_open(&p->heldout, file_join(&path, env->data, "heldout.shard"), err);
    str_release(&path);
    return status;
}

/* --- samples ------------------------------------------------------------------------- */

static Status put_sample(const Pretrain *p, const int32_t *prefix, int64_t n,
                         const EngineResult *r, json_t *samples, Err *err)
{
    Str prompt = {0}, text = {0};
    Status status = tokenizer_decode(p->tok, prefix, (size_t)n, false, &prompt, err);
    if (status == OK)
        status = tokenizer_decode(p->tok, r->ids, (size_t)r->n, false, &text, err);
    if (status == OK) {
        json_t *s = json_object();
        json_object_set_new(s, "prompt", json_from_bytes(str_span(&prompt)));
        json_object_set_new(s, "answer", json_from_bytes(str_span(&text)));
        json_array_append_new(samples, s);
    }
    str_release(&prompt);
    str_release(&text);
    return status;
}

/* Completions: of nothing, and of the first words of held-out documents. */
static Status sample(void *self, int64_t u, json_t *samples, Err *err)
{
    (void)u;
    Pretrain *p = self;
    int32_t prefix[SAMPLES][SAMPLE_PREFIX];
    int64_t lengths[SAMPLES];
    EngineRequest requests[SAMPLES];
    EngineResult results[SAMPLES];
    int32_t eos = tokenizer_eos(p->tok);
    int64_t n = 0;
    for (; n < SAMPLES; n++) {
        Shard *from =
            n > 0 ? &p->heldout : &p->train; /* any document begins with bos */
        if (n > (int64_t)from->documents)
            break;
        int64_t len = shard_doc_len(from, n > 0 ? n - 1 : 0) / 2;
        lengths[n] =
            n == 0 || len < 1 ? 1 : (len < SAMPLE_PREFIX ? len : SAMPLE_PREFIX);
        shard_doc_ids(from, n > 0 ? n - 1 : 0, 0, lengths[n], prefix[n]);
        requests[n] = (EngineRequest){
            .prompt = prefix[n],
            .n_prompt = lengths[n],
            .sample = sample_plain(0.8, SAMPLE_TOKENS, p->seed),
            .index = (uint64_t)n,
            .stop_ids = &eos,
            .n_stop_ids = eos >= 0,
        };
    }
    TRY(engine_run(p->engine, requests, n, results, NULL, err));
    Status status = OK;
    for (int64_t i = 0; i < n; i++) {
        if (status == OK)
            status = put_sample(p, prefix[i], lengths[i], &results[i], samples, err);
        engine_result_release(&results[i]);
    }
    return status;
}

/* --- the stage ----------------------------------------------------------------------- */

static Status plan_memory(MemoryPlan *plan, const Pretrain *p, const ModelShape *shape,
                          const PackOptions *pack, const TrainOptions *t, Err *err)
{
    plan->mapped = p->train.map.len + p->heldout.map.len;
    memory_add_process(plan);
    memory_add_model(plan, shape, true);
    lm_objective_plan(plan, shape, pack, t);
    memory_add_cache(plan, engine_bytes(shape, SAMPLES, sample_capacity(shape)));
    return memory_settle(plan, t, err);
}

static void tell(const ModelShape *s, const Budget *b, const TrainOptions *t)
{
    log_info("pretrain: depth %d gives width %d, %d heads, MLP %d: %s parameters",
             s->layers, s->hidden, s->heads, s->intermediate,
             log_count((double)model_shape_params(s)));
    log_info("pretrain: %s tokens, %s an update, peak learning rate %.3g",
             log_count((double)b->tokens), log_count((double)b->batch_tokens), t->lr);
    if (t->muon.lr > 0)
        log_info("pretrain: Muon updates the matrices of the layers, peak learning "
                 "rate %.3g; AdamW the rest",
                 t->muon.lr);
}

Status stage_pretrain(const StageEnv *env, const PretrainOptions *o,
                      const TrainOptions *given, StageReport *report, Err *err)
{
    if (!o->data)
        return err_set(err, ERR_OPTION, "option 'data' is not set: documents to learn");
    if (!o->tokenizer)
        return err_set(err, ERR_OPTION,
                       "option 'tokenizer' is not set: a folder with tokenizer.json");
    Pretrain p = {.seed = given->seed};
    ModelShape shape = {0};
    TrainOptions t = *given, defaults = stage_defaults;
    TrainReport run = {0};
    Budget budget = {0};

    Status status = tokenizer_load(&p.tok, o->tokenizer, err);
    if (status == OK)
        status = derive_shape(o, p.tok, &shape, err);
    if (status != OK)
        goto done;
    defaults.lr = stage_lr(stage_defaults.lr, &shape);
    train_options_resolve(&t, &defaults);
    if (o->optimizer == OPTIMIZER_MUON)
        t.muon = (MuonOptions){.lr = o->muon_lr, .momentum = o->muon_momentum};
    budget = derive_budget(o, &shape);
    tell(&shape, &budget, &t);

    status = open_documents(&p, env, o, err);
    if (status == OK)
        status = pack_id_bytes(&p.id_bytes, p.tok, err);
    PackOptions pack = {.row = shape.context,
                        .rows = budget.rows,
                        .overlong = PACK_SPLIT,
                        .seed = (uint64_t)t.seed,
                        .shuffle = true,
                        .id_bytes = p.id_bytes};
    MemoryPlan plan = {.ops = env->ops};
    if (status == OK)
        status = plan_memory(&plan, &p, &shape, &pack, &t, err);
    if (status == OK)
        status = model_new(&p.model, env->ops, &shape, true, err);
    if (status == OK)
        status = model_init(p.model, (uint64_t)t.seed, err);
    if (status == OK)
        status = lm_objective_init(&p.lm, p.model, shard_pack_source(&p.train),
                                   shard_pack_source(&p.heldout), &pack, &t,
                                   plan.recomputed, err);
    if (status == OK)
        status =
            engine_new(&p.engine, p.model, SAMPLES, sample_capacity(&shape), NULL, err);
    if (status != OK)
        goto done;

    p.lm.source_entropy = o->source_entropy;
    double tokens_a_batch =
        (double)packer_tokens(p.lm.train) / (double)packer_batches(p.lm.train);
    const uint64_t data[] = {p.train.source, p.train.tokens, p.train.fingerprint,
                             p.heldout.tokens};
    Objective objective = {
        .self = &p,
        .stage = "pretrain",
        .updates = (int64_t)ceil((double)budget.tokens / tokens_a_batch),
        .fingerprint = stage_fingerprint(&pretrain_options, o, &t, data, 4),
        .sample = sample,
    };
    lm_objective_bind(&p.lm, &objective);
    ModelSpecials specials = {.bos = tokenizer_bos(p.tok),
                              .pad = tokenizer_pad(p.tok),
                              .eos = {tokenizer_eos(p.tok)},
                              .n_eos = tokenizer_eos(p.tok) >= 0};
    status = trainer_run(&objective, &t, p.tok, &specials, env->folder, &run, err);
    if (status == OK) {
        snprintf(report->data, sizeof report->data,
                 "%s documents, %s tokens, %s of text; %.2f epochs",
                 log_count((double)p.train.documents),
                 log_count((double)p.train.tokens),
                 log_bytes((double)p.train.text_bytes),
                 (double)objective.updates / (double)packer_batches(p.lm.train));
        stage_report_fill(report, &run, p.model, o->tokenizer);
    }
done:
    train_report_release(&run);
    release(&p);
    return status;
}
