/* decode.c - attention over the key/value cache. A task is one token and one query head;
 * keys come in blocks of BLOCK with a running maximum (Milakov & Gimelshein 2018), so
 * the scratch does not grow with the context. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/host.h"

enum { BLOCK = 64 };

static void cache_store(TensorOps *t, Tensor k_cache, Tensor v_cache, Tensor qkv,
                        Tensor slots, Tensor positions, int64_t M, int64_t capacity,
                        int64_t Hq, int64_t Hk, int64_t D)
{
    int64_t width = (Hq + 2 * Hk) * D, row = Hk * D;
    float *kc = host_f32(k_cache, 0), *vc = host_f32(v_cache, 0);
    const float *x = host_f32(qkv, M * width);
    const int32_t *slot = host_i32(slots, M), *pos = host_i32(positions, M);
    PARALLEL_FOR(t, M * row)
    for (int64_t i = 0; i < M; i++) {
        ASSERT(pos[i] >= 0 && pos[i] < capacity && slot[i] >= 0);
        int64_t at = (slot[i] * capacity + pos[i]) * row;
        ASSERT(at + row <= k_cache.count && at + row <= v_cache.count);
        memcpy(kc + at, x + i * width + Hq * D, (size_t)row * sizeof(float));
        memcpy(vc + at, x + i * width + Hq * D + row, (size_t)row * sizeof(float));
    }
}

/* The state of one output: maximum so far, sum of exp, sum of exp times values. */
typedef struct Running {
    float max, sum;
    float *out;
} Running;

static void add_block(Running *state, const float *q, const float *k, const float *v,
                      int64_t n, int64_t row, int64_t D, float scale)
{
    float p[BLOCK], max = state->max;
    for (int64_t j = 0; j < n; j++) {
        p[j] = vec_dot(q, k + j * row, D) * scale;
        max = p[j] > max ? p[j] : max;
    }
    float shrink = expf(state->max - max);
    for (int64_t d = 0; d < D; d++)
        state->out[d] *= shrink;
    for (int64_t j = n; j < BLOCK; j++)
        p[j] = -INFINITY;
    Vec sum = {0};
    for (int64_t j = 0; j < n; j += LANES) {
        Vec e = vec_exp(vec_load(p + j) - max);
        vec_store(p + j, e);
        sum += e;
    }
    for (int64_t j = 0; j < n; j++)
        vec_axpy(state->out, p[j], v + j * row, D);
    state->sum = state->sum * shrink + vec_sum(sum);
    state->max = max;
}

static void attention_cached(TensorOps *t, Tensor o, Tensor qkv, Tensor k_cache,
                             Tensor v_cache, Tensor slots, Tensor positions, int64_t M,
                             int64_t capacity, int64_t Hq, int64_t Hk, int64_t D)
{
    ASSERT(Hk > 0 && Hq % Hk == 0 && D <= TENSOR_MAX_HEAD);
    int64_t width = (Hq + 2 * Hk) * D, row = Hk * D;
    float *po = host_f32(o, M * Hq * D), scale = 1 / sqrtf((float)D);
    const float *kc = host_f32(k_cache, 0), *vc = host_f32(v_cache, 0);
    const float *x = host_f32(qkv, M * width);
    const int32_t *slot = host_i32(slots, M), *pos = host_i32(positions, M);
    int64_t work = 0;
    for (int64_t i = 0; i < M; i++) {
        ASSERT(pos[i] >= 0 && pos[i] < capacity && slot[i] >= 0);
        ASSERT((slot[i] + 1) * capacity * row <= k_cache.count);
        work += (pos[i] + 1) * Hq * D;
    }
    PARALLEL_FOR_UNEVEN(t, work)
    for (int64_t i = 0; i < M; i++) {
        for (int64_t h = 0; h < Hq; h++) {
            int64_t at = slot[i] * capacity * row + h * Hk / Hq * D;
            float out[TENSOR_MAX_HEAD];
            memset(out, 0, (size_t)D * sizeof *out);
            Running state = {-INFINITY, 0, out};
            for (int64_t j = 0; j <= pos[i]; j += BLOCK)
                add_block(
                    &state, x + i * width + h * D, kc + at + j * row, vc + at + j * row,
                    pos[i] + 1 - j < BLOCK ? pos[i] + 1 - j : BLOCK, row, D, scale);
            for (int64_t d = 0; d < D; d++)
                po[(i * Hq + h) * D + d] = out[d] / state.sum;
        }
    }
}

void SIMD_FILL(decode_)(TensorOps *t)
{
    t->cache_store = cache_store;
    t->attention_cached = attention_cached;
}
