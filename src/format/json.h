/* json.h - jansson with our errors and limits. Trees are json_t (jansson.h): callers
 * json_decref() what json_parse gives. */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include "base/err.h"
#include "base/options.h"
#include "base/str.h"

#include <jansson.h>
#include <stdint.h>

/* Strict UTF-8 JSON, duplicate keys rejected, depth limited (jansson's 2048). The
 * message has line and column. */
NODISCARD Status json_parse(Span bytes, json_t **out, Err *err);
NODISCARD Status json_read_file(const char *path, json_t **out, Err *err);
/* Indented by 2, keys in insertion order, trailing newline, atomic. */
NODISCARD Status json_write_file(const char *path, const json_t *root, Err *err);
/* Appends compact JSON (insertion order, reals with 17 digits). */
void json_append(Str *out, const json_t *value);
/* A string as it is, anything else as JSON: what a person would write. */
void json_append_plain(Str *out, const json_t *value);
/* Appends a JSON string literal of arbitrary bytes (invalid UTF-8 -> U+FFFD). */
void json_append_string(Str *out, Span bytes);
/* A new json string of arbitrary bytes (invalid UTF-8 -> U+FFFD); NULL: no memory. */
json_t *json_from_bytes(Span bytes);

/* The same tree for jansson's iterators, which change nothing but take no const. */
json_t *json_iterable(const json_t *tree);

/* Typed members: absent -> ERR_FORMAT unless the _or form, which gives the default;
 * a wrong type is always an error naming key and type. */
NODISCARD Status json_get_int(const json_t *o, const char *key, int64_t *out, Err *err);
NODISCARD Status json_get_int_or(const json_t *o, const char *key, int64_t def,
                                 int64_t *out, Err *err);
NODISCARD Status json_get_real_or(const json_t *o, const char *key, double def,
                                  double *out, Err *err);
NODISCARD Status json_get_bool_or(const json_t *o, const char *key, bool def, bool *out,
                                  Err *err);
/* Borrowed from o. */
NODISCARD Status json_get_text(const json_t *o, const char *key, Span *out, Err *err);

/* Options from and to JSON objects (YAML comes as JSON too, format/yaml.h). */
NODISCARD Status json_to_options(const json_t *object, const OptTable *table, void *o,
                                 Err *err);
json_t *json_from_options(const OptTable *table, const void *o);

#endif
