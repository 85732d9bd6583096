/* backward.c - gradients through the trunk, from the final hidden states to the
 * embedding, in the opposite order of forward.c.
 *
 * tape->dx holds the gradient of the residual stream. Both residual sums of a layer
 * pass it on unchanged, and the branch beside each adds its own part: rmsnorm_backward
 * is `+=` for that reason. Parameter gradients add up over calls until
 * model_zero_grads, so micro-batches are one batch. Layers whose activations the tape
 * does not keep (tape.c) run forward again first.
 *
 * Frozen weights have no gradient, and the operations make none. Where the embedding is
 * frozen, nobody wants the gradient at its output either. */
#include "model/params_internal.h"
#include "model/tape_internal.h"

static const Tensor absent = {0};

/* dx: from d(next) to d(mid). */
static void mlp_backward(Model *model, Tape *tape, ModelLayer *layer, BlockBuffers *b)
{
    TensorOps *t = model->ops;
    int64_t N = tape->N, C = model->shape.hidden, F = model->shape.intermediate;

    t->linear_backward_input(t, tape->dgated, tape->dx, &layer->down, N, false);
    t->swiglu_backward(t, tape->dgate_up, b->gated, tape->dgated, b->gate_up, N, F);
    t->linear_backward_weight(t, &layer->down, absent, tape->dx, b->gated, N);

    t->rmsnorm(t, b->normed, b->mlp_rstd, b->mid, layer->mlp_norm.value, N, C,
               (float)model->shape.norm_eps);
    t->linear_backward_weight(t, &layer->gate_up, absent, tape->dgate_up, b->normed, N);
    t->linear_backward_input(t, tape->dnormed, tape->dgate_up, &layer->gate_up, N,
                             false);
    t->rmsnorm_backward(t, tape->dx, layer->mlp_norm.grad, tape->dnormed, b->mid,
                        b->mlp_rstd, layer->mlp_norm.value, N, C);
}

/* dx: from d(mid) to d(x), unless that is not wanted. */
static void attention_backward(Model *model, Tape *tape, ModelLayer *layer,
                               BlockBuffers *b, bool wanted)
{
    TensorOps *t = model->ops;
    const ModelShape *s = &model->shape;
    int64_t N = tape->N, C = s->hidden, Hq = s->heads, Hk = s->kv_heads,
            D = s->head_dim;

    t->linear_backward_weight(t, &layer->out, absent, tape->dx, b->attended, N);
    t->linear_backward_input(t, tape->dattended, tape->dx, &layer->out, N, false);
    t->attention_backward(t, tape->dqkv, tape->dattended, b->attended, b->lse, b->qkv,
                          tape->starts, N, Hq, Hk, D);
    t->rope(t, tape->dqkv, tape->positions, N, shape_qkv_width(s), Hq + Hk, D,
            s->rope_theta, true);
    if (s->qk_norm)
        t->qk_norm_backward(t, tape->dqkv, layer->q_norm.grad, layer->k_norm.grad,
                            b->raw_qkv, b->qk_rstd, layer->q_norm.value,
                            layer->k_norm.value, N, Hq, Hk, D);

    t->rmsnorm(t, b->normed, b->attn_rstd, b->x, layer->attn_norm.value, N, C,
               (float)s->norm_eps);
    t->linear_backward_weight(t, &layer->qkv,
                              s->qkv_bias ? layer->qkv_bias.grad : absent, tape->dqkv,
                              b->normed, N);
    if (!wanted)
        return;
    t->linear_backward_input(t, tape->dnormed, tape->dqkv, &layer->qkv, N, false);
    t->rmsnorm_backward(t, tape->dx, layer->attn_norm.grad, tape->dnormed, b->x,
                        b->attn_rstd, layer->attn_norm.value, N, C);
}

void model_backward(Model *model, Tape *tape)
{
    ASSERT(tape->model == model && tape->options.backward && tape->N > 0);
    TensorOps *t = model->ops;
    int64_t N = tape->N;
    bool is_frozen = !tensor_present(model->embed.grad);

    t->fill(t, tape->dx, 0.0f);
    t->rmsnorm_backward(t, tape->dx, model->norm.grad, tape->dhidden,
                        tape->block[model->shape.layers - 1].next, tape->hidden_rstd,
                        model->norm.value, N, model->shape.hidden);
    for (int32_t i = model->shape.layers - 1; i >= 0; i--) {
        if (i < tape->options.recomputed)
            tape_run_layer(tape, i);
        mlp_backward(model, tape, &model->layer[i], &tape->block[i]);
        attention_backward(model, tape, &model->layer[i], &tape->block[i],
                           i > 0 || !is_frozen);
    }
    if (!is_frozen)
        t->embed_backward(t, &model->embed, tape->dx, tape->ids, N);
}
