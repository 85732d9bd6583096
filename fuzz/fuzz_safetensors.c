// floor: format
/* fuzz_safetensors.c - a file that is accepted keeps what its structs promise: the
 * tensors tile the data, each has the bytes of its shape, and the header written for
 * them reads back to the same. */
#include "base/bytes.h"
#include "base/mem.h"
#include "format/safetensors.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tiling(const Safetensors *st, size_t size, uint64_t start)
{
    uint64_t at = start;
    for (int64_t i = 0; i < st->n; i++) {
        const SafetensorsEntry *e = &st->entries[i];
        ASSERT(e->begin == at && e->end >= e->begin && e->end <= size);
        int64_t count = 1;
        for (int32_t d = 0; d < e->n_dims; d++)
            count *= e->dims[d];
        ASSERT(count == e->count);
        uint64_t element = (uint64_t)safetensors_dtype_bytes(e->dtype);
        ASSERT(element > 0 && e->end - e->begin == (uint64_t)count * element);
        ASSERT(safetensors_find(st, e->name) != NULL);
        at = e->end;
    }
    ASSERT(at == size);
}

/* Writing keeps the order of the data, so the same tensors lie in the same places. */
static void check_rewriting(const Safetensors *st, size_t data_len)
{
    Err err = {0};
    SafetensorsEntry *copy;
    ASSERT(MEM_ARRAY(&copy, (size_t)st->n, &err) == OK);
    if (st->n > 0)
        memcpy(copy, st->entries, (size_t)st->n * sizeof *copy);
    Str file = {0};
    ASSERT(safetensors_header(copy, st->n, NULL, 0, &file, &err) == OK);
    for (size_t i = 0; i < data_len; i++)
        str_putc(&file, 0);
    Safetensors back;
    ASSERT(safetensors_parse(str_span(&file), &back, &err) == OK);
    ASSERT(back.n == st->n);
    for (int64_t i = 0; i < st->n; i++) {
        const SafetensorsEntry *e = safetensors_find(&back, st->entries[i].name);
        ASSERT(e && strcmp(e->dtype, st->entries[i].dtype) == 0);
        ASSERT(e->n_dims == st->entries[i].n_dims && e->count == st->entries[i].count);
    }
    safetensors_release(&back);
    str_release(&file);
    mem_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Safetensors st;
    Status status = safetensors_parse((Span){(const char *)data, size}, &st, &err);
    if (status == OK) {
        uint64_t start = 8 + bytes_u64(data);
        check_tiling(&st, size, start);
        check_rewriting(&st, size - start);
    } else {
        ASSERT(err.code == status && err.msg[0]);
        ASSERT(st.n == 0 && !st.entries && st.n_meta == 0);
    }
    safetensors_release(&st);
    return 0;
}
