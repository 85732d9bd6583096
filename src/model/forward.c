/* forward.c - the trunk, from ids to normed hidden states.
 *
 * One layer, for N tokens in a line (packed documents, see tensor/ops.h):
 *
 *     qkv  = rope(qk_norm(W_qkv norm(x) + b))
 *     mid  = x + W_out attention(qkv)
 *     next = mid + W_down swiglu(W_gate_up norm(mid))
 *
 * block_qkv and block_gate_up stand on both sides of the attention, which is all that
 * decoding (decode.c) does differently; block_output ends the layer. What comes before
 * that is all that backward.c needs, and runs again for layers that are recomputed. */
#include "model/params_internal.h"
#include "model/tape_internal.h"

static const Tensor absent = {0};

void block_qkv(Model *model, ModelLayer *layer, BlockBuffers *b, Tensor positions,
               int64_t N)
{
    TensorOps *t = model->ops;
    const ModelShape *s = &model->shape;
    float eps = (float)s->norm_eps;

    t->rmsnorm(t, b->normed, b->attn_rstd, b->x, layer->attn_norm.value, N, s->hidden,
               eps);
    t->linear(t, s->qk_norm ? b->raw_qkv : b->qkv, b->normed, &layer->qkv,
              s->qkv_bias ? layer->qkv_bias.value : absent, absent, N);
    if (s->qk_norm)
        t->qk_norm(t, b->qkv, b->qk_rstd, b->raw_qkv, layer->q_norm.value,
                   layer->k_norm.value, N, s->heads, s->kv_heads, s->head_dim, eps);
    t->rope(t, b->qkv, positions, N, shape_qkv_width(s),
            (int64_t)s->heads + s->kv_heads, s->head_dim, s->rope_theta, false);
}

void block_gate_up(Model *model, ModelLayer *layer, BlockBuffers *b, int64_t N)
{
    TensorOps *t = model->ops;
    const ModelShape *s = &model->shape;

    t->linear(t, b->mid, b->attended, &layer->out, absent, b->x, N);
    t->rmsnorm(t, b->normed, b->mlp_rstd, b->mid, layer->mlp_norm.value, N, s->hidden,
               (float)s->norm_eps);
    t->linear(t, b->gate_up, b->normed, &layer->gate_up, absent, absent, N);
}

void block_output(Model *model, ModelLayer *layer, BlockBuffers *b, int64_t N)
{
    TensorOps *t = model->ops;
    t->swiglu(t, b->gated, b->gate_up, N, model->shape.intermediate);
    t->linear(t, b->next, b->gated, &layer->down, absent, b->mid, N);
}

void tape_run_layer(Tape *tape, int32_t i)
{
    Model *model = tape->model;
    TensorOps *t = model->ops;
    const ModelShape *s = &model->shape;
    ModelLayer *layer = &model->layer[i];
    BlockBuffers *b = &tape->block[i];
    block_qkv(model, layer, b, tape->positions, tape->N);
    t->attention(t, b->attended, b->lse, b->qkv, tape->starts, tape->N, s->heads,
                 s->kv_heads, s->head_dim);
    block_gate_up(model, layer, b, tape->N);
}

static void check_tokens(const ModelShape *s, const ModelTokens *tokens)
{
    for (int64_t i = 0; i < tokens->n; i++) {
        ASSERT(tokens->ids[i] >= 0 && tokens->ids[i] < s->vocab);
        ASSERT(tokens->positions[i] >= 0 && tokens->positions[i] < s->context);
        ASSERT(tokens->starts[i] >= 0 && tokens->starts[i] <= i);
    }
}

void model_forward(Model *model, Tape *tape, const ModelTokens *tokens)
{
    ASSERT(tape->model == model);
    TensorOps *t = model->ops;
    const ModelShape *s = &model->shape;
    int64_t N = tokens->n;
    check_tokens(s, tokens);
    tape_lay_out(tape, N);
    tape->head.M = 0;
    t->write(t, tape->ids, tokens->ids);
    t->write(t, tape->positions, tokens->positions);
    t->write(t, tape->starts, tokens->starts);

    t->embed(t, tape->block[0].x, &model->embed, tape->ids, N);
    for (int32_t i = 0; i < s->layers; i++) {
        tape_run_layer(tape, i);
        block_output(model, &model->layer[i], &tape->block[i], N);
    }
    t->rmsnorm(t, tape->hidden, tape->hidden_rstd, tape->block[s->layers - 1].next,
               model->norm.value, N, s->hidden, (float)s->norm_eps);
    if (tape->options.backward)
        t->fill(t, tape->dhidden, 0.0f);
}
