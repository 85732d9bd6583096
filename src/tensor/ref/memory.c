/* memory.c - tensors in host memory: allocation, transfer, conversion.
 *
 * Every host backend uses these as they are. bfloat16 lives here only: it is a format
 * of storage, and the operations compute in f32. */
#include "tensor/ref/ref.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "tensor/host.h"

#include <string.h>

static Status alloc(TensorOps *t, Tensor *out, TensorType type, int64_t count, Err *err)
{
    (void)t;
    ASSERT(count >= 0);
    *out = (Tensor){NULL, type, 0};
    if (count == 0)
        return OK;
    size_t size = (size_t)tensor_type_bytes(type);
    void *data = mem_alloc_array((size_t)count, size);
    if (!data)
        return err_set(err, ERR_NOMEM,
                       "no memory for a tensor of %lld elements (%.1f MB)",
                       (long long)count, (double)count * (double)size / 1e6);
    *out = (Tensor){data, type, count};
    return OK;
}

static void release(TensorOps *t, Tensor *x)
{
    (void)t;
    mem_free(x->data);
    *x = (Tensor){NULL, x->type, 0};
}

static size_t bytes_of(Tensor x)
{
    return (size_t)x.count * (size_t)tensor_type_bytes(x.type);
}

static void read_host(TensorOps *t, void *dst, Tensor src)
{
    (void)t;
    if (src.count > 0)
        memcpy(dst, src.data, bytes_of(src));
}

static void write_host(TensorOps *t, Tensor dst, const void *src)
{
    (void)t;
    if (dst.count > 0)
        memcpy(dst.data, src, bytes_of(dst));
}

static float element(Tensor x, int64_t i)
{
    if (x.type == TENSOR_F32)
        return ((const float *)x.data)[i];
    if (x.type == TENSOR_BF16)
        return bytes_bf16_to_f32(((const uint16_t *)x.data)[i]);
    return (float)((const int32_t *)x.data)[i];
}

static void set_element(Tensor x, int64_t i, float value)
{
    if (x.type == TENSOR_F32)
        ((float *)x.data)[i] = value;
    else if (x.type == TENSOR_BF16)
        ((uint16_t *)x.data)[i] = bytes_f32_to_bf16(value);
    else
        ((int32_t *)x.data)[i] = (int32_t)value;
}

static void fill(TensorOps *t, Tensor x, float value)
{
    (void)t;
    for (int64_t i = 0; i < x.count; i++)
        set_element(x, i, value);
}

static void copy(TensorOps *t, Tensor dst, Tensor src)
{
    (void)t;
    ASSERT(dst.count == src.count);
    if (dst.count == 0)
        return;
    if (dst.type == src.type) {
        memmove(dst.data, src.data, bytes_of(src));
        return;
    }
    for (int64_t i = 0; i < src.count; i++)
        set_element(dst, i, element(src, i));
}

/* The reference needs no scratch: what it needs twice it computes twice. */
static Status reserve(TensorOps *t, int64_t N, int64_t max_width, int64_t vocab,
                      int64_t heads, Err *err)
{
    (void)t;
    (void)err;
    ASSERT(N >= 0 && max_width >= 0 && vocab >= 0 && heads >= 0);
    return OK;
}

static size_t reserve_bytes(TensorOps *t, int64_t N, int64_t max_width, int64_t vocab,
                            int64_t heads)
{
    (void)t;
    ASSERT(N >= 0 && max_width >= 0 && vocab >= 0 && heads >= 0);
    return 0;
}

static size_t weight_packed_bytes(TensorOps *t, int64_t rows, int64_t cols)
{
    (void)t;
    ASSERT(rows >= 0 && cols >= 0);
    return 0;
}

static Status weight_prepare(TensorOps *t, Weight *w, Err *err)
{
    (void)t;
    (void)w;
    (void)err;
    return OK;
}

static void weight_changed(TensorOps *t, Weight *w)
{
    (void)t;
    (void)w;
}

static void weight_release(TensorOps *t, Weight *w)
{
    (void)t;
    ASSERT(!w->packed);
}

static Status adapter_reserve(TensorOps *t, int64_t N, int64_t width, Err *err)
{
    (void)t;
    (void)err;
    ASSERT(N >= 0 && width >= 0);
    return OK;
}

static size_t adapter_reserve_bytes(TensorOps *t, int64_t N, int64_t width)
{
    (void)t;
    ASSERT(N >= 0 && width >= 0);
    return 0;
}

static size_t adapter_packed_bytes(TensorOps *t, int64_t rows, int64_t cols,
                                   int64_t width)
{
    (void)t;
    ASSERT(rows >= 0 && cols >= 0 && width >= 0);
    return 0;
}

static Status adapter_prepare(TensorOps *t, Weight *w, Err *err)
{
    (void)t;
    (void)err;
    ASSERT(w->adapter);
    return OK;
}

static void adapter_changed(TensorOps *t, Weight *w)
{
    (void)t;
    ASSERT(w->adapter);
}

static void adapter_release(TensorOps *t, Weight *w)
{
    (void)t;
    ASSERT(w->adapter && !w->adapter->packed);
}

void ref_fill_memory(TensorOps *t)
{
    t->alloc = alloc;
    t->free = release;
    t->read = read_host;
    t->write = write_host;
    t->fill = fill;
    t->copy = copy;
    t->reserve = reserve;
    t->reserve_bytes = reserve_bytes;
    t->weight_prepare = weight_prepare;
    t->weight_packed_bytes = weight_packed_bytes;
    t->weight_changed = weight_changed;
    t->weight_release = weight_release;
    t->adapter_reserve = adapter_reserve;
    t->adapter_reserve_bytes = adapter_reserve_bytes;
    t->adapter_prepare = adapter_prepare;
    t->adapter_packed_bytes = adapter_packed_bytes;
    t->adapter_changed = adapter_changed;
    t->adapter_release = adapter_release;
}
