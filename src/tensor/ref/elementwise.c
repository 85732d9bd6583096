/* elementwise.c - sums, scaling, the squared norm, and moving rows. */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

static void add(TensorOps *t, Tensor y, Tensor x)
{
    (void)t;
    ASSERT(y.count == x.count);
    float *py = host_f32(y, y.count);
    const float *px = host_f32(x, x.count);
    for (int64_t i = 0; i < y.count; i++)
        py[i] += px[i];
}

static void scale(TensorOps *t, Tensor y, float s)
{
    (void)t;
    float *py = host_f32(y, y.count);
    for (int64_t i = 0; i < y.count; i++)
        py[i] *= s;
}

static double sum_squares(TensorOps *t, Tensor x)
{
    (void)t;
    const float *px = host_f32(x, x.count);
    return ref_dot(px, px, x.count);
}

static void gather_rows(TensorOps *t, Tensor y, Tensor x, Tensor rows, int64_t M,
                        int64_t C)
{
    (void)t;
    float *py = host_f32(y, M * C);
    const float *px = host_f32(x, 0);
    const int32_t *r = host_i32(rows, M);
    for (int64_t i = 0; i < M; i++) {
        ASSERT(r[i] >= 0 && (r[i] + 1) * C <= x.count);
        for (int64_t c = 0; c < C; c++)
            py[i * C + c] = px[r[i] * C + c];
    }
}

static void scatter_rows(TensorOps *t, Tensor x, Tensor y, Tensor rows, int64_t M,
                         int64_t C)
{
    (void)t;
    float *px = host_f32(x, 0);
    const float *py = host_f32(y, M * C);
    const int32_t *r = host_i32(rows, M);
    for (int64_t i = 0; i < M; i++) {
        ASSERT(r[i] >= 0 && (r[i] + 1) * C <= x.count);
        for (int64_t c = 0; c < C; c++)
            px[r[i] * C + c] += py[i * C + c];
    }
}

void ref_fill_elementwise(TensorOps *t)
{
    t->add = add;
    t->scale = scale;
    t->sum_squares = sum_squares;
    t->gather_rows = gather_rows;
    t->scatter_rows = scatter_rows;
}
