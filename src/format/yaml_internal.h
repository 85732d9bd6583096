/* yaml_internal.h - what reading and writing YAML must agree on: what a plain scalar
 * is taken for. */
#ifndef FORMAT_YAML_INTERNAL_H
#define FORMAT_YAML_INTERNAL_H

#include "base/str.h"

typedef enum YamlKind {
    YAML_NULL,
    YAML_TRUE,
    YAML_FALSE,
    YAML_INTEGER,
    YAML_REAL,
    YAML_ENDLESS, /* .inf and .nan, which JSON has not */
    YAML_TEXT,
} YamlKind;

/* s is NUL-terminated beyond its len. */
YamlKind yaml_plain_kind(Span s);

#endif
