/* adapter.h - the products of low-rank adapters, for simd/linear.c. */
#ifndef TENSOR_CPU_SIMD_ADAPTER_H
#define TENSOR_CPU_SIMD_ADAPTER_H

#include "tensor/cpu/simd/gemm.h"

/* Compiled once for each instruction set, see simd.h. */
#define gemm_adapter_down      SIMD_NAME(gemm_adapter_down_)
#define gemm_adapter_back      SIMD_NAME(gemm_adapter_back_)
#define gemm_adapter_gradients SIMD_NAME(gemm_adapter_gradients_)

/* What linear adds: z b^T with z(N,width) = scale x a^T, in scratch until the next call. */
GemmExtra gemm_adapter_down(TensorOps *t, const Weight *w, Tensor x, int64_t N);
/* What linear_backward_input adds: dz a with dz(N,width) = scale dy b; likewise. */
GemmExtra gemm_adapter_back(TensorOps *t, const Weight *w, Tensor dy, int64_t N);
/* a.grad += dz^T x, b.grad += dy^T z. */
void gemm_adapter_gradients(TensorOps *t, const Weight *w, Tensor dy, Tensor x,
                            int64_t N);

#endif
