/* embed.c - rows by id. The gradient is shared out by columns: an id may occur many times,
 * and each column is added up by one thread in the order of the rows. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/host.h"

enum { COLUMNS = 4 * LANES /* a task */ };

static void check_ids(const int32_t *id, int64_t N, int64_t rows)
{
    for (int64_t n = 0; n < N; n++)
        ASSERT(id[n] >= 0 && id[n] < rows);
}

static void embed(TensorOps *t, Tensor x, Weight *table, Tensor ids, int64_t N)
{
    int64_t C = table->cols;
    float *px = host_f32(x, N * C);
    const float *w = host_f32(table->value, table->rows * C);
    const int32_t *id = host_i32(ids, N);
    check_ids(id, N, table->rows);
    PARALLEL_FOR(t, N * C)
    for (int64_t n = 0; n < N; n++)
        memcpy(px + n * C, w + id[n] * C, (size_t)C * sizeof(float));
}

static void embed_backward(TensorOps *t, Weight *table, Tensor dx, Tensor ids,
                           int64_t N)
{
    int64_t C = table->cols, tasks = (C + COLUMNS - 1) / COLUMNS;
    float *dw = host_f32(table->grad, table->rows * C);
    const float *pdx = host_f32(dx, N * C);
    const int32_t *id = host_i32(ids, N);
    check_ids(id, N, table->rows);
    PARALLEL_FOR(t, N * C)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t c = task * COLUMNS, n_columns = C - c < COLUMNS ? C - c : COLUMNS;
        for (int64_t n = 0; n < N; n++)
            vec_axpy(dw + id[n] * C + c, 1, pdx + n * C + c, n_columns);
    }
}

void SIMD_FILL(embed_)(TensorOps *t)
{
    t->embed = embed;
    t->embed_backward = embed_backward;
}
