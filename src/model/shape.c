/* shape.c - what a model's shape may be, and what follows from it: the number of its
 * parameters and the arithmetic of a training step.
 *
 * The limits of model_shape_check leave room for every model there is, and keep every
 * product that the floors above form (a matrix: below 2^47 elements; all of them in
 * bytes: below 2^62) inside an int64_t. */
#include "model/lora_internal.h"

#include <math.h>

typedef struct Limit {
    const char *field;
    int32_t value, max;
} Limit;

static Status check_sizes(const ModelShape *s, Err *err)
{
    const Limit limits[] = {
        {"vocab", s->vocab, 1 << 24},     {"hidden", s->hidden, 1 << 20},
        {"layers", s->layers, 1 << 12},   {"intermediate", s->intermediate, 1 << 22},
        {"heads", s->heads, 1 << 12},     {"kv_heads", s->kv_heads, 1 << 12},
        {"context", s->context, 1 << 24},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].value < 1 || limits[i].value > limits[i].max)
            return err_set(err, ERR_OPTION, "'%s' is %d, not in 1 to %d",
                           limits[i].field, limits[i].value, limits[i].max);
    return OK;
}

static Status check_heads(ModelShape *s, Err *err)
{
    if (s->heads % s->kv_heads != 0)
        return err_set(err, ERR_OPTION, "'kv_heads' (%d) does not divide 'heads' (%d)",
                       s->kv_heads, s->heads);
    if (s->head_dim == 0) {
        if (s->hidden % s->heads != 0)
            return err_set(err, ERR_OPTION,
                           "'heads' (%d) does not divide 'hidden' (%d)", s->heads,
                           s->hidden);
        s->head_dim = s->hidden / s->heads;
    }
    if (s->head_dim < 2 || s->head_dim > TENSOR_MAX_HEAD || s->head_dim % 2 != 0)
        return err_set(err, ERR_OPTION,
                       "'head_dim' is %d, not an even number in 2 to %d", s->head_dim,
                       TENSOR_MAX_HEAD);
    return OK;
}

Status model_shape_check(ModelShape *shape, Err *err)
{
    TRY(check_sizes(shape, err));
    TRY(check_heads(shape, err));
    if (!isfinite(shape->rope_theta) || shape->rope_theta <= 0)
        return err_set(err, ERR_OPTION, "'rope_theta' is %g, not a positive number",
                       shape->rope_theta);
    if (!isfinite(shape->norm_eps) || shape->norm_eps <= 0)
        return err_set(err, ERR_OPTION, "'norm_eps' is %g, not a positive number",
                       shape->norm_eps);
    if (shape->qkv_bias && shape->qk_norm)
        return err_set(err, ERR_OPTION,
                       "'qkv_bias' and 'qk_norm' exclude each other: no family of "
                       "models has both");
    shape->family = shape->qkv_bias  ? MODEL_QWEN2
                    : shape->qk_norm ? MODEL_QWEN3
                                     : MODEL_LLAMA;
    if (shape->head == HEAD_SCALAR)
        shape->tied = false; /* it has no head over the vocabulary */
    return shape->lora.rank == 0 ? OK : lora_check(&shape->lora, err);
}

int64_t model_shape_params(const ModelShape *shape)
{
    ParamWalk walk = param_walk(shape);
    for (Param p; param_next(&walk, &p);)
        continue;
    return walk.offset;
}

int64_t model_shape_own_params(const ModelShape *shape)
{
    if (shape->lora.rank == 0)
        return model_shape_params(shape);
    return lora_params(shape) + (head_has_score(shape->head) ? shape->hidden : 0);
}

double model_shape_train_flops(const ModelShape *shape, double span)
{
    double matmul = 0, scores, each = shape->lora.rank > 0 ? 4 : 6;
    ParamWalk walk = param_walk(shape);
    for (Param p; param_next(&walk, &p);) {
        bool looked_up = p.offset == 0; /* the embedding: no product */
        if (!p.is_vector && (!looked_up || shape->tied))
            matmul += (double)p.rows * (double)p.cols;
    }
    scores = (double)shape->layers * (double)shape_attended_width(shape) * span;
    return each * matmul + 6 * (double)lora_params(shape) + 12 * scores;
}
