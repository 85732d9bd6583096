/* model.c - a model as memory: one tensor of parameters, one of gradients, and the
 * Weights that are slices of them. */
#include "model/model.h"

#include "base/mem.h"
#include "model/lora_internal.h"

#include <stddef.h>
#include <string.h>

static int64_t count_weights(const ModelShape *shape)
{
    int64_t n = 0;
    ParamWalk walk = param_walk(shape);
    for (Param p; param_next(&walk, &p);)
        n++;
    return n;
}

/* A matrix that rows are multiplied by: not the embedding, unless it is the head too, and
 * not the row of a scalar head, whose one number is worth all bits. */
static bool multiplies(const ModelShape *shape, const Param *p)
{
    bool embeds = p->layer < 0 && p->member == offsetof(Model, embed);
    bool is_head = head_has_logits(shape->head) && shape->tied;
    return !p->is_vector && p->init != PARAM_SCORE && (!embeds || is_head);
}

static size_t packed_bytes(TensorOps *ops, const ModelShape *shape)
{
    size_t bytes = 0;
    ParamWalk walk = param_walk(shape);
    for (Param p; param_next(&walk, &p);)
        if (multiplies(shape, &p))
            bytes += ops->weight_packed_bytes(ops, p.rows, p.cols);
    return bytes;
}

ModelBytes model_bytes(TensorOps *ops, const ModelShape *shape, bool trainable)
{
    ModelBytes bytes = {0};
    bytes.packed =
        shape->lora.rank > 0 ? lora_packed_bytes(ops, shape) : packed_bytes(ops, shape);
    bytes.weights = (size_t)model_shape_own_params(shape) * sizeof(float);
    bytes.gradients = trainable ? bytes.weights : 0;
    return bytes;
}

/* Points every Weight at its slices. */
static Status place_weights(Model *m, bool trainable, Err *err)
{
    ParamWalk walk = param_walk(&m->shape);
    for (Param p; param_next(&walk, &p);) {
        int64_t count = p.rows * p.cols;
        Weight *w = param_weight(m, &p);
        *w = (Weight){
            .value = tensor_slice(m->params, p.offset, count),
            .rows = p.rows,
            .cols = p.cols,
            .decays = !p.is_vector,
            .trainable = trainable,
        };
        if (trainable)
            w->grad = tensor_slice(m->grads, p.offset, count);
        m->weights[m->n_weights] = w;
        m->names[m->n_weights] = mem_dup(p.name, strlen(p.name));
        if (!m->names[m->n_weights])
            return err_set(err, ERR_NOMEM, "no memory for the name of '%s'", p.name);
        m->n_weights++;
        if (p.init == PARAM_ONE)
            m->ops->fill(m->ops, w->value, 1.0f);
        if (multiplies(&m->shape, &p))
            TRY(m->ops->weight_prepare(m->ops, w, err));
    }
    return OK;
}

Status model_new(Model **out, TensorOps *ops, const ModelShape *shape, bool trainable,
                 Err *err)
{
    *out = NULL;
    ModelShape checked = *shape;
    TRY(model_shape_check(&checked, err));
    ASSERT(checked.lora.rank == 0);

    Model *m;
    TRY(MEM_ARRAY(&m, 1, err));
    m->ops = ops;
    m->holders = 1;
    m->shape = checked;
    m->n_params = model_shape_params(&checked);
    size_t n_weights = (size_t)count_weights(&checked);

    Status s = MEM_ARRAY(&m->layer, (size_t)checked.layers, err);
    if (s == OK) /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are meant */
        s = MEM_ARRAY(&m->weights, n_weights, err);
    if (s == OK)
        s = MEM_ARRAY(&m->names, n_weights, err);
    if (s == OK)
        s = ops->alloc(ops, &m->params, TENSOR_F32, m->n_params, err);
    if (s == OK && trainable)
        s = ops->alloc(ops, &m->grads, TENSOR_F32, m->n_params, err);
    if (s == OK)
        s = place_weights(m, trainable, err);
    if (s != OK) {
        model_free(m);
        return s;
    }
    model_changed(m);
    *out = m;
    return OK;
}

void model_free(Model *model)
{
    if (!model || --model->holders > 0)
        return;
    TensorOps *t = model->ops;
    lora_release(model);
    for (int64_t i = 0; i < model->n_weights; i++) {
        t->weight_release(t, model->weights[i]);
        mem_free(model->names[i]);
    }
    t->free(t, &model->params);
    t->free(t, &model->grads);
    mem_free(model->names);
    mem_free(model->weights);
    mem_free(model->layer);
    mem_free(model->source);
    model_free(model->base);
    mem_free(model);
}

/* What must agree for weights to mean the same in both. */
static Status check_same_trunk(const ModelShape *a, const ModelShape *b, Err *err)
{
    const struct {
        const char *field;
        double a, b;
    } pairs[] = {
        {"vocab", a->vocab, b->vocab},
        {"hidden", a->hidden, b->hidden},
        {"intermediate", a->intermediate, b->intermediate},
        {"layers", a->layers, b->layers},
        {"heads", a->heads, b->heads},
        {"kv_heads", a->kv_heads, b->kv_heads},
        {"head_dim", a->head_dim, b->head_dim},
        {"rope_theta", a->rope_theta, b->rope_theta},
        {"norm_eps", a->norm_eps, b->norm_eps},
        {"qkv_bias", a->qkv_bias, b->qkv_bias},
        {"qk_norm", a->qk_norm, b->qk_norm},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].a < pairs[i].b || pairs[i].a > pairs[i].b)
            return err_set(
                err, ERR_OPTION,
                "models of different shapes: '%s' is %g in one and %g in the "
                "other",
                pairs[i].field, pairs[i].a, pairs[i].b);
    bool logits = head_has_logits(a->head) && head_has_logits(b->head);
    if (logits && a->tied != b->tied)
        return err_set(err, ERR_OPTION,
                       "models of different shapes: the head is tied in one only");
    return OK;
}

Status model_copy_trunk(Model *dst, const Model *src, Err *err)
{
    ASSERT(!dst->base && !src->base);
    TRY(check_same_trunk(&dst->shape, &src->shape, err));
    for (int64_t i = 0; i < dst->n_weights; i++)
        for (int64_t j = 0; j < src->n_weights; j++)
            if (strcmp(dst->names[i], src->names[j]) == 0)
                dst->ops->copy(dst->ops, dst->weights[i]->value,
                               src->weights[j]->value);
    if (dst->shape.head == src->shape.head)
        dst->score_bias = src->score_bias;
    model_changed(dst);
    return OK;
}

Status model_add_score(Model **model, Err *err)
{
    Model *from = *model, *both;
    ModelShape shape = from->shape;
    ASSERT(shape.head == HEAD_LM && !from->base);
    shape.head = HEAD_BOTH;
    TRY(model_new(&both, from->ops, &shape, tensor_present(from->grads), err));
    Status status = model_copy_trunk(both, from, err);
    if (status != OK) {
        model_free(both);
        return status;
    }
    model_free(from);
    *model = both;
    return OK;
}

/* The row is the last of the parameters, an adapter's too. */
void model_drop_score(Model *m)
{
    if (m->shape.head != HEAD_BOTH)
        return;
    m->shape.head = HEAD_LM;
    m->n_params -= m->score.value.count;
    m->params = tensor_slice(m->params, 0, m->n_params);
    if (tensor_present(m->grads))
        m->grads = tensor_slice(m->grads, 0, m->n_params);
    m->n_weights--;
    ASSERT(m->weights[m->n_weights] == &m->score);
    mem_free(m->names[m->n_weights]);
    m->names[m->n_weights] = NULL;
    m->score = (Weight){0};
    m->score_bias = 0;
}

Weight *model_head(Model *model)
{
    ASSERT(head_has_logits(model->shape.head));
    return model->shape.tied ? &model->embed : &model->lm_head;
}

void model_changed(Model *model)
{
    for (int64_t i = 0; i < model->n_weights; i++)
        model->ops->weight_changed(model->ops, model->weights[i]);
    lora_changed(model);
}

void model_zero_grads(Model *model)
{
    ASSERT(tensor_present(model->grads));
    model->ops->fill(model->ops, model->grads, 0.0f);
}
