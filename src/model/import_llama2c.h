/* import_llama2c.h - checkpoints in llama2.c's legacy layout (karpathy/llama2.c,
 * export.py version 0): 7 int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads,
 * vocab_size, seq_len; vocab_size < 0: untied head), then f32 tensors in the order
 * embedding, attn norms, wq, wk, wv, wo, mlp norms, w1 (gate), w2 (down), w3 (up),
 * final norm, two RoPE tables (skipped), head if untied. q and k rows are permuted from
 * adjacent pairs (2j, 2j+1) to half-rotation (j, j+D/2). Pure: bytes in, model out. */
#ifndef MODEL_IMPORT_LLAMA2C_H
#define MODEL_IMPORT_LLAMA2C_H

#include "base/str.h"
#include "model/model.h"

NODISCARD Status import_llama2c(Model **out, TensorOps *ops, Span bytes, Err *err);
/* Header and size checks alone (fuzzing; a refusal before memory is taken). */
NODISCARD Status import_llama2c_shape(Span bytes, ModelShape *shape, Err *err);

#endif
