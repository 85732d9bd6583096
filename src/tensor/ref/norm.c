/* norm.c - RMSNorm (Zhang & Sennrich 2019), over rows and over heads.
 *
 *     y_c = x_c r g_c,   r = 1/sqrt(mean(x^2) + eps)
 *     dx_c = r (g_c dy_c - x_c r^2 s),   s = mean(g dy x);   dg_c += dy_c x_c r
 *
 * The per-head form (Qwen3) is the same over D channels of each query and key head. */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

#include <math.h>

/* One row; returns r. */
static float norm_row(float *y, const float *x, const float *gain, int64_t C, float eps)
{
    double r = 1 / sqrt(ref_dot(x, x, C) / (double)C + (double)eps);
    for (int64_t c = 0; c < C; c++)
        y[c] = (float)((double)x[c] * r * (double)gain[c]);
    return (float)r;
}

/* dx may be dy: each channel is read before it is written. add: dx +=. */
static void norm_row_backward(float *dx, float *dgain, const float *dy, const float *x,
                              float rstd, const float *gain, int64_t C, bool add)
{
    double r = (double)rstd, s = 0;
    for (int64_t c = 0; c < C; c++)
        s += (double)gain[c] * (double)dy[c] * (double)x[c];
    s /= (double)C;
    for (int64_t c = 0; c < C; c++) {
        double d = (double)dy[c];
        double grad = r * ((double)gain[c] * d - (double)x[c] * r * r * s);
        dx[c] = (float)((add ? (double)dx[c] : 0) + grad);
        if (dgain)
            dgain[c] += (float)(d * (double)x[c] * r);
    }
}

static void rmsnorm(TensorOps *t, Tensor y, Tensor rstd, Tensor x, Tensor gain,
                    int64_t N, int64_t C, float eps)
{
    (void)t;
    float *py = host_f32(y, N * C), *pr = host_f32(rstd, N);
    const float *px = host_f32(x, N * C), *g = host_f32(gain, C);
    for (int64_t n = 0; n < N; n++)
        pr[n] = norm_row(py + n * C, px + n * C, g, C, eps);
}

static void rmsnorm_backward(TensorOps *t, Tensor dx, Tensor dgain, Tensor dy, Tensor x,
                             Tensor rstd, Tensor gain, int64_t N, int64_t C)
{
    (void)t;
    float *pdx = host_f32(dx, N * C), *pdg = host_f32_or_null(dgain, C);
    const float *pdy = host_f32(dy, N * C), *px = host_f32(x, N * C);
    const float *pr = host_f32(rstd, N), *g = host_f32(gain, C);
    for (int64_t n = 0; n < N; n++)
        norm_row_backward(pdx + n * C, pdg, pdy + n * C, px + n * C, pr[n], g, C, true);
}

static void qk_norm(TensorOps *t, Tensor out, Tensor rstd, Tensor qkv, Tensor q_gain,
                    Tensor k_gain, int64_t N, int64_t Hq, int64_t Hk, int64_t D,
                    float eps)
{
    (void)t;
    int64_t width = (Hq + 2 * Hk) * D;
    float *po = host_f32(out, N * width), *pr = host_f32(rstd, N * (Hq + Hk));
    const float *px = host_f32(qkv, N * width);
    const float *gq = host_f32(q_gain, D), *gk = host_f32(k_gain, D);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t h = 0; h < Hq + Hk; h++)
            pr[n * (Hq + Hk) + h] =
                norm_row(po + n * width + h * D, px + n * width + h * D,
                         h < Hq ? gq : gk, D, eps);
        for (int64_t c = (Hq + Hk) * D; c < width; c++)
            po[n * width + c] = px[n * width + c];
    }
}

static void qk_norm_backward(TensorOps *t, Tensor dqkv, Tensor dq_gain, Tensor dk_gain,
                             Tensor qkv, Tensor rstd, Tensor q_gain, Tensor k_gain,
                             int64_t N, int64_t Hq, int64_t Hk, int64_t D)
{
    (void)t;
    int64_t width = (Hq + 2 * Hk) * D;
    float *pd = host_f32(dqkv, N * width);
    float *dgq = host_f32_or_null(dq_gain, D), *dgk = host_f32_or_null(dk_gain, D);
    const float *px = host_f32(qkv, N * width), *pr = host_f32(rstd, N * (Hq + Hk));
    const float *gq = host_f32(q_gain, D), *gk = host_f32(k_gain, D);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t h = 0; h < Hq + Hk; h++) {
            float *d = pd + n * width + h * D;
            norm_row_backward(d, h < Hq ? dgq : dgk, d, px + n * width + h * D,
                              pr[n * (Hq + Hk) + h], h < Hq ? gq : gk, D, false);
        }
    }
}

void ref_fill_norm(TensorOps *t)
{
    t->rmsnorm = rmsnorm;
    t->rmsnorm_backward = rmsnorm_backward;
    t->qk_norm = qk_norm;
    t->qk_norm_backward = qk_norm_backward;
}
