/* train_case.c - whole optimizer steps on random tokens, see train_case.h. */
#include "train_case.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/system.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void make_tokens(TrainCase *c)
{
    Err err = {0};
    size_t n = (size_t)c->pass_tokens;
    bench_need(MEM_ARRAY(&c->ids, n, &err), &err);
    bench_need(MEM_ARRAY(&c->positions, n, &err), &err);
    bench_need(MEM_ARRAY(&c->starts, n, &err), &err);
    bench_need(MEM_ARRAY(&c->rows, n, &err), &err);
    bench_need(MEM_ARRAY(&c->targets, n, &err), &err);
    bench_need(MEM_ARRAY(&c->weights, n, &err), &err);
    bench_need(MEM_ARRAY(&c->nll, n, &err), &err);
    Rng rng = rng_make(1, RNG_TEST, 0);
    for (int32_t i = 0; i < (int32_t)n; i++) {
        c->ids[i] = (int32_t)rng_below(&rng, (uint32_t)c->shape->vocab);
        c->targets[i] = (int32_t)rng_below(&rng, (uint32_t)c->shape->vocab);
        c->positions[i] = i % (int32_t)c->context;
        c->starts[i] = i - c->positions[i];
        c->rows[i] = i;
        c->weights[i] = 1.0F / (float)c->step_tokens;
    }
}

static void plan_memory(TrainCase *c, const ModelShape *shape, int64_t memory)
{
    ModelShape base = *shape;
    base.lora.rank = 0;
    Err err = {0};
    TrainOptions o = {.memory = memory, .micro_batch = c->pass_tokens};
    c->plan = (MemoryPlan){.ops = c->ops};
    memory_add_process(&c->plan);
    if (shape->lora.rank > 0)
        memory_add_model(&c->plan, &base, false);
    memory_add_model(&c->plan, shape, true);
    memory_add_optimizer(&c->plan, shape);
    memory_add_tape(&c->plan, shape, c->pass_tokens, true);
    if (memory > 0)
        bench_need(memory_settle(&c->plan, &o, &err), &err);
}

void train_case_init(TrainCase *c, const BenchShape *shape, int64_t context,
                     int64_t pass_tokens, int64_t step_tokens, int64_t threads,
                     TensorCompute compute, int64_t memory, int64_t lora)
{
    Err err = {0};
    ModelShape model = bench_model_shape(shape, context), base = model;
    if (lora > 0)
        model.lora = (ModelLora){.rank = (int32_t)lora,
                                 .alpha = 2 * (double)lora,
                                 .targets = LORA_ALL_LINEAR};
    *c = (TrainCase){.shape = shape, .context = context};
    c->pass_tokens = context > pass_tokens ? context : pass_tokens;
    c->step_tokens =
        (step_tokens + c->pass_tokens - 1) / c->pass_tokens * c->pass_tokens;
    c->ops = bench_ops(threads, compute);
    stopwatch_attach(c->ops);
    plan_memory(c, &model, memory);
    bench_need(model_new(&c->model, c->ops, &base, lora == 0, &err), &err);
    bench_need(model_init(c->model, 1, &err), &err);
    if (lora > 0) {
        c->base = c->model;
        bench_need(
            model_adapter_new(&c->model, c->base, &model.lora, HEAD_LM, true, 1, &err),
            &err);
    }
    TapeOptions tape = {.backward = true, .recomputed = c->plan.recomputed};
    bench_need(tape_new(&c->tape, c->model, c->pass_tokens, tape, &err), &err);
    bench_need(adamw_new(&c->adamw, c->model, &err), &err);
    make_tokens(c);
}

void train_case_release(TrainCase *c)
{
    adamw_release(&c->adamw, c->model);
    tape_free(c->tape);
    model_free(c->model);
    model_free(c->base);
    tensor_free(c->ops);
    mem_free(c->ids);
    mem_free(c->positions);
    mem_free(c->starts);
    mem_free(c->rows);
    mem_free(c->targets);
    mem_free(c->weights);
    mem_free(c->nll);
}

static void pass(TrainCase *c)
{
    ModelTokens tokens = {c->ids, c->positions, c->starts, c->pass_tokens};
    model_forward(c->model, c->tape, &tokens);
    model_cross_entropy(c->model, c->tape, c->rows, c->targets, c->weights,
                        c->pass_tokens, true, c->nll);
    model_backward(c->model, c->tape);
}

static void update(TrainCase *c)
{
    static const AdamwOptions how = {.lr = 1e-4,
                                     .beta1 = 0.9,
                                     .beta2 = 0.95,
                                     .eps = 1e-8,
                                     .weight_decay = 0.1,
                                     .clip_norm = 1};
    const char *bad = NULL;
    if (isfinite(adamw_update(&c->adamw, c->model, &how, &bad)))
        return;
    fprintf(stderr, "benchmark: the gradient of '%s' is not finite\n", bad);
    exit(1);
}

void train_case_warm(TrainCase *c)
{
    model_zero_grads(c->model);
    pass(c);
    update(c);
}

StepTimes train_case_step(TrainCase *c)
{
    stopwatch_take();
    double start = system_seconds();
    model_zero_grads(c->model);
    for (int64_t done = 0; done < c->step_tokens; done += c->pass_tokens)
        pass(c);
    double passed = system_seconds();
    update(c);
    double end = system_seconds();
    return (StepTimes){end - start, stopwatch_take(), end - passed};
}

double train_case_flops(const TrainCase *c)
{
    double span = ((double)c->context + 1) / 2;
    return model_shape_train_flops(&c->model->shape, span) * (double)c->step_tokens;
}
