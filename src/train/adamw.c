/* adamw.c - the optimizer: AdamW (Loshchilov & Hutter 2019), see adamw.h.
 *
 * With g the gradient of a weight, clipped as a whole to norm clip_norm, and t the
 * number of this update:
 *
 *     w -= lr decay w                             matrices only
 *     m  = b1 m + (1 - b1) g
 *     v  = b2 v + (1 - b2) g^2
 *     w -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 *
 * or, where w is Muon's, what TensorOps.muon says.
 *
 * The arithmetic is the backend's (TensorOps.adamw); here are its corrections, the
 * clipping and the check that nothing is NaN or Inf before a weight is touched. */
#include "train/adamw.h"

#include <math.h>

static Status make_moments(Adamw *a, Model *model, int64_t squares, Err *err)
{
    TensorOps *ops = model->ops;
    Status status = ops->alloc(ops, &a->m, TENSOR_F32, model->params.count, err);
    if (status == OK)
        status = ops->alloc(ops, &a->v, TENSOR_F32, squares, err);
    return status;
}

Status adamw_new(Adamw *a, Model *model, Err *err)
{
    *a = (Adamw){0};
    Status status = make_moments(a, model, model->params.count, err);
    if (status == OK)
        return OK;
    adamw_release(a, model);
    return err_context(err, "moments of the optimizer");
}

Status adamw_muon_new(Adamw *a, Model *model, Err *err)
{
    *a = (Adamw){0};
    int64_t squares = model->params.count - muon_params(&model->shape);
    Status status = make_moments(a, model, squares, err);
    if (status == OK)
        status = muon_new(&a->muon, model, a->m, err);
    if (status == OK)
        return OK;
    adamw_release(a, model);
    return err_context(err, "moments of the optimizer");
}

size_t adamw_bytes(const ModelShape *shape)
{
    return 2 * (size_t)model_shape_own_params(shape) * sizeof(float);
}

size_t adamw_muon_bytes(TensorOps *ops, const ModelShape *shape)
{
    return adamw_bytes(shape) - (size_t)muon_params(shape) * sizeof(float) +
           muon_room_bytes(ops, shape);
}

void adamw_release(Adamw *a, Model *model)
{
    if (!a || !model)
        return;
    model->ops->free(model->ops, &a->m);
    model->ops->free(model->ops, &a->v);
    muon_release(&a->muon);
    a->t = 0;
}

/* The first weight whose gradient has a NaN or Inf; NULL when only their sum overflowed. */
static const char *find_bad(const Model *model)
{
    TensorOps *ops = model->ops;
    for (int64_t i = 0; i < model->n_weights; i++) {
        const Weight *w = model->weights[i];
        if (w->trainable && !isfinite(ops->sum_squares(ops, w->grad)))
            return model->names[i];
    }
    return NULL;
}

/* Weights lie in params in their order, without gaps; so do their m, and the v of those
 * that are not Muon's. */
static void update_weights(Adamw *a, Model *model, const AdamwOptions *o,
                           AdamwStep step)
{
    TensorOps *ops = model->ops;
    MuonStep muon = {.lr = (float)o->muon_lr,
                     .momentum = (float)o->muon_momentum,
                     .decay = (float)o->weight_decay,
                     .grad_scale = step.grad_scale};
    if (a->muon.n > 0)
        ops->muon(ops, a->muon.matrices, a->muon.n, muon);
    int64_t at_m = 0, at_v = 0, n = 0;
    for (int64_t i = 0; i < model->n_weights; i++, at_m += n) {
        Weight *w = model->weights[i];
        bool has_master = tensor_present(w->master);
        n = w->value.count;
        if (w->trainable && !muon_takes(&a->muon, model, w)) {
            step.decay = w->decays ? (float)o->weight_decay : 0;
            ops->adamw(ops, has_master ? w->master : w->value, w->grad,
                       tensor_slice(a->m, at_m, n), tensor_slice(a->v, at_v, n), step);
        }
        at_v += muon_takes(&a->muon, model, w) ? 0 : n;
        if (w->trainable && has_master)
            ops->copy(ops, w->value, w->master);
    }
    ASSERT(at_m == a->m.count && at_v == a->v.count);
}

double adamw_update(Adamw *a, Model *model, const AdamwOptions *o, const char **bad)
{
    TensorOps *ops = model->ops;
    double norm = sqrt(ops->sum_squares(ops, model->grads));
    if (!isfinite(norm)) {
        *bad = find_bad(model);
        if (!*bad)
            *bad = "all weights together";
        return norm;
    }
    a->t++;
    bool clips = o->clip_norm > 0 && norm > o->clip_norm;
    AdamwStep step = {
        .lr = (float)o->lr,
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .eps = (float)o->eps,
        .grad_scale = clips ? (float)(o->clip_norm / norm) : 1.0F,
        .correction1 = (float)(1 - pow(o->beta1, (double)a->t)),
        .correction2 = (float)(1 - pow(o->beta2, (double)a->t)),
    };
    update_weights(a, model, o, step);
    model_changed(model);
    return norm;
}
