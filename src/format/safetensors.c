/* safetensors.c - reading and writing the header of a safetensors file; the format is
 * drawn in safetensors.h.
 *
 *     {"__metadata__": {"format": "pt"},
 *      "wte": {"dtype": "F32", "shape": [50257, 768], "data_offsets": [0, 154389504]}}
 *
 * Offsets count from the end of the header. Sorted by them, the tensors must tile the
 * data without a hole, an overlap or a rest: a file with room for something else has
 * been read as two different things by two programs. Only then is a size believed.
 * NaN and Inf are legal values and no concern of this file. */
#include "format/safetensors.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "format/json.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };

static const uint64_t longest_header = 100000000; /* the reference reader's limit */
static const char metadata_key[] = "__metadata__";

int safetensors_dtype_bytes(const char *dtype)
{
    static const struct {
        const char *name;
        int bytes;
    } known[] = {
        {"F32", 4},     {"BF16", 2},    {"F16", 2},  {"F64", 8}, {"I64", 8},
        {"I32", 4},     {"I16", 2},     {"I8", 1},   {"U64", 8}, {"U32", 4},
        {"U16", 2},     {"U8", 1},      {"BOOL", 1}, {"C64", 8}, {"F8_E4M3", 1},
        {"F8_E5M2", 1}, {"F8_E8M0", 1},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(dtype, known[i].name) == 0)
            return known[i].bytes;
    }
    return 0;
}

void safetensors_release(Safetensors *st)
{
    if (!st)
        return;
    for (int64_t i = 0; i < st->n; i++)
        mem_free(st->entries[i].name);
    for (int64_t i = 0; i < st->n_meta; i++) {
        mem_free(st->meta_keys[i]);
        mem_free(st->meta_values[i]);
    }
    mem_free(st->entries);
    mem_free(st->meta_keys);
    mem_free(st->meta_values);
    *st = (Safetensors){0};
}

const SafetensorsEntry *safetensors_find(const Safetensors *st, const char *name)
{
    for (int64_t i = 0; i < st->n; i++) {
        if (strcmp(st->entries[i].name, name) == 0)
            return &st->entries[i];
    }
    return NULL;
}

const char *safetensors_meta(const Safetensors *st, const char *key)
{
    for (int64_t i = 0; i < st->n_meta; i++) {
        if (strcmp(st->meta_keys[i], key) == 0)
            return st->meta_values[i];
    }
    return NULL;
}

/* a * b for a, b >= 0; false when it overflows. */
static bool multiply(int64_t a, int64_t b, int64_t *out)
{
    if (b != 0 && a > INT64_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* count and bytes of e from its dims and dtype; false when a product overflows. */
static bool measure(SafetensorsEntry *e, int64_t *bytes)
{
    e->count = 1;
    for (int32_t d = 0; d < e->n_dims; d++) {
        if (!multiply(e->count, e->dims[d], &e->count))
            return false;
    }
    return multiply(e->count, safetensors_dtype_bytes(e->dtype), bytes);
}

/* --- reading --------------------------------------------------------------------- */
static Status read_dtype(const json_t *info, SafetensorsEntry *e, Err *err)
{
    Span dtype;
    TRY(json_get_text(info, "dtype", &dtype, err));
    if (dtype.len < sizeof e->dtype)
        memcpy(e->dtype, dtype.ptr, dtype.len); /* the rest is zero */
    if (dtype.len >= sizeof e->dtype || strlen(dtype.ptr) != dtype.len ||
        safetensors_dtype_bytes(e->dtype) == 0)
        return err_set(err, ERR_FORMAT, "unknown dtype '%.20s'", dtype.ptr);
    return OK;
}

static Status read_shape(const json_t *info, SafetensorsEntry *e, Err *err)
{
    const json_t *shape = json_object_get(info, "shape");
    if (!json_is_array(shape))
        return err_set(err, ERR_FORMAT, "'shape' is not an array");
    size_t n = json_array_size(shape);
    if (n > SAFETENSORS_MAX_DIMS)
        return err_set(err, ERR_LIMIT, "%zu dimensions, of at most %d", n,
                       SAFETENSORS_MAX_DIMS);
    e->n_dims = (int32_t)n;
    for (size_t d = 0; d < n; d++) {
        const json_t *dim = json_array_get(shape, d);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return err_set(err, ERR_FORMAT, "dimension %zu is not a whole number >= 0",
                           d);
        e->dims[d] = json_integer_value(dim);
    }
    return OK;
}

/* Still relative to the data; 0 <= begin <= end. */
static Status read_offsets(const json_t *info, SafetensorsEntry *e, Err *err)
{
    const json_t *pair = json_object_get(info, "data_offsets");
    const json_t *begin = json_array_get(pair, 0), *end = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return err_set(err, ERR_FORMAT, "'data_offsets' is not a pair of integers");
    int64_t b = json_integer_value(begin), e_ = json_integer_value(end);
    if (b < 0 || e_ < b)
        return err_set(err, ERR_FORMAT, "data_offsets [%lld, %lld] run backwards",
                       (long long)b, (long long)e_);
    e->begin = (uint64_t)b;
    e->end = (uint64_t)e_;
    return OK;
}

static Status read_entry(const json_t *info, SafetensorsEntry *e, Err *err)
{
    if (!json_is_object(info))
        return err_set(err, ERR_FORMAT, "not an object");
    TRY(read_dtype(info, e, err));
    TRY(read_shape(info, e, err));
    TRY(read_offsets(info, e, err));
    int64_t bytes;
    if (!measure(e, &bytes))
        return err_set(err, ERR_FORMAT, "the product of its shape overflows");
    if (e->end - e->begin != (uint64_t)bytes)
        return err_set(err, ERR_FORMAT, "%llu bytes of data, but its shape needs %lld",
                       (unsigned long long)(e->end - e->begin), (long long)bytes);
    return OK;
}

static Status read_metadata(json_t *meta, Safetensors *st, Err *err)
{
    if (!json_is_object(meta))
        return err_set(err, ERR_FORMAT, "'%s' is not an object", metadata_key);
    size_t n = json_object_size(meta);
    TRY(MEM_ARRAY(&st->meta_keys, n, err));
    TRY(MEM_ARRAY(&st->meta_values, n, err));
    const char *key;
    json_t *value;
    json_object_foreach(meta, key, value)
    {
        const char *text = json_string_value(value);
        if (!text || strlen(text) != json_string_length(value))
            return err_set(err, ERR_FORMAT, "'%s': '%s' is not a text", metadata_key,
                           key);
        int64_t i = st->n_meta++;
        st->meta_keys[i] = mem_dup(key, strlen(key));
        st->meta_values[i] = mem_dup(text, strlen(text));
        if (!st->meta_keys[i] || !st->meta_values[i])
            return err_set(err, ERR_NOMEM, "no memory for the metadata");
    }
    return OK;
}

static int compare_entries(const void *a, const void *b)
{
    const SafetensorsEntry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) /* empty tensors come before the one that starts there */
        return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The tensors tile [0, data_len), and then their offsets count from the file's start. */
static Status check_tiling(Safetensors *st, uint64_t data_start, uint64_t data_len,
                           Err *err)
{
    if (st->n > 1)
        qsort(st->entries, (size_t)st->n, sizeof *st->entries, compare_entries);
    uint64_t at = 0;
    for (int64_t i = 0; i < st->n; i++) {
        SafetensorsEntry *e = &st->entries[i];
        if (e->begin != at)
            return err_set(err, ERR_FORMAT,
                           "tensor '%s' starts at byte %llu of the data, not at %llu: "
                           "a hole or an overlap",
                           e->name, (unsigned long long)e->begin,
                           (unsigned long long)at);
        at = e->end;
        e->begin += data_start;
        e->end += data_start;
    }
    if (at != data_len)
        return err_set(err, ERR_FORMAT,
                       "the tensors take %llu bytes, but the file has %llu",
                       (unsigned long long)at, (unsigned long long)data_len);
    return OK;
}

static Status read_header(json_t *header, Safetensors *st, Err *err)
{
    TRY(MEM_ARRAY(&st->entries, json_object_size(header), err));
    const char *name;
    json_t *info;
    json_object_foreach(header, name, info)
    {
        if (strcmp(name, metadata_key) == 0) {
            TRY(read_metadata(info, st, err));
            continue;
        }
        SafetensorsEntry *e = &st->entries[st->n];
        e->name = mem_dup(name, strlen(name));
        if (!e->name)
            return err_set(err, ERR_NOMEM, "no memory for the name '%s'", name);
        st->n++;
        Status status = read_entry(info, e, err);
        if (status != OK) {
            err_context(err, "tensor '%s'", name);
            return status;
        }
    }
    return OK;
}

Status safetensors_parse(Span bytes, Safetensors *out, Err *err)
{
    *out = (Safetensors){0};
    if (bytes.len < LENGTH_BYTES)
        return err_set(err, ERR_FORMAT, "%zu bytes are too few for a safetensors file",
                       bytes.len);
    uint64_t header_len = bytes_u64(bytes.ptr);
    if (header_len > longest_header)
        return err_set(err, ERR_LIMIT, "a header of %llu bytes, of at most %llu",
                       (unsigned long long)header_len,
                       (unsigned long long)longest_header);
    if (header_len > bytes.len - LENGTH_BYTES)
        return err_set(err, ERR_FORMAT,
                       "a header of %llu bytes, but only %zu bytes follow",
                       (unsigned long long)header_len, bytes.len - LENGTH_BYTES);
    Span text = {bytes.ptr + LENGTH_BYTES, (size_t)header_len};
    if (text.len == 0 || text.ptr[0] != '{')
        return err_set(err, ERR_FORMAT, "the header does not start with '{'");

    json_t *header;
    Status status = json_parse(text, &header, err);
    if (status != OK) {
        err_context(err, "header");
        return status;
    }
    uint64_t data_start = LENGTH_BYTES + header_len;
    status = read_header(header, out, err);
    if (status == OK)
        status = check_tiling(out, data_start, bytes.len - data_start, err);
    json_decref(header);
    if (status != OK)
        safetensors_release(out);
    return status;
}

/* --- writing --------------------------------------------------------------------- */

/* {"format": "pt", ...}: transformers refuses a file without it. */
static json_t *make_metadata(const char *const *meta, int64_t n_pairs)
{
    json_t *object = json_object();
    bool good = object && json_object_set_new(object, "format", json_string("pt")) == 0;
    for (int64_t i = 0; good && i < n_pairs; i++) {
        json_t *value = json_from_bytes(span_of(meta[2 * i + 1]));
        good = json_object_set_new(object, meta[2 * i], value) == 0;
    }
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

/* Checks e, sets its place behind `at`, and gives its member of the header. */
static Status make_info(SafetensorsEntry *e, uint64_t at, json_t **info, Err *err)
{
    if (safetensors_dtype_bytes(e->dtype) == 0)
        return err_set(err, ERR_FORMAT, "tensor '%s': unknown dtype '%s'", e->name,
                       e->dtype);
    ASSERT(e->n_dims >= 0 && e->n_dims <= SAFETENSORS_MAX_DIMS);
    for (int32_t d = 0; d < e->n_dims; d++)
        ASSERT(e->dims[d] >= 0);
    int64_t bytes;
    if (!measure(e, &bytes) || (uint64_t)bytes > INT64_MAX - at)
        return err_set(err, ERR_LIMIT, "tensor '%s': its size overflows", e->name);
    e->begin = at;
    e->end = at + (uint64_t)bytes;

    json_t *shape = json_array();
    for (int32_t d = 0; shape && d < e->n_dims; d++) {
        if (json_array_append_new(shape, json_integer(e->dims[d])) != 0) {
            json_decref(shape);
            shape = NULL;
        }
    }
    *info = shape ? json_pack("{s:s, s:o, s:[I, I]}", "dtype", e->dtype, "shape", shape,
                              "data_offsets", (json_int_t)e->begin, (json_int_t)e->end)
                  : NULL;
    if (!*info)
        return err_set(err, ERR_NOMEM, "no memory for the header");
    return OK;
}

static Status add_entry(json_t *header, SafetensorsEntry *e, uint64_t at, Err *err)
{
    if (json_object_get(header, e->name))
        return err_set(err, ERR_FORMAT, "two tensors have the name '%s'", e->name);
    Span name = span_of(e->name);
    for (size_t i = 0, n; i < name.len; i += n) {
        n = span_utf8(name, i);
        if (n == 0)
            return err_set(err, ERR_FORMAT, "a tensor's name is not UTF-8");
    }
    json_t *info;
    TRY(make_info(e, at, &info, err));
    if (json_object_set_new(header, e->name, info) != 0)
        return err_set(err, ERR_NOMEM, "no memory for the header");
    return OK;
}

static Status write_header(json_t *header, SafetensorsEntry *entries, int64_t n,
                           Str *out, Err *err)
{
    uint64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        TRY(add_entry(header, &entries[i], at, err));
        at = entries[i].end;
    }
    size_t start = out->len;
    str_append(out, "\0\0\0\0\0\0\0\0", LENGTH_BYTES);
    json_append(out, header);
    while (!out->failed && (out->len - start) % 8 != 0)
        str_putc(out, ' '); /* the data start aligned */
    TRY(str_check(out, err));
    size_t len = out->len - start - LENGTH_BYTES;
    if (len > longest_header)
        return err_set(err, ERR_LIMIT, "a header of %zu bytes, of at most %llu", len,
                       (unsigned long long)longest_header);
    bytes_put_u64(out->ptr + start, len);
    for (int64_t i = 0; i < n; i++) {
        entries[i].begin += LENGTH_BYTES + len;
        entries[i].end += LENGTH_BYTES + len;
    }
    return OK;
}

Status safetensors_header(SafetensorsEntry *entries, int64_t n, const char *const *meta,
                          int64_t n_meta_pairs, Str *out, Err *err)
{
    json_t *header = json_object();
    json_t *metadata = make_metadata(meta, n_meta_pairs);
    if (!header || !metadata || json_object_set(header, metadata_key, metadata) != 0) {
        json_decref(header);
        json_decref(metadata);
        return err_set(err, ERR_NOMEM, "no memory for the header");
    }
    json_decref(metadata);
    Status status = write_header(header, entries, n, out, err);
    json_decref(header);
    return status;
}
