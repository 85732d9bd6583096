/* mlp.c - SwiGLU; the formulas are in ref/mlp.c. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/host.h"

INLINE Vec sigmoid(Vec x)
{
    return 1.0F / (1.0F + vec_exp(-x));
}

static void swiglu(TensorOps *t, Tensor h, Tensor gu, int64_t N, int64_t F)
{
    float *ph = host_f32(h, N * F);
    const float *p = host_f32(gu, N * 2 * F);
    PARALLEL_FOR(t, N * F)
    for (int64_t n = 0; n < N; n++) {
        const float *g = p + n * 2 * F, *u = g + F;
        float *y = ph + n * F;
        int64_t f = 0;
        for (; f + LANES <= F; f += LANES) {
            Vec x = vec_load(g + f);
            vec_store(y + f, x * sigmoid(x) * vec_load(u + f));
        }
        if (f < F) {
            Vec x = vec_load_part(g + f, F - f);
            vec_store_part(y + f, x * sigmoid(x) * vec_load_part(u + f, F - f), F - f);
        }
    }
}

typedef struct Gate {
    Vec dg, du;
} Gate;

INLINE Gate gate_backward(Vec g, Vec u, Vec d)
{
    Vec s = sigmoid(g), gs = g * s;
    return (Gate){d * u * (s + gs * (1.0F - s)), d * gs};
}

static void swiglu_backward(TensorOps *t, Tensor dgu, Tensor dh, Tensor gu, int64_t N,
                            int64_t F)
{
    float *pd = host_f32(dgu, N * 2 * F);
    const float *pdh = host_f32(dh, N * F), *p = host_f32(gu, N * 2 * F);
    PARALLEL_FOR(t, N * F)
    for (int64_t n = 0; n < N; n++) {
        const float *g = p + n * 2 * F, *u = g + F, *d = pdh + n * F;
        float *dg = pd + n * 2 * F, *du = dg + F;
        int64_t f = 0;
        for (; f + LANES <= F; f += LANES) {
            Gate out = gate_backward(vec_load(g + f), vec_load(u + f), vec_load(d + f));
            vec_store(dg + f, out.dg);
            vec_store(du + f, out.du);
        }
        if (f < F) {
            int64_t n_left = F - f;
            Gate out = gate_backward(vec_load_part(g + f, n_left),
                                     vec_load_part(u + f, n_left),
                                     vec_load_part(d + f, n_left));
            vec_store_part(dg + f, out.dg, n_left);
            vec_store_part(du + f, out.du, n_left);
        }
    }
}

void SIMD_FILL(mlp_)(TensorOps *t)
{
    t->swiglu = swiglu;
    t->swiglu_backward = swiglu_backward;
}
