/* linear.c - the products of a linear layer.
 *
 * A weight with a packed copy (bf16) multiplies from it, whatever the number of rows. In
 * f32, few rows (a decoding step) are done without packing the weights:
 *
 *   N < 8      a dot product for each output: the weights stream through once;
 *   N <= 64    x^T, rows of weights times panels of TILE_COLS tokens: y^T = w x^T, with
 *              the panel in the first-level cache. */
#include "tensor/cpu/simd/fill.h"

#include "base/mem.h"
#include "tensor/cpu/simd/adapter.h"
#include "tensor/cpu/simd/tile.h"
#include "tensor/host.h"

enum { FEWEST_FOR_TILES = 8, OUTPUTS = 32 /* a task */ };

typedef struct Product {
    float *y;
    const float *x, *w, *bias, *residual; /* the last two: at most one */
    int64_t N, O, C;
} Product;

static float base_of(const Product *p, int64_t n, int64_t o)
{
    return p->bias ? p->bias[o] : p->residual ? p->residual[n * p->O + o] : 0;
}

static void by_dots(TensorOps *t, const Product *p)
{
    int64_t tasks = (p->O + OUTPUTS - 1) / OUTPUTS;
    PARALLEL_FOR(t, p->O * p->C)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t end = (task + 1) * OUTPUTS < p->O ? (task + 1) * OUTPUTS : p->O;
        for (int64_t o = task * OUTPUTS; o < end; o++) {
            for (int64_t n = 0; n < p->N; n++)
                p->y[n * p->O + o] =
                    vec_dot(p->x + n * p->C, p->w + o * p->C, p->C) + base_of(p, n, o);
        }
    }
}

/* y[n][o] for TILE_ROWS outputs and one panel of tokens. */
static void outputs_of_panel(const Product *p, const uint32_t *panel, int64_t n0,
                             int64_t o, int64_t outputs)
{
    float tile[TILE_ROWS * TILE_COLS] = {0}; /* the analyzer cannot see it filled */
    int64_t tokens = p->N - n0 < TILE_COLS ? p->N - n0 : TILE_COLS;
    Tile product = {.c = tile,
                    .ldc = TILE_COLS,
                    .a = p->w + o * p->C,
                    .a_row = p->C,
                    .a_word = 1,
                    .b = panel,
                    .ldb = TILE_COLS,
                    .words = p->C};
    if (outputs == TILE_ROWS)
        tile_rows(&product, 0, TILE_ROWS, lanes_up(tokens), false, false);
    for (int64_t r = 0; r < outputs && outputs < TILE_ROWS; r++)
        tile_rows(&product, r, 1, lanes_up(tokens), false, false);
    for (int64_t n = 0; n < tokens; n++) {
        float *y = p->y + (n0 + n) * p->O + o;
        for (int64_t r = 0; r < outputs; r++)
            y[r] = tile[r * TILE_COLS + n] + base_of(p, n0 + n, o + r);
    }
}

static void by_tiles(TensorOps *t, const Product *p)
{
    int64_t panels = (p->N + TILE_COLS - 1) / TILE_COLS;
    int64_t words = TILE_COLS * p->C; /* a panel */
    uint32_t *xt =
        cpu_buffer(&cpu_context(t)->transposed, (size_t)(panels * words) * sizeof *xt);
    for (int64_t i = 0; i < panels; i++)
        gemm_pack_strip(xt + i * words, TILE_COLS,
                        (GemmMatrix){p->x + i * words, p->C, true, false},
                        p->N - i * TILE_COLS, p->C, false);
    int64_t tasks = (p->O + OUTPUTS - 1) / OUTPUTS;
    PARALLEL_FOR(t, p->O * p->C * p->N)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t end = (task + 1) * OUTPUTS < p->O ? (task + 1) * OUTPUTS : p->O;
        for (int64_t i = 0; i < panels; i++) {
            for (int64_t o = task * OUTPUTS; o < end; o += TILE_ROWS)
                outputs_of_panel(p, xt + i * words, i * TILE_COLS, o,
                                 end - o < TILE_ROWS ? end - o : TILE_ROWS);
        }
    }
}

/* The row of b that output o has, and where its piece's columns of z begin; NULL when no
 * piece has it. */
static const float *row_of_b(const Adapter *adapter, int64_t o, int64_t *column)
{
    int64_t r = adapter_rank(adapter);
    const float *b = host_f32(adapter->b.value, adapter->b.rows * r);
    for (int32_t i = 0; i < adapter->pieces; i++) {
        AdapterPiece p = adapter->piece[i];
        *column = i * r;
        if (o >= p.first && o < p.first + p.rows)
            return b + (o - p.first) * r;
        b += p.rows * r;
    }
    return NULL;
}

/* y = the adapter's part and what else the product is added to. */
static void by_adapter(TensorOps *t, const Product *p, const Weight *w, Tensor x)
{
    int64_t r = adapter_rank(w->adapter), width = adapter_width(w->adapter);
    const float *z = gemm_adapter_down(t, w, x, p->N).a.at;
    PARALLEL_FOR(t, p->N * p->O * r)
    for (int64_t o = 0; o < p->O; o++) {
        int64_t column = 0;
        const float *b = row_of_b(w->adapter, o, &column);
        for (int64_t n = 0; n < p->N; n++)
            p->y[n * p->O + o] =
                base_of(p, n, o) + (b ? vec_dot(z + n * width + column, b, r) : 0);
    }
}

static GemmMatrix activations(Tensor x, int64_t rows, int64_t cols, bool k_dense)
{
    return (GemmMatrix){host_activations(x, rows * cols), cols, k_dense,
                        host_is_bf16(x)};
}

static void linear(TensorOps *t, Tensor y, Tensor x, Weight *w, Tensor bias,
                   Tensor residual, int64_t N)
{
    int64_t O = w->rows, C = w->cols;
    if (!w->packed && N <= CPU_FEW_ROWS) {
        Product p = {.y = host_f32(y, N * O),
                     .x = host_f32(x, N * C),
                     .w = host_f32(w->value, O * C),
                     .bias = host_f32_or_null(bias, O),
                     .residual = host_f32_or_null(residual, N * O),
                     .N = N,
                     .O = O,
                     .C = C};
        if (w->adapter && N > 0) {
            by_adapter(t, &p, w, x);
            p.residual = p.y;
            p.bias = NULL;
        }
        if (N < FEWEST_FOR_TILES)
            by_dots(t, &p);
        else
            by_tiles(t, &p);
        return;
    }
    GemmExtra extra = {0};
    if (w->adapter)
        extra = gemm_adapter_down(t, w, x, N);
    gemm_multiply(t, &(Gemm){.c = host_activations(y, N * O),
                             .ldc = O,
                             .a = activations(x, N, C, true),
                             .b = activations(w->value, O, C, true),
                             .packed_b = w->packed,
                             .bias = host_f32_or_null(bias, O),
                             .residual = host_f32_or_null(residual, N * O),
                             .extra = w->adapter ? &extra : NULL,
                             .M = N,
                             .N = O,
                             .K = C,
                             .bf16 = w->packed != NULL,
                             .c_bf16 = host_is_bf16(y)});
}

static void linear_backward_input(TensorOps *t, Tensor dx, Tensor dy, Weight *w,
                                  int64_t N, bool add)
{
    int64_t O = w->rows, C = w->cols;
    GemmExtra extra = {0};
    if (w->adapter && N > 0)
        extra = gemm_adapter_back(t, w, dy, N);
    gemm_multiply(t, &(Gemm){.c = host_activations(dx, N * C),
                             .ldc = C,
                             .a = activations(dy, N, O, true),
                             .b = {host_f32(w->value, O * C), C, false, false},
                             .extra = w->adapter ? &extra : NULL,
                             .M = N,
                             .N = C,
                             .K = O,
                             .add = add,
                             .bf16 = w->packed != NULL,
                             .c_bf16 = host_is_bf16(dx)});
}

/* Columns in blocks, each summed by one thread over all rows. */
static void add_column_sums(TensorOps *t, float *sum, Tensor x, int64_t N, int64_t C)
{
    const void *p = host_activations(x, N * C);
    bool bf16 = host_is_bf16(x);
    int64_t blocks = (C + LANES - 1) / LANES;
    PARALLEL_FOR(t, N * C)
    for (int64_t block = 0; block < blocks; block++) {
        int64_t c = block * LANES, n = C - c < LANES ? C - c : LANES;
        Vec s = stored_load_some(sum, c, n, false);
        for (int64_t i = 0; i < N; i++)
            s += bf16 ? stored_load_some(p, i * C + c, n, true)
                      : stored_load_some(p, i * C + c, n, false);
        stored_store_some(sum, c, s, n, false);
    }
}

static void linear_backward_weight(TensorOps *t, Weight *w, Tensor dbias, Tensor dy,
                                   Tensor x, int64_t N)
{
    int64_t O = w->rows, C = w->cols;
    if (tensor_present(w->grad))
        gemm_multiply(t, &(Gemm){.c = host_f32(w->grad, O * C),
                                 .ldc = C,
                                 .a = activations(dy, N, O, false),
                                 .b = activations(x, N, C, false),
                                 .M = O,
                                 .N = C,
                                 .K = N,
                                 .add = true,
                                 .bf16 = w->packed != NULL});
    if (tensor_present(dbias))
        add_column_sums(t, host_f32(dbias, O), dy, N, O);
    if (w->adapter)
        gemm_adapter_gradients(t, w, dy, x, N);
}

/* --- the packed copy ------------------------------------------------------------------ */
static size_t weight_packed_bytes(TensorOps *t, int64_t rows, int64_t cols)
{
    if (t->compute != COMPUTE_BF16)
        return 0;
    return (size_t)gemm_packed_words(rows, cols, true) * sizeof(uint32_t);
}

static Status weight_prepare(TensorOps *t, Weight *w, Err *err)
{
    size_t bytes = weight_packed_bytes(t, w->rows, w->cols);
    if (bytes == 0 || w->packed)
        return OK;
    uint32_t *packed;
    TRY(MEM_ARRAY(&packed, bytes / sizeof *packed, err));
    w->packed = packed;
    return OK;
}

static void weight_changed(TensorOps *t, Weight *w)
{
    if (w->packed)
        gemm_pack_all(
            t, w->packed,
            (GemmMatrix){host_f32(w->value, w->rows * w->cols), w->cols, true, false},
            w->rows, w->cols, true);
}

static void weight_release(TensorOps *t, Weight *w)
{
    (void)t;
    mem_free(w->packed);
    w->packed = NULL;
}

void SIMD_FILL(linear_)(TensorOps *t)
{
    t->weight_prepare = weight_prepare;
    t->weight_packed_bytes = weight_packed_bytes;
    t->weight_changed = weight_changed;
    t->weight_release = weight_release;
    t->linear = linear;
    t->linear_backward_input = linear_backward_input;
    t->linear_backward_weight = linear_backward_weight;
}
