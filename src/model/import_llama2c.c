/* import_llama2c.c - checkpoints of llama2.c's legacy layout (see the header for the
 * bytes).
 *
 * llama2.c rotates adjacent channels (2j, 2j+1) of a head together, we rotate
 * (j, j + D/2). The angles are the same, so moving row 2j of a head's part of wq and wk
 * to j, and row 2j+1 to j + D/2, gives the same scores: a dot product does not mind
 * the order of its terms. */
#include "model/import_llama2c.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "model/params_internal.h"

#include <math.h>

enum { HEADER_INTS = 7, HEADER_BYTES = 4 * HEADER_INTS };

/* Both RoPE tables, cosines and sines: context x D/2 each. */
static int64_t rope_floats(const ModelShape *s)
{
    return (int64_t)s->context * s->head_dim;
}

/* What is no legal option is, in a file, a wrong format. */
static Status wrong_header(Err *err)
{
    if (err)
        err->code = ERR_FORMAT;
    return err_context(err, "llama2.c header");
}

Status import_llama2c_shape(Span bytes, ModelShape *shape, Err *err)
{
    if (bytes.len < HEADER_BYTES)
        return err_set(err, ERR_FORMAT,
                       "llama2.c header: %zu bytes, fewer than the header's %d",
                       bytes.len, HEADER_BYTES);
    int32_t field[HEADER_INTS];
    for (int i = 0; i < HEADER_INTS; i++)
        field[i] = (int32_t)bytes_u32(bytes.ptr + 4 * i);
    int64_t vocab = field[5];
    ModelShape s = {
        .head = HEAD_LM,
        .hidden = field[0],
        .intermediate = field[1],
        .layers = field[2],
        .heads = field[3],
        .kv_heads = field[4],
        .vocab = (int32_t)(vocab < 0 && vocab > INT32_MIN ? -vocab : vocab),
        .context = field[6],
        .rope_theta = 10000,
        .norm_eps = 1e-5,
        .tied = vocab > 0,
    };
    if (model_shape_check(&s, err) != OK)
        return wrong_header(err);
    int64_t floats = model_shape_params(&s) + rope_floats(&s);
    uint64_t want = HEADER_BYTES + 4 * (uint64_t)floats;
    if (bytes.len != want)
        return err_set(
            err, ERR_FORMAT,
            "llama2.c checkpoint: %zu bytes, not the %llu that its header asks "
            "for",
            bytes.len, (unsigned long long)want);
    *shape = s;
    return OK;
}

typedef struct Reader {
    Model *model;
    const char *at;
    float *row; /* room for one row of any matrix */
} Reader;

static void read_row(Reader *r, Tensor value, int64_t row, int64_t cols)
{
    for (int64_t i = 0; i < cols; i++)
        r->row[i] = bytes_f32(r->at + 4 * i);
    r->at += 4 * cols;
    r->model->ops->write(r->model->ops, tensor_slice(value, row * cols, cols), r->row);
}

/* `rows` rows of a weight, from `first` on. */
static void read_rows(Reader *r, const Weight *w, int64_t first, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        read_row(r, w->value, first + i, w->cols);
}

/* The same for heads of queries or keys: adjacent pairs become halves. */
static void read_heads(Reader *r, const Weight *w, int64_t first, int64_t heads,
                       int64_t D)
{
    for (int64_t h = 0; h < heads; h++)
        for (int64_t i = 0; i < D; i++)
            read_row(r, w->value, first + h * D + i / 2 + (i % 2) * (D / 2), w->cols);
}

/* The file has each kind of tensor for all layers together. */
static void read_tensors(Reader *r)
{
    Model *m = r->model;
    const ModelShape *s = &m->shape;
    int64_t D = s->head_dim, Hq = s->heads, Hk = s->kv_heads, F = s->intermediate;
    int64_t q = 0, k = Hq * D, v = (Hq + Hk) * D;
    int32_t L = s->layers;

    read_rows(r, &m->embed, 0, s->vocab);
    for (int32_t l = 0; l < L; l++)
        read_rows(r, &m->layer[l].attn_norm, 0, 1);
    for (int32_t l = 0; l < L; l++)
        read_heads(r, &m->layer[l].qkv, q, Hq, D);
    for (int32_t l = 0; l < L; l++)
        read_heads(r, &m->layer[l].qkv, k, Hk, D);
    for (int32_t l = 0; l < L; l++)
        read_rows(r, &m->layer[l].qkv, v, Hk * D);
    for (int32_t l = 0; l < L; l++)
        read_rows(r, &m->layer[l].out, 0, s->hidden);
    for (int32_t l = 0; l < L; l++)
        read_rows(r, &m->layer[l].mlp_norm, 0, 1);
    for (int32_t l = 0; l < L; l++)
        read_rows(r, &m->layer[l].gate_up, 0, F);
    for (int32_t l = 0; l < L; l++)
        read_rows(r, &m->layer[l].down, 0, s->hidden);
    for (int32_t l = 0; l < L; l++)
        read_rows(r, &m->layer[l].gate_up, F, F);
    read_rows(r, &m->norm, 0, 1);
    r->at += 4 * rope_floats(s);
    if (!s->tied)
        read_rows(r, &m->lm_head, 0, s->vocab);
}

static Status check_finite(Span bytes, Err *err)
{
    for (size_t at = HEADER_BYTES; at < bytes.len; at += 4) {
        if (!isfinite(bytes_f32(bytes.ptr + at)))
            return err_set(err, ERR_FORMAT,
                           "llama2.c checkpoint: byte %zu: not a finite number", at);
    }
    return OK;
}

Status import_llama2c(Model **out, TensorOps *ops, Span bytes, Err *err)
{
    *out = NULL;
    ModelShape shape = {0};
    TRY(import_llama2c_shape(bytes, &shape, err));
    Reader r = {.at = bytes.ptr + HEADER_BYTES};
    TRY(check_finite(bytes, err));
    int64_t widest =
        shape.hidden > shape.intermediate ? shape.hidden : shape.intermediate;
    TRY(MEM_ARRAY(&r.row, (size_t)widest, err));
    Status status = model_new(&r.model, ops, &shape, false, err);
    if (status == OK) {
        read_tensors(&r);
        ASSERT(r.at == bytes.ptr + bytes.len);
        model_changed(r.model);
        *out = r.model;
    }
    mem_free(r.row);
    return status;
}
