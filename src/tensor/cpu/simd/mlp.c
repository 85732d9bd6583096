/* mlp.c - SwiGLU; the formulas are in ref/mlp.c. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/stored.h"
#include "tensor/host.h"

INLINE Vec sigmoid(Vec x)
{
    return 1.0F / (1.0F + vec_exp2(vec_min(vec_set(126.0F), x * -LOG2_E)));
}

/* One row; LANES channels from f on, of which n are there. */
INLINE void gate(void *h, const void *gu, int64_t f, int64_t n, int64_t F,
                 const bool bf16)
{
    Vec g = stored_load_some(gu, f, n, bf16), u = stored_load_some(gu, F + f, n, bf16);
    stored_store_some(h, f, g * sigmoid(g) * u, n, bf16);
}
INLINE void gate_row(void *h, const void *gu, int64_t F, const bool bf16)
{
    int64_t f = 0;
    for (; f + LANES <= F; f += LANES)
        gate(h, gu, f, LANES, F, bf16);
    if (f < F)
        gate(h, gu, f, F - f, F, bf16);
}

static void swiglu(TensorOps *t, Tensor h, Tensor gu, int64_t N, int64_t F)
{
    void *ph = host_activations(h, N * F);
    const void *p = host_activations(gu, N * 2 * F);
    bool bf16 = host_is_bf16(gu);
    ASSERT(host_is_bf16(h) == bf16);
    PARALLEL_FOR(t, N * F)
    for (int64_t n = 0; n < N; n++) {
        if (bf16)
            gate_row(stored_at(ph, n * F, true), stored_at_const(p, n * 2 * F, true), F,
                     true);
        else
            gate_row(stored_at(ph, n * F, false), stored_at_const(p, n * 2 * F, false),
                     F, false);
    }
}

/* What swiglu_backward does to one row. */
typedef struct Gates {
    void *dgu, *h;
    const void *dh, *gu;
} Gates;

INLINE void gate_backward(const Gates *r, int64_t f, int64_t n, int64_t F,
                          const bool bf16)
{
    Vec g = stored_load_some(r->gu, f, n, bf16);
    Vec u = stored_load_some(r->gu, F + f, n, bf16);
    Vec d = stored_load_some(r->dh, f, n, bf16);
    Vec s = sigmoid(g), gs = g * s;
    stored_store_some(r->h, f, gs * u, n, bf16);
    stored_store_some(r->dgu, f, d * u * (s + gs * (1.0F - s)), n, bf16);
    stored_store_some(r->dgu, F + f, d * gs, n, bf16);
}
INLINE void gate_row_backward(const Gates *all, int64_t n, int64_t F, const bool bf16)
{
    Gates row = {stored_at(all->dgu, n * 2 * F, bf16), stored_at(all->h, n * F, bf16),
                 stored_at_const(all->dh, n * F, bf16),
                 stored_at_const(all->gu, n * 2 * F, bf16)};
    int64_t f = 0;
    for (; f + LANES <= F; f += LANES)
        gate_backward(&row, f, LANES, F, bf16);
    if (f < F)
        gate_backward(&row, f, F - f, F, bf16);
}

static void swiglu_backward(TensorOps *t, Tensor dgu, Tensor h, Tensor dh, Tensor gu,
                            int64_t N, int64_t F)
{
    bool bf16 = host_is_bf16(gu);
    ASSERT(host_is_bf16(dgu) == bf16 && host_is_bf16(h) == bf16 &&
           host_is_bf16(dh) == bf16);
    Gates all = {host_activations(dgu, N * 2 * F), host_activations(h, N * F),
                 host_activations(dh, N * F), host_activations(gu, N * 2 * F)};
    PARALLEL_FOR(t, N * F)
    for (int64_t n = 0; n < N; n++) {
        if (bf16)
            gate_row_backward(&all, n, F, true);
        else
            gate_row_backward(&all, n, F, false);
    }
}

void SIMD_FILL(mlp_)(TensorOps *t)
{
    t->swiglu = swiglu;
    t->swiglu_backward = swiglu_backward;
}
