/* params.c - the table of parameters and the walk over it.
 *
 * A row gives the name that Hugging Face's checkpoints use (within a layer, what
 * follows "model.layers.<n>."), the member that holds the Weight, its two extents as
 * symbols, and the condition under which a shape has it at all. The walk repeats the
 * rows of a layer for each layer and sums up the offsets: the parameters lie in
 * Model.params in this order, without gaps, so a shape's parameter count is where the
 * walk ends. */
#include "model/params_internal.h"

#include <stddef.h>
#include <stdio.h>

typedef enum Extent {
    ONE,
    VOCAB,
    HIDDEN,
    QKV,
    HEAD_DIM,
    ATTENDED,
    WIDTH,
    TWO_WIDTHS
} Extent;
typedef enum When { ALWAYS, IF_BIAS, IF_QK_NORM, IF_UNTIED, IF_SCALAR } When;

typedef struct Row {
    const char *name;
    size_t member;
    bool in_layer;
    Extent rows, cols;
    When when;
    ParamInit init;
    ParamFusion fusion;
} Row;

#define TOP(member)   offsetof(Model, member), false
#define LAYER(member) offsetof(ModelLayer, member), true

/* clang-format off */
static const Row table[] = {
    {"model.embed_tokens.weight", TOP(embed), VOCAB, HIDDEN, ALWAYS, PARAM_NORMAL, PARAM_WHOLE},
    {"input_layernorm.weight", LAYER(attn_norm), ONE, HIDDEN, ALWAYS, PARAM_ONE, PARAM_WHOLE},
    {"self_attn.qkv_proj.weight", LAYER(qkv), QKV, HIDDEN, ALWAYS, PARAM_NORMAL, PARAM_QKV},
    {"self_attn.qkv_proj.bias", LAYER(qkv_bias), ONE, QKV, IF_BIAS, PARAM_ZERO, PARAM_QKV},
    {"self_attn.q_norm.weight", LAYER(q_norm), ONE, HEAD_DIM, IF_QK_NORM, PARAM_ONE, PARAM_WHOLE},
    {"self_attn.k_norm.weight", LAYER(k_norm), ONE, HEAD_DIM, IF_QK_NORM, PARAM_ONE, PARAM_WHOLE},
    {"self_attn.o_proj.weight", LAYER(out), HIDDEN, ATTENDED, ALWAYS, PARAM_RESIDUAL, PARAM_WHOLE},
    {"post_attention_layernorm.weight", LAYER(mlp_norm), ONE, HIDDEN, ALWAYS, PARAM_ONE, PARAM_WHOLE},
    {"mlp.gate_up_proj.weight", LAYER(gate_up), TWO_WIDTHS, HIDDEN, ALWAYS, PARAM_NORMAL, PARAM_GATE_UP},
    {"mlp.down_proj.weight", LAYER(down), HIDDEN, WIDTH, ALWAYS, PARAM_RESIDUAL, PARAM_WHOLE},
    {"model.norm.weight", TOP(norm), ONE, HIDDEN, ALWAYS, PARAM_ONE, PARAM_WHOLE},
    {"lm_head.weight", TOP(lm_head), VOCAB, HIDDEN, IF_UNTIED, PARAM_NORMAL, PARAM_WHOLE},
    {"score.weight", TOP(score), ONE, HIDDEN, IF_SCALAR, PARAM_SCORE, PARAM_WHOLE},
};
/* clang-format on */
enum { ROWS = sizeof table / sizeof table[0], FIRST_LAYER_ROW = 1 };

static int64_t extent(const ModelShape *s, Extent e)
{
    switch (e) {
    case VOCAB:
        return s->vocab;
    case HIDDEN:
        return s->hidden;
    case QKV:
        return shape_qkv_width(s);
    case HEAD_DIM:
        return s->head_dim;
    case ATTENDED:
        return shape_attended_width(s);
    case WIDTH:
        return s->intermediate;
    case TWO_WIDTHS:
        return 2 * (int64_t)s->intermediate;
    case ONE:
        break;
    }
    return 1;
}

static bool holds(const ModelShape *s, When when)
{
    switch (when) {
    case IF_BIAS:
        return s->qkv_bias;
    case IF_QK_NORM:
        return s->qk_norm;
    case IF_UNTIED:
        return head_has_logits(s->head) && !s->tied;
    case IF_SCALAR:
        return head_has_score(s->head);
    case ALWAYS:
        break;
    }
    return true;
}

ParamWalk param_walk(const ModelShape *shape)
{
    return (ParamWalk){.shape = shape};
}

/* To the next row; from the last row of a layer to the first of the next layer. */
static void step(ParamWalk *walk)
{
    bool was_in_layer = table[walk->row].in_layer;
    walk->row++;
    bool left_layer = was_in_layer && !table[walk->row].in_layer;
    if (left_layer && ++walk->layer < walk->shape->layers)
        walk->row = FIRST_LAYER_ROW;
}

bool param_next(ParamWalk *walk, Param *out)
{
    const ModelShape *s = walk->shape;
    while (walk->row < ROWS && !holds(s, table[walk->row].when))
        step(walk);
    if (walk->row == ROWS)
        return false;

    const Row *row = &table[walk->row];
    *out = (Param){
        .layer = row->in_layer ? walk->layer : -1,
        .member = row->member,
        .rows = extent(s, row->rows),
        .cols = extent(s, row->cols),
        .offset = walk->offset,
        .init = row->init,
        .fusion = row->fusion,
        .is_vector = row->init == PARAM_ONE || row->init == PARAM_ZERO,
    };
    if (row->in_layer)
        (void)snprintf(out->name, sizeof out->name, "model.layers.%d.%s", walk->layer,
                       row->name);
    else
        (void)snprintf(out->name, sizeof out->name, "%s", row->name);
    walk->offset += out->rows * out->cols;
    step(walk);
    return true;
}

Weight *param_weight(Model *model, const Param *param)
{
    char *base = param->layer < 0 ? (char *)model : (char *)&model->layer[param->layer];
    return (Weight *)(void *)(base + param->member);
}

static ParamPiece piece(const char *label, int64_t outputs)
{
    return (ParamPiece){label, outputs};
}

int param_pieces(const ModelShape *s, const Param *param, const char **label,
                 ParamPiece pieces[PARAM_PIECES])
{
    int64_t q = shape_attended_width(s), k = (int64_t)s->kv_heads * s->head_dim;
    switch (param->fusion) {
    case PARAM_QKV:
        *label = "qkv_proj";
        pieces[0] = piece("q_proj", q);
        pieces[1] = piece("k_proj", k);
        pieces[2] = piece("v_proj", k);
        return 3;
    case PARAM_GATE_UP:
        *label = "gate_up_proj";
        pieces[0] = piece("gate_proj", s->intermediate);
        pieces[1] = piece("up_proj", s->intermediate);
        return 2;
    case PARAM_WHOLE:
        break;
    }
    *label = NULL;
    pieces[0] = piece(NULL, param->is_vector ? param->cols : param->rows);
    return 1;
}
