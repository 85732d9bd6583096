/* muon.c - the matrices that Muon updates, see muon.h. */
#include "train/muon.h"

#include "base/mem.h"

enum { PER_LAYER = 7 };

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
    Tensor value = tensor_present(w->master) ? w->master : w->value;
    int64_t at = first * w->cols, n = rows * w->cols;
    return (MuonMatrix){.w = tensor_slice(value, at, n),
                        .g = tensor_slice(w->grad, at, n),
                        .m = tensor_slice(m, offset_of(model, w) + at, n),
                        .rows = rows,
                        .cols = w->cols};
}

static void list_layer(MuonMatrix out[PER_LAYER], const Model *model,
                       const ModelLayer *l, Tensor m)
{
    const ModelShape *s = &model->shape;
    int64_t q = (int64_t)s->heads * s->head_dim, k = (int64_t)s->kv_heads * s->head_dim;
    int64_t f = s->intermediate;
    out[0] = piece_of(model, &l->qkv, m, 0, q);
    out[1] = piece_of(model, &l->qkv, m, q, k);
    out[2] = piece_of(model, &l->qkv, m, q + k, k);
    out[3] = piece_of(model, &l->out, m, 0, s->hidden);
    out[4] = piece_of(model, &l->gate_up, m, 0, f);
    out[5] = piece_of(model, &l->gate_up, m, f, f);
    out[6] = piece_of(model, &l->down, m, 0, s->hidden);
}

/* The extent of all of them but C: heads together (no fewer than those of keys), or F. */
static int64_t widest(const ModelShape *s)
{
    int64_t q = (int64_t)s->heads * s->head_dim;
    return q > s->intermediate ? q : s->intermediate;
}

Status muon_new(Muon *u, Model *model, Tensor m, Err *err)
{
    const ModelShape *s = &model->shape;
    ASSERT(s->lora.rank == 0);
    *u = (Muon){0};
    TRY(model->ops->muon_reserve(model->ops, widest(s), s->hidden, err));
    TRY(MEM_ARRAY(&u->matrices, (size_t)s->layers * PER_LAYER, err));
    for (int32_t i = 0; i < s->layers; i++, u->n += PER_LAYER)
        list_layer(u->matrices + u->n, model, &model->layer[i], m);
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

int64_t muon_params(const ModelShape *s)
{
    int64_t q = (int64_t)s->heads * s->head_dim, k = (int64_t)s->kv_heads * s->head_dim;
    return s->layers * (int64_t)s->hidden *
           (2 * q + 2 * k + 3 * (int64_t)s->intermediate);
}

size_t muon_room_bytes(TensorOps *ops, const ModelShape *s)
{
    return ops->muon_reserve_bytes(ops, widest(s), s->hidden);
}
