/* bench_train.c - how fast a model trains: whole optimizer steps of 4,096 tokens (forward,
 * cross-entropy, backward, clip, AdamW, repacking) on random tokens. One JSON line a case:
 *
 *     {"bench":"train","shape":"124M","context":1024,"compute":"bf16","threads":2,
 *      "tokens_per_s":..,"gflops":..,"share":..,"optimizer_share":..,"recomputed":0,
 *      "plan_mb":..,"peak_mb":..}
 *
 * share is that of the peak of the same arithmetic, which the first lines measure
 * (peak.h); FLOPs are 6 a parameter of a product and token, and causal attention's. Times
 * are the median of several steps. plan_mb is what train/memory.h says before the start,
 * peak_mb the process's so far: to measure one shape's memory, ask for it alone. FLOPs of
 * recomputed layers are not counted twice.
 *
 *     bench_train [--smoke] [--threads N] [--shape 2M|10M|124M] [--compute f32|bf16]
 *                 [--context N] [--steps N] [--recompute LAYERS | --memory MB] */
#include "peak.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/stats.h"
#include "model/model.h"
#include "train/adamw.h"
#include "train/memory.h"

#include <math.h>
#include <stdio.h>

enum { STEP_TOKENS = 4096, MOST_STEPS = 1000 };

typedef struct Shape {
    const char *name;
    int32_t layers, hidden, heads, intermediate, vocab;
    int64_t micro_batch; /* tokens a pass */
} Shape;

static const Shape shapes[] = {
    {"2M", 4, 192, 6, 512, 2048, 4096},
    {"10M", 11, 256, 8, 688, 4096, 4096},
    {"124M", 12, 768, 12, 2048, 50257, 1024},
};
static const Shape smoke_shape = {"smoke", 2, 32, 2, 48, 128, 128};

typedef struct Choice {
    bool smoke;
    int threads;         /* 0: all */
    const char *shape;   /* NULL: all */
    const char *compute; /* NULL: both */
    int64_t context;     /* 0: 256 and 1024 */
    int64_t steps;
    int32_t recompute;
    int64_t memory; /* MB; 0: recompute decides */
} Choice;

typedef struct Bench {
    TensorOps *ops;
    Model *model;
    Tape *tape;
    Adamw adamw;
    MemoryPlan plan;
    int64_t context, micro_batch, step_tokens;
    int32_t *ids, *positions, *starts, *rows, *targets;
    float *weights, *nll;
    double optimizer_seconds, step_seconds;
} Bench;

static void need(Status status, const Err *err)
{
    if (status == OK)
        return;
    fprintf(stderr, "bench_train: %s\n", err->msg);
    exit(1);
}

static void plan_memory(Bench *b, const ModelShape *shape, const Choice *c)
{
    Err err = {0};
    b->plan = (MemoryPlan){.ops = b->ops};
    memory_add_process(&b->plan);
    memory_add_model(&b->plan, shape, true);
    memory_add_optimizer(&b->plan, shape);
    memory_add_tape(&b->plan, shape, b->micro_batch, true);
    TrainOptions t = {.memory = c->memory * 1000000, .micro_batch = b->micro_batch};
    if (c->memory > 0)
        need(memory_settle(&b->plan, &t, &err), &err);
    else
        b->plan.recomputed =
            c->recompute < shape->layers ? c->recompute : model_most_recomputed(shape);
}

static void setup(Bench *b, const Shape *s, int64_t context, const TensorCpuOptions *o,
                  const Choice *c)
{
    Err err = {0};
    ModelShape shape = {.family = MODEL_LLAMA,
                        .head = HEAD_LM,
                        .vocab = s->vocab,
                        .hidden = s->hidden,
                        .intermediate = s->intermediate,
                        .layers = s->layers,
                        .heads = s->heads,
                        .kv_heads = s->heads,
                        .context = (int32_t)context,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5,
                        .tied = true};
    *b = (Bench){.context = context, .micro_batch = s->micro_batch};
    b->micro_batch = context > b->micro_batch ? context : b->micro_batch;
    b->step_tokens = b->micro_batch < STEP_TOKENS && s != &smoke_shape ? STEP_TOKENS
                                                                       : b->micro_batch;
    size_t n = (size_t)b->micro_batch;
    need(tensor_cpu_new(&b->ops, o, &err), &err);
    need(model_shape_check(&shape, &err), &err);
    plan_memory(b, &shape, c);
    TapeOptions tape = {.backward = true, .recomputed = b->plan.recomputed};
    need(model_new(&b->model, b->ops, &shape, true, &err), &err);
    need(model_init(b->model, 1, &err), &err);
    need(tape_new(&b->tape, b->model, b->micro_batch, tape, &err), &err);
    need(adamw_new(&b->adamw, b->model, &err), &err);
    need(MEM_ARRAY(&b->ids, n, &err), &err);
    need(MEM_ARRAY(&b->positions, n, &err), &err);
    need(MEM_ARRAY(&b->starts, n, &err), &err);
    need(MEM_ARRAY(&b->rows, n, &err), &err);
    need(MEM_ARRAY(&b->targets, n, &err), &err);
    need(MEM_ARRAY(&b->weights, n, &err), &err);
    need(MEM_ARRAY(&b->nll, n, &err), &err);
    Rng rng = rng_make(1, RNG_TEST, 0);
    for (int32_t i = 0; i < (int32_t)n; i++) {
        b->ids[i] = (int32_t)rng_below(&rng, (uint32_t)s->vocab);
        b->targets[i] = (int32_t)rng_below(&rng, (uint32_t)s->vocab);
        b->positions[i] = i % (int32_t)context;
        b->starts[i] = i - b->positions[i];
        b->rows[i] = i;
        b->weights[i] = 1.0F / (float)b->step_tokens;
    }
}

static void release(Bench *b)
{
    adamw_release(&b->adamw, b->model);
    tape_free(b->tape);
    model_free(b->model);
    tensor_free(b->ops);
    mem_free(b->ids);
    mem_free(b->positions);
    mem_free(b->starts);
    mem_free(b->rows);
    mem_free(b->targets);
    mem_free(b->weights);
    mem_free(b->nll);
}

static void step(Bench *b)
{
    static const AdamwOptions how = {.lr = 1e-4,
                                     .beta1 = 0.9,
                                     .beta2 = 0.95,
                                     .eps = 1e-8,
                                     .weight_decay = 0.1,
                                     .clip_norm = 1};
    const char *bad = NULL;
    ModelTokens tokens = {b->ids, b->positions, b->starts, b->micro_batch};
    double start = system_seconds();
    model_zero_grads(b->model);
    for (int64_t done = 0; done < b->step_tokens; done += b->micro_batch) {
        model_forward(b->model, b->tape, &tokens);
        model_cross_entropy(b->model, b->tape, b->rows, b->targets, b->weights,
                            b->micro_batch, true, b->nll);
        model_backward(b->model, b->tape);
    }
    double passed = system_seconds();
    if (!isfinite(adamw_update(&b->adamw, b->model, &how, &bad))) {
        fprintf(stderr, "bench_train: the gradient of '%s' is not finite\n", bad);
        exit(1);
    }
    b->optimizer_seconds = system_seconds() - passed;
    b->step_seconds = system_seconds() - start;
}

static void measure(const Shape *s, int64_t context, const TensorCpuOptions *o,
                    const Choice *c, const double peaks[2])
{
    Bench b;
    setup(&b, s, context, o, c);
    double seconds[MOST_STEPS], optimizer[MOST_STEPS];
    step(&b); /* the first one touches the memory */
    for (int64_t i = 0; i < c->steps; i++) {
        step(&b);
        seconds[i] = b.step_seconds;
        optimizer[i] = b.optimizer_seconds;
    }
    bool bf16 = b.ops->compute == COMPUTE_BF16;
    double t = stats_quantile(seconds, c->steps, 0.5);
    double flops = model_shape_train_flops(&b.model->shape, ((double)context + 1) / 2) *
                   (double)b.step_tokens;
    printf("{\"bench\":\"train\",\"shape\":\"%s\",\"context\":%d,\"compute\":\"%s\","
           "\"threads\":%d,\"tokens_per_s\":%.0f,\"gflops\":%.1f,\"share\":%.3f,"
           "\"optimizer_share\":%.3f,\"recomputed\":%d,\"plan_mb\":%.0f,"
           "\"peak_mb\":%.0f}\n",
           s->name, (int)context, bf16 ? "bf16" : "f32",
           o->threads > 0 ? o->threads : system_cpus(), (double)b.step_tokens / t,
           flops / t / 1e9, peaks[bf16] > 0 ? flops / t / peaks[bf16] : 0,
           stats_quantile(optimizer, c->steps, 0.5) / t, b.plan.recomputed,
           (double)memory_peak(&b.plan) / 1e6, (double)mem_peak_rss() / 1e6);
    fflush(stdout);
    release(&b);
}

static void bench_shape(const Shape *s, const Choice *c, const double peaks[2])
{
    static const int64_t contexts[] = {256, 1024};
    for (int compute = 0; compute < 2; compute++) {
        TensorCpuOptions o = {.threads = c->threads,
                              .compute = compute ? COMPUTE_BF16 : COMPUTE_F32};
        if (c->compute && strcmp(c->compute, compute ? "bf16" : "f32") != 0)
            continue;
        if (c->smoke)
            measure(s, 32, &o, c, peaks);
        for (int i = 0; !c->smoke && i < 2; i++)
            if (c->context == 0 || c->context == contexts[i])
                measure(s, contexts[i], &o, c, peaks);
    }
}

static bool read_choice(Choice *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--smoke") == 0) {
            c->smoke = true;
            c->steps = 1;
            continue;
        }
        if (value && strcmp(argv[i], "--threads") == 0)
            c->threads = atoi(value);
        else if (value && strcmp(argv[i], "--shape") == 0)
            c->shape = value;
        else if (value && strcmp(argv[i], "--compute") == 0)
            c->compute = value;
        else if (value && strcmp(argv[i], "--context") == 0)
            c->context = atoll(value);
        else if (value && strcmp(argv[i], "--steps") == 0)
            c->steps = atoll(value);
        else if (value && strcmp(argv[i], "--recompute") == 0)
            c->recompute = atoi(value);
        else if (value && strcmp(argv[i], "--memory") == 0)
            c->memory = atoll(value);
        else
            return false;
        i++;
    }
    return c->steps >= 1 && c->steps <= MOST_STEPS && c->recompute >= 0 &&
           c->memory >= 0;
}

int main(int argc, char **argv)
{
    Choice c = {.steps = 5};
    if (!read_choice(&c, argc, argv)) {
        fprintf(stderr,
                "usage: bench_train [--smoke] [--threads N] [--shape 2M|10M|124M]\n"
                "                   [--compute f32|bf16] [--context 256|1024] "
                "[--steps N]\n"
                "                   [--recompute LAYERS | --memory MB]\n");
        return 2;
    }
    int threads = c.threads > 0 ? c.threads : system_cpus();
    double peaks[2];
    for (int bf16 = 0; bf16 < 2; bf16++) {
        peaks[bf16] = peak_flops(bf16, threads, c.smoke ? 1 : 20);
        printf(
            "{\"bench\":\"train\",\"op\":\"peak %s\",\"gflops\":%.1f,\"threads\":%d}\n",
            bf16 ? "bf16" : "f32", peaks[bf16] / 1e9, threads);
    }
    if (c.smoke)
        bench_shape(&smoke_shape, &c, peaks);
    for (size_t i = 0; !c.smoke && i < sizeof shapes / sizeof *shapes; i++)
        if (!c.shape || strcmp(c.shape, shapes[i].name) == 0)
            bench_shape(&shapes[i], &c, peaks);
    return 0;
}
