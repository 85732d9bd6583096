/* tiny.h - a random two-layer model on the reference backend, where a row of a matrix
 * product does not depend on the other rows: what a batch does can be compared bit for
 * bit. */
#ifndef SUPPORT_TINY_H
#define SUPPORT_TINY_H

#include "support/check.h"

#include "base/mem.h"
#include "engine/engine.h"

enum { TINY_VOCAB = 61, TINY_CONTEXT = 48 };

typedef struct Tiny {
    TensorOps *ops;
    Model *model;
} Tiny;

/* Weights ten times the usual, so that the next tokens are far from equally likely. */
static inline void tiny_init(Tiny *t, int32_t context)
{
    Err err = {0};
    ModelShape shape = {.family = MODEL_LLAMA,
                        .head = HEAD_LM,
                        .vocab = TINY_VOCAB,
                        .hidden = 16,
                        .intermediate = 20,
                        .layers = 2,
                        .heads = 4,
                        .kv_heads = 2,
                        .head_dim = 4,
                        .context = context,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5,
                        .tied = true};
    CHECK_OK(tensor_ref_new(&t->ops, &err));
    CHECK_OK(model_shape_check(&shape, &err));
    CHECK_OK(model_new(&t->model, t->ops, &shape, false, &err));
    CHECK_OK(model_init(t->model, 7, &err));
    t->ops->scale(t->ops, t->model->params, 10);
    model_changed(t->model);
}

static inline void tiny_release(Tiny *t)
{
    model_free(t->model);
    tensor_free(t->ops);
}

static inline SampleOptions tiny_sample(double temperature, int64_t max_new)
{
    return (SampleOptions){.temperature = temperature,
                           .top_p = 1,
                           .repetition_penalty = 1,
                           .max_new = max_new,
                           .seed = 3};
}

/* The most likely next id by a full forward pass over ids[0..n), with the repetition
 * penalty of the engine. */
static inline int32_t tiny_next(Tiny *t, Tape *tape, const int32_t *ids, int32_t n,
                                double penalty)
{
    int32_t positions[1024], starts[1024] = {0}, row = n - 1;
    for (int32_t i = 0; i < n; i++)
        positions[i] = i;
    ModelTokens tokens = {ids, positions, starts, n};
    float logits[TINY_VOCAB];
    model_forward(t->model, tape, &tokens);
    model_logits(t->model, tape, &row, 1, logits);
    int32_t best = 0;
    for (int32_t v = 0; v < TINY_VOCAB; v++) {
        bool recent = false;
        for (int32_t i = n > ENGINE_PENALTY_IDS ? n - ENGINE_PENALTY_IDS : 0; i < n;
             i++)
            recent = recent || ids[i] == v;
        double z = (double)logits[v];
        logits[v] = (float)(!recent ? z : z > 0 ? z / penalty : z * penalty);
        if (logits[v] > logits[best])
            best = v;
    }
    return best;
}

#endif
