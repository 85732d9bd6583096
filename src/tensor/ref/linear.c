/* linear.c - the three matrix products of a linear layer, and those of its adapter.
 *
 *     y = x w^T + b + r  dx = dy w      dw += dy^T x,  db += sum of dy's rows
 *
 * x (N,C), w (O,C), y (N,O). With an adapter, for the rows of w of each of its pieces:
 *
 *     z = scale x A^T    dz = scale dy B      y += z B^T
 *                                            dx += dz A    dB += dy^T z,  dA += dz^T x
 */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

enum { MAX_WIDTH = ADAPTER_PIECES * ADAPTER_MAX_RANK };

/* z of one row. */
static void down_row(double z[MAX_WIDTH], const Adapter *adapter, const float *x)
{
    int64_t C = adapter->a.cols, width = adapter_width(adapter);
    const float *a = host_f32(adapter->a.value, width * C);
    for (int64_t k = 0; k < width; k++)
        z[k] = (double)adapter->scale * ref_dot(x, a + k * C, C);
}

/* dz of one row. */
static void back_row(double dz[MAX_WIDTH], const Adapter *adapter, const float *dy)
{
    int64_t r = adapter_rank(adapter);
    const float *b = host_f32(adapter->b.value, adapter->b.rows * r);
    for (int32_t i = 0; i < adapter->pieces; i++) {
        AdapterPiece p = adapter->piece[i];
        for (int64_t k = 0; k < r; k++) {
            double sum = 0;
            for (int64_t o = 0; o < p.rows; o++)
                sum += (double)dy[p.first + o] * (double)b[o * r + k];
            dz[i * r + k] = (double)adapter->scale * sum;
        }
        b += p.rows * r;
    }
}

/* z B^T of output o; 0 for one that no piece has. */
static double up(const Adapter *adapter, const double *z, int64_t o)
{
    int64_t r = adapter_rank(adapter);
    const float *b = host_f32(adapter->b.value, adapter->b.rows * r);
    double sum = 0;
    for (int32_t i = 0; i < adapter->pieces; i++) {
        AdapterPiece p = adapter->piece[i];
        bool inside = o >= p.first && o < p.first + p.rows;
        for (int64_t k = 0; inside && k < r; k++)
            sum += z[i * r + k] * (double)b[(o - p.first) * r + k];
        b += p.rows * r;
    }
    return sum;
}

static void linear(TensorOps *t, Tensor y, Tensor x, Weight *w, Tensor bias,
                   Tensor residual, int64_t N)
{
    (void)t;
    int64_t O = w->rows, C = w->cols;
    float *py = host_f32(y, N * O);
    const float *px = host_f32(x, N * C), *pw = host_f32(w->value, O * C);
    const float *pb = host_f32_or_null(bias, O);
    const float *pr = host_f32_or_null(residual, N * O);
    double z[MAX_WIDTH];
    ASSERT(!pb || !pr);
    for (int64_t n = 0; n < N; n++) {
        if (w->adapter)
            down_row(z, w->adapter, px + n * C);
        for (int64_t o = 0; o < O; o++) {
            double sum = pb ? (double)pb[o] : pr ? (double)pr[n * O + o] : 0;
            sum += w->adapter ? up(w->adapter, z, o) : 0;
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
    const Adapter *adapter = w->adapter;
    int64_t width = adapter ? adapter_width(adapter) : 0;
    const float *pa = adapter ? host_f32(adapter->a.value, width * C) : NULL;
    double dz[MAX_WIDTH];
    for (int64_t n = 0; n < N; n++) {
        if (adapter)
            back_row(dz, adapter, pdy + n * O);
        for (int64_t c = 0; c < C; c++) {
            double sum = add ? (double)pdx[n * C + c] : 0;
            for (int64_t k = 0; k < width; k++)
                sum += dz[k] * (double)pa[k * C + c];
            for (int64_t o = 0; o < O; o++)
                sum += (double)pdy[n * O + o] * (double)pw[o * C + c];
            pdx[n * C + c] = (float)sum;
        }
    }
}

/* What one row adds to the gradients. */
static void adapter_backward_row(const Adapter *adapter, const float *dy,
                                 const float *x)
{
    int64_t r = adapter_rank(adapter), width = adapter_width(adapter);
    int64_t C = adapter->a.cols;
    float *da = host_f32_or_null(adapter->a.grad, width * C);
    float *db = host_f32_or_null(adapter->b.grad, adapter->b.rows * r);
    double z[MAX_WIDTH] = {0}, dz[MAX_WIDTH] = {0};
    if (!da || !db)
        return;
    down_row(z, adapter, x);
    back_row(dz, adapter, dy);
    for (int64_t k = 0; k < width; k++) {
        for (int64_t c = 0; c < C; c++)
            da[k * C + c] += (float)(dz[k] * (double)x[c]);
    }
    for (int32_t i = 0; i < adapter->pieces; i++) {
        AdapterPiece p = adapter->piece[i];
        for (int64_t o = 0; o < p.rows; o++, db += r) {
            for (int64_t k = 0; k < r; k++)
                db[k] += (float)((double)dy[p.first + o] * z[i * r + k]);
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
    for (int64_t n = 0; w->adapter && n < N; n++)
        adapter_backward_row(w->adapter, pdy + n * O, px + n * C);
}

void ref_fill_linear(TensorOps *t)
{
    t->linear = linear;
    t->linear_backward_input = linear_backward_input;
    t->linear_backward_weight = linear_backward_weight;
}
