/* schema.c - one function a group of words, each says the first thing that is wrong; see
 * schema.h. */
#include "think/tool/schema.h"

#include "base/str.h"
#include "format/json.h"
#include "text/regex.h"
#include "text/utf8.h"

#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_STEPS = 100000, SHOWN = 60 };

typedef struct Check {
    const json_t *root; /* what "#" refers to */
    const char *what;   /* the name of the value as a whole */
    int depth, steps;
    bool quiet; /* only yes or no is asked: anyOf tries all */
    Str path;
} Check;

static Status check(Check *c, const json_t *schema, const json_t *value, Err *err);

/* "'path' must be WANTED, not VALUE". */
static Status fault(const Check *c, const json_t *value, Err *err, const char *wanted)
{
    if (c->quiet)
        return err_set(err, ERR_FORMAT, "no");
    Str all = {0}, shown = {0};
    json_append(&all, value);
    str_quote(&shown, str_span(&all), SHOWN);
    Status status = err_set(err, ERR_FORMAT, "%s must be %s, not %s", str_c(&c->path),
                            wanted, str_c(&shown));
    str_release(&all);
    str_release(&shown);
    return status;
}

/* --- types --------------------------------------------------------------------------- */

static bool is_whole(const json_t *v)
{
    if (json_is_integer(v))
        return true;
    double x = json_real_value(v);
    return json_is_real(v) && x >= -9e15 && x <= 9e15 && floor(x) == x;
}

static bool has_type(const json_t *v, const char *type)
{
    switch (*type) {
    case 'o':
        return json_is_object(v);
    case 'a':
        return json_is_array(v);
    case 's':
        return json_is_string(v);
    case 'i':
        return is_whole(v);
    case 'b':
        return json_is_boolean(v);
    default:
        return strcmp(type, "null") == 0 ? json_is_null(v) : json_is_number(v);
    }
}

static const char *with_article(const char *type)
{
    static const char *const names[] = {"an object",  "an array", "a string",
                                        "an integer", "a number", "a boolean"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(strchr(names[i], ' ') + 1, type) == 0)
            return names[i];
    }
    return "null";
}

static Status check_type(const Check *c, const json_t *type, const json_t *value,
                         Err *err)
{
    if (json_is_string(type))
        return has_type(value, json_string_value(type))
                   ? OK
                   : fault(c, value, err, with_article(json_string_value(type)));
    Str wanted = {0};
    for (size_t i = 0; i < json_array_size(type); i++) {
        const char *name = json_string_value(json_array_get(type, i));
        if (has_type(value, name)) {
            str_release(&wanted);
            return OK;
        }
        str_printf(&wanted, "%s%s", i ? " or " : "", with_article(name));
    }
    Status status = fault(c, value, err, str_c(&wanted));
    str_release(&wanted);
    return status;
}

/* --- values -------------------------------------------------------------------------- */

static Status check_enum(const Check *c, const json_t *all, const json_t *value,
                         Err *err)
{
    Str wanted = {0};
    str_puts(&wanted, "one of ");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        if (json_equal(one, value)) {
            str_release(&wanted);
            return OK;
        }
        if (i > 0)
            str_puts(&wanted, ", ");
        json_append(&wanted, one);
    }
    str_truncate(&wanted, wanted.len > 256 ? 256 : wanted.len);
    Status status = fault(c, value, err, str_c(&wanted));
    str_release(&wanted);
    return status;
}

static Status check_const(const Check *c, const json_t *one, const json_t *value,
                          Err *err)
{
    if (json_equal(one, value))
        return OK;
    Str wanted = {0};
    json_append(&wanted, one);
    str_truncate(&wanted, wanted.len > 256 ? 256 : wanted.len);
    Status status = fault(c, value, err, str_c(&wanted));
    str_release(&wanted);
    return status;
}

static Status bound(const Check *c, const json_t *schema, const char *key, double x,
                    const json_t *value, Err *err)
{
    const json_t *limit = json_object_get(schema, key);
    if (!limit)
        return OK;
    double y = json_number_value(limit);
    const char *word = NULL;
    if (strcmp(key, "minimum") == 0 && !(x >= y))
        word = "at least";
    else if (strcmp(key, "maximum") == 0 && !(x <= y))
        word = "at most";
    else if (strcmp(key, "exclusiveMinimum") == 0 && !(x > y))
        word = "above";
    else if (strcmp(key, "exclusiveMaximum") == 0 && !(x < y))
        word = "below";
    else if (strcmp(key, "multipleOf") == 0 && fabs(remainder(x, y)) > 1e-9 * fabs(y))
        word = "a multiple of";
    if (!word)
        return OK;
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "%s %.15g", word, y);
    return fault(c, value, err, wanted);
}

static Status check_number(const Check *c, const json_t *schema, const json_t *value,
                           Err *err)
{
    static const char *const keys[] = {"minimum", "maximum", "exclusiveMinimum",
                                       "exclusiveMaximum", "multipleOf"};
    double x = json_number_value(value);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        TRY(bound(c, schema, keys[i], x, value, err));
    return OK;
}

/* `n` of `unit` against the words at_least and at_most of the schema. */
static Status check_size(const Check *c, const json_t *schema, const char *at_least,
                         const char *at_most, size_t n, const char *unit,
                         const json_t *value, Err *err)
{
    const json_t *least = json_object_get(schema, at_least),
                 *most = json_object_get(schema, at_most);
    char wanted[64];
    if (least && (double)n < json_number_value(least))
        (void)snprintf(wanted, sizeof wanted, "at least %.15g %s",
                       json_number_value(least), unit);
    else if (most && (double)n > json_number_value(most))
        (void)snprintf(wanted, sizeof wanted, "at most %.15g %s",
                       json_number_value(most), unit);
    else
        return OK;
    return fault(c, value, err, wanted);
}

static size_t characters(Span s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; n++) {
        size_t len = span_utf8(s, i);
        i += len ? len : 1;
    }
    return n;
}

static Status check_string(const Check *c, const json_t *schema, const json_t *value,
                           Err *err)
{
    Span text = {json_string_value(value), json_string_length(value)};
    TRY(check_size(c, schema, "minLength", "maxLength", characters(text), "characters",
                   value, err));
    const json_t *pattern = json_object_get(schema, "pattern");
    if (!pattern)
        return OK;
    Regex *regex = NULL;
    void *scratch = NULL;
    bool matches = false;
    Span source = {json_string_value(pattern), json_string_length(pattern)};
    Status status = regex_new(&regex, source, err);
    if (status == OK)
        status = regex_scratch(regex, &scratch, err);
    if (status == OK)
        status = regex_matches(regex, scratch, text, &matches, err);
    regex_scratch_free(scratch);
    regex_free(regex);
    if (status != OK)
        return err_context(err, "%s: pattern", str_c(&c->path));
    if (matches)
        return OK;
    char wanted[160];
    (void)snprintf(wanted, sizeof wanted, "text that matches %.128s", source.ptr);
    return fault(c, value, err, wanted);
}

/* --- containers ---------------------------------------------------------------------- */

/* Checks a part of the value under its own path. */
static Status check_part(Check *c, const json_t *schema, const json_t *value, Err *err,
                         const char *fmt, ...) PRINTF_LIKE(5, 6);
static Status check_part(Check *c, const json_t *schema, const json_t *value, Err *err,
                         const char *fmt, ...)
{
    Str outer = c->path, inner = {0};
    va_list args;
    va_start(args, fmt);
    str_vprintf(&inner, fmt, args);
    va_end(args);
    c->path = inner;
    Status status = check(c, schema, value, err);
    str_release(&c->path);
    c->path = outer;
    return status;
}

static Status check_items(Check *c, const json_t *schema, const json_t *value, Err *err)
{
    size_t n = json_array_size(value);
    TRY(check_size(c, schema, "minItems", "maxItems", n, "items", value, err));
    const json_t *items = json_object_get(schema, "items"),
                 *first = json_object_get(schema, "prefixItems");
    for (size_t i = 0; i < n; i++) {
        const json_t *of =
            i < json_array_size(first) ? json_array_get(first, i) : items;
        if (of)
            TRY(check_part(c, of, json_array_get(value, i), err, "item %zu of %s",
                           i + 1, str_c(&c->path)));
    }
    if (!json_is_true(json_object_get(schema, "uniqueItems")))
        return OK;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (++c->steps > MAX_STEPS)
                return err_set(err, ERR_LIMIT, "the arguments take too long to check");
            if (json_equal(json_array_get(value, i), json_array_get(value, j)))
                return fault(c, value, err, "an array without repeats");
        }
    }
    return OK;
}

static Status missing(const Check *c, const char *key, Err *err)
{
    Str shown = {0};
    str_quote(&shown, span_of(key), SHOWN);
    Status status = err_set(err, ERR_FORMAT, "'%s' is missing in %s", str_c(&shown),
                            str_c(&c->path));
    str_release(&shown);
    return status;
}

/* Names what there is, so that the model can mend the name. */
static Status not_known(const Check *c, const char *key, const json_t *properties,
                        Err *err)
{
    Str shown = {0};
    str_quote(&shown, span_of(key), SHOWN);
    str_puts(&shown, "'");
    const char *name;
    json_t *of;
    const char *before = "; there are ";
    json_object_foreach(json_iterable(properties), name, of)
    {
        str_printf(&shown, "%s%s", before, name);
        before = ", ";
    }
    str_truncate(&shown, shown.len > 300 ? 300 : shown.len);
    Status status =
        err_set(err, ERR_FORMAT, "%s has no '%s", str_c(&c->path), str_c(&shown));
    str_release(&shown);
    return status;
}

static Status check_members(Check *c, const json_t *schema, const json_t *value,
                            Err *err)
{
    const json_t *required = json_object_get(schema, "required"),
                 *properties = json_object_get(schema, "properties"),
                 *others = json_object_get(schema, "additionalProperties");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *key = json_string_value(json_array_get(required, i));
        if (!json_object_get(value, key))
            return missing(c, key, err);
    }
    TRY(check_size(c, schema, "minProperties", "maxProperties", json_object_size(value),
                   "members", value, err));
    const char *key;
    json_t *part;
    json_object_foreach(json_iterable(value), key, part)
    {
        const json_t *of = json_object_get(properties, key);
        if (!of && json_is_false(others))
            return not_known(c, key, properties, err);
        if (!of)
            of = others;
        if (!of)
            continue;
        bool inside = strcmp(str_c(&c->path), c->what) != 0;
        TRY(check_part(c, of, part, err, "'%.60s'%s%s", key, inside ? " of " : "",
                       inside ? str_c(&c->path) : ""));
    }
    return OK;
}

/* --- schemas of schemas -------------------------------------------------------------- */

/* How many of `all` the value holds to. */
static Status count_matches(Check *c, const json_t *all, const json_t *value, size_t *n,
                            Err *err)
{
    bool quiet = c->quiet;
    Status status = OK;
    c->quiet = true;
    *n = 0;
    for (size_t i = 0; status == OK && i < json_array_size(all); i++) {
        Err why = {0};
        Status one = check(c, json_array_get(all, i), value, &why);
        if (one == OK)
            (*n)++;
        else if (one != ERR_FORMAT)
            status = err_set(err, one, "%s", why.msg);
    }
    c->quiet = quiet;
    return status;
}

static Status check_choices(Check *c, const json_t *schema, const json_t *value,
                            Err *err)
{
    const json_t *any = json_object_get(schema, "anyOf"),
                 *one = json_object_get(schema, "oneOf"),
                 *all = json_object_get(schema, "allOf"),
                 *not = json_object_get(schema, "not");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(all); i++)
        TRY(check(c, json_array_get(all, i), value, err));
    if (any) {
        TRY(count_matches(c, any, value, &n, err));
        if (n == 0) /* one alternative can say what it wants, several cannot */
            return json_array_size(any) == 1
                       ? check(c, json_array_get(any, 0), value, err)
                       : fault(c, value, err,
                               "one of the forms that its schema allows");
    }
    if (one) {
        TRY(count_matches(c, one, value, &n, err));
        if (n != 1)
            return fault(c, value, err,
                         "exactly one of the forms that its schema allows");
    }
    if (!not )
        return OK;
    bool quiet = c->quiet;
    c->quiet = true;
    Err why = {0};
    Status status = check(c, not, value, &why);
    c->quiet = quiet;
    if (status == ERR_FORMAT)
        return OK;
    return status == OK ? fault(c, value, err, "something else")
                        : err_set(err, status, "%s", why.msg);
}

/* "#/$defs/point" in the root; "~1" is '/', "~0" is '~'. */
static const json_t *resolve(const json_t *root, const char *ref)
{
    if (*ref++ != '#')
        return NULL;
    while (root && *ref == '/') {
        char key[128];
        size_t n = 0;
        for (ref++; *ref && *ref != '/' && n + 1 < sizeof key; ref++) {
            bool escape = ref[0] == '~' && (ref[1] == '0' || ref[1] == '1');
            key[n++] = (char)(escape ? (ref[1] == '1' ? '/' : '~') : *ref);
            ref += escape;
        }
        key[n] = '\0';
        root = json_object_get(root, key);
    }
    return *ref ? NULL : root;
}

static Status check_words(Check *c, const json_t *schema, const json_t *value, Err *err)
{
    const json_t *word;
    if ((word = json_object_get(schema, "$ref")) && json_is_string(word)) {
        const json_t *of = resolve(c->root, json_string_value(word));
        if (!of)
            return err_set(err, ERR_FORMAT,
                           "the schema refers to %.100s, which it lacks",
                           json_string_value(word));
        TRY(check(c, of, value, err));
    }
    if ((word = json_object_get(schema, "type")))
        TRY(check_type(c, word, value, err));
    if ((word = json_object_get(schema, "enum")))
        TRY(check_enum(c, word, value, err));
    if ((word = json_object_get(schema, "const")))
        TRY(check_const(c, word, value, err));
    if (json_is_number(value))
        TRY(check_number(c, schema, value, err));
    if (json_is_string(value))
        TRY(check_string(c, schema, value, err));
    if (json_is_array(value))
        TRY(check_items(c, schema, value, err));
    if (json_is_object(value))
        TRY(check_members(c, schema, value, err));
    return check_choices(c, schema, value, err);
}

static Status check(Check *c, const json_t *schema, const json_t *value, Err *err)
{
    if (json_is_true(schema))
        return OK;
    if (json_is_false(schema))
        return fault(c, value, err, "absent");
    if (++c->depth > MAX_DEPTH || ++c->steps > MAX_STEPS)
        return err_set(err, ERR_LIMIT, "the arguments take too long to check");
    Status status = check_words(c, schema, value, err);
    c->depth--;
    return status;
}

Status schema_check(const json_t *schema, const json_t *value, const char *what,
                    Err *err)
{
    Check c = {.root = schema, .what = what};
    str_puts(&c.path, what);
    Status status = check(&c, schema, value, err);
    str_release(&c.path);
    return status;
}

/* --- is it a schema? ----------------------------------------------------------------- */

static Status not_a_schema(const char *key, const char *wanted, Err *err)
{
    return err_set(err, ERR_FORMAT, "'%s' of a schema is %s", key, wanted);
}

static bool is_type(const json_t *v)
{
    static const char *const names[] = {"object", "array",   "string", "integer",
                                        "number", "boolean", "null"};
    for (size_t i = 0; json_is_string(v) && i < sizeof names / sizeof *names; i++) {
        if (strcmp(json_string_value(v), names[i]) == 0)
            return true;
    }
    return false;
}

static Status well_formed(const json_t *schema, int depth, Err *err);

static Status all_well_formed(const json_t *schemas, int depth, Err *err)
{
    const char *key;
    json_t *one;
    json_object_foreach(json_iterable(schemas), key, one)
        TRY(well_formed(one, depth, err));
    for (size_t i = 0; i < json_array_size(schemas); i++)
        TRY(well_formed(json_array_get(schemas, i), depth, err));
    return OK;
}

static Status check_lists(const json_t *schema, Err *err)
{
    const json_t *type = json_object_get(schema, "type"),
                 *required = json_object_get(schema, "required");
    bool typed = !type || is_type(type) || json_array_size(type) > 0;
    for (size_t i = 0; i < json_array_size(type); i++)
        typed = typed && is_type(json_array_get(type, i));
    if (!typed)
        return not_a_schema("type", "the name of a type, or a list of them", err);
    bool named = !required || json_is_array(required);
    for (size_t i = 0; i < json_array_size(required); i++)
        named = named && json_is_string(json_array_get(required, i));
    if (!named)
        return not_a_schema("required", "a list of names", err);
    if (json_object_get(schema, "enum") &&
        !json_is_array(json_object_get(schema, "enum")))
        return not_a_schema("enum", "a list of values", err);
    return OK;
}

static Status check_numbers(const json_t *schema, Err *err)
{
    static const char *const keys[] = {
        "minimum",    "maximum",       "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minLength",     "maxLength",        "minItems",
        "maxItems",   "minProperties", "maxProperties"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(schema, keys[i]);
        if (v && !json_is_number(v))
            return not_a_schema(keys[i], "a number", err);
    }
    const json_t *step = json_object_get(schema, "multipleOf");
    if (step && !(json_number_value(step) > 0))
        return not_a_schema("multipleOf", "above 0", err);
    return OK;
}

static Status check_pattern(const json_t *schema, Err *err)
{
    const json_t *pattern = json_object_get(schema, "pattern");
    if (!pattern)
        return OK;
    if (!json_is_string(pattern))
        return not_a_schema("pattern", "a regular expression", err);
    Regex *regex = NULL;
    Span source = {json_string_value(pattern), json_string_length(pattern)};
    Status status = regex_new(&regex, source, err);
    regex_free(regex);
    return status == OK ? OK : err_context(err, "'pattern' of a schema");
}

static Status well_formed(const json_t *schema, int depth, Err *err)
{
    static const char *const lists[] = {"anyOf", "oneOf", "allOf", "prefixItems"};
    static const char *const maps[] = {"properties", "$defs", "definitions"};
    static const char *const single[] = {"items", "not", "additionalProperties"};
    if (json_is_boolean(schema))
        return OK;
    if (!json_is_object(schema))
        return err_set(err, ERR_FORMAT, "a schema is an object");
    if (depth > MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "a schema nested more than %d deep", MAX_DEPTH);
    TRY(check_lists(schema, err));
    TRY(check_numbers(schema, err));
    TRY(check_pattern(schema, err));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *v = json_object_get(schema, lists[i]);
        if (v && !json_is_array(v))
            return not_a_schema(lists[i], "a list of schemas", err);
        TRY(all_well_formed(v, depth + 1, err));
    }
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        const json_t *v = json_object_get(schema, maps[i]);
        if (v && !json_is_object(v))
            return not_a_schema(maps[i], "an object of schemas", err);
        TRY(all_well_formed(v, depth + 1, err));
    }
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        const json_t *v = json_object_get(schema, single[i]);
        if (v)
            TRY(well_formed(v, depth + 1, err));
    }
    return OK;
}

Status schema_is_parameters(const json_t *schema, Err *err)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (!json_is_object(schema) || !type || strcmp(type, "object") != 0)
        return err_set(err, ERR_FORMAT,
                       "the schema of parameters is an object of type \"object\"");
    return well_formed(schema, 0, err);
}
