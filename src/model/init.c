/* init.c - the values that training starts from.
 *
 * Matrices are N(0, 0.02) (Radford et al. 2019). Those that add to the residual stream
 * are divided by sqrt(2 layers): 2 layers of them add up, so the stream keeps its
 * variance whatever the depth. A scalar head is N(0, 1/sqrt(C+1)) (Ziegler et al.
 * 2019, section 2.1), gains are 1, biases 0.
 *
 * The draws of a weight depend on the seed and its number alone. */
#include "base/mem.h"
#include "base/rng.h"
#include "model/model.h"
#include "model/params_internal.h"

#include <math.h>

enum { CHUNK = 1 << 14 }; /* floats drawn at a time: any number gives the same values */

static double deviation(const ModelShape *shape, ParamInit init)
{
    switch (init) {
    case PARAM_NORMAL:
        return 0.02;
    case PARAM_RESIDUAL:
        return 0.02 / sqrt(2.0 * shape->layers);
    case PARAM_SCORE:
        return 1.0 / sqrt(shape->hidden + 1.0);
    case PARAM_ONE:
    case PARAM_ZERO:
        break;
    }
    return 0;
}

static void draw(Model *model, Tensor value, Rng rng, double sd, float *chunk)
{
    for (int64_t at = 0; at < value.count; at += CHUNK) {
        int64_t n = value.count - at < CHUNK ? value.count - at : CHUNK;
        for (int64_t i = 0; i < n; i++)
            chunk[i] = (float)(sd * rng_normal(&rng));
        model->ops->write(model->ops, tensor_slice(value, at, n), chunk);
    }
}

Status model_init(Model *model, uint64_t seed, Err *err)
{
    float *chunk;
    TRY(MEM_ARRAY(&chunk, CHUNK, err));
    uint64_t number = 0;
    ParamWalk walk = param_walk(&model->shape);
    for (Param p; param_next(&walk, &p); number++) {
        Tensor value = param_weight(model, &p)->value;
        if (p.is_vector)
            model->ops->fill(model->ops, value, p.init == PARAM_ONE ? 1.0f : 0.0f);
        else
            draw(model, value, rng_make(seed, RNG_INIT, number),
                 deviation(&model->shape, p.init), chunk);
    }
    model->score_bias = 0;
    mem_free(chunk);
    model_changed(model);
    return OK;
}
