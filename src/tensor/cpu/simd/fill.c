/* fill.c - the whole table for one instruction set. */
#include "tensor/cpu/simd/fill.h"

void SIMD_FILL()(TensorOps *t)
{
    SIMD_FILL(linear_)(t);
    SIMD_FILL(adapter_)(t);
    SIMD_FILL(elementwise_)(t);
    SIMD_FILL(norm_)(t);
    SIMD_FILL(rope_)(t);
    SIMD_FILL(mlp_)(t);
    SIMD_FILL(embed_)(t);
    SIMD_FILL(attention_)(t);
    SIMD_FILL(decode_)(t);
    SIMD_FILL(head_)(t);
    SIMD_FILL(sample_)(t);
    SIMD_FILL(adamw_)(t);
    SIMD_FILL(muon_)(t);
}
