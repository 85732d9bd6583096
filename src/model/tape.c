/* tape.c - the memory of a training pass, laid out once.
 *
 * A tape for backward keeps of each layer what cannot be had again cheaply: the two
 * residual inputs, qkv, the attention's output and log-sum-exp, and gate_up. Outputs of
 * norms and of swiglu are recomputed from these by backward.c: an element-wise pass
 * over cached rows is some hundred times cheaper than the products around it, and a
 * layer keeps 2C + F floats a token less. A tape for scoring has one layer's buffers,
 * which all layers use in turn. */
#include "base/mem.h"
#include "model/params_internal.h"
#include "model/tape_internal.h"

enum { ALIGN = 16 }; /* floats: slices start on cache lines */

Tensor placer_take(Placer *placer, int64_t count)
{
    Tensor t = {0};
    if (count == 0)
        return t;
    if (tensor_present(placer->memory))
        t = tensor_slice(placer->memory, placer->used, count);
    placer->used += (count + ALIGN - 1) / ALIGN * ALIGN;
    return t;
}

Tensor placer_take_as(Placer *placer, TensorType type, int64_t count)
{
    int64_t bytes = count * tensor_type_bytes(type);
    Tensor t = placer_take(placer, (bytes + 3) / 4);
    if (tensor_present(t)) {
        t.type = type;
        t.count = count;
    }
    return t;
}

void blocks_place(Placer *placer, const ModelShape *s, TensorType type, int64_t N,
                  BlockBuffers *block, int32_t n_blocks)
{
    int64_t C = s->hidden, F = s->intermediate, E = shape_qkv_width(s);
    Tensor normed = placer_take_as(placer, type, N * C);
    Tensor gated = placer_take_as(placer, type, N * F);
    Tensor x = placer_take(placer, N * C);
    for (int32_t i = 0; i < n_blocks; i++) {
        BlockBuffers b = {.x = x, .normed = normed, .gated = gated};
        b.attn_rstd = placer_take(placer, N);
        b.raw_qkv = placer_take_as(placer, type, s->qk_norm ? N * E : 0);
        b.qk_rstd = placer_take(placer, s->qk_norm ? N * (s->heads + s->kv_heads) : 0);
        b.qkv = placer_take_as(placer, type, N * E);
        b.attended = placer_take_as(placer, type, N * shape_attended_width(s));
        b.lse = placer_take(placer, N * s->heads);
        b.mid = placer_take(placer, N * C);
        b.mlp_rstd = placer_take(placer, N);
        b.gate_up = placer_take_as(placer, type, N * 2 * F);
        b.next = n_blocks == 1 ? x : placer_take(placer, N * C);
        x = b.next;
        if (block)
            block[i] = b;
    }
}

Status blocks_reserve(Model *model, int64_t N, Err *err)
{
    const ModelShape *s = &model->shape;
    int64_t widths[] = {s->hidden, shape_attended_width(s), shape_qkv_width(s),
                        2 * (int64_t)s->intermediate};
    int64_t widest = 0;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        widest = widths[i] > widest ? widths[i] : widest;
    return model->ops->reserve(model->ops, N, widest, s->vocab, s->heads, err);
}

static void place_head(HeadBuffers *h, Placer *floats, Placer *ints, int64_t N,
                       int64_t C, bool backward)
{
    h->rows = placer_take(ints, N);
    h->targets = placer_take(ints, N);
    h->x = placer_take(floats, N * C);
    h->logprob = placer_take(floats, N);
    h->lse = placer_take(floats, N);
    h->entropy = placer_take(floats, N);
    if (!backward)
        return;
    h->dx = placer_take(floats, N * C);
    h->dlogprob = placer_take(floats, N);
    h->dentropy = placer_take(floats, N);
}

static void place_gradients(Tape *tape, Placer *floats, const ModelShape *s, int64_t N)
{
    int64_t C = s->hidden, F = s->intermediate;
    tape->dhidden = placer_take(floats, N * C);
    tape->dx = placer_take(floats, N * C);
    tape->dnormed = placer_take(floats, N * C);
    tape->dqkv = placer_take_as(floats, type, N * shape_qkv_width(s));
    tape->dattended = placer_take_as(floats, type, N * shape_attended_width(s));
    tape->dgate_up = placer_take_as(floats, type, N * 2 * F);
    tape->dgated = placer_take_as(floats, type, N * F);
}

/* The layout. tape->block NULL: only counts. */
static void place(Tape *tape, const ModelShape *s, int64_t N, Placer *floats,
                  Placer *ints)
{
    tape->N = N;
    tape->ids = placer_take(ints, N);
    tape->positions = placer_take(ints, N);
    tape->starts = placer_take(ints, N);
    tape->n_blocks = tape->backward ? s->layers : 1;
    blocks_place(floats, s, N, tape->block, tape->n_blocks);
    tape->hidden = placer_take(floats, N * s->hidden);
    tape->hidden_rstd = placer_take(floats, N);
    place_head(&tape->head, floats, ints, N, s->hidden, tape->backward);
    if (tape->backward)
        place_gradients(tape, floats, s, N);
}

void tape_lay_out(Tape *tape, int64_t N)
{
    ASSERT(N >= 1 && N <= tape->max_tokens);
    Placer floats = {.memory = tape->floats}, ints = {.memory = tape->ints};
    place(tape, &tape->model->shape, N, &floats, &ints);
}

static void count(const ModelShape *shape, int64_t max_tokens, bool backward,
                  Placer *floats, Placer *ints)
{
    Tape tape = {.backward = backward};
    place(&tape, shape, max_tokens, floats, ints);
}

size_t tape_bytes(const ModelShape *shape, int64_t max_tokens, bool backward)
{
    Placer floats = {0}, ints = {0};
    count(shape, max_tokens, backward, &floats, &ints);
    return sizeof(Tape) + (size_t)shape->layers * sizeof(BlockBuffers) +
           (size_t)(floats.used + ints.used) * 4;
}

Status tape_new(Tape **out, Model *model, int64_t max_tokens, bool backward, Err *err)
{
    ASSERT(max_tokens >= 1);
    ASSERT(!backward || tensor_present(model->grads));
    *out = NULL;
    Placer floats = {0}, ints = {0};
    count(&model->shape, max_tokens, backward, &floats, &ints);

    Tape *tape;
    TensorOps *ops = model->ops;
    TRY(MEM_ARRAY(&tape, 1, err));
    tape->model = model;
    tape->max_tokens = max_tokens;
    tape->backward = backward;
    Status s = MEM_ARRAY(&tape->block, (size_t)model->shape.layers, err);
    if (s == OK)
        s = ops->alloc(ops, &tape->floats, TENSOR_F32, floats.used, err);
    if (s == OK)
        s = ops->alloc(ops, &tape->ints, TENSOR_I32, ints.used, err);
    if (s == OK)
        s = blocks_reserve(model, max_tokens, err);
    if (s != OK) {
        tape_free(tape);
        return s;
    }
    *out = tape;
    return OK;
}

void tape_free(Tape *tape)
{
    if (!tape)
        return;
    TensorOps *ops = tape->model->ops;
    ops->free(ops, &tape->floats);
    ops->free(ops, &tape->ints);
    mem_free(tape->block);
    mem_free(tape);
}

void tape_hidden(Tape *tape, float *hidden)
{
    tape->model->ops->read(tape->model->ops, hidden, tape->hidden);
}
