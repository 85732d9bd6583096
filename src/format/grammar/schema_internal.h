/* schema_internal.h - what the files of schema.h share. */
#ifndef FORMAT_GRAMMAR_SCHEMA_INTERNAL_H
#define FORMAT_GRAMMAR_SCHEMA_INTERNAL_H

#include "format/grammar/schema.h"

enum { SCHEMA_DEPTH = 60, SCHEMA_REFS = 2000, SCHEMA_KEY_CHARS = 200 };

/* Types as bits; an integer is a number too. */
enum {
    TYPE_OBJECT = 1,
    TYPE_ARRAY = 2,
    TYPE_STRING = 4,
    TYPE_INTEGER = 8,
    TYPE_NUMBER = 16,
    TYPE_BOOLEAN = 32,
    TYPE_NULL = 64,
    TYPE_ALL = 127
};

typedef struct SchemaRef {
    const json_t *target;
    int32_t rule;
} SchemaRef;

typedef struct Schema {
    Grammar *g;
    const json_t *root;
    Str path; /* of what is read now, from '#' */
    int depth;
    SchemaRef *refs;
    size_t n_refs, cap_refs;
    int32_t any_value; /* rules that are made when they are needed; -1 */
    int32_t character;
    Err *err;
} Schema;

/* ERR_FORMAT "at '<path>': ...". */
Status schema_fail(const Schema *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Any schema; `step` is its place below where we are ("properties/a"), NULL: here. */
NODISCARD Status schema_node(Schema *s, const json_t *schema, const char *step,
                             const char *name, int32_t *node);
/* What "#/..." points at. */
NODISCARD Status schema_target(const Schema *s, const json_t *ref,
                               const json_t **target);
/* A count (minItems, ...), `def` where there is none. */
NODISCARD Status schema_count(const Schema *s, const json_t *schema, const char *key,
                              int64_t def, int64_t *out);

/* --- schema_value.c: strings and numbers --------------------------------------------- */
NODISCARD Status schema_string(Schema *s, const json_t *schema, int32_t *node);
NODISCARD Status schema_number(Schema *s, const json_t *schema, bool integer,
                               int32_t *node);
int32_t schema_any_string(Schema *s);

/* --- schema_object.c: what holds others --------------------------------------------- */
NODISCARD Status schema_object(Schema *s, const json_t *schema, int32_t *node);
NODISCARD Status schema_array(Schema *s, const json_t *schema, int32_t *node);
bool schema_requires(const json_t *schema, const char *key);
int32_t schema_any(Schema *s); /* any JSON value */

/* --- schema_overlap.c ------------------------------------------------------------------ */
/* May a value fit both? True when that is not known. */
bool schema_overlap(const Schema *s, const json_t *a, const json_t *b, int depth);
/* The types that a schema allows, as far as its `type`, values and keywords say. */
int schema_types(const Schema *s, const json_t *schema);
int schema_type_of(const json_t *value);
int schema_type_named(const char *name); /* 0: no type */

#endif
