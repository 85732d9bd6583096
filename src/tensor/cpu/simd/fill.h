/* fill.h - the groups of this folder, each filled by its own file. */
#ifndef TENSOR_CPU_SIMD_FILL_H
#define TENSOR_CPU_SIMD_FILL_H

#include "tensor/cpu/cpu.h"
#include "tensor/cpu/simd/simd.h"

void SIMD_FILL()(TensorOps *t); /* all of them */
void SIMD_FILL(linear_)(TensorOps *t);
void SIMD_FILL(adapter_)(TensorOps *t);
void SIMD_FILL(elementwise_)(TensorOps *t);
void SIMD_FILL(norm_)(TensorOps *t);
void SIMD_FILL(rope_)(TensorOps *t);
void SIMD_FILL(mlp_)(TensorOps *t);
void SIMD_FILL(embed_)(TensorOps *t);
void SIMD_FILL(attention_)(TensorOps *t);
void SIMD_FILL(decode_)(TensorOps *t);
void SIMD_FILL(head_)(TensorOps *t);
void SIMD_FILL(sample_)(TensorOps *t);
void SIMD_FILL(adamw_)(TensorOps *t);
void SIMD_FILL(muon_)(TensorOps *t);

#endif
