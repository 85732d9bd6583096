/* yaml.h - YAML 1.1 documents (libyaml) read as JSON trees: mappings to objects in
 * order, sequences to arrays, plain scalars to null/bool/integer/real when they look
 * like one (YAML core schema), quoted ones to strings. Anchors, tags and several
 * documents are refused; duplicate keys and nesting over 32 are errors with the line. */
#ifndef FORMAT_YAML_H
#define FORMAT_YAML_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

NODISCARD Status yaml_parse(Span bytes, json_t **out, Err *err);
/* Appends a tree as block-style YAML that yaml_parse reads back to the same tree. */
void yaml_append(Str *out, const json_t *tree);

#endif
