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
 * The arithmetic is the backend's (TensorOps.adamw); here are its corrections, the
 * clipping and the check that nothing is NaN or Inf before a weight is touched. */
#include "train/adamw.h"

#include <math.h>

Status adamw_new(Adamw *a, Model *model, Err *err)
{
    *a = (Adamw){0};
    TensorOps *ops = model->ops;
    int64_t n = model->params.count;
    Status status = ops->alloc(ops, &a->m, TENSOR_F32, n, err);
    if (status == OK)
        status = ops->alloc(ops, &a->v, TENSOR_F32, n, err);
    if (status != OK) {
        adamw_release(a, model);
        return err_context(err, "moments of the optimizer");
    }
    return OK;
}

size_t adamw_bytes(const ModelShape *shape)
{
    return 2 * (size_t)model_shape_own_params(shape) * sizeof(float);
}

Status adamw_use_muon(Adamw *a, Model *model, Err *err)
{
    return muon_new(&a->muon, model, a->m, err);
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
    int64_t offset = 0, n = 0; /* weights lie in params in their order, without gaps */
    for (int64_t i = 0; i < model->n_weights; i++, offset += n) {
        Weight *w = model->weights[i];
        n = w->value.count;
        if (!w->trainable || muon_takes(&a->muon, model, w))
            continue;
        bool has_master = tensor_present(w->master);
        step.decay = w->decays ? (float)o->weight_decay : 0;
        ops->adamw(ops, has_master ? w->master : w->value, w->grad,
                   tensor_slice(a->m, offset, n), tensor_slice(a->v, offset, n), step);
        if (has_master)
            ops->copy(ops, w->value, w->master);
    }
    ASSERT(offset == model->params.count);
    if (a->muon.n > 0) {
        MuonStep muon = {.lr = (float)o->muon_lr,
                         .momentum = (float)o->muon_momentum,
                         .decay = (float)o->weight_decay,
                         .grad_scale = step.grad_scale};
        ops->muon(ops, a->muon.matrices, a->muon.n, muon);
    }
    model_changed(model);
    return norm;
}
