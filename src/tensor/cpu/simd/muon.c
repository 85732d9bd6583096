/* muon.c - one step of Muon, a matrix a task; the formula is in ops.h.
 *
 * The iteration runs on X(p,q), p <= q, which is the matrix or its transpose. Its three
 * products are gemm_kernel.h's, on whole operands packed as strips: hidden matrices are
 * small enough for that, and there are more of them than threads, so nothing is shared.
 * XX^T and A^2 are symmetric: tiles that lie below the diagonal are copied from above it.
 * Extents are rounded up to whole tiles, with zeros beyond: no tile has an edge. */
#include "tensor/cpu/simd/fill.h"
#include "tensor/cpu/simd/gemm_pack.h"
#include "tensor/host.h"

/* One thread's. */
typedef struct Room {
    float *x, *y;      /* (p,q), rows ldq apart */
    float *a, *square; /* (p,p), rows ldp apart */
    uint32_t *rows;    /* the first operand of a product */
    uint32_t *columns; /* the second */
    int64_t p, q, ldp, ldq;
    bool bf16;
} Room;

static int64_t up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static Room room_at(float *at, int64_t p, int64_t q, bool bf16)
{
    Room r = {
        .p = p, .q = q, .ldp = up(p, GEMM_COLS), .ldq = up(q, GEMM_COLS), .bf16 = bf16};
    int64_t height = up(p, GEMM_ROWS);
    r.x = at;
    r.y = r.x + height * r.ldq;
    r.a = r.y + height * r.ldq;
    r.square = r.a + height * r.ldp;
    r.rows = (uint32_t *)(void *)(r.square + height * r.ldp);
    r.columns = r.rows + height * q + GEMM_SLACK;
    return r;
}

/* C(M,N) = A B^T + base, or only the tiles that reach above the diagonal. */
typedef struct Product {
    float *c;
    const float *base; /* rows ldc apart; NULL: 0 */
    int64_t ldc;
    GemmMatrix a, b;
    int64_t M, N, K;
    bool upper;
} Product;

static void pack(uint32_t *out, int64_t width, GemmMatrix m, int64_t n, int64_t K,
                 bool bf16)
{
    int64_t strip = words_of(K, bf16) * width;
    for (int64_t i = 0; i < n; i += width, out += strip)
        gemm_pack_strip(out, width, gemm_from(m, i, 0), n - i, K, bf16);
}

static void multiply(const Room *r, const Product *x)
{
    static const float nothing[GEMM_COLS] = {0};
    int64_t words = words_of(x->K, r->bf16);
    pack(r->rows, GEMM_ROWS, x->a, x->M, x->K, r->bf16);
    pack(r->columns, GEMM_COLS, x->b, x->N, x->K, r->bf16);
    for (int64_t j = 0; j < x->N; j += GEMM_COLS) {
        int64_t end = x->upper && j + GEMM_COLS < x->M ? j + GEMM_COLS : x->M;
        for (int64_t i = 0; i < end; i += GEMM_ROWS) {
            GemmTile tile = {.a = r->rows + i * words,
                             .b = r->columns + j * words,
                             .words = words,
                             .c = x->c + i * x->ldc + j,
                             .ldc = x->ldc,
                             .base = x->base ? x->base + i * x->ldc + j : nothing,
                             .base_ld = x->base ? x->ldc : 0};
            int64_t rows = x->M - i < GEMM_ROWS ? x->M - i : GEMM_ROWS;
            gemm_tile(&tile, rows, r->bf16 ? GEMM_BF16 : GEMM_F32);
        }
    }
}

/* What is below the diagonal from what is above it. */
static void mirror(float *a, int64_t n, int64_t ld)
{
    enum { BLOCK = 16 };
    for (int64_t i0 = 0; i0 < n; i0 += BLOCK) {
        for (int64_t j0 = 0; j0 <= i0; j0 += BLOCK) {
            for (int64_t i = i0; i < n && i < i0 + BLOCK; i++) {
                for (int64_t j = j0; j < i && j < j0 + BLOCK; j++)
                    a[i * ld + j] = a[j * ld + i];
            }
        }
    }
}

/* y = s x + t z. */
static void mix(float *y, float s, const float *x, float t, const float *z, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = s * x[i] + t * z[i];
}

static GemmMatrix rows_of(const float *at, int64_t ld)
{
    return (GemmMatrix){.at = at, .ld = ld, .k_dense = true};
}
static GemmMatrix columns_of(const float *at, int64_t ld)
{
    return (GemmMatrix){.at = at, .ld = ld};
}

/* X = aX + (bA + cA^2) X with A = XX^T. */
static void polar_step(Room *r, const double coefficients[3])
{
    float a = (float)coefficients[0], b = (float)coefficients[1],
          c = (float)coefficients[2];
    int64_t p = r->p, q = r->q, ldp = r->ldp, ldq = r->ldq;
    GemmMatrix x = rows_of(r->x, ldq), gram = columns_of(r->a, ldp);
    multiply(r, &(Product){r->a, NULL, ldp, x, x, p, p, q, true});
    mirror(r->a, p, ldp);
    multiply(r, &(Product){r->square, NULL, ldp, gram, gram, p, p, p, true});
    mirror(r->square, p, ldp);
    mix(r->a, b, r->a, c, r->square, p * ldp);
    mix(r->y, a, r->x, 0, r->x, p * ldq);
    multiply(r,
             &(Product){r->y, r->y, ldq, gram, columns_of(r->x, ldq), p, q, p, false});
    float *was = r->x;
    r->x = r->y;
    r->y = was;
}

/* m = momentum m + g; u = momentum m + g into the room, transposed when it is tall. */
static void begin(Room *r, const MuonMatrix *u, MuonStep s)
{
    int64_t n = u->rows * u->cols;
    bool tall = u->rows > u->cols;
    int64_t along = tall ? 1 : r->ldq, across = tall ? r->ldq : 1;
    float *m = host_f32(u->m, n);
    const float *g = host_f32(u->g, n);
    for (int64_t i = 0; i < u->rows; i++) {
        float *x = r->x + i * along;
        for (int64_t j = 0; j < u->cols; j++, m++, g++) {
            float grad = *g * s.grad_scale;
            *m = s.momentum * *m + grad;
            x[j * across] = s.momentum * *m + grad;
        }
    }
    double sum = 0;
    for (int64_t i = 0; i < r->p; i++)
        sum += (double)vec_dot(r->x + i * r->ldq, r->x + i * r->ldq, r->q);
    float scale = (float)(1 / (1.02 * sqrt(sum) + 1e-30));
    mix(r->x, scale, r->x, 0, r->x, r->p * r->ldq);
}

static void finish(const Room *r, const MuonMatrix *u, MuonStep s)
{
    bool tall = u->rows > u->cols;
    int64_t along = tall ? 1 : r->ldq, across = tall ? r->ldq : 1;
    float *w = host_f32(u->w, u->rows * u->cols);
    float keep = 1 - s.lr * s.decay, rate = s.lr;
    if (tall)
        rate *= sqrtf((float)u->rows / (float)u->cols);
    for (int64_t i = 0; i < u->rows; i++) {
        const float *x = r->x + i * along;
        for (int64_t j = 0; j < u->cols; j++, w++)
            *w = keep * *w - rate * x[j * across];
    }
}

static void update(const MuonMatrix *u, MuonStep s, float *at, bool bf16)
{
    bool tall = u->rows > u->cols;
    Room r = room_at(at, tall ? u->cols : u->rows, tall ? u->rows : u->cols, bf16);
    memset(r.x, 0, (size_t)(r.p * r.ldq) * sizeof *r.x);
    memset(r.a, 0, (size_t)(r.p * r.ldp) * sizeof *r.a);
    memset(r.square, 0, (size_t)(r.p * r.ldp) * sizeof *r.square);
    begin(&r, u, s);
    for (int step = 0; step < MUON_POLAR_STEPS; step++)
        polar_step(&r, muon_polar[step]);
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
    bool bf16 = t->compute == COMPUTE_BF16;
    PARALLEL_FOR_UNEVEN(t, n * words)
    for (int64_t i = 0; i < n; i++)
        update(&matrices[i], step, room + CPU_THREAD * words, bf16);
}

void SIMD_FILL(muon_)(TensorOps *t)
{
    t->muon = muon;
}
