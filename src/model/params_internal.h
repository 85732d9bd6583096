/* params_internal.h - the table of a model's parameters: the only place that knows
 * their names, shapes and order. Counting, making, starting, saving and importing all
 * walk it:
 *
 *     ParamWalk walk = param_walk(shape);
 *     for (Param p; param_next(&walk, &p);)
 *         ...
 */
#ifndef MODEL_PARAMS_INTERNAL_H
#define MODEL_PARAMS_INTERNAL_H

#include "base/rng.h"
#include "model/model.h"

/* How a parameter starts (init.c). Ones and zeros are vectors, the others matrices. */
typedef enum ParamInit {
    PARAM_ONE,      /* gains of norms */
    PARAM_ZERO,     /* biases */
    PARAM_NORMAL,   /* matrices */
    PARAM_RESIDUAL, /* matrices that write to the residual stream */
    PARAM_SCORE,    /* the row of a scalar head */
} ParamInit;

/* Which of Hugging Face's tensors we keep as one (param_pieces). */
typedef enum ParamFusion { PARAM_WHOLE, PARAM_QKV, PARAM_GATE_UP } ParamFusion;

typedef struct Param {
    char name[64]; /* "model.layers.0.self_attn.qkv_proj.weight" */
    int32_t layer; /* -1: outside the layers */
    size_t member; /* offset of its Weight in ModelLayer, outside them in Model */
    int64_t rows, cols;
    int64_t offset; /* of its first element in Model.params */
    ParamInit init;
    ParamFusion fusion;
    bool is_vector; /* one dimension in files; no weight decay */
} Param;

typedef struct ParamWalk {
    const ModelShape *shape; /* borrowed; checked */
    size_t row;              /* of the table */
    int32_t layer;
    int64_t offset;
} ParamWalk;

ParamWalk param_walk(const ModelShape *shape);
/* Fills *out with the next parameter; false after the last. */
bool param_next(ParamWalk *walk, Param *out);
/* Its Weight in a model of the walked shape. */
Weight *param_weight(Model *model, const Param *param);

/* A fused parameter is several of Hugging Face's, one after the other:
 *
 *     ...self_attn.qkv_proj.weight (Hq D + 2 Hk D, C) = q_proj | k_proj | v_proj
 *     ...mlp.gate_up_proj.weight   (2 F, C)           = gate_proj | up_proj
 */
enum { PARAM_PIECES = 3 };
typedef struct ParamPiece {
    const char *label; /* what stands in its name in place of the fused label */
    int64_t outputs;
} ParamPiece;
/* Returns how many; a whole parameter is one, without a label. */
int param_pieces(const ModelShape *shape, const Param *param, const char **label,
                 ParamPiece pieces[PARAM_PIECES]);

/* What a parameter starts from, by rng; chunk: room for INIT_CHUNK floats. */
enum { INIT_CHUNK = 1 << 14 };
void init_param(TensorOps *ops, const ModelShape *shape, const Param *param,
                Tensor value, Rng rng, float *chunk);

/* (Hq + 2 Hk) D: the width of a row of queries, keys and values. */
static inline int64_t shape_qkv_width(const ModelShape *s)
{
    return (s->heads + 2 * (int64_t)s->kv_heads) * s->head_dim;
}
/* Hq D: the width of what attention gives. */
static inline int64_t shape_attended_width(const ModelShape *s)
{
    return (int64_t)s->heads * s->head_dim;
}

#endif
