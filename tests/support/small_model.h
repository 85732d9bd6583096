/* small_model.h - a model of a few hundred parameters, and packed lines for it. */
#ifndef SUPPORT_SMALL_MODEL_H
#define SUPPORT_SMALL_MODEL_H

#include "support/check.h"

#include "model/model.h"

/* Odd sizes; the heads together are wider than `hidden`. */
static inline ModelShape small_shape(ModelFamily family, ModelHead head)
{
    return (ModelShape){
        .head = head,
        .vocab = 19,
        .hidden = 10,
        .intermediate = 13,
        .layers = 2,
        .heads = 4,
        .kv_heads = 2,
        .head_dim = 6,
        .context = 24,
        .rope_theta = 10000,
        .norm_eps = 1e-5,
        .tied = family == MODEL_QWEN2,
        .qkv_bias = family == MODEL_QWEN2,
        .qk_norm = family == MODEL_QWEN3,
    };
}

/* N(0, 0.4) for every matrix and bias, gains around one: unlike model_init's start,
 * all of the network matters. */
static inline void small_model_fill(Model *model, uint64_t seed)
{
    TensorOps *t = model->ops;
    for (int64_t i = 0; i < model->n_weights; i++) {
        Weight *w = model->weights[i];
        bool is_gain = strstr(model->names[i], "norm") != NULL;
        Rng rng = rng_make(seed, RNG_TEST, (uint64_t)i + 1);
        for (int64_t j = 0; j < w->value.count; j++) {
            float x = (float)(0.4 * rng_normal(&rng) + (is_gain ? 1 : 0));
            t->write(t, tensor_slice(w->value, j, 1), &x);
        }
    }
    model->score_bias = model->shape.head == HEAD_SCALAR ? 0.25 : 0;
    model_changed(model);
}

static inline Model *small_model_of(TensorOps *ops, const ModelShape *shape)
{
    Err err;
    Model *model;
    CHECK_OK(model_new(&model, ops, shape, true, &err));
    small_model_fill(model, 7);
    return model;
}

static inline Model *small_model(TensorOps *ops, ModelFamily family, ModelHead head)
{
    ModelShape shape = small_shape(family, head);
    return small_model_of(ops, &shape);
}

/* Documents in a line, with random ids and targets. */
enum { LINE_MAX_TOKENS = 64 };
typedef struct Line {
    int32_t ids[LINE_MAX_TOKENS], positions[LINE_MAX_TOKENS], starts[LINE_MAX_TOKENS];
    int32_t rows[LINE_MAX_TOKENS], targets[LINE_MAX_TOKENS];
    float weights[LINE_MAX_TOKENS];
    int64_t n;
} Line;

static inline ModelTokens line_tokens(const Line *line)
{
    return (ModelTokens){line->ids, line->positions, line->starts, line->n};
}

/* Appends a document of `length` tokens drawn from rng. */
static inline void line_add(Line *line, Rng *rng, const Model *model, int32_t length)
{
    int32_t start = (int32_t)line->n;
    assert_true(start + length <= LINE_MAX_TOKENS);
    for (int32_t i = 0; i < length; i++) {
        int64_t at = line->n++;
        line->ids[at] = (int32_t)rng_below(rng, (uint32_t)model->shape.vocab);
        line->targets[at] = (int32_t)rng_below(rng, (uint32_t)model->shape.vocab);
        line->weights[at] = (float)rng_uniform(rng);
        line->positions[at] = i;
        line->starts[at] = start;
        line->rows[at] = (int32_t)at;
    }
}

/* Tokens [from, from + n) of a line, as a line. They begin with a document. */
static inline Line line_part(const Line *line, int64_t from, int64_t n)
{
    Line part = {.n = n};
    for (int64_t i = 0; i < n; i++) {
        part.ids[i] = line->ids[from + i];
        part.targets[i] = line->targets[from + i];
        part.weights[i] = line->weights[from + i];
        part.positions[i] = line->positions[from + i];
        part.starts[i] = line->starts[from + i] - (int32_t)from;
        part.rows[i] = (int32_t)i;
    }
    return part;
}

/* Forward and, with_gradient, backward of sum weights * nll; returns that sum. */
static inline double line_loss(Model *model, Tape *tape, const Line *line,
                               bool with_gradient)
{
    float nll[LINE_MAX_TOKENS];
    ModelTokens tokens = line_tokens(line);
    model_forward(model, tape, &tokens);
    model_cross_entropy(model, tape, line->rows, line->targets, line->weights, line->n,
                        with_gradient, nll);
    if (with_gradient)
        model_backward(model, tape);
    double loss = 0;
    for (int64_t i = 0; i < line->n; i++)
        loss += (double)line->weights[i] * (double)nll[i];
    return loss;
}

/* A tensor's values, to be freed with free(). */
static inline float *tensor_values(TensorOps *t, Tensor x)
{
    float *values = calloc((size_t)x.count + 1, sizeof *values);
    assert_non_null(values);
    t->read(t, values, x);
    return values;
}

/* |got - want| <= tol * max |want|. */
static inline void check_close(const char *what, const float *got, const float *want,
                               int64_t n, double tol)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double size = (double)(want[i] < 0 ? -want[i] : want[i]);
        largest = size > largest ? size : largest;
    }
    for (int64_t i = 0; i < n; i++) {
        double d = (double)got[i] - (double)want[i];
        if (!(d <= tol * largest && -d <= tol * largest))
            fail_msg("%s[%lld] = %.9g, not %.9g (tolerance %g of %g)", what,
                     (long long)i, (double)got[i], (double)want[i], tol, largest);
    }
}

#endif
