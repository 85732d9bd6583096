/* linear.c - the products of a linear layer. Large ones go to oneDNN. Few rows (a
 * decoding step) are ours, because there a library spends longer on packing and on
 * allocating than on the product:
 *
 *   N < 8      a dot product for each output: the weights stream through once;
 *   otherwise  x^T, rows of weights times panels of TILE_COLS tokens: y^T = w x^T, with
 *              the panel in the first-level cache. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/tile.h"
#include "tensor/host.h"

enum {
    FEWEST_FOR_TILES = 8,
    OUTPUTS = 32, /* a task */
    PAGE_FLOATS = 1024,
    PAGE_ROWS = 128,
};

typedef struct Product {
    float *y;
    const float *x, *w, *bias;
    int64_t N, O, C;
} Product;

static void by_dots(TensorOps *t, const Product *p)
{
    int64_t tasks = (p->O + OUTPUTS - 1) / OUTPUTS;
    PARALLEL_FOR(t, p->O * p->C)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t end = (task + 1) * OUTPUTS < p->O ? (task + 1) * OUTPUTS : p->O;
        for (int64_t o = task * OUTPUTS; o < end; o++) {
            float bias = p->bias ? p->bias[o] : 0;
            for (int64_t n = 0; n < p->N; n++)
                p->y[n * p->O + o] =
                    vec_dot(p->x + n * p->C, p->w + o * p->C, p->C) + bias;
        }
    }
}

/* y[n][o] for TILE_ROWS outputs and one panel of tokens. */
static void outputs_of_panel(const Product *p, const float *panel, int64_t n0,
                             int64_t o, int64_t outputs)
{
    float tile[TILE_ROWS * TILE_COLS] = {0}; /* the analyzer cannot see it filled */
    int64_t tokens = p->N - n0 < TILE_COLS ? p->N - n0 : TILE_COLS;
    tile_multiply((Tile){.c = tile,
                         .ldc = TILE_COLS,
                         .a = p->w + o * p->C,
                         .a_row = p->C,
                         .a_col = 1,
                         .b = panel,
                         .ldb = TILE_COLS,
                         .m = outputs,
                         .n = lanes_up(tokens),
                         .k = p->C});
    for (int64_t n = 0; n < tokens; n++) {
        float *y = p->y + (n0 + n) * p->O + o;
        for (int64_t r = 0; r < outputs; r++)
            y[r] = tile[r * TILE_COLS + n] + (p->bias ? p->bias[o + r] : 0);
    }
}

static void by_tiles(TensorOps *t, const Product *p)
{
    int64_t panels = (p->N + TILE_COLS - 1) / TILE_COLS;
    float *xt = cpu_floats(&cpu_context(t)->transposed, panels * TILE_COLS * p->C);
    for (int64_t i = 0; i < panels; i++)
        tile_pack(xt + i * TILE_COLS * p->C, p->x + i * TILE_COLS * p->C, p->C,
                  p->N - i * TILE_COLS, p->C);
    int64_t tasks = (p->O + OUTPUTS - 1) / OUTPUTS;
    PARALLEL_FOR(t, p->O * p->C * p->N)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t end = (task + 1) * OUTPUTS < p->O ? (task + 1) * OUTPUTS : p->O;
        for (int64_t i = 0; i < panels; i++) {
            for (int64_t o = task * OUTPUTS; o < end; o += TILE_ROWS)
                outputs_of_panel(p, xt + i * TILE_COLS * p->C, i * TILE_COLS, o,
                                 end - o < TILE_ROWS ? end - o : TILE_ROWS);
        }
    }
}

static void by_library(TensorOps *t, const Product *p)
{
    if (p->bias) {
        PARALLEL_FOR(t, p->N * p->O)
        for (int64_t n = 0; n < p->N; n++)
            memcpy(p->y + n * p->O, p->bias, (size_t)p->O * sizeof(float));
    }
    cpu_gemm(t, (CpuGemm){.a = p->x,
                          .b = p->w,
                          .c = p->y,
                          .M = p->N,
                          .N = p->O,
                          .K = p->C,
                          .transpose_b = true,
                          .add = p->bias != NULL});
}

static void linear(TensorOps *t, Tensor y, Tensor x, Weight *w, Tensor bias, int64_t N)
{
    int64_t O = w->rows, C = w->cols;
    Product p = {.y = host_f32(y, N * O),
                 .x = host_f32(x, N * C),
                 .w = host_f32(w->value, O * C),
                 .bias = host_f32_or_null(bias, O),
                 .N = N,
                 .O = O,
                 .C = C};
    if (N < FEWEST_FOR_TILES)
        by_dots(t, &p);
    else if (N <= CPU_FEW_ROWS)
        by_tiles(t, &p);
    else
        by_library(t, &p);
}

static void linear_backward_input(TensorOps *t, Tensor dx, Tensor dy, Weight *w,
                                  int64_t N, bool add)
{
    int64_t O = w->rows, C = w->cols;
    cpu_gemm(t, (CpuGemm){.a = host_f32(dy, N * O),
                          .b = host_f32(w->value, O * C),
                          .c = host_f32(dx, N * C),
                          .M = N,
                          .N = C,
                          .K = O,
                          .add = add});
}

/* Columns in blocks, each summed by one thread over all rows. */
static void add_column_sums(TensorOps *t, float *sum, const float *x, int64_t N,
                            int64_t C)
{
    int64_t blocks = (C + OUTPUTS - 1) / OUTPUTS;
    PARALLEL_FOR(t, N * C)
    for (int64_t block = 0; block < blocks; block++) {
        int64_t c0 = block * OUTPUTS, n = C - c0 < OUTPUTS ? C - c0 : OUTPUTS;
        for (int64_t i = 0; i < N; i++)
            vec_axpy(sum + c0, 1, x + i * C + c0, n);
    }
}

/* dw += dy^T x. When the rows of dy lie a multiple of 4 KiB apart, its columns fall into
 * the same few sets of the cache, and the library, which walks down columns, runs at half
 * its speed; blocks of PAGE_ROWS rows bring it back. */
static void add_weight_gradient(TensorOps *t, float *dw, const float *dy,
                                const float *x, const Weight *w, int64_t N)
{
    int64_t block = w->rows % PAGE_FLOATS == 0 ? PAGE_ROWS : N;
    for (int64_t n = 0; n < N; n += block)
        cpu_gemm(t, (CpuGemm){.a = dy + n * w->rows,
                              .b = x + n * w->cols,
                              .c = dw,
                              .M = w->rows,
                              .N = w->cols,
                              .K = N - n < block ? N - n : block,
                              .transpose_a = true,
                              .add = true});
}

static void linear_backward_weight(TensorOps *t, Weight *w, Tensor dbias, Tensor dy,
                                   Tensor x, int64_t N)
{
    int64_t O = w->rows, C = w->cols;
    const float *pdy = host_f32(dy, N * O);
    if (tensor_present(w->grad))
        add_weight_gradient(t, host_f32(w->grad, O * C), pdy, host_f32(x, N * C), w, N);
    if (tensor_present(dbias))
        add_column_sums(t, host_f32(dbias, O), pdy, N, O);
}

void SIMD_FILL(linear_)(TensorOps *t)
{
    t->linear = linear;
    t->linear_backward_input = linear_backward_input;
    t->linear_backward_weight = linear_backward_weight;
}
