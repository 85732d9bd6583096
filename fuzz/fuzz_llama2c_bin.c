// floor: model
/* fuzz_llama2c_bin.c - a checkpoint whose header is accepted imports into a model that
 * has its floats: as many, and the same bits where no permutation moves them. */
#include "base/bytes.h"
#include "model/import_llama2c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(TensorOps *ops, Tensor row, const uint8_t *bytes)
{
    for (int64_t i = 0; i < row.count; i++) {
        uint32_t bits; /* of the float: a NaN is not equal to itself */
        ops->read(ops, &bits, tensor_slice(row, i, 1));
        ASSERT(bits == bytes_u32(bytes + 4 * i));
    }
}

static void check_import(Span bytes, const ModelShape *shape)
{
    Err err = {0};
    TensorOps *ops;
    Model *model;
    ASSERT(tensor_ref_new(&ops, &err) == OK);
    ASSERT(import_llama2c(&model, ops, bytes, &err) == OK);
    int64_t rope = (int64_t)shape->context * shape->head_dim;
    ASSERT(bytes.len == 28 + 4 * (size_t)(model->n_params + rope));
    ASSERT(model->shape.vocab == shape->vocab && model->shape.tied == shape->tied);

    const uint8_t *data = (const uint8_t *)bytes.ptr;
    check_row(ops, model->embed.value, data + 28);
    Tensor head = model_head(model)->value;
    if (!shape->tied)
        check_row(ops, head, data + bytes.len - 4 * (size_t)head.count);
    model_free(model);
    tensor_free(ops);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    ModelShape shape;
    Span bytes = {(const char *)data, size};
    Status status = import_llama2c_shape(bytes, &shape, &err);
    if (status == OK)
        check_import(bytes, &shape);
    else
        ASSERT(status == ERR_FORMAT && err.code == status && err.msg[0]);
    return 0;
}
