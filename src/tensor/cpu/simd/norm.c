/* norm.c - RMSNorm of rows and of heads; the formulas are in ref/norm.c. Gradients of the
 * gains are summed in CPU_BLOCKS blocks of rows, then block after block. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/stored.h"
#include "tensor/host.h"

/* One row of x, whose mean square is known; y may be x. */
INLINE void norm_row(void *y, const void *x, float r, const float *gain, int64_t C,
                     const bool y_bf16, const bool x_bf16)
{
    int64_t c = 0;
    for (; c + LANES <= C; c += LANES)
        stored_store(y, c, stored_load(x, c, x_bf16) * r * vec_load(gain + c), y_bf16);
    if (c < C)
        stored_store_part(y, c,
                          stored_load_part(x, c, C - c, x_bf16) * r *
                              vec_load_part(gain + c, C - c),
                          C - c, y_bf16);
}

/* 1/sqrt(mean(x^2) + eps). */
INLINE float rstd_of(const void *x, int64_t C, float eps, const bool bf16)
{
    Vec sum = {0};
    for (int64_t c = 0; c < C; c += LANES) {
        Vec v = stored_load_some(x, c, C - c, bf16);
        sum += v * v;
    }
    return 1 / sqrtf(vec_sum(sum) / (float)C + eps);
}

/* One row's gradient; dx may be dy. */
typedef struct NormRow {
    void *dx;
    float *dgain; /* += ; may be NULL */
    const void *dy, *x;
    const float *gain;
    float rstd;
    int64_t C;
} NormRow;

/* LANES channels from c on, of which n are there; s = rstd^2 mean(gain dy x). */
INLINE void norm_backward(const NormRow *row, float s, int64_t c, int64_t n,
                          const bool add, const bool dx_bf16, const bool dy_bf16,
                          const bool x_bf16)
{
    Vec d = stored_load_some(row->dy, c, n, dy_bf16);
    Vec x = stored_load_some(row->x, c, n, x_bf16);
    Vec g = stored_load_some(row->gain, c, n, false);
    Vec grad = row->rstd * (g * d - x * s);
    if (row->dgain)
        stored_store_some(row->dgain, c,
                          stored_load_some(row->dgain, c, n, false) + d * x * row->rstd,
                          n, false);
    if (add)
        grad += stored_load_some(row->dx, c, n, dx_bf16);
    stored_store_some(row->dx, c, grad, n, dx_bf16);
}

INLINE void norm_row_backward(const NormRow *row, const bool add, const bool dx_bf16,
                              const bool dy_bf16, const bool x_bf16)
{
    int64_t C = row->C, c = 0;
    Vec sum = {0};
    for (; c + LANES <= C; c += LANES)
        sum += vec_load(row->gain + c) * stored_load(row->dy, c, dy_bf16) *
               stored_load(row->x, c, x_bf16);
    if (c < C)
        sum += vec_load_part(row->gain + c, C - c) *
               stored_load_part(row->dy, c, C - c, dy_bf16) *
               stored_load_part(row->x, c, C - c, x_bf16);
    float s = vec_sum(sum) / (float)C * row->rstd * row->rstd;
    for (c = 0; c + LANES <= C; c += LANES)
        norm_backward(row, s, c, LANES, add, dx_bf16, dy_bf16, x_bf16);
    if (c < C)
        norm_backward(row, s, c, C - c, add, dx_bf16, dy_bf16, x_bf16);
}

static int64_t block_begin(int64_t block, int64_t N)
{
    return block * N / CPU_BLOCKS;
}

/* sum += each block's row of n partial sums, in order. */
static void add_partials(float *sum, const float *partial, int64_t stride, int64_t n)
{
    for (int block = 0; block < CPU_BLOCKS; block++)
        vec_axpy(sum, 1, partial + block * stride, n);
}

static void rmsnorm(TensorOps *t, Tensor y, Tensor rstd, Tensor x, Tensor gain,
                    int64_t N, int64_t C, float eps)
{
    void *py = host_activations(y, N * C);
    float *pr = host_f32(rstd, N);
    const float *px = host_f32(x, N * C), *g = host_f32(gain, C);
    bool bf16 = host_is_bf16(y);
    PARALLEL_FOR(t, N * C)
    for (int64_t n = 0; n < N; n++) {
        pr[n] = rstd_of(px + n * C, C, eps, false);
        if (bf16)
            norm_row(stored_at(py, n * C, true), px + n * C, pr[n], g, C, true, false);
        else
            norm_row(stored_at(py, n * C, false), px + n * C, pr[n], g, C, false,
                     false);
    }
}

static void rmsnorm_backward(TensorOps *t, Tensor dx, Tensor dgain, Tensor dy, Tensor x,
                             Tensor rstd, Tensor gain, int64_t N, int64_t C)
{
    float *pdx = host_f32(dx, N * C), *pdg = host_f32_or_null(dgain, C);
    const void *pdy = host_activations(dy, N * C);
    const float *px = host_f32(x, N * C);
    const float *pr = host_f32(rstd, N), *g = host_f32(gain, C);
    float *partial = pdg ? cpu_floats(&cpu_context(t)->partial, CPU_BLOCKS * C) : NULL;
    bool bf16 = host_is_bf16(dy);
    PARALLEL_FOR(t, N * C)
    for (int64_t block = 0; block < CPU_BLOCKS; block++) {
        float *sum = partial ? partial + block * C : NULL;
        if (sum)
            memset(sum, 0, (size_t)C * sizeof(float));
        for (int64_t n = block_begin(block, N); n < block_begin(block + 1, N); n++) {
            NormRow row = {.dx = pdx + n * C,
                           .dgain = sum,
                           .dy = stored_at_const(pdy, n * C, bf16),
                           .x = px + n * C,
                           .gain = g,
                           .rstd = pr[n],
                           .C = C};
            if (bf16)
                norm_row_backward(&row, true, false, true, false);
            else
                norm_row_backward(&row, true, false, false, false);
        }
    }
    if (pdg)
        add_partials(pdg, partial, C, C);
}

/* --- queries and keys ------------------------------------------------------------- */
typedef struct HeadNorm {
    int64_t Hq, H, width, D;
    const float *q_gain, *k_gain;
} HeadNorm;

INLINE void norm_heads(const HeadNorm *a, void *y, float *rstd, const void *x,
                       float eps, const bool bf16)
{
    for (int64_t h = 0; h < a->H; h++) {
        const void *head = stored_at_const(x, h * a->D, bf16);
        rstd[h] = rstd_of(head, a->D, eps, bf16);
        norm_row(stored_at(y, h * a->D, bf16), head, rstd[h],
                 h < a->Hq ? a->q_gain : a->k_gain, a->D, bf16, bf16);
    }
    memmove(stored_at(y, a->H * a->D, bf16), stored_at_const(x, a->H * a->D, bf16),
            (size_t)(a->width - a->H * a->D) * (bf16 ? 2 : 4));
}

static void qk_norm(TensorOps *t, Tensor out, Tensor rstd, Tensor qkv, Tensor q_gain,
                    Tensor k_gain, int64_t N, int64_t Hq, int64_t Hk, int64_t D,
                    float eps)
{
    HeadNorm a = {
        Hq, Hq + Hk, (Hq + 2 * Hk) * D, D, host_f32(q_gain, D), host_f32(k_gain, D)};
    void *po = host_activations(out, N * a.width);
    float *pr = host_f32(rstd, N * a.H);
    const void *px = host_activations(qkv, N * a.width);
    bool bf16 = host_is_bf16(qkv);
    ASSERT(host_is_bf16(out) == bf16);
    PARALLEL_FOR(t, N * a.width)
    for (int64_t n = 0; n < N; n++) {
        int64_t at = n * a.width;
        if (bf16)
            norm_heads(&a, stored_at(po, at, true), pr + n * a.H,
                       stored_at_const(px, at, true), eps, true);
        else
            norm_heads(&a, stored_at(po, at, false), pr + n * a.H,
                       stored_at_const(px, at, false), eps, false);
    }
}

/* A row of d, in place; sums: the gain of the queries, then of the keys. */
INLINE void norm_heads_backward(const HeadNorm *a, void *d, float *sums,
                                const float *rstd, const void *x, const bool bf16)
{
    for (int64_t h = 0; h < a->H; h++) {
        NormRow row = {.dx = stored_at(d, h * a->D, bf16),
                       .dgain = h < a->Hq ? sums : sums + a->D,
                       .dy = stored_at(d, h * a->D, bf16),
                       .x = stored_at_const(x, h * a->D, bf16),
                       .gain = h < a->Hq ? a->q_gain : a->k_gain,
                       .rstd = rstd[h],
                       .C = a->D};
        norm_row_backward(&row, false, bf16, bf16, bf16);
    }
}

static void qk_norm_backward(TensorOps *t, Tensor dqkv, Tensor dq_gain, Tensor dk_gain,
                             Tensor qkv, Tensor rstd, Tensor q_gain, Tensor k_gain,
                             int64_t N, int64_t Hq, int64_t Hk, int64_t D)
{
    HeadNorm a = {
        Hq, Hq + Hk, (Hq + 2 * Hk) * D, D, host_f32(q_gain, D), host_f32(k_gain, D)};
    void *pd = host_activations(dqkv, N * a.width);
    float *dgq = host_f32_or_null(dq_gain, D), *dgk = host_f32_or_null(dk_gain, D);
    const void *px = host_activations(qkv, N * a.width);
    const float *pr = host_f32(rstd, N * a.H);
    bool bf16 = host_is_bf16(qkv);
    ASSERT(host_is_bf16(dqkv) == bf16);
    float *partial = cpu_floats(&cpu_context(t)->partial, CPU_BLOCKS * 2 * D);
    PARALLEL_FOR(t, N * a.width)
    for (int64_t block = 0; block < CPU_BLOCKS; block++) {
        float *sums = partial + block * 2 * D;
        memset(sums, 0, (size_t)(2 * D) * sizeof(float));
        for (int64_t n = block_begin(block, N); n < block_begin(block + 1, N); n++) {
            int64_t at = n * a.width;
            if (bf16)
                norm_heads_backward(&a, stored_at(pd, at, true), sums, pr + n * a.H,
                                    stored_at_const(px, at, true), true);
            else
                norm_heads_backward(&a, stored_at(pd, at, false), sums, pr + n * a.H,
                                    stored_at_const(px, at, false), false);
        }
    }
    if (dgq)
        add_partials(dgq, partial, 2 * D, D);
    if (dgk)
        add_partials(dgk, partial + D, 2 * D, D);
}

void SIMD_FILL(norm_)(TensorOps *t)
{
    t->rmsnorm = rmsnorm;
    t->rmsnorm_backward = rmsnorm_backward;
    t->qk_norm = qk_norm;
    t->qk_norm_backward = qk_norm_backward;
}
