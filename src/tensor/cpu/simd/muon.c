/* muon.c - one step of Muon, a matrix a task; the formula is in ops.h.
 *
 * All of the iteration happens on the smaller side. For X(p,q), p <= q, its steps are
 * X = M X with M = aI + bA + cA^2 and A = XX^T, and M and A are polynomials of the first
 * A: symmetric, and they commute. So
 *
 *     A = XX^T / (1.02 |X|)^2, |X|^2 = trace XX^T;   Q = I / (1.02 |X|)
 *     each step: M = aI + bA + cA^2;  Q = MQ;  A = M(MA)
 *     at the end: X = QX
 *
 * takes two products with X instead of ten. Rounding errors of A do not commute and grow, so
 * after two steps all starts anew from X as it is then. A tall X is the same from the other side,
 * A = X^T X and X = XQ. All in f32: eigenvalues of A are the squares of X's.
 *
 * Products are gemm_kernel.h's, on whole operands packed as strips: hidden matrices are
 * small enough for that, and there are more of them than threads, so tasks share nothing.
 * Of a symmetric result, what is below the diagonal is copied from above it. Extents are
 * rounded up to whole tiles with zeros beyond: no tile has an edge. */
#include "tensor/cpu/simd/fill.h"
#include "tensor/cpu/simd/gemm_pack.h"
#include "tensor/host.h"

/* One thread's. */
typedef struct Room {
    float *x, *y;             /* as the matrix, rows ld apart */
    float *a, *m, *q, *other; /* (p,p), rows ldp apart */
    uint32_t *rows;           /* the first operand of a product */
    uint32_t *columns;        /* the second */
    int64_t n_rows, n_cols, ld, p, ldp;
    bool tall;
} Room;

static int64_t up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Rows that are written, by tiles and by mirror. */
static int64_t height_of(int64_t rows)
{
    int64_t tiles = up(rows, GEMM_ROWS), blocks = up(rows, GEMM_COLS);
    return tiles > blocks ? tiles : blocks;
}

static Room room_at(float *at, int64_t rows, int64_t cols)
{
    bool tall = rows > cols;
    int64_t p = tall ? cols : rows, q = tall ? rows : cols, ldp = up(p, GEMM_COLS);
    Room r = {.n_rows = rows,
              .n_cols = cols,
              .ld = up(cols, GEMM_COLS),
              .p = p,
              .ldp = ldp,
              .tall = tall};
    int64_t whole = height_of(rows) * r.ld, small = height_of(p) * ldp;
    memset(at, 0, (size_t)(2 * whole + 4 * small) * sizeof *at);
    r.x = at;
    r.y = r.x + whole;
    r.a = r.y + whole;
    r.m = r.a + small;
    r.q = r.m + small;
    r.other = r.q + small;
    r.rows = (uint32_t *)(void *)(r.other + small);
    r.columns = r.rows + height_of(p) * height_of(q) + GEMM_SLACK;
    return r;
}

/* --- products -------------------------------------------------------------------------- */

/* C(M,N) = A B^T; symmetric: C is, M = N, and only half is computed. */
typedef struct Product {
    float *c;
    int64_t ldc;
    GemmMatrix a, b;
    int64_t M, N, K;
    bool symmetric;
} Product;

static void pack(uint32_t *out, int64_t width, GemmMatrix m, int64_t n, int64_t K)
{
    for (int64_t i = 0; i < n; i += width)
        gemm_pack_strip(out + i * K, width, gemm_from(m, i, 0), n - i, K, false);
}

/* What is below the diagonal from what is above it. */
static void mirror(float *a, int64_t n, int64_t ld)
{
    for (int64_t i = LANES; i < n; i += LANES) {
        for (int64_t j = 0; j < i; j += LANES) {
            Vec block[LANES];
            for (int64_t k = 0; k < LANES; k++)
                block[k] = vec_load(a + (j + k) * ld + i);
            vec_transpose(block);
            for (int64_t k = 0; k < LANES; k++)
                vec_store(a + (i + k) * ld + j, block[k]);
        }
    }
}

static void multiply(const Room *r, const Product *x)
{
    static const float nothing[GEMM_COLS] = {0};
    pack(r->rows, GEMM_ROWS, x->a, x->M, x->K);
    pack(r->columns, GEMM_COLS, x->b, x->N, x->K);
    for (int64_t j = 0; j < x->N; j += GEMM_COLS) {
        int64_t end = x->symmetric && j + GEMM_COLS < x->M ? j + GEMM_COLS : x->M;
        for (int64_t i = 0; i < end; i += GEMM_ROWS) {
            GemmTile tile = {.a = r->rows + i * x->K,
                             .b = r->columns + j * x->K,
                             .words = x->K,
                             .c = x->c + i * x->ldc + j,
                             .ldc = x->ldc,
                             .base = nothing};
            gemm_tile(&tile, x->M - i < GEMM_ROWS ? x->M - i : GEMM_ROWS, GEMM_F32);
        }
    }
    if (x->symmetric)
        mirror(x->c, x->M, x->ldc);
}

/* Either operand of a product, its rows or its columns. */
static GemmMatrix rows_of(const float *at, int64_t ld)
{
    return (GemmMatrix){.at = at, .ld = ld, .k_dense = true};
}
static GemmMatrix columns_of(const float *at, int64_t ld)
{
    return (GemmMatrix){.at = at, .ld = ld};
}

/* c = a b, of (p,p) matrices that are symmetric and commute. */
static void multiply_small(const Room *r, float *c, const float *a, const float *b)
{
    int64_t p = r->p, ld = r->ldp;
    multiply(r, &(Product){c, ld, columns_of(a, ld), columns_of(b, ld), p, p, p, true});
}

/* a = XX^T, or X^T X. */
static void make_gram(const Room *r)
{
    GemmMatrix x = r->tall ? columns_of(r->x, r->ld) : rows_of(r->x, r->ld);
    int64_t q = r->tall ? r->n_rows : r->n_cols;
    multiply(r, &(Product){r->a, r->ldp, x, x, r->p, r->p, q, true});
}

/* y = QX, or XQ. */
static void apply(const Room *r)
{
    GemmMatrix q = columns_of(r->q, r->ldp);
    GemmMatrix x = r->tall ? rows_of(r->x, r->ld) : columns_of(r->x, r->ld);
    multiply(r, &(Product){r->y, r->ld, r->tall ? x : q, r->tall ? q : x, r->n_rows,
                           r->n_cols, r->p, false});
}

/* --- the iteration ---------------------------------------------------------------------- */

/* y = s x + t z. */
static void mix(float *y, float s, const float *x, float t, const float *z, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = s * x[i] + t * z[i];
}

static void swap(float **a, float **b)
{
    float *was = *a;
    *a = *b;
    *b = was;
}

static double trace_of(const Room *r)
{
    double sum = 0;
    for (int64_t i = 0; i < r->p; i++)
        sum += (double)r->a[i * r->ldp + i];
    return sum;
}

/* Steps [from, to) of the iteration on shrink X. */
static void run_steps(Room *r, double shrink, int from, int to)
{
    int64_t n = r->p * r->ldp;
    mix(r->a, (float)(shrink * shrink), r->a, 0, r->a, n);
    for (int step = from; step < to; step++) {
        const double *c = muon_polar[step];
        multiply_small(r, r->m, r->a, r->a);
        mix(r->m, (float)c[2], r->m, (float)c[1], r->a, n);
        for (int64_t i = 0; i < r->p; i++)
            r->m[i * r->ldp + i] += (float)c[0];
        if (step == from) {
            mix(r->q, (float)shrink, r->m, 0, r->m, n);
        } else {
            multiply_small(r, r->other, r->m, r->q);
            swap(&r->q, &r->other);
        }
        if (step + 1 < to) {
            multiply_small(r, r->other, r->m, r->a);
            multiply_small(r, r->a, r->m, r->other);
        }
    }
    apply(r);
    swap(&r->x, &r->y);
}

static void polar(Room *r)
{
    enum { AGAIN = 2 };
    make_gram(r);
    run_steps(r, 1 / (1.02 * sqrt(trace_of(r)) + 1e-30), 0, AGAIN);
    make_gram(r);
    run_steps(r, 1, AGAIN, MUON_POLAR_STEPS);
}

/* m = momentum m + g; x = momentum m + g. */
static void begin(const Room *r, const MuonMatrix *u, MuonStep s)
{
    float *m = host_f32(u->m, u->rows * u->cols);
    const float *g = host_f32(u->g, u->rows * u->cols);
    for (int64_t i = 0; i < u->rows; i++, m += u->cols, g += u->cols) {
        float *x = r->x + i * r->ld;
        for (int64_t j = 0; j < u->cols; j++) {
            float grad = g[j] * s.grad_scale;
            m[j] = s.momentum * m[j] + grad;
            x[j] = s.momentum * m[j] + grad;
        }
    }
}

/* w -= lr decay w + lr scale y. */
static void finish(const Room *r, const MuonMatrix *u, MuonStep s)
{
    float *w = host_f32(u->w, u->rows * u->cols);
    float keep = 1 - s.lr * s.decay, rate = s.lr;
    if (r->tall)
        rate *= sqrtf((float)u->rows / (float)u->cols);
    for (int64_t i = 0; i < u->rows; i++, w += u->cols)
        mix(w, keep, w, -rate, r->x + i * r->ld, u->cols);
}

static void update(const MuonMatrix *u, MuonStep s, float *at)
{
    Room r = room_at(at, u->rows, u->cols);
    begin(&r, u, s);
    polar(&r);
    finish(&r, u, s);
}

static void muon(TensorOps *t, const MuonMatrix *matrices, int64_t n, MuonStep step)
{
    int64_t words = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t need = cpu_muon_words(matrices[i].rows, matrices[i].cols);
        words = need > words ? need : words;
    }
    float *room = cpu_floats(&cpu_context(t)->muon, cpu_context(t)->threads * words);
    PARALLEL_FOR_UNEVEN(t, n * words)
    for (int64_t i = 0; i < n; i++)
        update(&matrices[i], step, room + CPU_THREAD * words);
}

void SIMD_FILL(muon_)(TensorOps *t)
{
    t->muon = muon;
}
