/* init.c - the values that training starts from.
 *
 * Matrices are N(0, 0.02) (Radford et al. 2019). Those that add to the residual stream
 * are divided by sqrt(2 layers): 2 layers of them add up, so the stream keeps its
 * variance whatever the depth. A scalar head is N(0, 1/sqrt(C+1)) (Ziegler et al.
 * 2019, section 2.1), gains are 1, biases 0.
 *
 * The draws of a weight depend on the seed and its number alone. */
#include "base/mem.h"
#include "model/model.h"
#include "model/params_internal.h"

#include <math.h>

static double deviation(const ModelShape *shape, ParamInit init)
{
    switch (init) {
    case PARAM_NORMAL:
        return 0.02;
    case PARAM_RESIDUAL:
        return 0.02 / sqrt(2.0 * shape->layers);
    case PARAM_SCORE:
        return 1.0 / (shape->hidden + 1.0);
    case PARAM_ONE:
    case PARAM_ZERO:
        break;
    }
    return 0;
}

static void draw(TensorOps *ops, Tensor value, Rng rng, double sd, float *chunk)
{
    for (int64_t at = 0; at < value.count; at += INIT_CHUNK) {
        int64_t n = value.count - at < INIT_CHUNK ? value.count - at : INIT_CHUNK;
        for (int64_t i = 0; i < n; i++)
            chunk[i] = (float)(sd * rng_normal(&rng));
        ops->write(ops, tensor_slice(value, at, n), chunk);
    }
}

void init_param(TensorOps *ops, const ModelShape *shape, const Param *param,
                Tensor value, Rng rng, float *chunk)
{
    if (param->is_vector)
        ops->fill(ops, value, param->init == PARAM_ONE ? 1.0f : 0.0f);
    else
        draw(ops, value, rng, deviation(shape, param->init), chunk);
}

Status model_init(Model *model, uint64_t seed, Err *err)
{
    ASSERT(!model->base);
    float *chunk;
    TRY(MEM_ARRAY(&chunk, INIT_CHUNK, err));
    uint64_t number = 0;
    ParamWalk walk = param_walk(&model->shape);
    for (Param p; param_next(&walk, &p); number++)
        init_param(model->ops, &model->shape, &p, param_weight(model, &p)->value,
                   rng_make(seed, RNG_INIT, number), chunk);
    model->score_bias = 0;
    mem_free(chunk);
    model_changed(model);
    return OK;
}
