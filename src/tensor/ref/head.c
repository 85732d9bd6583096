/* head.c - the language-model head: probabilities of chosen ids without a matrix of
 * logits. z_v = (x w_v) / T is computed again wherever it is needed.
 *
 *     logprob = z_target - lse,  p_v = exp(z_v - lse),  entropy = lse - sum_v p_v z_v
 *     dz_v = dlogprob ([v=target] - p_v) - dentropy p_v (log p_v + entropy)
 *
 * Cross-entropy is the special case dlogprob = -weight, dentropy = 0, T = 1. */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

#include <math.h>

static double log_sum_exp(const float *x, const float *w, int64_t V, int64_t C,
                          double inv_t)
{
    double max = -HUGE_VAL, sum = 0;
    for (int64_t v = 0; v < V; v++)
        max = fmax(max, inv_t * ref_dot(x, w + v * C, C));
    for (int64_t v = 0; v < V; v++)
        sum += exp(inv_t * ref_dot(x, w + v * C, C) - max);
    return max + log(sum);
}

static void head_logprob(TensorOps *t, Tensor logprob, Tensor lse, Tensor entropy,
                         Tensor x, Weight *w, Tensor targets, int64_t M,
                         float inv_temperature)
{
    (void)t;
    int64_t V = w->rows, C = w->cols;
    float *pp = host_f32(logprob, M), *pl = host_f32(lse, M);
    float *pe = host_f32_or_null(entropy, M);
    const float *px = host_f32(x, M * C), *pw = host_f32(w->value, V * C);
    const int32_t *target = host_i32(targets, M);
    double inv_t = (double)inv_temperature;
    for (int64_t i = 0; i < M; i++) {
        ASSERT(target[i] >= 0 && target[i] < V);
        const float *xi = px + i * C;
        double l = log_sum_exp(xi, pw, V, C, inv_t), mean = 0;
        pl[i] = (float)l;
        pp[i] = (float)(inv_t * ref_dot(xi, pw + target[i] * C, C) - l);
        if (!pe)
            continue;
        for (int64_t v = 0; v < V; v++) {
            double log_p = inv_t * ref_dot(xi, pw + v * C, C) - l;
            mean += exp(log_p) * log_p;
        }
        pe[i] = (float)-mean;
    }
}

typedef struct HeadGradient {
    double dlogprob, dentropy, entropy, lse, inv_t;
    int32_t target;
} HeadGradient;

/* dx (=) and dw += (NULL: frozen) of one row. */
static void backward_row(float *dx, float *dw, const float *x, const float *w,
                         int64_t V, int64_t C, HeadGradient g)
{
    for (int64_t c = 0; c < C; c++)
        dx[c] = 0;
    for (int64_t v = 0; v < V; v++) {
        double log_p = g.inv_t * ref_dot(x, w + v * C, C) - g.lse, p = exp(log_p);
        double dz = g.dlogprob * ((v == g.target) - p);
        if (g.dentropy != 0 && p > 0)
            dz -= g.dentropy * p * (log_p + g.entropy);
        dz *= g.inv_t;
        for (int64_t c = 0; c < C; c++) {
            dx[c] += (float)(dz * (double)w[v * C + c]);
            if (dw)
                dw[v * C + c] += (float)(dz * (double)x[c]);
        }
    }
}

static void head_logprob_backward(TensorOps *t, Tensor dx, Tensor dlogprob,
                                  Tensor dentropy, Tensor lse, Tensor entropy, Tensor x,
                                  Weight *w, Tensor targets, int64_t M,
                                  float inv_temperature)
{
    (void)t;
    int64_t V = w->rows, C = w->cols;
    float *pdx = host_f32(dx, M * C), *dw = host_f32_or_null(w->grad, V * C);
    const float *dp = host_f32(dlogprob, M), *de = host_f32_or_null(dentropy, M);
    const float *pl = host_f32(lse, M), *pe = de ? host_f32(entropy, M) : NULL;
    const float *px = host_f32(x, M * C), *pw = host_f32(w->value, V * C);
    const int32_t *target = host_i32(targets, M);
    for (int64_t i = 0; i < M; i++) {
        HeadGradient g = {.dlogprob = (double)dp[i],
                          .dentropy = de ? (double)de[i] : 0,
                          .entropy = pe ? (double)pe[i] : 0,
                          .lse = (double)pl[i],
                          .inv_t = (double)inv_temperature,
                          .target = target[i]};
        ASSERT(g.target >= 0 && g.target < V);
        backward_row(pdx + i * C, dw, px + i * C, pw, V, C, g);
    }
}

static void head_cross_entropy(TensorOps *t, Tensor nll, Tensor dx, Tensor x, Weight *w,
                               Tensor targets, Tensor weights, int64_t M)
{
    (void)t;
    int64_t V = w->rows, C = w->cols;
    float *pn = host_f32(nll, M), *pdx = host_f32_or_null(dx, M * C);
    float *dw = host_f32_or_null(w->grad, V * C);
    const float *px = host_f32(x, M * C), *pw = host_f32(w->value, V * C);
    const float *weight = host_f32(weights, M);
    const int32_t *target = host_i32(targets, M);
    for (int64_t i = 0; i < M; i++) {
        ASSERT(target[i] >= 0 && target[i] < V);
        const float *xi = px + i * C;
        double l = log_sum_exp(xi, pw, V, C, 1);
        pn[i] = (float)(l - ref_dot(xi, pw + target[i] * C, C));
        if (pdx)
            backward_row(pdx + i * C, dw, xi, pw, V, C,
                         (HeadGradient){.dlogprob = -(double)weight[i],
                                        .lse = l,
                                        .inv_t = 1,
                                        .target = target[i]});
    }
}

static void head_logits(TensorOps *t, float *logits, Tensor x, Weight *w, int64_t M)
{
    (void)t;
    int64_t V = w->rows, C = w->cols;
    const float *px = host_f32(x, M * C), *pw = host_f32(w->value, V * C);
    for (int64_t i = 0; i < M; i++) {
        for (int64_t v = 0; v < V; v++)
            logits[i * V + v] = (float)ref_dot(px + i * C, pw + v * C, C);
    }
}

void ref_fill_head(TensorOps *t)
{
    t->head_logprob = head_logprob;
    t->head_logprob_backward = head_logprob_backward;
    t->head_cross_entropy = head_cross_entropy;
    t->head_logits = head_logits;
}
