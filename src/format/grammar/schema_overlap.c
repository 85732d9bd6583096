/* schema_overlap.c - may a value fit two schemas? For oneOf, which allows values that fit
 * one alone. Types, finite lists of values and the required keys of objects are looked at;
 * where these do not tell, the answer is yes. */
#include "format/grammar/schema_internal.h"

#include "format/json.h"

#include <string.h>

static const char *const type_names[] = {"object", "array",   "string", "integer",
                                         "number", "boolean", "null"};

int schema_type_named(const char *name)
{
    for (int i = 0; i < 7; i++) {
        if (strcmp(name, type_names[i]) == 0)
            return 1 << i;
    }
    return 0;
}

int schema_type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return TYPE_OBJECT;
    case JSON_ARRAY:
        return TYPE_ARRAY;
    case JSON_STRING:
        return TYPE_STRING;
    case JSON_INTEGER:
        return TYPE_INTEGER | TYPE_NUMBER;
    case JSON_REAL:
        return TYPE_NUMBER;
    case JSON_NULL:
        return TYPE_NULL;
    default:
        return TYPE_BOOLEAN;
    }
}

/* The i-th value of a schema that lists them, or NULL. */
static const json_t *listed(const json_t *schema, size_t i)
{
    const json_t *one = json_object_get(schema, "const");
    if (one)
        return i == 0 ? one : NULL;
    return json_array_get(json_object_get(schema, "enum"), i);
}

int schema_types(const Schema *s, const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    int types = 0;
    (void)s;
    for (size_t i = 0; listed(schema, i); i++)
        types |= schema_type_of(listed(schema, i));
    if (types)
        return types;
    if (json_is_string(type))
        types = schema_type_named(json_string_value(type));
    for (size_t i = 0; i < json_array_size(type); i++) {
        const json_t *one = json_array_get(type, i);
        types |= json_is_string(one) ? schema_type_named(json_string_value(one)) : 0;
    }
    if (types & TYPE_NUMBER)
        types |= TYPE_INTEGER;
    if (types & TYPE_INTEGER)
        types |= TYPE_NUMBER;
    return types ? types : TYPE_ALL;
}

static bool values_overlap(const json_t *a, const json_t *b)
{
    for (size_t i = 0; listed(a, i); i++) {
        for (size_t k = 0; listed(b, k); k++) {
            if (json_equal(listed(a, i), listed(b, k)) ||
                (json_is_number(listed(a, i)) && json_is_number(listed(b, k))))
                return true;
        }
    }
    return false;
}

/* A key that both require, with values that cannot be the same. */
static bool objects_overlap(const Schema *s, const json_t *a, const json_t *b,
                            int depth)
{
    const char *key;
    json_t *in_a;
    json_object_foreach(json_iterable(json_object_get(a, "properties")), key, in_a)
    {
        const json_t *in_b = json_object_get(json_object_get(b, "properties"), key);
        if (in_b && schema_requires(a, key) && schema_requires(b, key) &&
            !schema_overlap(s, in_a, in_b, depth + 1))
            return false;
    }
    return true;
}

bool schema_overlap(const Schema *s, const json_t *a, const json_t *b, int depth)
{
    const json_t **both[] = {&a, &b};
    Err ignored;
    Schema quiet = *s;
    quiet.err = &ignored;
    for (int i = 0; i < 2; i++) {
        const json_t *ref = json_object_get(*both[i], "$ref");
        if (ref && schema_target(&quiet, ref, both[i]) != OK)
            return true;
    }
    if (depth > 8 || !json_is_object(a) || !json_is_object(b))
        return true;
    int types = schema_types(s, a) & schema_types(s, b);
    if (!types)
        return false;
    if (listed(a, 0) && listed(b, 0))
        return values_overlap(a, b);
    return types != TYPE_OBJECT || objects_overlap(s, a, b, depth);
}
