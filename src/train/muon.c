/* muon.c - the matrices that Muon updates, see muon.h. */
#include "train/muon.h"

#include "base/mem.h"

/* Where w begins in Model.params: weights lie there in their order, without gaps. */
static int64_t offset_of(const Model *model, const Weight *w)
{
    int64_t offset = 0;
    for (int64_t i = 0; model->weights[i] != w; i++)
        offset += model->weights[i]->value.count;
    return offset;
}

/* `rows` rows of w from row `first` on. */
static MuonMatrix piece_of(const Model *model, const Weight *w, Tensor m, int64_t first,
                           int64_t rows)
{
    int64_t at = first * w->cols, n = rows * w->cols;
    int64_t offset = offset_of(model, w);
    return (MuonMatrix){.w = tensor_slice(w->value, at, n),
                        .g = tensor_slice(w->grad, at, n),
                        .m = tensor_slice(m, offset + at, n),
                        .rows = rows,
                        .cols = w->cols};
}

Status muon_new(Muon *u, Model *model, Tensor m, Err *err)
{
    *u = (Muon){0};
    const ModelShape *s = &model->shape;
    int64_t q = (int64_t)s->heads * s->head_dim, k = (int64_t)s->kv_heads * s->head_dim;
    int64_t f = s->intermediate;
    TRY(MEM_ARRAY(&u->matrices, (size_t)s->layers * MUON_LAYER, err));
    for (int32_t i = 0; i < s->layers; i++) {
        const ModelLayer *l = &model->layer[i];
        const MuonMatrix all[MUON_LAYER] = {
            piece_of(model, &l->qkv, m, 0, q),
            piece_of(model, &l->qkv, m, q, k),
            piece_of(model, &l->qkv, m, q + k, k),
            piece_of(model, &l->out, m, 0, l->out.rows),
            piece_of(model, &l->gate_up, m, 0, f),
            piece_of(model, &l->gate_up, m, f, f),
            piece_of(model, &l->down, m, 0, l->down.rows),
        };
        for (int j = 0; j < MUON_LAYER; j++) {
            u->matrices[u->n++] = all[j];
            TRY(model->ops->muon_reserve(model->ops, all[j].rows, all[j].cols, err));
        }
    }
    return OK;
}

void muon_release(Muon *u)
{
    mem_free(u->matrices);
    *u = (Muon){0};
}

bool muon_takes(const Muon *u, const Model *model, const Weight *w)
{
    for (int32_t i = 0; u->n > 0 && i < model->shape.layers; i++) {
        const ModelLayer *l = &model->layer[i];
        if (w == &l->qkv || w == &l->out || w == &l->gate_up || w == &l->down)
            return true;
    }
    return false;
}
