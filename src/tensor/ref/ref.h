/* ref.h - the files of the reference backend: each fills its group of the table.
 *
 * The rule of this folder: one loop nest a formula, double sums, one thread, no trick.
 * What a fast kernel must equal has to be readable. */
#ifndef TENSOR_REF_REF_H
#define TENSOR_REF_REF_H

#include "tensor/ops.h"

void ref_fill_memory(TensorOps *t);
void ref_fill_linear(TensorOps *t);
void ref_fill_elementwise(TensorOps *t);
void ref_fill_norm(TensorOps *t);
void ref_fill_rope(TensorOps *t);
void ref_fill_mlp(TensorOps *t);
void ref_fill_embed(TensorOps *t);
void ref_fill_attention(TensorOps *t);
void ref_fill_decode(TensorOps *t);
void ref_fill_head(TensorOps *t);
void ref_fill_sample(TensorOps *t);
void ref_fill_adamw(TensorOps *t);
void ref_fill_muon(TensorOps *t);

/* All of the above: what another host backend starts from. It needs no context. */
void ref_fill(TensorOps *t);

/* Dot product of n floats, in double. */
static inline double ref_dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

#endif
