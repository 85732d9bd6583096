/* moments.c - the optimizer's moments on disk, see moments.h. */
#include "train/moments.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/safetensors.h"

#include <inttypes.h>
#include <string.h>

enum { CHUNK = 1 << 18 }; /* elements that pass through host memory at once */

static int64_t chunk_at(int64_t from, int64_t n)
{
    return n - from < CHUNK ? n - from : CHUNK;
}

static Status write_tensor(FileWriter *w, TensorOps *ops, Tensor x, float *buffer,
                           Err *err)
{
    for (int64_t i = 0; i < x.count; i += CHUNK) {
        int64_t n = chunk_at(i, x.count);
        ops->read(ops, buffer, tensor_slice(x, i, n));
        TRY(file_writer_put(w, buffer, (size_t)n * sizeof *buffer, err));
    }
    return OK;
}

Status moments_write(const Adamw *a, TensorOps *ops, const char *path, Err *err)
{
    char m[] = "m", v[] = "v";
    SafetensorsEntry entries[2] = {
        {.name = m, .dtype = "F32", .n_dims = 1, .dims = {a->m.count}},
        {.name = v, .dtype = "F32", .n_dims = 1, .dims = {a->v.count}},
    };
    Str header = {0};
    float *buffer = NULL;
    FileWriter *w = NULL;
    Status status = safetensors_header(entries, 2, NULL, 0, &header, err);
    if (status == OK)
        status = MEM_ARRAY(&buffer, CHUNK, err);
    if (status == OK)
        status = file_writer_open(&w, path, err);
    if (status == OK)
        status = file_writer_put(w, header.ptr, header.len, err);
    if (status == OK)
        status = write_tensor(w, ops, a->m, buffer, err);
    if (status == OK)
        status = write_tensor(w, ops, a->v, buffer, err);
    if (status == OK)
        status = file_writer_commit(w, err);
    else
        file_writer_abort(w);
    mem_free(buffer);
    str_release(&header);
    return status;
}

/* The data of entry `name` into x. Their start need not be aligned: hence memcpy. */
static Status read_tensor(const FileMap *map, const Safetensors *st, const char *name,
                          TensorOps *ops, Tensor x, float *buffer, Err *err)
{
    const SafetensorsEntry *e = safetensors_find(st, name);
    if (!e || strcmp(e->dtype, "F32") != 0 || e->count != x.count)
        return err_set(err, ERR_FORMAT, "no tensor '%s' of %" PRId64 " F32 values",
                       name, x.count);
    const unsigned char *data = map->ptr + e->begin;
    for (int64_t i = 0; i < x.count; i += CHUNK) {
        int64_t n = chunk_at(i, x.count);
        memcpy(buffer, data + i * 4, (size_t)n * 4);
        ops->write(ops, tensor_slice(x, i, n), buffer);
    }
    return OK;
}

Status moments_read(Adamw *a, TensorOps *ops, const char *path, Err *err)
{
    FileMap map;
    TRY(file_map(path, &map, err));
    Safetensors st = {0};
    float *buffer = NULL;
    Status status = safetensors_parse((Span){(const char *)map.ptr, map.len}, &st, err);
    if (status == OK)
        status = MEM_ARRAY(&buffer, CHUNK, err);
    if (status == OK)
        status = read_tensor(&map, &st, "m", ops, a->m, buffer, err);
    if (status == OK)
        status = read_tensor(&map, &st, "v", ops, a->v, buffer, err);
    if (status != OK)
        err_context(err, "'%s'", path);
    mem_free(buffer);
    safetensors_release(&st);
    file_unmap(&map);
    return status;
}
