/* decode.c - attention over the key/value cache: the same formula as attention.c, with
 * keys and values of earlier tokens read from (slots, capacity, Hk*D). */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

#include <math.h>

static void cache_store(TensorOps *t, Tensor k_cache, Tensor v_cache, Tensor qkv,
                        Tensor slots, Tensor positions, int64_t M, int64_t capacity,
                        int64_t Hq, int64_t Hk, int64_t D)
{
    (void)t;
    int64_t width = (Hq + 2 * Hk) * D, row = Hk * D;
    float *kc = host_f32(k_cache, 0), *vc = host_f32(v_cache, 0);
    const float *x = host_f32(qkv, M * width);
    const int32_t *slot = host_i32(slots, M), *pos = host_i32(positions, M);
    for (int64_t i = 0; i < M; i++) {
        ASSERT(pos[i] >= 0 && pos[i] < capacity && slot[i] >= 0);
        int64_t at = (slot[i] * capacity + pos[i]) * row;
        ASSERT(at + row <= k_cache.count && at + row <= v_cache.count);
        for (int64_t c = 0; c < row; c++) {
            kc[at + c] = x[i * width + Hq * D + c];
            vc[at + c] = x[i * width + Hq * D + row + c];
        }
    }
}

static void attention_cached(TensorOps *t, Tensor o, Tensor qkv, Tensor k_cache,
                             Tensor v_cache, Tensor slots, Tensor positions, int64_t M,
                             int64_t capacity, int64_t Hq, int64_t Hk, int64_t D)
{
    (void)t;
    ASSERT(Hk > 0 && Hq % Hk == 0);
    int64_t width = (Hq + 2 * Hk) * D, row = Hk * D;
    float *po = host_f32(o, M * Hq * D);
    const float *kc = host_f32(k_cache, 0), *vc = host_f32(v_cache, 0);
    const float *x = host_f32(qkv, M * width);
    const int32_t *slot = host_i32(slots, M), *pos = host_i32(positions, M);
    double scale = 1 / sqrt((double)D);
    for (int64_t i = 0; i < M; i++) {
        ASSERT(pos[i] >= 0 && pos[i] < capacity && slot[i] >= 0);
        ASSERT((slot[i] + 1) * capacity * row <= k_cache.count);
        for (int64_t h = 0; h < Hq; h++) {
            const float *q = x + i * width + h * D;
            int64_t at = slot[i] * capacity * row + h * Hk / Hq * D;
            const float *k = kc + at, *v = vc + at;
            double max = -HUGE_VAL, sum = 0;
            for (int64_t j = 0; j <= pos[i]; j++)
                max = fmax(max, scale * ref_dot(q, k + j * row, D));
            for (int64_t j = 0; j <= pos[i]; j++)
                sum += exp(scale * ref_dot(q, k + j * row, D) - max);
            for (int64_t d = 0; d < D; d++) {
                double out = 0;
                for (int64_t j = 0; j <= pos[i]; j++)
                    out += exp(scale * ref_dot(q, k + j * row, D) - max) / sum *
                           (double)v[j * row + d];
                po[(i * Hq + h) * D + d] = (float)out;
            }
        }
    }
}

void ref_fill_decode(TensorOps *t)
{
    t->cache_store = cache_store;
    t->attention_cached = attention_cached;
}
