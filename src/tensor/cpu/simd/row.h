/* row.h - passes over one row of logits: its maximum, and the sums from which its
 * log-sum-exp and its entropy follow. The head and the sampler both read rows so. */
#ifndef TENSOR_CPU_SIMD_ROW_H
#define TENSOR_CPU_SIMD_ROW_H

#include "tensor/cpu/simd/simd.h"

static inline float row_max(const float *z, int64_t V)
{
    Vec high = vec_set(z[0]);
    int64_t v = 0;
    for (; v + LANES <= V; v += LANES)
        high = vec_max(high, vec_load(z + v));
    float max = vec_highest(high);
    for (; v < V; v++)
        max = z[v] > max ? z[v] : max;
    return max;
}

/* Sums over a row of scaled logits s = z*scale - shift: of exp(s) and of exp(s) s. Short
 * runs in floats, the runs in double. */
typedef struct RowSums {
    double exp, exp_s;
} RowSums;

static inline RowSums row_sums(const float *z, int64_t V, float scale, float shift)
{
    enum { RUN = 64 * LANES };
    RowSums sums = {0, 0};
    for (int64_t begin = 0; begin < V; begin += RUN) {
        int64_t end = begin + RUN < V ? begin + RUN : V, v = begin;
        Vec e_sum = {0}, es_sum = {0};
        for (; v + LANES <= end; v += LANES) {
            Vec s = vec_load(z + v) * scale - shift, e = vec_exp(s);
            e_sum += e;
            es_sum += e * s;
        }
        if (v < end) {
            float tail[LANES];
            for (int64_t i = 0; i < LANES; i++) /* exp(-88) is 0 */
                tail[i] = v + i < end ? z[v + i] * scale - shift : -88.0F;
            Vec s = vec_load(tail), e = vec_exp(s);
            e_sum += e;
            es_sum += e * s;
        }
        sums.exp += (double)vec_sum(e_sum);
        sums.exp_s += (double)vec_sum(es_sum);
    }
    return sums;
}

/* z = exp(z - shift); returns their sum. */
static inline double row_exp(float *z, int64_t V, float shift)
{
    enum { RUN = 64 * LANES };
    double sum = 0;
    for (int64_t begin = 0; begin < V; begin += RUN) {
        int64_t end = begin + RUN < V ? begin + RUN : V, v = begin;
        Vec e_sum = {0};
        for (; v + LANES <= end; v += LANES) {
            Vec e = vec_exp(vec_load(z + v) - shift);
            vec_store(z + v, e);
            e_sum += e;
        }
        sum += (double)vec_sum(e_sum);
        if (v < end) {
            vec_store_part(z + v, vec_exp(vec_load_part(z + v, end - v) - shift),
                           end - v);
            for (; v < end; v++)
                sum += (double)z[v];
        }
    }
    return sum;
}

#endif
