/* folder_parts.c - the tensors of a folder, out of a model's memory and into it.
 *
 * Values pass through a small buffer; neither direction holds a second copy. */
#include "model/folder_parts.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/json.h"
#include "format/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 14 };

/* --- saving ----------------------------------------------------------------------- */
static Status write_header(FileWriter *w, PartList *list, Err *err)
{
    SafetensorsEntry *entries;
    TRY(MEM_ARRAY(&entries, (size_t)list->n, err));
    for (int64_t i = 0; i < list->n; i++) {
        Part *part = &list->part[i];
        entries[i].name = part->name;
        memcpy(entries[i].dtype, "F32", 4);
        entries[i].n_dims = part->n_dims;
        memcpy(entries[i].dims, part->dims, sizeof part->dims);
    }
    Str header = {0};
    Status s = safetensors_header(entries, list->n, NULL, 0, &header, err);
    if (s == OK)
        s = file_writer_put(w, str_c(&header), header.len, err);
    str_release(&header);
    mem_free(entries);
    return s;
}

static Status write_values(FileWriter *w, TensorOps *ops, Tensor value, float *chunk,
                           Err *err)
{
    unsigned char *bytes = (unsigned char *)chunk; /* little-endian, in place */
    for (int64_t at = 0; at < value.count; at += CHUNK) {
        int64_t n = value.count - at < CHUNK ? value.count - at : CHUNK;
        ops->read(ops, chunk, tensor_slice(value, at, n));
        for (int64_t i = 0; i < n; i++) {
            uint32_t u;
            memcpy(&u, &chunk[i], 4);
            bytes_put_u32(bytes + 4 * i, u);
        }
        TRY(file_writer_put(w, bytes, (size_t)n * 4, err));
    }
    return OK;
}

static Status write_all(FileWriter *w, TensorOps *ops, PartList *list, Err *err)
{
    float *chunk;
    TRY(MEM_ARRAY(&chunk, CHUNK, err));
    Status s = write_header(w, list, err);
    for (int64_t i = 0; s == OK && i < list->n; i++)
        s = write_values(w, ops, list->part[i].value, chunk, err);
    mem_free(chunk);
    return s;
}

Status parts_write(TensorOps *ops, PartList *list, const char *folder, const char *name,
                   Err *err)
{
    Str path = {0};
    FileWriter *w = NULL;
    file_join(&path, folder, name);
    Status s = str_check(&path, err);
    if (s == OK)
        s = file_writer_open(&w, str_c(&path), err);
    if (s == OK)
        s = write_all(w, ops, list, err);
    if (s == OK)
        s = file_writer_commit(w, err);
    else
        file_writer_abort(w);
    str_release(&path);
    return s;
}

/* --- loading ---------------------------------------------------------------------- */
struct Shard {
    char *path;
    FileMap map;
    Safetensors header;
};

void shards_close(ShardList *list)
{
    for (size_t i = 0; i < list->n; i++) {
        safetensors_release(&list->shard[i].header);
        file_unmap(&list->shard[i].map);
        mem_free(list->shard[i].path);
    }
    mem_free(list->shard);
    *list = (ShardList){0};
}

/* Opens folder/name, unless it is open. */
static Status open_shard(ShardList *list, const char *folder, const char *name,
                         Err *err)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(file_base_name(list->shard[i].path), name) == 0)
            return OK;
    TRY(MEM_PUSH_ROOM(&list->shard, list->n, &list->cap, err));
    Shard *shard = &list->shard[list->n];
    *shard = (Shard){0};
    Str path = {0};
    file_join(&path, folder, name);
    shard->path = str_take(&path);
    if (!shard->path)
        return err_set(err, ERR_NOMEM, "no memory for the path of '%.200s'", name);
    list->n++; /* from here on shards_close frees it */
    TRY(file_map(shard->path, &shard->map, err));
    Span bytes = {(const char *)shard->map.ptr, shard->map.len};
    if (safetensors_parse(bytes, &shard->header, err) != OK)
        return err_context(err, "'%s'", shard->path);
    return OK;
}

static Status open_indexed(ShardList *list, const char *folder, const char *path,
                           Err *err)
{
    json_t *index;
    TRY(json_read_file(path, &index, err));
    json_t *files = json_object_get(index, "weight_map"), *file;
    const char *tensor;
    Status s = OK;
    if (json_object_size(files) == 0)
        s = err_set(err, ERR_FORMAT, "'%s': no 'weight_map'", path);
    json_object_foreach(files, tensor, file)
    {
        const char *name = json_string_value(file);
        if (!name || !*name || *name == '.' || strchr(name, '/'))
            s = err_set(err, ERR_FORMAT,
                        "'%s': '%.80s' is not in a file of this folder", path, tensor);
        else
            s = open_shard(list, folder, name, err);
        if (s != OK)
            break;
    }
    json_decref(index);
    return s;
}

Status shards_open(ShardList *list, const char *folder, const char *name, Err *err)
{
    Str path = {0}, index = {0};
    *list = (ShardList){0};
    file_join(&path, folder, name);
    str_printf(&index, "%s.index.json", str_c(&path));
    Status s = str_check(&path, err);
    if (s == OK)
        s = str_check(&index, err);
    if (s == OK && file_exists(str_c(&path)))
        s = open_shard(list, folder, name, err);
    else if (s == OK && file_exists(str_c(&index)))
        s = open_indexed(list, folder, str_c(&index), err);
    else if (s == OK)
        s = err_set(err, ERR_IO, "'%s' has no %s and no %s.index.json", folder, name,
                    name);
    str_release(&index);
    str_release(&path);
    return s;
}

uint64_t shards_hash(const ShardList *list)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < list->n; i++)
        hash = rng_hash(list->shard[i].map.ptr, list->shard[i].map.len, hash);
    return hash;
}

bool shards_have(const ShardList *list, const char *ending)
{
    size_t n = strlen(ending);
    for (size_t i = 0; i < list->n; i++) {
        const Safetensors *st = &list->shard[i].header;
        for (int64_t j = 0; j < st->n; j++) {
            size_t len = strlen(st->entries[j].name);
            if (len >= n && strcmp(st->entries[j].name + len - n, ending) == 0)
                return true;
        }
    }
    return false;
}

static void show_dims(char out[64], int32_t n, const int64_t *dims)
{
    size_t len = (size_t)snprintf(out, 64, "[");
    for (int32_t i = 0; i < n && len < 64; i++)
        len += (size_t)snprintf(out + len, 64 - len, "%s%lld", i > 0 ? ", " : "",
                                (long long)dims[i]);
    if (len < 64)
        (void)snprintf(out + len, 64 - len, "]");
}

static Status check_entry(const Part *part, const SafetensorsEntry *e, Err *err)
{
    char want[64], got[64];
    show_dims(want, part->n_dims, part->dims);
    show_dims(got, e->n_dims, e->dims);
    if (e->n_dims != part->n_dims ||
        memcmp(e->dims, part->dims, (size_t)part->n_dims * sizeof e->dims[0]) != 0)
        return err_set(err, ERR_FORMAT, "tensor '%s' is %s, not %s", part->name, got,
                       want);
    if (strcmp(e->dtype, "F32") != 0 && strcmp(e->dtype, "BF16") != 0 &&
        strcmp(e->dtype, "F16") != 0)
        return err_set(err, ERR_FORMAT,
                       "tensor '%s' is of type %s, not F32, BF16 or F16", part->name,
                       e->dtype);
    return OK;
}

static float value_at(const unsigned char *bytes, int64_t i, char kind)
{
    const unsigned char *p = bytes + i * (kind == 'f' ? 4 : 2);
    if (kind == 'f')
        return bytes_f32(p);
    uint16_t half = (uint16_t)(p[0] | p[1] << 8);
    return kind == 'b' ? bytes_bf16_to_f32(half) : bytes_f16_to_f32(half);
}

static Status read_values(TensorOps *ops, const Part *part, const unsigned char *bytes,
                          const char *dtype, float *chunk, Err *err)
{
    Tensor value = part->value;
    char kind = strcmp(dtype, "F32") == 0 ? 'f' : dtype[0] == 'B' ? 'b' : 'h';
    for (int64_t at = 0; at < value.count; at += CHUNK) {
        int64_t n = value.count - at < CHUNK ? value.count - at : CHUNK;
        for (int64_t i = 0; i < n; i++) {
            chunk[i] = value_at(bytes, at + i, kind);
            if (!isfinite(chunk[i]))
                return err_set(err, ERR_FORMAT,
                               "tensor '%s': value %lld is not a finite number",
                               part->name, (long long)at + (long long)i);
        }
        ops->write(ops, tensor_slice(value, at, n), chunk);
    }
    return OK;
}

static Status read_part(TensorOps *ops, const Part *part, const ShardList *shards,
                        float *chunk, Err *err)
{
    bool found = false;
    for (size_t i = 0; i < shards->n; i++) {
        const Shard *shard = &shards->shard[i];
        const SafetensorsEntry *e = safetensors_find(&shard->header, part->name);
        if (!e)
            continue;
        if (found)
            return err_set(err, ERR_FORMAT, "tensor '%s' is in two files", part->name);
        found = true;
        TRY(check_entry(part, e, err));
        TRY(read_values(ops, part, shard->map.ptr + e->begin, e->dtype, chunk, err));
    }
    if (found || part->optional)
        return OK;
    char want[64];
    show_dims(want, part->n_dims, part->dims);
    return err_set(err, ERR_FORMAT, "tensor '%s' %s is missing", part->name, want);
}

static bool is_part(const PartList *list, const char *name)
{
    for (int64_t i = 0; i < list->n; i++)
        if (strcmp(list->part[i].name, name) == 0)
            return true;
    return false;
}

static Status check_no_extra(const PartList *list, const ShardList *shards,
                             PartsHarmless harmless, const ModelShape *shape, Err *err)
{
    for (size_t i = 0; i < shards->n; i++) {
        const Safetensors *st = &shards->shard[i].header;
        for (int64_t j = 0; j < st->n; j++) {
            const char *name = st->entries[j].name;
            if (!is_part(list, name) && !(harmless && harmless(shape, name)))
                return err_set(err, ERR_FORMAT,
                               "tensor '%.200s' is not one of this model", name);
        }
    }
    return OK;
}

Status parts_read(TensorOps *ops, const PartList *list, const ShardList *shards,
                  PartsHarmless harmless, const ModelShape *shape, Err *err)
{
    TRY(check_no_extra(list, shards, harmless, shape, err));
    float *chunk;
    TRY(MEM_ARRAY(&chunk, CHUNK, err));
    Status s = OK;
    for (int64_t i = 0; s == OK && i < list->n; i++)
        s = read_part(ops, &list->part[i], shards, chunk, err);
    mem_free(chunk);
    return s;
}
