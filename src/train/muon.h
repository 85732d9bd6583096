/* muon.h - which weights Muon updates (Jordan et al. 2024): the matrices of the layers.
 * Embedding, head, norms and biases are AdamW's (adamw.h). Fused matrices are taken apart:
 * queries, keys, values, gate and up are matrices of their own.
 *
 * An update of a matrix has all singular values near 1 (TensorOps.muon), so directions that
 * gradients rarely take are learned as fast as the others. Its momentum is all the state. */
#ifndef TRAIN_MUON_H
#define TRAIN_MUON_H

#include "model/model.h"

typedef struct Muon {
    MuonMatrix *matrices; /* layer by layer */
    int64_t n;            /* 0: no weight is Muon's */
} Muon;

/* m: the momentum, laid out as Model.params. Makes the backend's room. */
NODISCARD Status muon_new(Muon *u, Model *model, Tensor m, Err *err);
void muon_release(Muon *u);
bool muon_takes(const Muon *u, const Model *model, const Weight *w);
int64_t muon_params(const ModelShape *shape); /* elements that Muon updates */
/* By how many bytes muon_new would make the backend's room grow. */
size_t muon_room_bytes(TensorOps *ops, const ModelShape *shape);

#endif
