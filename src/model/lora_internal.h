/* lora_internal.h - where a model's adapters sit: a walk over the fused weights that have
 * one, in the order in which A and B lie in the adapter's params:
 *
 *     LoraWalk walk = lora_walk(shape);
 *     for (LoraSite site; lora_next(&walk, &site);)
 *         ...
 */
#ifndef MODEL_LORA_INTERNAL_H
#define MODEL_LORA_INTERNAL_H

#include "model/params_internal.h"

typedef struct LoraPiece {
    const char *label; /* "q_proj" */
    int64_t number; /* of its A among all of a model with all targets: keys the draws */
    AdapterPiece rows; /* of the fused weight */
} LoraPiece;

typedef struct LoraSite {
    Param param; /* the fused weight: its name, its place in the layer, its extents */
    const char *label; /* "qkv_proj": what a piece's label stands for in the name */
    LoraPiece piece[ADAPTER_PIECES];
    int32_t pieces;
    int64_t rank, outputs; /* of all pieces */
    int64_t a, b, end;     /* offsets of A and B in params, and of what follows */
} LoraSite;

typedef struct LoraWalk {
    ModelShape shape; /* with the adapter, checked */
    ParamWalk params;
    int64_t offset;
} LoraWalk;

void lora_walk(LoraWalk *walk, const ModelShape *shape);
bool lora_next(LoraWalk *walk, LoraSite *out);
/* In a model of the shape. */
Weight *lora_weight(Model *model, const LoraSite *site);
Adapter *lora_adapter(Model *model, const LoraSite *site);

/* Columns of x A^T of the widest adapter. */
int64_t lora_most_width(const ModelShape *shape);
/* A and B of all layers. */
int64_t lora_params(const ModelShape *shape);
size_t lora_packed_bytes(TensorOps *ops, const ModelShape *shape);
NODISCARD Status lora_check(const ModelLora *lora, Err *err);

/* For model.c: packed copies, after A or B was written, and before the model goes. */
void lora_changed(Model *model);
void lora_release(Model *model);
/* The adapter's scale B A is added to the same weights of a plain model. */
NODISCARD Status lora_merge(Model *plain, Model *adapter, Err *err);

#endif
