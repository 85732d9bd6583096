/* adamw.c - one AdamW step, one pass over four arrays; the formula is in ops.h. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/host.h"

enum { PART = 1 << 14 };

/* The compiler makes vectors of this loop: sqrtf sets no errno here. */
static void update(float *restrict w, const float *restrict g, float *restrict m,
                   float *restrict v, int64_t n, AdamwStep s)
{
    float keep = 1 - s.lr * s.decay, rate = s.lr / s.correction1;
    float inv_root = 1 / sqrtf(s.correction2);
    for (int64_t i = 0; i < n; i++) {
        float grad = g[i] * s.grad_scale;
        float mean = s.beta1 * m[i] + (1 - s.beta1) * grad;
        float square = s.beta2 * v[i] + (1 - s.beta2) * grad * grad;
        m[i] = mean;
        v[i] = square;
        w[i] = keep * w[i] - rate * mean / (sqrtf(square) * inv_root + s.eps);
    }
}

static void adamw(TensorOps *t, Tensor w, Tensor g, Tensor m, Tensor v, AdamwStep step)
{
    int64_t n = w.count, parts = (n + PART - 1) / PART;
    float *pw = host_f32(w, n), *pm = host_f32(m, n), *pv = host_f32(v, n);
    const float *pg = host_f32(g, n);
    PARALLEL_FOR(t, n)
    for (int64_t i = 0; i < parts; i++) {
        int64_t begin = i * PART, count = n - begin < PART ? n - begin : PART;
        update(pw + begin, pg + begin, pm + begin, pv + begin, count, step);
    }
}

void SIMD_FILL(adamw_)(TensorOps *t)
{
    t->adamw = adamw;
}
