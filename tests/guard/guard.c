/* guard.c - four fixed pieces of work whose instructions tests/guard/check.sh counts under
 * valgrind and compares with those in instructions.txt.
 *
 *     guard key            what the counts depend on: "gcc-12"
 *     guard CASE           prepares the case and runs it in guarded(), the function whose
 *                          instructions are counted
 *
 * Everything is fixed: text and weights are drawn from a seed, one thread, the kernels of
 * AVX2, which is what valgrind knows of. So the count is the same in each run, and on each
 * processor but for what the C library chooses by it. Status 77: no AVX2 here. */
#include "base/mem.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "text/bpe_train.h"
#include "train/adamw.h"
#include "train/lm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VOCAB = 512,
    CONTEXT = 160,
    TOKENS = 192, /* of a step */
    WORDS = 400,  /* different ones in the text */
    TEXT_BYTES = 1 << 18,
    PROMPT = 16,
    SEQUENCES = 4,
    FRESH = 32, /* tokens decoded, each sequence */
    SKIPPED = 77
};

static void need(Status status, const Err *err)
{
    if (status == OK)
        return;
    fprintf(stderr, "guard: %s\n", err->msg);
    exit(1);
}

/* --- a model ------------------------------------------------------------------------- */

static TensorOps *open_ops(TensorCompute compute)
{
    Err err = {0};
    TensorOps *ops;
    TensorCpuOptions o = {.threads = 1, .compute = compute, .set = "avx2"};
    Status status = tensor_cpu_new(&ops, &o, &err);
    if (status == ERR_OPTION) {
        fprintf(stderr, "guard: %s\n", err.msg);
        exit(SKIPPED);
    }
    need(status, &err);
    return ops;
}

static Model *open_model(TensorOps *ops, bool trainable)
{
    Err err = {0};
    Model *model;
    ModelShape shape = {.family = MODEL_LLAMA,
                        .head = HEAD_LM,
                        .vocab = VOCAB,
                        .hidden = 96,
                        .intermediate = 256,
                        .layers = 2,
                        .heads = 3,
                        .kv_heads = 1,
                        .context = CONTEXT,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5,
                        .tied = true};
    need(model_shape_check(&shape, &err), &err);
    need(model_new(&model, ops, &shape, trainable, &err), &err);
    need(model_init(model, 1, &err), &err);
    return model;
}

/* --- a training step ------------------------------------------------------------------- */

typedef struct Step {
    TensorOps *ops;
    Model *model;
    Batch *batch;
    LmPass *pass;
    Adamw adamw;
} Step;

/* Documents of several lengths, one of which fills the context. */
static void fill_batch(Batch *batch)
{
    static const int64_t lengths[] = {CONTEXT, 21, 11};
    int32_t ids[CONTEXT + 1];
    Rng rng = rng_make(2, RNG_TEST, 0);
    for (size_t d = 0; d < sizeof lengths / sizeof *lengths; d++) {
        for (int64_t i = 0; i <= lengths[d]; i++)
            ids[i] = (int32_t)rng_below(&rng, VOCAB);
        bool fits = batch_add(batch, ids, NULL, lengths[d] + 1);
        ASSERT(fits);
    }
    batch_finish(batch);
    ASSERT(batch->n == TOKENS);
}

static void *open_step(TensorCompute compute)
{
    static Step s;
    Err err = {0};
    s.ops = open_ops(compute);
    s.model = open_model(s.ops, true);
    need(batch_new(&s.batch, TOKENS, &err), &err);
    fill_batch(s.batch);
    need(lm_pass_new(&s.pass, s.model, TOKENS, TOKENS, CONTEXT,
                     (TapeOptions){.backward = true}, &err),
         &err);
    need(adamw_new(&s.adamw, s.model, &err), &err);
    return &s;
}

static void *open_step_f32(void)
{
    return open_step(COMPUTE_F32);
}

static void *open_step_bf16(void)
{
    return open_step(COMPUTE_BF16);
}

static void run_step(void *self)
{
    static const AdamwOptions how = {.lr = 1e-3,
                                     .beta1 = 0.9,
                                     .beta2 = 0.95,
                                     .eps = 1e-8,
                                     .weight_decay = 0.1,
                                     .clip_norm = 1};
    Step *s = self;
    const char *bad = NULL;
    model_zero_grads(s->model);
    LmLoss loss = lm_pass_loss(s->pass, s->batch, 1);
    double norm = adamw_update(&s->adamw, s->model, &how, &bad);
    ASSERT(isfinite(loss.nll) && isfinite(norm));
}

static void close_step(void *self)
{
    Step *s = self;
    adamw_release(&s->adamw, s->model);
    lm_pass_free(s->pass);
    batch_free(s->batch);
    model_free(s->model);
    tensor_free(s->ops);
}

/* --- tokenising ------------------------------------------------------------------------ */

typedef struct Encode {
    Str text;
    Tokenizer *tok;
    Encoder *encoder;
    Ids ids;
} Encode;

/* Made-up words of two to eleven letters, the frequent ones more often, as in language. */
static void write_text(Str *text)
{
    Rng rng = rng_make(3, RNG_TEST, 0);
    while (text->len < TEXT_BYTES) {
        double u = rng_uniform(&rng);
        Rng word = rng_make(3, RNG_TEST, 1 + (uint64_t)(WORDS * u * u * u));
        uint32_t letters = 2 + rng_below(&word, 10);
        for (uint32_t i = 0; i < letters; i++)
            str_putc(text, (char)('a' + rng_below(&word, 26)));
        uint32_t then = rng_below(&rng, 24);
        str_puts(text, then == 0   ? ".\n"
                       : then == 1 ? ", "
                       : then == 2 ? " 1024 "
                       : then == 3 ? "'s "
                                   : " ");
    }
}

static void *open_encode(void)
{
    static Encode e;
    Err err = {0};
    BpeTrainer *trainer;
    write_text(&e.text);
    Span text = str_span(&e.text);
    need(bpe_trainer_new(&trainer, SPLIT_GPT2, &err), &err);
    need(bpe_trainer_add(trainer, &text, 1, &err), &err);
    need(bpe_trainer_finish(trainer, VOCAB, &e.tok, &err), &err);
    bpe_trainer_free(trainer);
    need(ids_reserve(&e.ids, TEXT_BYTES, &err), &err);
    need(encoder_new(&e.encoder, e.tok, &err), &err);
    return &e;
}

/* With an Encoder that has seen nothing yet, as at the start of a file. */
static void run_encode(void *self)
{
    Encode *e = self;
    Err err = {0};
    need(encoder_encode(e->encoder, str_span(&e->text), &e->ids, &err), &err);
}

static void close_encode(void *self)
{
    Encode *e = self;
    encoder_free(e->encoder);
    ids_release(&e->ids);
    tokenizer_free(e->tok);
    str_release(&e->text);
}

/* --- decoding --------------------------------------------------------------------------- */

typedef struct Decode {
    TensorOps *ops;
    Model *model;
    Engine *engine;
    int32_t prompts[SEQUENCES][PROMPT];
} Decode;

static void *open_decode(void)
{
    static Decode d;
    Err err = {0};
    Rng rng = rng_make(4, RNG_TEST, 0);
    d.ops = open_ops(COMPUTE_F32);
    d.model = open_model(d.ops, false);
    need(engine_new(&d.engine, d.model, SEQUENCES, 0, NULL, &err), &err);
    for (int i = 0; i < SEQUENCES; i++)
        for (int k = 0; k < PROMPT; k++)
            d.prompts[i][k] = (int32_t)rng_below(&rng, VOCAB);
    return &d;
}

static void run_decode(void *self)
{
    Decode *d = self;
    Err err = {0};
    EngineRequest requests[SEQUENCES];
    EngineResult results[SEQUENCES];
    for (int i = 0; i < SEQUENCES; i++)
        requests[i] = (EngineRequest){.prompt = d->prompts[i],
                                      .n_prompt = PROMPT,
                                      .sample = {.temperature = 1,
                                                 .top_p = 1,
                                                 .repetition_penalty = 1,
                                                 .max_new = FRESH},
                                      .index = (uint64_t)i};
    need(engine_run(d->engine, requests, SEQUENCES, results, NULL, &err), &err);
    for (int i = 0; i < SEQUENCES; i++) {
        ASSERT(results[i].n == FRESH);
        engine_result_release(&results[i]);
    }
}

static void close_decode(void *self)
{
    Decode *d = self;
    engine_free(d->engine);
    model_free(d->model);
    tensor_free(d->ops);
}

/* --- the cases --------------------------------------------------------------------------- */

typedef struct Case {
    const char *name;
    void *(*open)(void);
    void (*run)(void *self);
    void (*close)(void *self);
} Case;

static const Case cases[] = {
    {"step_f32", open_step_f32, run_step, close_step},
    {"step_bf16", open_step_bf16, run_step, close_step},
    {"encode", open_encode, run_encode, close_encode},
    {"decode", open_decode, run_decode, close_decode},
};

void guarded(const Case *c, void *self);
/* Valgrind finds it by its name, so it must be there; called where the compiler cannot see
 * it, it is neither inlined nor cloned. */
static void (*volatile call)(const Case *c, void *self) = guarded;

void guarded(const Case *c, void *self)
{
    c->run(self);
}

static void print_key(void)
{
#ifdef __clang__
    printf("clang-%d\n", __clang_major__);
#else
    printf("gcc-%d\n", __GNUC__);
#endif
}

int main(int argc, char **argv)
{
    const char *name = argc == 2 ? argv[1] : "";
    if (strcmp(name, "key") == 0) {
        print_key();
        return 0;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Case *c = &cases[i];
        if (strcmp(name, c->name) != 0)
            continue;
        void *self = c->open();
        call(c, self);
        c->close(self);
        return 0;
    }
    fprintf(stderr, "usage: guard key|step_f32|step_bf16|encode|decode\n");
    return 2;
}
