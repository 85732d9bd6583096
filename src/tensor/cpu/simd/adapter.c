/* adapter.c - the products of low-rank adapters (Hu et al. 2021). The formulas are in
 * ref/linear.c.
 *
 * What is narrow, z = scale x a^T and dz = scale dy b, lies in scratch, for all N rows.
 * What it is multiplied by next is wide and is added inside the product of w itself (see
 * GemmExtra), so an adapter costs no pass over wide rows. z and dz are made anew in each of
 * the three operations: they are as cheap as a rank is small, and nobody has to keep them.
 *
 * The packed copies, made when a or b changed, as products read them:
 *
 *     a(width,C)    for z      strips of its rows
 *     b(O,width)    for y      strips of all rows of w, b's blocks on the diagonal
 *     a^T(C,width)  for dx     strips of its columns                                     */
#include "tensor/cpu/simd/adapter.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "tensor/cpu/simd/fill.h"
#include "tensor/host.h"

/* Where the copies lie, in words. */
typedef struct Copies {
    int64_t up, turned, end; /* a is at 0 */
} Copies;

static Copies copies_of(int64_t O, int64_t C, int64_t width, bool bf16)
{
    Copies at = {.up = gemm_packed_words(width, C, bf16)};
    at.turned = at.up + gemm_packed_words(O, width, bf16);
    at.end = at.turned + gemm_packed_words(C, width, bf16);
    return at;
}

static Copies copies_in(const Weight *w)
{
    return copies_of(w->rows, w->cols, adapter_width(w->adapter), w->packed != NULL);
}

static const uint32_t *packed_at(const Weight *w, int64_t word)
{
    return (const uint32_t *)w->adapter->packed + word;
}

static size_t adapter_packed_bytes(TensorOps *t, int64_t rows, int64_t cols,
                                   int64_t width)
{
    bool bf16 = t->compute == COMPUTE_BF16;
    return (size_t)copies_of(rows, cols, width, bf16).end * sizeof(uint32_t);
}

static Status adapter_prepare(TensorOps *t, Weight *w, Err *err)
{
    (void)t;
    Adapter *adapter = w->adapter;
    uint32_t *packed;
    if (adapter->packed)
        return OK;
    TRY(MEM_ARRAY(&packed, (size_t)copies_in(w).end, err));
    adapter->packed = packed;
    return OK;
}

static void adapter_release(TensorOps *t, Weight *w)
{
    (void)t;
    mem_free(w->adapter->packed);
    w->adapter->packed = NULL;
}

/* Element k of row o of a packed matrix of K columns, which is 0 so far. */
static void put(uint32_t *packed, int64_t o, int64_t k, int64_t K, float x, bool bf16)
{
    int64_t w = bf16 ? k / 2 : k, lane = o % GEMM_COLS;
    uint32_t *word =
        packed + (o / GEMM_COLS * gemm_words(K, bf16) + w) * GEMM_COLS + lane;
    if (bf16)
        *word |= (uint32_t)bytes_f32_to_bf16(x) << (k % 2 * 16);
    else
        memcpy(word, &x, sizeof x);
}

/* The blocks: what is 0 between them was 0 when the memory was made and stays so. */
static void pack_blocks(uint32_t *packed, const Adapter *adapter, bool bf16)
{
    int64_t r = adapter_rank(adapter), width = adapter_width(adapter);
    const float *b = host_f32(adapter->b.value, adapter->b.rows * r);
    for (int32_t i = 0; i < adapter->pieces; i++) {
        AdapterPiece p = adapter->piece[i];
        for (int64_t o = 0; o < p.rows; o++, b += r) {
            for (int64_t k = 0; k < r; k++)
                put(packed, p.first + o, i * r + k, width, b[k], bf16);
        }
    }
}

static void adapter_changed(TensorOps *t, Weight *w)
{
    const Adapter *adapter = w->adapter;
    if (!adapter->packed)
        return;
    bool bf16 = w->packed != NULL;
    int64_t C = w->cols, width = adapter_width(adapter);
    uint32_t *packed = adapter->packed;
    Copies at = copies_in(w);
    const float *a = host_f32(adapter->a.value, width * C);
    gemm_pack_all(t, packed, (GemmMatrix){a, C, true, false}, width, C, bf16);
    gemm_pack_all(t, packed + at.turned, (GemmMatrix){a, C, false, false}, C, width,
                  bf16);
    memset(packed + at.up, 0, (size_t)(at.turned - at.up) * sizeof *packed);
    pack_blocks(packed + at.up, adapter, bf16);
}

/* z or dz: one half each of the scratch. */
static Tensor narrow(TensorOps *t, const Weight *w, int64_t N, bool second)
{
    int64_t n = N * adapter_width(w->adapter);
    float *at = cpu_floats(&cpu_context(t)->adapter, 2 * n);
    return (Tensor){second ? at + n : at, TENSOR_F32, n};
}

static GemmMatrix rows_of(Tensor x, int64_t rows, int64_t cols)
{
    return (GemmMatrix){host_activations(x, rows * cols), cols, true, host_is_bf16(x)};
}

static Tensor down(TensorOps *t, const Weight *w, Tensor x, int64_t N)
{
    Adapter *adapter = w->adapter;
    int64_t C = w->cols, width = adapter_width(adapter);
    Tensor z = narrow(t, w, N, false);
    if (!w->packed && N <= CPU_FEW_ROWS)
        t->linear(t, z, x, &adapter->a, (Tensor){0}, (Tensor){0}, N);
    else
        gemm_multiply(t, &(Gemm){.c = z.data,
                                 .ldc = width,
                                 .a = rows_of(x, N, C),
                                 .packed_b = packed_at(w, 0),
                                 .M = N,
                                 .N = width,
                                 .K = C,
                                 .bf16 = w->packed != NULL});
    t->scale(t, z, adapter->scale);
    return z;
}

/* Columns [first,..) of the rows of x, as the transposed operand of a sum over rows or as
 * rows. */
static GemmMatrix columns_of(Tensor x, int64_t first, int64_t ld, bool k_dense)
{
    bool bf16 = host_is_bf16(x);
    return (GemmMatrix){stored_at_const(x.data, first, bf16), ld, k_dense, bf16};
}

static Tensor back(TensorOps *t, const Weight *w, Tensor dy, int64_t N)
{
    const Adapter *adapter = w->adapter;
    int64_t r = adapter_rank(adapter), width = adapter_width(adapter);
    Tensor dz = narrow(t, w, N, true);
    const float *b = host_f32(adapter->b.value, adapter->b.rows * r);
    ASSERT(dy.count >= N * w->rows);
    for (int32_t i = 0; i < adapter->pieces; i++) {
        AdapterPiece p = adapter->piece[i];
        gemm_multiply(t, &(Gemm){.c = (float *)dz.data + i * r,
                                 .ldc = width,
                                 .a = columns_of(dy, p.first, w->rows, true),
                                 .b = {b, r, false, false},
                                 .M = N,
                                 .N = r,
                                 .K = p.rows,
                                 .bf16 = w->packed != NULL});
        b += p.rows * r;
    }
    t->scale(t, dz, adapter->scale);
    return dz;
}

GemmExtra gemm_adapter_down(TensorOps *t, const Weight *w, Tensor x, int64_t N)
{
    int64_t width = adapter_width(w->adapter);
    Tensor z = down(t, w, x, N);
    return (GemmExtra){.a = {z.data, width, true, false},
                       .packed_b = packed_at(w, copies_in(w).up),
                       .K = width,
                       .blocks = w->adapter};
}

GemmExtra gemm_adapter_back(TensorOps *t, const Weight *w, Tensor dy, int64_t N)
{
    int64_t width = adapter_width(w->adapter);
    Tensor dz = back(t, w, dy, N);
    return (GemmExtra){.a = {dz.data, width, true, false},
                       .packed_b = packed_at(w, copies_in(w).turned),
                       .K = width};
}

void gemm_adapter_gradients(TensorOps *t, const Weight *w, Tensor dy, Tensor x,
                            int64_t N)
{
    const Adapter *adapter = w->adapter;
    if (!tensor_present(adapter->a.grad) || N == 0)
        return;
    int64_t C = w->cols, r = adapter_rank(adapter), width = adapter_width(adapter);
    Tensor z = down(t, w, x, N), dz = back(t, w, dy, N);
    float *db = host_f32(adapter->b.grad, adapter->b.rows * r);
    gemm_multiply(t, &(Gemm){.c = host_f32(adapter->a.grad, width * C),
                             .ldc = C,
                             .a = columns_of(dz, 0, width, false),
                             .b = columns_of(x, 0, C, false),
                             .M = width,
                             .N = C,
                             .K = N,
                             .add = true,
                             .bf16 = w->packed != NULL});
    for (int32_t i = 0; i < adapter->pieces; i++) {
        AdapterPiece p = adapter->piece[i];
        gemm_multiply(t, &(Gemm){.c = db,
                                 .ldc = r,
                                 .a = columns_of(dy, p.first, w->rows, false),
                                 .b = columns_of(z, i * r, width, false),
                                 .M = p.rows,
                                 .N = r,
                                 .K = N,
                                 .add = true,
                                 .bf16 = w->packed != NULL});
        db += p.rows * r;
    }
}

void SIMD_FILL(adapter_)(TensorOps *t)
{
    t->adapter_prepare = adapter_prepare;
    t->adapter_packed_bytes = adapter_packed_bytes;
    t->adapter_changed = adapter_changed;
    t->adapter_release = adapter_release;
}
