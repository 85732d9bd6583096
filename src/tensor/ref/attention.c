/* attention.c - causal attention within packed documents (Vaswani et al. 2017), grouped
 * queries (Ainslie et al. 2023).
 *
 * With s_ij = q_i k_j / sqrt(D) for starts[i] <= j <= i:
 *
 *     p_ij = exp(s_ij - lse_i),  lse_i = log sum_j exp s_ij,  o_i = sum_j p_ij v_j
 *
 * and, with dp_ij = do_i v_j and delta_i = do_i o_i = sum_j p_ij dp_ij:
 *
 *     ds_ij = p_ij (dp_ij - delta_i) / sqrt(D)
 *     dq_i = sum_j ds_ij k_j,   dk_j += ds_ij q_i,   dv_j += p_ij do_i
 *
 * Rows of qkv hold Hq queries, Hk keys, Hk values; query head h reads key head
 * h*Hk/Hq. Scores are computed again where they are needed: none are stored. */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

#include <math.h>

typedef struct Heads {
    int64_t Hq, Hk, D, width;
    double scale;
} Heads;

static Heads heads_of(int64_t Hq, int64_t Hk, int64_t D)
{
    ASSERT(Hk > 0 && Hq % Hk == 0);
    return (Heads){Hq, Hk, D, (Hq + 2 * Hk) * D, 1 / sqrt((double)D)};
}

/* Offsets in a row of qkv of query head h and of its keys and values. */
static int64_t query_at(const Heads *a, int64_t h)
{
    return h * a->D;
}
static int64_t key_at(const Heads *a, int64_t h)
{
    return (a->Hq + h * a->Hk / a->Hq) * a->D;
}
static int64_t value_at(const Heads *a, int64_t h)
{
    return key_at(a, h) + a->Hk * a->D;
}

static double score(const Heads *a, const float *qkv, int64_t i, int64_t j, int64_t h)
{
    return a->scale * ref_dot(qkv + i * a->width + query_at(a, h),
                              qkv + j * a->width + key_at(a, h), a->D);
}

static void attention(TensorOps *t, Tensor o, Tensor lse, Tensor qkv, Tensor starts,
                      int64_t N, int64_t Hq, int64_t Hk, int64_t D)
{
    (void)t;
    Heads a = heads_of(Hq, Hk, D);
    float *po = host_f32(o, N * Hq * D), *pl = host_f32(lse, N * Hq);
    const float *x = host_f32(qkv, N * a.width);
    const int32_t *start = host_i32(starts, N);
    for (int64_t i = 0; i < N; i++) {
        ASSERT(start[i] >= 0 && start[i] <= i);
        for (int64_t h = 0; h < Hq; h++) {
            double max = -HUGE_VAL, sum = 0;
            for (int64_t j = start[i]; j <= i; j++)
                max = fmax(max, score(&a, x, i, j, h));
            for (int64_t j = start[i]; j <= i; j++)
                sum += exp(score(&a, x, i, j, h) - max);
            double l = max + log(sum);
            pl[i * Hq + h] = (float)l;
            for (int64_t d = 0; d < D; d++) {
                double out = 0;
                for (int64_t j = start[i]; j <= i; j++)
                    out += exp(score(&a, x, i, j, h) - l) *
                           (double)x[j * a.width + value_at(&a, h) + d];
                po[(i * Hq + h) * D + d] = (float)out;
            }
        }
    }
}

static void attention_backward(TensorOps *t, Tensor dqkv, Tensor dout, Tensor o,
                               Tensor lse, Tensor qkv, Tensor starts, int64_t N,
                               int64_t Hq, int64_t Hk, int64_t D)
{
    (void)t;
    Heads a = heads_of(Hq, Hk, D);
    float *dx = host_f32(dqkv, N * a.width);
    const float *pdo = host_f32(dout, N * Hq * D), *po = host_f32(o, N * Hq * D);
    const float *pl = host_f32(lse, N * Hq), *x = host_f32(qkv, N * a.width);
    const int32_t *start = host_i32(starts, N);
    for (int64_t k = 0; k < N * a.width; k++)
        dx[k] = 0;
    for (int64_t i = 0; i < N; i++) {
        for (int64_t h = 0; h < Hq; h++) {
            const float *d_o = pdo + (i * Hq + h) * D;
            double delta = ref_dot(d_o, po + (i * Hq + h) * D, D);
            for (int64_t j = start[i]; j <= i; j++) {
                double p = exp(score(&a, x, i, j, h) - (double)pl[i * Hq + h]);
                double dp = ref_dot(d_o, x + j * a.width + value_at(&a, h), D);
                double ds = p * (dp - delta) * a.scale;
                const float *q = x + i * a.width + query_at(&a, h);
                const float *k = x + j * a.width + key_at(&a, h);
                for (int64_t d = 0; d < D; d++) {
                    dx[i * a.width + query_at(&a, h) + d] += (float)(ds * (double)k[d]);
                    dx[j * a.width + key_at(&a, h) + d] += (float)(ds * (double)q[d]);
                    dx[j * a.width + value_at(&a, h) + d] +=
                        (float)(p * (double)d_o[d]);
                }
            }
        }
    }
}

void ref_fill_attention(TensorOps *t)
{
    t->attention = attention;
    t->attention_backward = attention_backward;
}
