/* adamw.c - one step of AdamW (Loshchilov & Hutter 2019) in PyTorch's order: decay
 * first, then the step from bias-corrected moments. */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

#include <math.h>

static void adamw(TensorOps *t, Tensor w, Tensor g, Tensor m, Tensor v, AdamwStep s)
{
    (void)t;
    int64_t n = w.count;
    float *pw = host_f32(w, n), *pm = host_f32(m, n), *pv = host_f32(v, n);
    const float *pg = host_f32(g, n);
    double b1 = (double)s.beta1, b2 = (double)s.beta2;
    for (int64_t i = 0; i < n; i++) {
        double grad = (double)pg[i] * (double)s.grad_scale;
        pm[i] = (float)(b1 * (double)pm[i] + (1 - b1) * grad);
        pv[i] = (float)(b2 * (double)pv[i] + (1 - b2) * grad * grad);
        double weight = (double)pw[i] * (1 - (double)s.lr * (double)s.decay);
        double mean = (double)pm[i] / (double)s.correction1;
        double deviation = sqrt((double)pv[i] / (double)s.correction2) + (double)s.eps;
        pw[i] = (float)(weight - (double)s.lr * mean / deviation);
    }
}

void ref_fill_adamw(TensorOps *t)
{
    t->adamw = adamw;
}
