/* host.h - views of tensors whose memory is the host's: what ref/ and cpu/ share.
 *
 * A backend with its own memory has no use for this header. Each view asks for the
 * type and for at least `n` elements, so a wrong shape stops at the first touch. */
#ifndef TENSOR_HOST_H
#define TENSOR_HOST_H

#include "tensor/ops.h"

static inline float *host_f32(Tensor t, int64_t n)
{
    ASSERT(t.type == TENSOR_F32 && t.count >= n);
    return t.data;
}
static inline const int32_t *host_i32(Tensor t, int64_t n)
{
    ASSERT(t.type == TENSOR_I32 && t.count >= n);
    return t.data;
}
/* NULL when absent. */
static inline float *host_f32_or_null(Tensor t, int64_t n)
{
    return tensor_present(t) ? host_f32(t, n) : NULL;
}

/* Activations: f32 or bf16. */
static inline void *host_activations(Tensor t, int64_t n)
{
    ASSERT((t.type == TENSOR_F32 || t.type == TENSOR_BF16) && t.count >= n);
    return t.data;
}
static inline bool host_is_bf16(Tensor t)
{
    return t.type == TENSOR_BF16;
}

#endif
