/* adamw.h - AdamW over all trainable weights of a model (Loshchilov & Hutter 2019):
 * moments m and v in two tensors laid out as Model.params; decay on matrices only;
 * clipping by the global norm of the gradient. Or over all that Muon leaves (muon.h). */
#ifndef TRAIN_ADAMW_H
#define TRAIN_ADAMW_H

#include "train/muon.h"

typedef struct Adamw {
    Tensor m, v; /* f32; v has nothing of what Muon updates */
    int64_t t;   /* updates done */
    Muon muon;   /* none but after adamw_muon_new */
} Adamw;

NODISCARD Status adamw_new(Adamw *a, Model *model, Err *err);
/* The matrices of the layers are Muon's, with m as its momentum. The model is no adapter. */
NODISCARD Status adamw_muon_new(Adamw *a, Model *model, Err *err);
void adamw_release(Adamw *a, Model *model);
/* What they take. */
size_t adamw_bytes(const ModelShape *shape);
size_t adamw_muon_bytes(TensorOps *ops, const ModelShape *shape);

typedef struct AdamwOptions {
    double lr, beta1, beta2, eps, weight_decay, clip_norm; /* clip 0: off */
    double muon_lr,
        muon_momentum; /* of what Muon updates; decay and clipping are shared */
} AdamwOptions;
/* One update from model->grads. Returns the gradient's global norm before clipping; when
 * it is not finite nothing is changed and *bad names the first weight whose gradient is
 * not finite. */
double adamw_update(Adamw *a, Model *model, const AdamwOptions *o, const char **bad);

#endif
