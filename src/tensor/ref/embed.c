/* embed.c - rows of the embedding table by id, and their gradient. */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

static void embed(TensorOps *t, Tensor x, Weight *table, Tensor ids, int64_t N)
{
    (void)t;
    int64_t C = table->cols;
    float *px = host_f32(x, N * C);
    const float *w = host_f32(table->value, table->rows * C);
    const int32_t *id = host_i32(ids, N);
    for (int64_t n = 0; n < N; n++) {
        ASSERT(id[n] >= 0 && id[n] < table->rows);
        for (int64_t c = 0; c < C; c++)
            px[n * C + c] = w[id[n] * C + c];
    }
}

static void embed_backward(TensorOps *t, Weight *table, Tensor dx, Tensor ids,
                           int64_t N)
{
    (void)t;
    int64_t C = table->cols;
    float *dw = host_f32(table->grad, table->rows * C);
    const float *pdx = host_f32(dx, N * C);
    const int32_t *id = host_i32(ids, N);
    for (int64_t n = 0; n < N; n++) {
        ASSERT(id[n] >= 0 && id[n] < table->rows);
        for (int64_t c = 0; c < C; c++)
            dw[id[n] * C + c] += pdx[n * C + c];
    }
}

void ref_fill_embed(TensorOps *t)
{
    t->embed = embed;
    t->embed_backward = embed_backward;
}
