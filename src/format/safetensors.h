/* safetensors.h - the safetensors format, pure: bytes in, structs out.
 *
 *     u64 LE N | N bytes of JSON | data
 *
 * Every rule of the format is checked before a byte of data is believed: header
 * length, UTF-8, duplicate keys, known dtype, offsets contiguous from 0 without hole
 * or overlap, shape product * size = extent, and 8 + N + data = file size exactly. */
#ifndef FORMAT_SAFETENSORS_H
#define FORMAT_SAFETENSORS_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum { SAFETENSORS_MAX_DIMS = 8 };

typedef struct SafetensorsEntry {
    char *name;
    char dtype[8]; /* "F32", "BF16", "F16", "I64" ... */
    int32_t n_dims;
    int64_t dims[SAFETENSORS_MAX_DIMS];
    int64_t count;       /* product of dims; 1 for a scalar */
    uint64_t begin, end; /* bytes from the start of the file */
} SafetensorsEntry;

typedef struct Safetensors {
    SafetensorsEntry *entries; /* in the order of their data */
    int64_t n;
    char **meta_keys, **meta_values; /* __metadata__ */
    int64_t n_meta;
} Safetensors;

/* `bytes` is the whole file (a map). On error *out is empty. */
NODISCARD Status safetensors_parse(Span bytes, Safetensors *out, Err *err);
void safetensors_release(Safetensors *st);
const SafetensorsEntry *safetensors_find(const Safetensors *st, const char *name);
const char *safetensors_meta(const Safetensors *st, const char *key); /* or NULL */

/* Bytes of one element; 0 for an unknown dtype. */
int safetensors_dtype_bytes(const char *dtype);

/* Writing: fill name, dtype, n_dims, dims of each entry; this fills count, begin and
 * end (in the order given) and appends the header (8 + N bytes, N % 8 == 0, metadata
 * {"format":"pt"} plus the pairs given). The data follow in the same order. */
NODISCARD Status safetensors_header(SafetensorsEntry *entries, int64_t n,
                                    const char *const *meta, int64_t n_meta_pairs,
                                    Str *out, Err *err);

#endif
