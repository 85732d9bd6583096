/* json_valid.h - JSON Schema checked on a value, for tests: written from the standard's
 * text, independent of the grammar that src/ makes of a schema. Patterns through PCRE2. */
#ifndef SUPPORT_JSON_VALID_H
#define SUPPORT_JSON_VALID_H

#include "support/check.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static inline bool json_valid(const json_t *root, json_t *schema, json_t *value);

static inline bool json_is_of_type(const char *type, const json_t *v)
{
    double x = json_number_value(v);
    return strcmp(type, "object") == 0    ? json_is_object(v)
           : strcmp(type, "array") == 0   ? json_is_array(v)
           : strcmp(type, "string") == 0  ? json_is_string(v)
           : strcmp(type, "number") == 0  ? json_is_number(v)
           : strcmp(type, "boolean") == 0 ? json_is_boolean(v)
           : strcmp(type, "null") == 0    ? json_is_null(v)
                                          : json_is_number(v) && floor(x) == x;
}

static inline bool json_finds(const char *pattern, const json_t *text)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *p = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
    assert_non_null(p);
    pcre2_match_data *m = pcre2_match_data_create(1, NULL);
    int found = pcre2_match(p, (PCRE2_SPTR)json_string_value(text),
                            json_string_length(text), 0, 0, m, NULL);
    pcre2_match_data_free(m);
    pcre2_code_free(p);
    return found >= 0;
}

static inline int64_t json_characters(const json_t *text)
{
    int64_t n = 0;
    for (size_t i = 0; i < json_string_length(text); i++)
        n += (json_string_value(text)[i] & 0xC0) != 0x80;
    return n;
}

static inline bool json_object_valid(const json_t *root, json_t *s, json_t *v)
{
    const char *key;
    json_t *member, *properties = json_object_get(s, "properties");
    json_t *more = json_object_get(s, "additionalProperties");
    size_t i;
    json_array_foreach(json_object_get(s, "required"), i, member)
    {
        if (!json_object_get(v, json_string_value(member)))
            return false;
    }
    json_object_foreach(v, key, member)
    {
        json_t *of = json_object_get(properties, key);
        of = of ? of : more;
        if (of && !json_valid(root, of, member))
            return false;
    }
    json_int_t n = (json_int_t)json_object_size(v);
    json_t *min = json_object_get(s, "minProperties");
    json_t *max = json_object_get(s, "maxProperties");
    return (!min || n >= json_integer_value(min)) &&
           (!max || n <= json_integer_value(max));
}

static inline bool json_array_valid(const json_t *root, json_t *s, json_t *v)
{
    json_t *prefix = json_object_get(s, "prefixItems"), *element;
    size_t i;
    json_array_foreach(v, i, element)
    {
        json_t *of = json_array_get(prefix, i);
        of = of ? of : json_object_get(s, "items");
        if (of && !json_valid(root, of, element))
            return false;
    }
    json_int_t n = (json_int_t)json_array_size(v);
    json_t *min = json_object_get(s, "minItems"), *max = json_object_get(s, "maxItems");
    return (!min || n >= json_integer_value(min)) &&
           (!max || n <= json_integer_value(max));
}

static inline bool json_scalar_valid(json_t *s, json_t *v)
{
    json_t *k;
    double x = json_number_value(v);
    if (json_is_string(v)) {
        int64_t n = json_characters(v);
        if (((k = json_object_get(s, "minLength")) && n < json_integer_value(k)) ||
            ((k = json_object_get(s, "maxLength")) && n > json_integer_value(k)) ||
            ((k = json_object_get(s, "pattern")) &&
             !json_finds(json_string_value(k), v)))
            return false;
    }
    return !json_is_number(v) ||
           (!((k = json_object_get(s, "minimum")) && x < json_number_value(k)) &&
            !((k = json_object_get(s, "maximum")) && x > json_number_value(k)) &&
            !((k = json_object_get(s, "exclusiveMinimum")) &&
              x <= json_number_value(k)) &&
            !((k = json_object_get(s, "exclusiveMaximum")) &&
              x >= json_number_value(k)));
}

/* How many of a list of schemas a value fits. */
static inline size_t json_fits(const json_t *root, json_t *list, json_t *v)
{
    size_t i, n = 0;
    json_t *one;
    json_array_foreach(list, i, one) n += json_valid(root, one, v);
    return n;
}

static inline bool json_type_valid(json_t *type, const json_t *v)
{
    size_t i;
    json_t *one;
    if (!type)
        return true;
    if (json_is_string(type))
        return json_is_of_type(json_string_value(type), v);
    json_array_foreach(type, i, one)
    {
        if (json_is_of_type(json_string_value(one), v))
            return true;
    }
    return false;
}

/* "#" or "#/a/b" without escapes. */
static inline json_t *json_at(const json_t *root, const char *ref)
{
    char copy[200];
    const json_t *at = root;
    (void)snprintf(copy, sizeof copy, "%s", ref + 1);
    for (char *save, *step = strtok_r(copy, "/", &save); step;
         step = strtok_r(NULL, "/", &save))
        at = json_object_get(at, step);
    assert_non_null(at);
    json_t *out;
    memcpy(&out, &at, sizeof out);
    return out;
}

static inline bool json_valid(const json_t *root, json_t *s, json_t *v)
{
    json_t *k, *one;
    size_t i, same = 0;
    if (json_is_boolean(s))
        return json_is_true(s);
    if ((k = json_object_get(s, "$ref")) &&
        !json_valid(root, json_at(root, json_string_value(k)), v))
        return false;
    if ((k = json_object_get(s, "const")) && !json_equal(k, v))
        return false;
    if ((k = json_object_get(s, "enum"))) {
        json_array_foreach(k, i, one) same += json_equal(one, v);
        if (!same)
            return false;
    }
    k = json_object_get(s, "anyOf");
    if (k && json_fits(root, k, v) == 0)
        return false;
    k = json_object_get(s, "oneOf");
    if (k && json_fits(root, k, v) != 1)
        return false;
    k = json_object_get(s, "allOf");
    if (k && json_fits(root, k, v) != json_array_size(k))
        return false;
    return json_type_valid(json_object_get(s, "type"), v) &&
           (!json_is_object(v) || json_object_valid(root, s, v)) &&
           (!json_is_array(v) || json_array_valid(root, s, v)) &&
           json_scalar_valid(s, v);
}

#endif
