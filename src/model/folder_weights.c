/* folder_weights.c - the weights of a model folder: safetensors in and out.
 *
 * A fused weight is several of Hugging Face's tensors that lie one after the other:
 *
 *     ...self_attn.qkv_proj.weight (Hq D + 2 Hk D, C) = q_proj | k_proj | v_proj
 *     ...mlp.gate_up_proj.weight   (2 F, C)           = gate_proj | up_proj
 *
 * so each of them is a slice of the fused one, a Part, and fusing costs nothing. Values
 * pass through a small buffer; neither direction holds a second copy of the model. */
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/safetensors.h"
#include "model/folder_internal.h"
#include "model/params_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 14, MAX_PARTS = 3 };

/* One tensor of the folder and the slice of Model.params that it is. */
typedef struct Part {
    char name[80];
    int32_t n_dims;
    int64_t dims[2];
    Tensor value;
} Part;

typedef struct PartList {
    Part *part;
    int64_t n;
} PartList;

typedef struct Piece {
    const char *label; /* what stands in the name in place of the fused label */
    int64_t outputs;
} Piece;

static int fused_pieces(const ModelShape *s, ParamFusion fusion, const char **label,
                        Piece pieces[MAX_PARTS])
{
    if (fusion == PARAM_QKV) {
        int64_t q = shape_attended_width(s), k = (int64_t)s->kv_heads * s->head_dim;
        *label = "qkv_proj";
        pieces[0] = (Piece){"q_proj", q};
        pieces[1] = (Piece){"k_proj", k};
        pieces[2] = (Piece){"v_proj", k};
        return 3;
    }
    *label = "gate_up_proj";
    pieces[0] = (Piece){"gate_proj", s->intermediate};
    pieces[1] = (Piece){"up_proj", s->intermediate};
    return 2;
}

static Part make_part(const Param *p, Tensor value, int64_t outputs)
{
    Part part = {.n_dims = p->is_vector ? 1 : 2, .value = value};
    part.dims[0] = outputs;
    part.dims[1] = p->is_vector ? 0 : p->cols;
    return part;
}

/* Appends the parts of one parameter. */
static void add_parts(PartList *list, const Model *model, const Param *p)
{
    int64_t outputs = p->is_vector ? p->cols : p->rows;
    Tensor whole = tensor_slice(model->params, p->offset, p->rows * p->cols);
    if (p->fusion == PARAM_WHOLE) {
        Part part = make_part(p, whole, outputs);
        memcpy(part.name, p->name, sizeof p->name);
        list->part[list->n++] = part;
        return;
    }
    const char *label;
    Piece pieces[MAX_PARTS];
    int n = fused_pieces(&model->shape, p->fusion, &label, pieces);
    const char *at = strstr(p->name, label);
    ASSERT(at);
    int64_t width = whole.count / outputs, offset = 0;
    for (int i = 0; i < n; i++) {
        int64_t count = pieces[i].outputs * width;
        Part part = make_part(p, tensor_slice(whole, offset, count), pieces[i].outputs);
        (void)snprintf(part.name, sizeof part.name, "%.*s%s%s", (int)(at - p->name),
                       p->name, pieces[i].label, at + strlen(label));
        list->part[list->n++] = part;
        offset += count;
    }
}

static Status list_parts(PartList *list, const Model *model, Err *err)
{
    *list = (PartList){0};
    TRY(MEM_ARRAY(&list->part, (size_t)model->n_weights * MAX_PARTS, err));
    ParamWalk walk = param_walk(&model->shape);
    for (Param p; param_next(&walk, &p);)
        add_parts(list, model, &p);
    return OK;
}

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

static Status write_parts(FileWriter *w, const Model *model, PartList *list, Err *err)
{
    float *chunk;
    TRY(MEM_ARRAY(&chunk, CHUNK, err));
    Status s = write_header(w, list, err);
    for (int64_t i = 0; s == OK && i < list->n; i++)
        s = write_values(w, model->ops, list->part[i].value, chunk, err);
    mem_free(chunk);
    return s;
}

Status folder_weights_save(const Model *model, const char *folder, Err *err)
{
    PartList list;
    Str path = {0};
    FileWriter *w = NULL;
    TRY(list_parts(&list, model, err));
    file_join(&path, folder, "model.safetensors");
    Status s = str_check(&path, err);
    if (s == OK)
        s = file_writer_open(&w, str_c(&path), err);
    if (s == OK)
        s = write_parts(w, model, &list, err);
    if (s == OK)
        s = file_writer_commit(w, err);
    else
        file_writer_abort(w);
    str_release(&path);
    mem_free(list.part);
    return s;
}

/* --- loading ---------------------------------------------------------------------- */
typedef struct Shard {
    char *path;
    FileMap map;
    Safetensors header;
} Shard;

typedef struct ShardList {
    Shard *shard;
    size_t n, cap;
} ShardList;

static void close_shards(ShardList *list)
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
    list->n++; /* from here on close_shards frees it */
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

static Status open_shards(ShardList *list, const char *folder, Err *err)
{
    Str path = {0};
    *list = (ShardList){0};
    file_join(&path, folder, "model.safetensors");
    Status s = str_check(&path, err);
    if (s == OK && file_exists(str_c(&path))) {
        s = open_shard(list, folder, "model.safetensors", err);
    } else if (s == OK) {
        file_join(&path, folder, "model.safetensors.index.json");
        s = str_check(&path, err);
        if (s == OK && file_exists(str_c(&path)))
            s = open_indexed(list, folder, str_c(&path), err);
        else if (s == OK)
            s = err_set(err, ERR_IO,
                        "'%s' has no model.safetensors and no "
                        "model.safetensors.index.json",
                        folder);
    }
    str_release(&path);
    return s;
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

static Status read_part(Model *model, const Part *part, const ShardList *shards,
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
        TRY(read_values(model->ops, part, shard->map.ptr + e->begin, e->dtype, chunk,
                        err));
    }
    if (found)
        return OK;
    char want[64];
    show_dims(want, part->n_dims, part->dims);
    return err_set(err, ERR_FORMAT, "tensor '%s' %s is missing", part->name, want);
}

/* Buffers that old checkpoints carry, and the second copy of a tied embedding. */
static bool is_harmless(const ModelShape *s, const char *name)
{
    const char *inv_freq = ".rotary_emb.inv_freq";
    size_t len = strlen(name), n = strlen(inv_freq);
    return (len > n && strcmp(name + len - n, inv_freq) == 0) ||
           (s->tied && strcmp(name, "lm_head.weight") == 0);
}

static bool is_part(const PartList *list, const char *name)
{
    for (int64_t i = 0; i < list->n; i++)
        if (strcmp(list->part[i].name, name) == 0)
            return true;
    return false;
}

static Status check_no_extra(const Model *model, const PartList *list,
                             const ShardList *shards, Err *err)
{
    for (size_t i = 0; i < shards->n; i++) {
        const Safetensors *st = &shards->shard[i].header;
        for (int64_t j = 0; j < st->n; j++) {
            const char *name = st->entries[j].name;
            if (!is_part(list, name) && !is_harmless(&model->shape, name))
                return err_set(err, ERR_FORMAT,
                               "tensor '%.200s' is not one of this model", name);
        }
    }
    return OK;
}

static Status read_parts(Model *model, const PartList *list, const ShardList *shards,
                         Err *err)
{
    TRY(check_no_extra(model, list, shards, err));
    float *chunk;
    TRY(MEM_ARRAY(&chunk, CHUNK, err));
    Status s = OK;
    for (int64_t i = 0; s == OK && i < list->n; i++)
        s = read_part(model, &list->part[i], shards, chunk, err);
    mem_free(chunk);
    return s;
}

Status folder_weights_load(Model *model, const char *folder, Err *err)
{
    PartList list;
    ShardList shards;
    TRY(list_parts(&list, model, err));
    Status s = open_shards(&shards, folder, err);
    if (s == OK) {
        s = read_parts(model, &list, &shards, err);
        if (s != OK)
            err_context(err, "'%s'", folder);
    }
    close_shards(&shards);
    mem_free(list.part);
    return s;
}
