/* decode.c - running a model token by token over a cache of keys and values.
 *
 * A call takes M tokens of any sequences at any positions: long pieces of prompts and
 * single next tokens are one line of work. Each layer stores the keys and values of
 * the M tokens first; then token i attends to positions 0..positions[i] of its slot,
 * among them tokens of the same call. So the result is that of the full forward,
 * however a sequence is cut into calls.
 *
 * Shapes: cache (slots, capacity, Hk*D) a layer, for keys and for values. */
#include "base/mem.h"
#include "model/params_internal.h"
#include "model/tape_internal.h"

struct ModelCache {
    Model *model; /* borrowed: outlives us */
    int32_t slot_count, capacity, max_tokens;
    int64_t head_rows; /* rows of one sampling call */
    Tensor store;      /* keys, then values, of all layers */
    Tensor floats, ints;

    int64_t M; /* of the last call */
    Tensor ids, slots, positions, rows, targets;
    BlockBuffers block; /* one layer's, used by all */
    Tensor hidden, hidden_rstd;
    Tensor x;            /* (head_rows,C) hidden states that the head reads */
    Tensor logprob, lse; /* (head_rows) */
};

static int64_t layer_elements(const ModelShape *s, int32_t slots, int32_t capacity)
{
    return (int64_t)slots * capacity * s->kv_heads * s->head_dim;
}

/* The layout for a call of M tokens; run over placers without memory it counts. */
static void place(ModelCache *c, const ModelShape *s, int64_t M, Placer *floats,
                  Placer *ints)
{
    c->M = M;
    c->rows = placer_take(ints, c->head_rows);
    c->targets = placer_take(ints, c->head_rows);
    c->ids = placer_take(ints, M);
    c->slots = placer_take(ints, M);
    c->positions = placer_take(ints, M);
    c->x = placer_take(floats, c->head_rows * s->hidden);
    c->logprob = placer_take(floats, c->head_rows);
    c->lse = placer_take(floats, c->head_rows);
    block_place(floats, s, M, &c->block);
    c->hidden = placer_take(floats, M * s->hidden);
    c->hidden_rstd = placer_take(floats, M);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t store_elements(const ModelShape *s, int32_t slots, int32_t capacity)
{
    return 2 * s->layers * layer_elements(s, slots, capacity);
}

size_t model_cache_bytes(const ModelShape *shape, int32_t slots, int32_t capacity,
                         int32_t max_tokens)
{
    ModelCache c = {.head_rows = larger(slots, max_tokens)};
    Placer floats = {0}, ints = {0};
    place(&c, shape, max_tokens, &floats, &ints);
    int64_t store = store_elements(shape, slots, capacity);
    return sizeof c + (size_t)(store + floats.used + ints.used) * 4;
}

Status model_cache_new(ModelCache **out, Model *model, int32_t slots, int32_t capacity,
                       int32_t max_tokens, Err *err)
{
    ASSERT(slots >= 1 && capacity >= 1 && max_tokens >= 1);
    *out = NULL;
    ModelCache *c;
    TensorOps *ops = model->ops;
    const ModelShape *s = &model->shape;
    TRY(MEM_ARRAY(&c, 1, err));
    c->model = model;
    c->slot_count = slots;
    c->capacity = capacity;
    c->max_tokens = max_tokens;
    c->head_rows = larger(slots, max_tokens);

    Placer floats = {0}, ints = {0};
    place(c, s, max_tokens, &floats, &ints);
    c->M = 0;
    Status status =
        ops->alloc(ops, &c->store, TENSOR_F32, store_elements(s, slots, capacity), err);
    if (status == OK)
        status = ops->alloc(ops, &c->floats, TENSOR_F32, floats.used, err);
    if (status == OK)
        status = ops->alloc(ops, &c->ints, TENSOR_I32, ints.used, err);
    if (status == OK)
        status = blocks_reserve(model, c->head_rows, err);
    if (status != OK) {
        model_cache_free(c);
        return status;
    }
    *out = c;
    return OK;
}

void model_cache_free(ModelCache *cache)
{
    if (!cache)
        return;
    TensorOps *ops = cache->model->ops;
    ops->free(ops, &cache->store);
    ops->free(ops, &cache->floats);
    ops->free(ops, &cache->ints);
    mem_free(cache);
}

static void check_call(const ModelCache *c, const int32_t *ids, const int32_t *slots,
                       const int32_t *positions, int64_t M)
{
    const ModelShape *s = &c->model->shape;
    ASSERT(M >= 1 && M <= c->max_tokens);
    for (int64_t i = 0; i < M; i++) {
        ASSERT(ids[i] >= 0 && ids[i] < s->vocab);
        ASSERT(slots[i] >= 0 && slots[i] < c->slot_count);
        ASSERT(positions[i] >= 0 && positions[i] < c->capacity);
        ASSERT(positions[i] < s->context);
    }
}

void model_decode(Model *model, ModelCache *cache, const int32_t *ids,
                  const int32_t *slots, const int32_t *positions, int64_t M)
{
    ASSERT(cache->model == model);
    check_call(cache, ids, slots, positions, M);
    TensorOps *t = model->ops;
    const ModelShape *s = &model->shape;
    int64_t size = layer_elements(s, cache->slot_count, cache->capacity);
    Placer floats = {.memory = cache->floats}, ints = {.memory = cache->ints};
    place(cache, s, M, &floats, &ints);
    t->write(t, cache->ids, ids);
    t->write(t, cache->slots, slots);
    t->write(t, cache->positions, positions);

    BlockBuffers *b = &cache->block;
    t->embed(t, b->x, &model->embed, cache->ids, M);
    for (int32_t i = 0; i < s->layers; i++) {
        Tensor k = tensor_slice(cache->store, 2 * i * size, size);
        Tensor v = tensor_slice(cache->store, (2 * i + 1) * size, size);
        block_qkv(model, &model->layer[i], b, cache->positions, M);
        t->cache_store(t, k, v, b->qkv, cache->slots, cache->positions, M,
                       cache->capacity, s->heads, s->kv_heads, s->head_dim);
        t->attention_cached(t, b->attended, b->qkv, k, v, cache->slots,
                            cache->positions, M, cache->capacity, s->heads, s->kv_heads,
                            s->head_dim);
        block_gate_up(model, &model->layer[i], b, M);
        block_output(model, &model->layer[i], b, M);
    }
    t->rmsnorm(t, cache->hidden, cache->hidden_rstd, b->next, model->norm.value, M,
               s->hidden, (float)s->norm_eps);
}

void model_cache_copy(ModelCache *cache, int32_t from, int32_t to, int32_t n)
{
    const ModelShape *s = &cache->model->shape;
    TensorOps *t = cache->model->ops;
    ASSERT(from >= 0 && from < cache->slot_count && to >= 0 && to < cache->slot_count);
    ASSERT(n >= 0 && n <= cache->capacity);
    int64_t row = (int64_t)s->kv_heads * s->head_dim, slot = cache->capacity * row;
    int64_t size = layer_elements(s, cache->slot_count, cache->capacity);
    for (int64_t part = 0; part < 2 * (int64_t)s->layers; part++)
        t->copy(t, tensor_slice(cache->store, part * size + to * slot, n * row),
                tensor_slice(cache->store, part * size + from * slot, n * row));
}

/* The hidden states (n,C) of the rows. */
static Tensor choose(Model *model, ModelCache *cache, const int32_t *rows, int64_t n)
{
    ASSERT(cache->model == model && n <= cache->head_rows);
    for (int64_t i = 0; i < n; i++)
        ASSERT(rows[i] >= 0 && rows[i] < cache->M);
    TensorOps *t = model->ops;
    int64_t C = model->shape.hidden;
    Tensor chosen = tensor_slice(cache->rows, 0, n);
    Tensor x = tensor_slice(cache->x, 0, n * C);
    t->write(t, chosen, rows);
    t->gather_rows(t, x, cache->hidden, chosen, n, C);
    return x;
}

void model_decode_sample(Model *model, ModelCache *cache, const int32_t *rows,
                         const SampleRow *how, int64_t n, SampleOut *out)
{
    if (n == 0)
        return;
    Tensor x = choose(model, cache, rows, n);
    model->ops->head_sample(model->ops, out, x, model_head(model), how, n);
}

void model_decode_logprobs(Model *model, ModelCache *cache, const int32_t *rows,
                           const int32_t *targets, int64_t n, float *logprobs)
{
    if (n == 0)
        return;
    for (int64_t i = 0; i < n; i++)
        ASSERT(targets[i] >= 0 && targets[i] < model->shape.vocab);
    TensorOps *t = model->ops;
    Tensor x = choose(model, cache, rows, n), none = {0};
    Tensor wanted = tensor_slice(cache->targets, 0, n);
    Tensor logprob = tensor_slice(cache->logprob, 0, n);
    t->write(t, wanted, targets);
    t->head_logprob(t, logprob, tensor_slice(cache->lse, 0, n), none, x,
                    model_head(model), wanted, n, 1);
    t->read(t, logprobs, logprob);
}

void model_decode_logits(Model *model, ModelCache *cache, const int32_t *rows,
                         int64_t n, float *logits)
{
    if (n == 0)
        return;
    Tensor x = choose(model, cache, rows, n);
    model->ops->head_logits(model->ops, logits, x, model_head(model), n);
}
