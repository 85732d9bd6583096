/* adamw.h - AdamW over all trainable weights of a model (Loshchilov & Hutter 2019):
 * moments m and v in two tensors laid out as Model.params; decay on matrices only;
 * clipping by the global norm of the gradient. */
#ifndef TRAIN_ADAMW_H
#define TRAIN_ADAMW_H

#include "train/muon.h"

typedef struct Adamw {
    Tensor m, v; /* f32, n_params each */
    int64_t t;   /* updates done */
    Muon muon;   /* takes the matrices of the layers after adamw_use_muon */
} Adamw;

NODISCARD Status adamw_new(Adamw *a, Model *model, Err *err);
/* From now on Muon updates the matrices of the layers; m is its momentum. */
NODISCARD Status adamw_use_muon(Adamw *a, Model *model, Err *err);
void adamw_release(Adamw *a, Model *model);
size_t adamw_bytes(const ModelShape *shape); /* what adamw_new takes */

typedef struct AdamwOptions {
    double lr, beta1, beta2, eps, weight_decay, clip_norm; /* clip 0: off */
    double muon_lr, muon_momentum;
} AdamwOptions;
/* One update from model->grads. Returns the gradient's global norm before clipping; when
 * it is not finite nothing is changed and *bad names the first weight whose gradient is
 * not finite. */
double adamw_update(Adamw *a, Model *model, const AdamwOptions *o, const char **bad);

#endif
