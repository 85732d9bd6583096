/* bench_engine.c - how fast the engine writes: tokens a second at 1, 8 and 64 sequences at
 * once, for the shape of the demonstration model with random weights. One JSON line each:
 *
 *     {"bench":"engine","what":"decode","slots":8,"tokens_per_s":..,"ms_per_step":..}
 *     {"bench":"engine","what":"prefill","tokens_per_s":..}
 *     {"bench":"engine","what":"score","tokens_per_s":..}
 *
 * decode: prompts of 16 tokens, 112 new ones, temperature 1. prefill: prompts of 240 and
 * one new token. score: texts of 241 tokens. Times are the best of several runs.
 *
 *     bench_engine [--smoke] [--threads N]       --smoke: one short round              */
#include "bench.h"

#include "base/rng.h"
#include "base/system.h"
#include "engine/engine.h"

#include <stdio.h>

enum { LONGEST = 241, MOST = 64 };

typedef struct Bench {
    TensorOps *ops;
    Model *model;
    int runs;
    int64_t prompt, fresh, longest; /* tokens */
    int32_t ids[MOST][LONGEST];
    float logprobs[MOST][LONGEST];
} Bench;

static void setup(Bench *b, bool smoke, int64_t threads)
{
    Err err = {0};
    ModelShape shape =
        bench_model_shape(&bench_shapes[smoke ? BENCH_SMOKE : BENCH_2M], 256);
    *b = (Bench){.runs = smoke ? 1 : 5,
                 .prompt = smoke ? 3 : 16,
                 .fresh = smoke ? 4 : 112,
                 .longest = smoke ? 20 : LONGEST};
    b->ops = bench_ops(threads, COMPUTE_F32);
    bench_need(model_new(&b->model, b->ops, &shape, false, &err), &err);
    bench_need(model_init(b->model, 1, &err), &err);
    Rng rng = rng_make(1, RNG_TEST, 0);
    for (int i = 0; i < MOST; i++) {
        for (int k = 0; k < LONGEST; k++)
            b->ids[i][k] = (int32_t)rng_below(&rng, (uint32_t)shape.vocab);
    }
}

/* Best seconds of n sequences with prompts and new tokens of these lengths. */
static double time_run(Bench *b, int32_t n, int64_t n_prompt, int64_t max_new)
{
    Err err = {0};
    Engine *engine;
    EngineRequest requests[MOST];
    EngineResult results[MOST];
    double best = 1e30;
    bench_need(engine_new(&engine, b->model, n, 0, NULL, &err), &err);
    for (int32_t i = 0; i < n; i++)
        requests[i] = (EngineRequest){.prompt = b->ids[i],
                                      .n_prompt = n_prompt,
                                      .sample = {.temperature = 1,
                                                 .top_p = 1,
                                                 .repetition_penalty = 1,
                                                 .max_new = max_new},
                                      .index = (uint64_t)i};
    for (int run = 0; run < b->runs; run++) {
        double start = system_seconds();
        bench_need(engine_run(engine, requests, n, results, NULL, &err), &err);
        double seconds = system_seconds() - start;
        best = seconds < best ? seconds : best;
        for (int32_t i = 0; i < n; i++)
            engine_result_release(&results[i]);
    }
    engine_free(engine);
    return best;
}

static void bench_decode(Bench *b, int32_t slots)
{
    double seconds = time_run(b, slots, b->prompt, b->fresh);
    double tokens = (double)slots * (double)b->fresh;
    printf(
        "{\"bench\":\"engine\",\"what\":\"decode\",\"slots\":%d,\"tokens_per_s\":%.0f,"
        "\"ms_per_step\":%.3f}\n",
        slots, tokens / seconds, 1e3 * seconds / (double)b->fresh);
}

static void bench_prefill(Bench *b)
{
    double seconds = time_run(b, 16, b->longest - 1, 1);
    printf("{\"bench\":\"engine\",\"what\":\"prefill\",\"tokens_per_s\":%.0f}\n",
           16 * (double)(b->longest - 1) / seconds);
}

static void bench_score(Bench *b)
{
    Err err = {0};
    Engine *engine;
    EngineScore items[MOST];
    double best = 1e30;
    bench_need(engine_new(&engine, b->model, 1, 0, NULL, &err), &err);
    for (int i = 0; i < MOST; i++)
        items[i] = (EngineScore){b->ids[i], b->longest, 1, b->logprobs[i]};
    for (int run = 0; run < b->runs; run++) {
        double start = system_seconds();
        bench_need(engine_score(engine, items, MOST, &err), &err);
        double seconds = system_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    engine_free(engine);
    printf("{\"bench\":\"engine\",\"what\":\"score\",\"tokens_per_s\":%.0f}\n",
           MOST * (double)(b->longest - 1) / best);
}

typedef struct EngineBenchOptions {
    bool smoke;
    int64_t threads;
} EngineBenchOptions;

static const OptField fields[] = {
    OPT_BOOL(EngineBenchOptions, smoke, 0, "one short round"),
    OPT_INT(EngineBenchOptions, threads, 0, 0, 1024, "0: all"),
    OPT_END,
};
static const OptTable table = {"bench_engine", "how fast the engine writes",
                               sizeof(EngineBenchOptions), fields};

int main(int argc, char **argv)
{
    static Bench b;
    EngineBenchOptions o;
    bench_options(&table, &o, argc, argv);
    setup(&b, o.smoke, o.threads);
    for (int32_t slots = 1; slots <= MOST; slots *= 8)
        bench_decode(&b, slots);
    bench_prefill(&b);
    bench_score(&b);
    model_free(b.model);
    tensor_free(b.ops);
    return 0;
}
