/* norm.c - RMSNorm of rows and of heads; the formulas are in ref/norm.c. Gradients of the
 * gains are summed in CPU_BLOCKS blocks of rows, then block after block. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/host.h"

/* One row; returns 1/sqrt(mean(x^2) + eps). */
INLINE float norm_row(float *y, const float *x, const float *gain, int64_t C, float eps)
{
    float r = 1 / sqrtf(vec_dot(x, x, C) / (float)C + eps);
    for (int64_t c = 0; c < C; c++)
        y[c] = x[c] * r * gain[c];
    return r;
}

/* Mean of g dy x. */
INLINE float mean_product(const float *gain, const float *dy, const float *x, int64_t C)
{
    Vec sum = {0};
    int64_t c = 0;
    for (; c + LANES <= C; c += LANES)
        sum += vec_load(gain + c) * vec_load(dy + c) * vec_load(x + c);
    if (c < C)
        sum += vec_load_part(gain + c, C - c) * vec_load_part(dy + c, C - c) *
               vec_load_part(x + c, C - c);
    return vec_sum(sum) / (float)C;
}

/* dx may be dy. add: dx +=. dgain may be NULL. */
INLINE void norm_row_backward(float *dx, float *dgain, const float *dy, const float *x,
                              float r, const float *gain, int64_t C, bool add)
{
    float s = mean_product(gain, dy, x, C) * r * r;
    int64_t c = 0;
    for (; c + LANES <= C; c += LANES) {
        Vec d = vec_load(dy + c), xc = vec_load(x + c);
        Vec grad = r * (vec_load(gain + c) * d - xc * s);
        vec_store(dx + c, add ? vec_load(dx + c) + grad : grad);
        if (dgain)
            vec_store(dgain + c, vec_load(dgain + c) + d * xc * r);
    }
    for (; c < C; c++) {
        float d = dy[c], grad = r * (gain[c] * d - x[c] * s);
        dx[c] = add ? dx[c] + grad : grad;
        if (dgain)
            dgain[c] += d * x[c] * r;
    }
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
    float *py = host_f32(y, N * C), *pr = host_f32(rstd, N);
    const float *px = host_f32(x, N * C), *g = host_f32(gain, C);
    PARALLEL_FOR(t, N * C)
    for (int64_t n = 0; n < N; n++)
        pr[n] = norm_row(py + n * C, px + n * C, g, C, eps);
}

static void rmsnorm_backward(TensorOps *t, Tensor dx, Tensor dgain, Tensor dy, Tensor x,
                             Tensor rstd, Tensor gain, int64_t N, int64_t C)
{
    float *pdx = host_f32(dx, N * C), *pdg = host_f32_or_null(dgain, C);
    const float *pdy = host_f32(dy, N * C), *px = host_f32(x, N * C);
    const float *pr = host_f32(rstd, N), *g = host_f32(gain, C);
    float *partial = pdg ? cpu_floats(&cpu_context(t)->partial, CPU_BLOCKS * C) : NULL;
    PARALLEL_FOR(t, N * C)
    for (int64_t block = 0; block < CPU_BLOCKS; block++) {
        float *sum = partial ? partial + block * C : NULL;
        if (sum)
            memset(sum, 0, (size_t)C * sizeof(float));
        for (int64_t n = block_begin(block, N); n < block_begin(block + 1, N); n++)
            norm_row_backward(pdx + n * C, sum, pdy + n * C, px + n * C, pr[n], g, C,
                              true);
    }
    if (pdg)
        add_partials(pdg, partial, C, C);
}

static void qk_norm(TensorOps *t, Tensor out, Tensor rstd, Tensor qkv, Tensor q_gain,
                    Tensor k_gain, int64_t N, int64_t Hq, int64_t Hk, int64_t D,
                    float eps)
{
    int64_t H = Hq + Hk, width = (H + Hk) * D;
    float *po = host_f32(out, N * width), *pr = host_f32(rstd, N * H);
    const float *px = host_f32(qkv, N * width);
    const float *gq = host_f32(q_gain, D), *gk = host_f32(k_gain, D);
    PARALLEL_FOR(t, N * width)
    for (int64_t n = 0; n < N; n++) {
        float *y = po + n * width;
        const float *x = px + n * width;
        for (int64_t h = 0; h < H; h++)
            pr[n * H + h] = norm_row(y + h * D, x + h * D, h < Hq ? gq : gk, D, eps);
        memmove(y + H * D, x + H * D, (size_t)(Hk * D) * sizeof(float));
    }
}

static void qk_norm_backward(TensorOps *t, Tensor dqkv, Tensor dq_gain, Tensor dk_gain,
                             Tensor qkv, Tensor rstd, Tensor q_gain, Tensor k_gain,
                             int64_t N, int64_t Hq, int64_t Hk, int64_t D)
{
    int64_t H = Hq + Hk, width = (H + Hk) * D;
    float *pd = host_f32(dqkv, N * width);
    float *dgq = host_f32_or_null(dq_gain, D), *dgk = host_f32_or_null(dk_gain, D);
    const float *px = host_f32(qkv, N * width), *pr = host_f32(rstd, N * H);
    const float *gq = host_f32(q_gain, D), *gk = host_f32(k_gain, D);
    /* A block's partial sums: the queries' gain, then the keys'. */
    float *partial = cpu_floats(&cpu_context(t)->partial, CPU_BLOCKS * 2 * D);
    PARALLEL_FOR(t, N * width)
    for (int64_t block = 0; block < CPU_BLOCKS; block++) {
        float *sum = partial + block * 2 * D;
        memset(sum, 0, (size_t)(2 * D) * sizeof(float));
        for (int64_t n = block_begin(block, N); n < block_begin(block + 1, N); n++) {
            for (int64_t h = 0; h < H; h++) {
                float *d = pd + n * width + h * D;
                norm_row_backward(d, h < Hq ? sum : sum + D, d, px + n * width + h * D,
                                  pr[n * H + h], h < Hq ? gq : gk, D, false);
            }
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
