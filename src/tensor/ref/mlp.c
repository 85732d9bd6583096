/* mlp.c - the gate of the MLP, SwiGLU (Shazeer 2020): h = silu(g) u, silu(g) = g s with
 * s = 1/(1+exp(-g)), so
 *
 *     du = dh g s,   dg = dh u s (1 + g (1 - s)).                                      */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

#include <math.h>

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void swiglu(TensorOps *t, Tensor h, Tensor gu, int64_t N, int64_t F)
{
    (void)t;
    float *ph = host_f32(h, N * F);
    const float *p = host_f32(gu, N * 2 * F);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t f = 0; f < F; f++) {
            double g = (double)p[n * 2 * F + f], u = (double)p[n * 2 * F + F + f];
            ph[n * F + f] = (float)(g * sigmoid(g) * u);
        }
    }
}

static void swiglu_backward(TensorOps *t, Tensor dgu, Tensor h, Tensor dh, Tensor gu,
                            int64_t N, int64_t F)
{
    (void)t;
    float *pd = host_f32(dgu, N * 2 * F), *ph = host_f32(h, N * F);
    const float *pdh = host_f32(dh, N * F), *p = host_f32(gu, N * 2 * F);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t f = 0; f < F; f++) {
            double g = (double)p[n * 2 * F + f], u = (double)p[n * 2 * F + F + f];
            double d = (double)pdh[n * F + f], s = sigmoid(g);
            ph[n * F + f] = (float)(g * s * u);
            pd[n * 2 * F + f] = (float)(d * u * s * (1 + g * (1 - s)));
            pd[n * 2 * F + F + f] = (float)(d * g * s);
        }
    }
}

void ref_fill_mlp(TensorOps *t)
{
    t->swiglu = swiglu;
    t->swiglu_backward = swiglu_backward;
}
