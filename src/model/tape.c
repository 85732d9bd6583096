/* tape.c - the memory of a training pass, laid out once.
 *
 * A tape for backward keeps of each layer what cannot be had again cheaply: the two
 * residual inputs, qkv, the attention's output and log-sum-exp, and gate_up; all but the
 * residual stream and statistics as the backend stores activations. Outputs of
 * norms and of swiglu are recomputed from these by backward.c: an element-wise pass
 * over cached rows is some hundred times cheaper than the products around it, and a
 * layer keeps 2C + F floats a token less.
 *
 * Where that is still too much, the first R layers keep their input x alone and run
 * forward again when model_backward comes to them (Chen et al. 2016, "Training deep nets
 * with sublinear memory cost", with a checkpoint at every layer). Layers 0..R share one
 * set of activations, each overwriting those of the one before:
 *
 *     layer             0  ...  R-1      R      R+1  ...  L-1
 *     keeps             x       x        x      x         x
 *     activations       [---- one set ----]     own       own
 *     forward twice     yes     yes      no     no        no
 *
 * The forward pass leaves the activations of layer R in the shared set, which nothing
 * touches before backward comes to R: so that layer is free, and it is the first layers
 * that are recomputed, not the last. The second forward lacks the product down and the
 * sum after it, whose result is the x of the next layer. The same operations read the
 * same numbers, so gradients have the same bits. A layer less costs a token 4C + Hq + 2F
 * floats and more (queries as wide as C, as many keys), where x is C.
 *
 * A tape for scoring has one layer's buffers, which all layers use in turn. */
#include "base/mem.h"
#include "model/lora_internal.h"
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

Tensor placer_take_stored(Placer *placer, int64_t count)
{
    int64_t floats = (count * tensor_type_bytes(placer->stored) + 3) / 4;
    Tensor t = placer_take(placer, floats);
    if (tensor_present(t)) {
        t.type = placer->stored;
        t.count = count;
    }
    return t;
}

/* normed and gated, which no layer keeps. */
static void place_shared(Placer *placer, const ModelShape *s, int64_t N,
                         BlockBuffers *b)
{
    b->normed = placer_take_stored(placer, N * s->hidden);
    b->gated = placer_take_stored(placer, N * s->intermediate);
}

static void place_activations(Placer *placer, const ModelShape *s, int64_t N,
                              BlockBuffers *b)
{
    int64_t E = shape_qkv_width(s), heads = (int64_t)s->heads + s->kv_heads;
    b->attn_rstd = placer_take(placer, N);
    b->raw_qkv = placer_take_stored(placer, s->qk_norm ? N * E : 0);
    b->qk_rstd = placer_take(placer, s->qk_norm ? N * heads : 0);
    b->qkv = placer_take_stored(placer, N * E);
    b->attended = placer_take_stored(placer, N * shape_attended_width(s));
    b->lse = placer_take(placer, N * s->heads);
    b->mid = placer_take(placer, N * s->hidden);
    b->mlp_rstd = placer_take(placer, N);
    b->gate_up = placer_take_stored(placer, N * 2 * s->intermediate);
}

void block_place(Placer *placer, const ModelShape *s, int64_t N, BlockBuffers *b)
{
    place_shared(placer, s, N, b);
    place_activations(placer, s, N, b);
    b->x = b->next = placer_take(placer, N * s->hidden);
}

/* Layers 0..recomputed have one set of activations, each one after them its own. */
static void place_blocks(Placer *placer, const ModelShape *s, int64_t N,
                         int32_t recomputed, BlockBuffers *block)
{
    BlockBuffers b = {0};
    place_shared(placer, s, N, &b);
    b.next = placer_take(placer, N * s->hidden);
    for (int32_t i = 0; i < s->layers; i++) {
        if (i == 0 || i > recomputed)
            place_activations(placer, s, N, &b);
        b.x = b.next;
        b.next = placer_take(placer, N * s->hidden);
        if (block)
            block[i] = b;
    }
}

static void place_scoring_blocks(Placer *placer, const ModelShape *s, int64_t N,
                                 BlockBuffers *block)
{
    BlockBuffers b = {0};
    block_place(placer, s, N, &b);
    for (int32_t i = 0; block && i < s->layers; i++)
        block[i] = b;
}

static int64_t widest_row(const ModelShape *s)
{
    int64_t widths[] = {s->hidden, shape_attended_width(s), shape_qkv_width(s),
                        2 * (int64_t)s->intermediate};
    int64_t widest = 0;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        widest = widths[i] > widest ? widths[i] : widest;
    return widest;
}

Status blocks_reserve(Model *model, int64_t N, Err *err)
{
    const ModelShape *s = &model->shape;
    TensorOps *ops = model->ops;
    TRY(ops->reserve(ops, N, widest_row(s), s->vocab, s->heads, err));
    return ops->adapter_reserve(ops, N, lora_most_width(s), err);
}

size_t model_scratch_bytes(TensorOps *ops, const ModelShape *shape, int64_t max_tokens)
{
    return ops->reserve_bytes(ops, max_tokens, widest_row(shape), shape->vocab,
                              shape->heads) +
           ops->adapter_reserve_bytes(ops, max_tokens, lora_most_width(shape));
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
    /* The two halves of a layer are walked back one after the other: in one place. */
    Placer attention = *floats;
    tape->dqkv = placer_take_stored(&attention, N * shape_qkv_width(s));
    tape->dattended = placer_take_stored(&attention, N * shape_attended_width(s));
    tape->dgate_up = placer_take_stored(floats, N * 2 * F);
    tape->dgated = placer_take_stored(floats, N * F);
    if (attention.used > floats->used)
        floats->used = attention.used;
}

/* The layout. tape->block NULL: only counts. */
static void place(Tape *tape, const ModelShape *s, int64_t N, Placer *floats,
                  Placer *ints)
{
    tape->N = N;
    tape->ids = placer_take(ints, N);
    tape->positions = placer_take(ints, N);
    tape->starts = placer_take(ints, N);
    if (tape->options.backward)
        place_blocks(floats, s, N, tape->options.recomputed, tape->block);
    else
        place_scoring_blocks(floats, s, N, tape->block);
    tape->hidden = placer_take(floats, N * s->hidden);
    tape->hidden_rstd = placer_take(floats, N);
    place_head(&tape->head, floats, ints, N, s->hidden, tape->options.backward);
    if (tape->options.backward)
        place_gradients(tape, floats, s, N);
}

void tape_lay_out(Tape *tape, int64_t N)
{
    ASSERT(N >= 1 && N <= tape->max_tokens);
    Placer floats = {.memory = tape->floats,
                     .stored = tensor_activation_type(tape->model->ops)};
    Placer ints = {.memory = tape->ints};
    place(tape, &tape->model->shape, N, &floats, &ints);
}

static TapeOptions within(TapeOptions o, const ModelShape *shape)
{
    int32_t most = model_most_recomputed(shape);
    ASSERT(o.recomputed >= 0);
    o.recomputed = o.recomputed < most ? o.recomputed : most;
    return o;
}

static void count(const ModelShape *shape, int64_t max_tokens, TapeOptions o,
                  Placer *floats, Placer *ints)
{
    Tape tape = {.options = within(o, shape)};
    place(&tape, shape, max_tokens, floats, ints);
}

size_t tape_bytes(const TensorOps *ops, const ModelShape *shape, int64_t max_tokens,
                  TapeOptions o)
{
    Placer floats = {.stored = tensor_activation_type(ops)}, ints = {0};
    count(shape, max_tokens, o, &floats, &ints);
    return sizeof(Tape) + (size_t)shape->layers * sizeof(BlockBuffers) +
           (size_t)(floats.used + ints.used) * 4;
}

Status tape_new(Tape **out, Model *model, int64_t max_tokens, TapeOptions o, Err *err)
{
    ASSERT(max_tokens >= 1);
    ASSERT(!o.backward || tensor_present(model->grads));
    *out = NULL;
    Placer floats = {.stored = tensor_activation_type(model->ops)}, ints = {0};
    count(&model->shape, max_tokens, o, &floats, &ints);

    Tape *tape;
    TensorOps *ops = model->ops;
    TRY(MEM_ARRAY(&tape, 1, err));
    tape->model = model;
    tape->max_tokens = max_tokens;
    tape->options = within(o, &model->shape);
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
