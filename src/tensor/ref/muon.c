/* muon.c - one step of Muon (Jordan et al. 2024), see ops.h. */
#include "tensor/ref/ref.h"

#include "base/mem.h"
#include "tensor/host.h"

#include <math.h>

const double muon_polar[MUON_POLAR_STEPS][3] = {
    {8.156554524902461, -22.48329292557795, 15.878769915207462},
    {4.042929935166739, -2.808917465908714, 0.5000178451051316},
    {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
    {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
    {2.3465413258596377, -1.7097828382687081, 0.42323551169305323},
};

/* C(m,n) = A(m,k) B, where B(k,n) is read by its two strides. */
static void product(double *c, const double *a, const double *b, int64_t m, int64_t n,
                    int64_t k, int64_t b_row, int64_t b_col)
{
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += a[i * k + l] * b[l * b_row + j * b_col];
            c[i * n + j] = sum;
        }
    }
}

/* x(r,c) becomes its polar factor; room for x, and twice (r,r), behind it. */
static void polar(double *x, int64_t r, int64_t c)
{
    double *y = x + r * c, *a = y + r * c, *square = a + r * r, norm = 0;
    for (int64_t i = 0; i < r * c; i++)
        norm += x[i] * x[i];
    norm = 1.02 * sqrt(norm) + 1e-30;
    for (int64_t i = 0; i < r * c; i++)
        x[i] /= norm;
    for (int step = 0; step < MUON_POLAR_STEPS; step++) {
        const double *p = muon_polar[step];
        product(a, x, x, r, r, c, 1, c);
        product(square, a, a, r, r, r, r, 1);
        for (int64_t i = 0; i < r * r; i++)
            a[i] = p[1] * a[i] + p[2] * square[i];
        product(y, a, x, r, c, r, c, 1);
        for (int64_t i = 0; i < r * c; i++)
            x[i] = p[0] * x[i] + y[i];
    }
}

static void update(const MuonMatrix *u, MuonStep s, double *x)
{
    int64_t n = u->rows * u->cols;
    float *w = host_f32(u->w, n), *m = host_f32(u->m, n);
    const float *g = host_f32(u->g, n);
    double momentum = (double)s.momentum;
    for (int64_t i = 0; i < n; i++) {
        double grad = (double)g[i] * (double)s.grad_scale;
        m[i] = (float)(momentum * (double)m[i] + grad);
        x[i] = momentum * (double)m[i] + grad;
    }
    polar(x, u->rows, u->cols);
    double ratio = (double)u->rows / (double)u->cols;
    double rate = (double)s.lr * sqrt(ratio > 1 ? ratio : 1);
    for (int64_t i = 0; i < n; i++)
        w[i] =
            (float)((double)w[i] * (1 - (double)s.lr * (double)s.decay) - rate * x[i]);
}

static void muon(TensorOps *t, const MuonMatrix *matrices, int64_t n, MuonStep step)
{
    (void)t;
    for (int64_t i = 0; i < n; i++) {
        int64_t r = matrices[i].rows, c = matrices[i].cols;
        double *x = NULL;
        Status status = MEM_ARRAY(&x, (size_t)(2 * r * (c + r)), NULL);
        ASSERT(status == OK);
        update(&matrices[i], step, x);
        mem_free(x);
    }
}

static Status muon_reserve(TensorOps *t, int64_t rows, int64_t cols, Err *err)
{
    (void)t, (void)rows, (void)cols, (void)err;
    return OK;
}

static size_t muon_reserve_bytes(TensorOps *t, int64_t rows, int64_t cols)
{
    (void)t, (void)rows, (void)cols;
    return 0;
}

void ref_fill_muon(TensorOps *t)
{
    t->muon = muon;
    t->muon_reserve = muon_reserve;
    t->muon_reserve_bytes = muon_reserve_bytes;
}
