/* linear.c - the three matrix products of a linear layer.
 *
 *     y = x w^T + b + r  dx = dy w      dw += dy^T x,  db += sum of dy's rows
 *
 * x (N,C), w (O,C), y (N,O). */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

static void linear(TensorOps *t, Tensor y, Tensor x, Weight *w, Tensor bias,
                   Tensor residual, int64_t N)
{
    (void)t;
    int64_t O = w->rows, C = w->cols;
    float *py = host_f32(y, N * O);
    const float *px = host_f32(x, N * C), *pw = host_f32(w->value, O * C);
    const float *pb = host_f32_or_null(bias, O);
    const float *pr = host_f32_or_null(residual, N * O);
    ASSERT(!pb || !pr);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t o = 0; o < O; o++) {
            double sum = pb ? (double)pb[o] : pr ? (double)pr[n * O + o] : 0;
            py[n * O + o] = (float)(sum + ref_dot(px + n * C, pw + o * C, C));
        }
    }
}

static void linear_backward_input(TensorOps *t, Tensor dx, Tensor dy, Weight *w,
                                  int64_t N, bool add)
{
    (void)t;
    int64_t O = w->rows, C = w->cols;
    float *pdx = host_f32(dx, N * C);
    const float *pdy = host_f32(dy, N * O), *pw = host_f32(w->value, O * C);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t c = 0; c < C; c++) {
            double sum = add ? (double)pdx[n * C + c] : 0;
            for (int64_t o = 0; o < O; o++)
                sum += (double)pdy[n * O + o] * (double)pw[o * C + c];
            pdx[n * C + c] = (float)sum;
        }
    }
}

static void linear_backward_weight(TensorOps *t, Weight *w, Tensor dbias, Tensor dy,
                                   Tensor x, int64_t N)
{
    (void)t;
    int64_t O = w->rows, C = w->cols;
    float *pdw = host_f32_or_null(w->grad, O * C), *pdb = host_f32_or_null(dbias, O);
    const float *pdy = host_f32(dy, N * O), *px = host_f32(x, N * C);
    for (int64_t o = 0; o < O; o++) {
        for (int64_t c = 0; pdw && c < C; c++) {
            double sum = (double)pdw[o * C + c];
            for (int64_t n = 0; n < N; n++)
                sum += (double)pdy[n * O + o] * (double)px[n * C + c];
            pdw[o * C + c] = (float)sum;
        }
        if (pdb) {
            double sum = (double)pdb[o];
            for (int64_t n = 0; n < N; n++)
                sum += (double)pdy[n * O + o];
            pdb[o] = (float)sum;
        }
    }
}

void ref_fill_linear(TensorOps *t)
{
    t->linear = linear;
    t->linear_backward_input = linear_backward_input;
    t->linear_backward_weight = linear_backward_weight;
}
