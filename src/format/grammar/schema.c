/* schema.c - see schema.h: keywords, references, choices. */
#include "format/grammar/schema_internal.h"

#include "base/mem.h"
#include "format/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Status schema_fail(const Schema *s, const char *fmt, ...)
{
    char what[250];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return err_set(s->err, ERR_FORMAT, "at '%.200s': %s", str_c(&s->path), what);
}

/* --- keywords ------------------------------------------------------------------------------ */
static const char *const annotations[] = {
    "title",      "description", "default",   "examples", "example",
    "$schema",    "$id",         "$comment",  "$defs",    "definitions",
    "deprecated", "readOnly",    "writeOnly", NULL};

/* Which types a keyword is about; 0: of none of these. */
static int keyword_types(const char *key)
{
    static const struct {
        const char *key;
        int types;
    } table[] = {
        {"type", TYPE_ALL},
        {"properties", TYPE_OBJECT},
        {"required", TYPE_OBJECT},
        {"additionalProperties", TYPE_OBJECT},
        {"minProperties", TYPE_OBJECT},
        {"maxProperties", TYPE_OBJECT},
        {"items", TYPE_ARRAY},
        {"prefixItems", TYPE_ARRAY},
        {"minItems", TYPE_ARRAY},
        {"maxItems", TYPE_ARRAY},
        {"minLength", TYPE_STRING},
        {"maxLength", TYPE_STRING},
        {"pattern", TYPE_STRING},
        {"format", TYPE_STRING},
        {"minimum", TYPE_NUMBER | TYPE_INTEGER},
        {"maximum", TYPE_NUMBER | TYPE_INTEGER},
        {"exclusiveMinimum", TYPE_NUMBER | TYPE_INTEGER},
        {"exclusiveMaximum", TYPE_NUMBER | TYPE_INTEGER},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(key, table[i].key) == 0)
            return table[i].types;
    }
    return 0;
}

static bool is_annotation(const char *key)
{
    for (size_t i = 0; annotations[i]; i++) {
        if (strcmp(key, annotations[i]) == 0)
            return true;
    }
    return strncmp(key, "x-", 2) == 0;
}

/* Beside `main` only `other` (NULL: nothing) and annotations. */
static Status only_beside(const Schema *s, const json_t *schema, const char *main,
                          const char *other)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(schema), key, value)
    {
        if (strcmp(key, main) != 0 && !is_annotation(key) &&
            !(other && strcmp(key, other) == 0))
            return schema_fail(s, "'%.60s' beside '%s' is not supported", key, main);
    }
    return OK;
}

/* Which types the keywords of a schema without `type` speak of. */
static int implied_types(const json_t *schema)
{
    const char *key;
    json_t *value;
    int types = 0;
    json_object_foreach(json_iterable(schema), key, value)
    {
        int of = keyword_types(key);
        types |= of == TYPE_ALL ? 0 : of & ~TYPE_INTEGER;
    }
    return types ? types : TYPE_ALL;
}

static Status read_types(const Schema *s, const json_t *schema, int *types)
{
    const json_t *type = json_object_get(schema, "type");
    if (!type) {
        *types = implied_types(schema);
        return OK;
    }
    size_t n = json_is_array(type) ? json_array_size(type) : 1;
    *types = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(type) ? json_array_get(type, i) : type;
        int bit = json_is_string(one) ? schema_type_named(json_string_value(one)) : 0;
        if (!bit)
            return schema_fail(s, "there is no type '%.40s'",
                               json_is_string(one) ? json_string_value(one) : "?");
        *types |= bit;
    }
    return n > 0 ? OK : schema_fail(s, "'type' is an empty list");
}

static Status check_keywords(const Schema *s, const json_t *schema, int types)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(schema), key, value)
    {
        int of = keyword_types(key);
        if (is_annotation(key))
            continue;
        if (!of)
            return schema_fail(s, "'%.60s' is not supported", key);
        if (!(of & types))
            return schema_fail(s, "'%.60s' says nothing about this type", key);
    }
    return OK;
}

Status schema_count(const Schema *s, const json_t *schema, const char *key, int64_t def,
                    int64_t *out)
{
    const json_t *value = json_object_get(schema, key);
    *out = def;
    if (!value)
        return OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return schema_fail(s, "'%s' is no whole number from 0 on", key);
    *out = json_integer_value(value);
    return OK;
}

/* --- references ------------------------------------------------------------------------------- */
/* One step of a pointer, "a~1b%20c" for "a/b c". */
static void unescape(Span step, Str *out)
{
    str_reset(out);
    for (size_t i = 0; i < step.len; i++) {
        char next = i + 1 < step.len ? step.ptr[i + 1] : '\0';
        uint32_t code;
        Err err;
        if (step.ptr[i] == '~' && (next == '0' || next == '1')) {
            str_putc(out, next == '0' ? '~' : '/');
            i++;
        } else if (step.ptr[i] == '%' &&
                   grammar_read_hex(step, i + 1, 2, &code, &err) == OK && code > 0) {
            str_putc(out, (char)code);
            i += 2;
        } else {
            str_putc(out, step.ptr[i]);
        }
    }
}

static const json_t *child(const json_t *node, const char *key)
{
    if (json_is_object(node))
        return json_object_get(node, key);
    size_t index = 0;
    if (!json_is_array(node) || !*key)
        return NULL;
    for (; *key; key++) {
        if (*key < '0' || *key > '9' || index > 100000)
            return NULL;
        index = index * 10 + (size_t)(*key - '0');
    }
    return json_array_get(node, index);
}

Status schema_target(const Schema *s, const json_t *ref, const json_t **target)
{
    if (!json_is_string(ref) || json_string_value(ref)[0] != '#')
        return schema_fail(s, "'$ref' to '%.80s': only places in this schema ('#/...')",
                           json_is_string(ref) ? json_string_value(ref) : "?");
    Span path = {json_string_value(ref) + 1, json_string_length(ref) - 1};
    const json_t *at = path.len == 0 || path.ptr[0] == '/' ? s->root : NULL;
    Str key = {0};
    for (size_t i = 0; at && i < path.len;) {
        size_t end = ++i;
        while (end < path.len && path.ptr[end] != '/')
            end++;
        unescape((Span){path.ptr + i, end - i}, &key);
        at = child(at, str_c(&key));
        i = end;
    }
    str_release(&key);
    if (!at)
        return schema_fail(s, "'$ref' to '%.80s': there is nothing",
                           json_string_value(ref));
    *target = at;
    return OK;
}

static Status ref_node(Schema *s, const json_t *schema, int32_t *node)
{
    const json_t *ref = json_object_get(schema, "$ref"), *target = NULL;
    TRY(only_beside(s, schema, "$ref", NULL));
    TRY(schema_target(s, ref, &target));
    for (size_t i = 0; i < s->n_refs; i++) {
        if (s->refs[i].target == target) {
            *node = grammar_call(s->g, s->refs[i].rule);
            return OK;
        }
    }
    if (s->n_refs == SCHEMA_REFS)
        return schema_fail(s, "over %d different references", SCHEMA_REFS);
    int32_t body = 0,
            rule = grammar_rule(
                s->g, (Span){json_string_value(ref), json_string_length(ref)}, 0, 0);
    TRY(grammar_check(s->g, s->err));
    TRY(MEM_PUSH_ROOM(&s->refs, s->n_refs, &s->cap_refs, s->err));
    s->refs[s->n_refs++] = (SchemaRef){target, rule};
    TRY(schema_node(s, target, NULL, NULL, &body));
    s->g->rules[rule].node = body;
    *node = grammar_call(s->g, rule);
    return OK;
}

/* --- values and choices ---------------------------------------------------------------------- */
static int32_t value_node(Schema *s, const json_t *value)
{
    Str text = {0};
    json_append(&text, value);
    int32_t node = grammar_bytes(s->g, str_span(&text));
    if (text.failed && s->g->failed.code == OK)
        (void)err_set(&s->g->failed, ERR_NOMEM, "no memory for a value");
    str_release(&text);
    return node;
}

/* `values`: an array, or the one value of const. */
static Status values_node(Schema *s, const json_t *schema, const char *key,
                          int32_t *node)
{
    const json_t *values = json_object_get(schema, key);
    bool list = strcmp(key, "enum") == 0;
    NodeList ways = {0};
    int types;
    TRY(only_beside(s, schema, key, "type"));
    TRY(read_types(s, schema, &types));
    if (list && !json_is_array(values))
        return schema_fail(s, "'enum' is no list");
    size_t n = list ? json_array_size(values) : 1;
    if (types & TYPE_NUMBER)
        types |= TYPE_INTEGER;
    for (size_t i = 0; i < n; i++) {
        const json_t *value = list ? json_array_get(values, i) : values;
        if (schema_type_of(value) & types)
            node_list_add(&ways, s->g, value_node(s, value));
    }
    bool some = ways.n > 0;
    if (some)
        *node = grammar_choice(s->g, ways.ptr, ways.n);
    node_list_release(&ways);
    TRY(grammar_check(s->g, s->err));
    return some ? OK : schema_fail(s, "no value of '%s' fits", key);
}

static Status check_one_of(const Schema *s, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t k = 0; k < i; k++) {
            if (schema_overlap(s, json_array_get(list, i), json_array_get(list, k), 0))
                return schema_fail(s,
                                   "'oneOf': a value might fit both %zu and %zu; where "
                                   "that is no harm, write 'anyOf'",
                                   k, i);
        }
    }
    return OK;
}

static Status choice_node(Schema *s, const json_t *schema, const char *key,
                          int32_t *node)
{
    const json_t *list = json_object_get(schema, key);
    NodeList ways = {0};
    TRY(only_beside(s, schema, key, NULL));
    size_t n = json_is_array(list) ? json_array_size(list) : 0;
    if (n == 0)
        return schema_fail(s, "'%s' is no list of schemas", key);
    if (strcmp(key, "allOf") == 0 && n > 1)
        return schema_fail(s, "'allOf' of more than one schema is not supported");
    if (strcmp(key, "oneOf") == 0)
        TRY(check_one_of(s, list));
    Status status = OK;
    for (size_t i = 0; i < n && status == OK; i++) {
        int32_t way = 0;
        char name[24];
        (void)snprintf(name, sizeof name, "%zu", i);
        status = schema_node(s, json_array_get(list, i), key, name, &way);
        node_list_add(&ways, s->g, way);
    }
    if (status == OK && ways.n > 0)
        *node = grammar_choice(s->g, ways.ptr, ways.n);
    node_list_release(&ways);
    return status;
}

static Status type_node(Schema *s, const json_t *schema, int type, int32_t *node)
{
    switch (type) {
    case TYPE_OBJECT:
        return schema_object(s, schema, node);
    case TYPE_ARRAY:
        return schema_array(s, schema, node);
    case TYPE_STRING:
        return schema_string(s, schema, node);
    case TYPE_INTEGER:
    case TYPE_NUMBER:
        return schema_number(s, schema, type == TYPE_INTEGER, node);
    case TYPE_BOOLEAN:
        *node = grammar_either(s->g, grammar_text(s->g, "true"),
                               grammar_text(s->g, "false"));
        return OK;
    default:
        *node = grammar_text(s->g, "null");
        return OK;
    }
}

static Status types_node(Schema *s, const json_t *schema, int32_t *node)
{
    NodeList ways = {0};
    int types;
    TRY(read_types(s, schema, &types));
    TRY(check_keywords(s, schema, types));
    if (types & TYPE_NUMBER)
        types &= ~TYPE_INTEGER;
    Status status = OK;
    for (int type = 1; type <= TYPE_NULL && status == OK; type *= 2) {
        int32_t way = 0;
        if (!(types & type))
            continue;
        status = type_node(s, schema, type, &way);
        node_list_add(&ways, s->g, way);
    }
    if (status == OK && ways.n > 0)
        *node = grammar_choice(s->g, ways.ptr, ways.n);
    node_list_release(&ways);
    return status;
}

static Status any_node(Schema *s, const json_t *schema, int32_t *node)
{
    static const char *const choices[] = {"anyOf", "oneOf", "allOf"};
    static const char *const values[] = {"enum", "const"};
    if (json_is_true(schema)) {
        *node = schema_any(s);
        return OK;
    }
    if (json_is_false(schema))
        return schema_fail(s, "false allows nothing");
    if (!json_is_object(schema))
        return schema_fail(s, "a schema is an object, true or false");
    if (json_object_get(schema, "$ref"))
        return ref_node(s, schema, node);
    for (int i = 0; i < 2; i++) {
        if (json_object_get(schema, values[i]))
            return values_node(s, schema, values[i], node);
    }
    for (int i = 0; i < 3; i++) {
        if (json_object_get(schema, choices[i]))
            return choice_node(s, schema, choices[i], node);
    }
    if (!json_object_get(schema, "type") && implied_types(schema) == TYPE_ALL) {
        TRY(check_keywords(s, schema, 0));
        *node = schema_any(s);
        return OK;
    }
    return types_node(s, schema, node);
}

Status schema_node(Schema *s, const json_t *schema, const char *step, const char *name,
                   int32_t *node)
{
    size_t len = s->path.len;
    if (++s->depth > SCHEMA_DEPTH)
        return schema_fail(s, "more than %d schemas in each other", SCHEMA_DEPTH);
    if (step)
        str_printf(&s->path, "/%s", step);
    if (name)
        str_printf(&s->path, "/%.60s", name);
    TRY(any_node(s, schema, node));
    TRY(grammar_check(s->g, s->err));
    str_truncate(&s->path, len);
    s->depth--;
    return OK;
}

Status schema_from_tree(Grammar *g, const json_t *schema, int32_t *node, Err *err)
{
    Schema s = {.g = g, .root = schema, .any_value = -1, .character = -1, .err = err};
    str_putc(&s.path, '#');
    Status status = schema_node(&s, schema, NULL, NULL, node);
    str_release(&s.path);
    mem_free(s.refs);
    return status;
}

Status schema_parse(Grammar *g, Span text, int32_t *node, Err *err)
{
    json_t *tree;
    TRY(json_parse(text, &tree, err));
    Status status = schema_from_tree(g, tree, node, err);
    json_decref(tree);
    return status;
}
