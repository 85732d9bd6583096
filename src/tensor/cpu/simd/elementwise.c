/* elementwise.c - filling, sums, scaling and the squared norm: one pass over memory each,
 * cut into a fixed number of parts. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/host.h"

enum { PARTS = 64 };

typedef struct Range {
    int64_t begin, count;
} Range;

/* Part `i` of n elements, whole vectors but for the last. */
static Range part(int64_t i, int64_t n)
{
    int64_t size = lanes_up((n + PARTS - 1) / PARTS);
    int64_t begin = i * size < n ? i * size : n;
    return (Range){begin, n - begin < size ? n - begin : size};
}

static void fill(TensorOps *t, Tensor x, float value)
{
    if (x.type == TENSOR_BF16) {
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        ASSERT(value == 0 || (bits & 0xffff) == 0);
        for (int64_t i = 0; i < x.count; i++)
            ((uint16_t *)x.data)[i] = (uint16_t)(bits >> 16);
        return;
    }
    float *px = x.data;
    int32_t *pi = x.data;
    PARALLEL_FOR(t, x.count)
    for (int64_t p = 0; p < PARTS; p++) {
        Range r = part(p, x.count);
        for (int64_t i = r.begin; i < r.begin + r.count; i++) {
            if (x.type == TENSOR_F32)
                px[i] = value;
            else
                pi[i] = (int32_t)value;
        }
    }
}

static void add(TensorOps *t, Tensor y, Tensor x)
{
    ASSERT(y.count == x.count);
    float *py = host_f32(y, y.count);
    const float *px = host_f32(x, x.count);
    PARALLEL_FOR(t, y.count)
    for (int64_t p = 0; p < PARTS; p++) {
        Range r = part(p, y.count);
        vec_axpy(py + r.begin, 1, px + r.begin, r.count);
    }
}

static void scale(TensorOps *t, Tensor y, float s)
{
    float *py = host_f32(y, y.count);
    PARALLEL_FOR(t, y.count)
    for (int64_t p = 0; p < PARTS; p++) {
        Range r = part(p, y.count);
        for (int64_t i = r.begin; i < r.begin + r.count; i++)
            py[i] *= s;
    }
}

/* Short runs in floats, the runs in double. */
static double range_squares(const float *x, int64_t n)
{
    enum { RUN = 1024 };
    double sum = 0;
    for (int64_t i = 0; i < n; i += RUN)
        sum += (double)vec_dot(x + i, x + i, n - i < RUN ? n - i : RUN);
    return sum;
}

static double sum_squares(TensorOps *t, Tensor x)
{
    double sums[PARTS], sum = 0;
    const float *px = host_f32(x, x.count);
    PARALLEL_FOR(t, x.count)
    for (int64_t p = 0; p < PARTS; p++) {
        Range r = part(p, x.count);
        sums[p] = range_squares(px + r.begin, r.count);
    }
    for (int p = 0; p < PARTS; p++)
        sum += sums[p];
    return sum;
}

void SIMD_FILL(elementwise_)(TensorOps *t)
{
    t->fill = fill;
    t->add = add;
    t->scale = scale;
    t->sum_squares = sum_squares;
}
