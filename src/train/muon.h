/* muon.h - which weights Muon updates (Jordan et al. 2024): the matrices of the layers.
 * Embedding, head, norms and biases are AdamW's (adamw.h), and so are all weights of an
 * adapter. Fused matrices are taken apart: queries, keys, values, gate and up are matrices
 * of their own. */
#ifndef TRAIN_MUON_H
#define TRAIN_MUON_H

#include "model/model.h"

enum { MUON_LAYER = 7 }; /* matrices of a layer */

typedef struct Muon {
    MuonMatrix *matrices; /* layer by layer */
    int64_t n;            /* 0: all weights are AdamW's */
} Muon;

/* m: the momentum, laid out as Model.params. Makes room for the update. */
NODISCARD Status muon_new(Muon *u, Model *model, Tensor m, Err *err);
void muon_release(Muon *u);
/* Whether w is Muon's, when there is one. */
bool muon_takes(const Muon *u, const Model *model, const Weight *w);

#endif
