/* assertion.c - see assertion.h. */
#include "eval/assertion.h"

#include "base/options.h"
#include "format/json.h"
#include "text/regex.h"

#include <string.h>

static const char *const names[ASSERT_KINDS + 1] = {
    [ASSERT_EQUALS] = "equals",
    [ASSERT_CONTAINS] = "contains",
    [ASSERT_ICONTAINS] = "icontains",
    [ASSERT_CONTAINS_ANY] = "contains-any",
    [ASSERT_CONTAINS_ALL] = "contains-all",
    [ASSERT_ICONTAINS_ANY] = "icontains-any",
    [ASSERT_ICONTAINS_ALL] = "icontains-all",
    [ASSERT_STARTS_WITH] = "starts-with",
    [ASSERT_REGEX] = "regex",
    [ASSERT_IS_JSON] = "is-json",
    [ASSERT_CONTAINS_JSON] = "contains-json",
    [ASSERT_LATENCY] = "latency",
};

/* --- reading ---------------------------------------------------------------------------- */

static bool takes_list(AssertKind kind)
{
    return kind >= ASSERT_CONTAINS_ANY && kind <= ASSERT_ICONTAINS_ALL;
}

static Status check_value(const Assertion *a, Err *err)
{
    const char *name = names[a->kind];
    if (a->kind == ASSERT_IS_JSON || a->kind == ASSERT_CONTAINS_JSON) {
        if (a->value)
            return err_set(err, ERR_OPTION,
                           "assert '%s': a schema is not supported yet", name);
    } else if (takes_list(a->kind)) {
        if (!json_is_array(a->value) || json_array_size(a->value) == 0)
            return err_set(err, ERR_OPTION, "assert '%s' needs a list as its value",
                           name);
    } else if (a->kind == ASSERT_LATENCY) {
        if (!(a->threshold > 0))
            return err_set(err, ERR_OPTION,
                           "assert 'latency' needs a threshold in "
                           "milliseconds");
    } else if (!a->value || json_is_array(a->value) || json_is_object(a->value)) {
        return err_set(err, ERR_OPTION, "assert '%s' needs a text as its value", name);
    }
    return OK;
}

Status assertion_parse(const json_t *tree, Assertion *out, Err *err)
{
    const char *type = json_string_value(json_object_get(tree, "type"));
    *out = (Assertion){.value = json_object_get(tree, "value")};
    if (!type)
        return err_set(err, ERR_OPTION, "an assert has no type");
    out->negated = strncmp(type, "not-", 4) == 0;
    const char *name = type + (out->negated ? 4 : 0);
    int kind = 0;
    while (kind < ASSERT_KINDS && strcmp(names[kind], name) != 0)
        kind++;
    if (kind == ASSERT_KINDS) {
        const char *near = opt_nearest(name, names, ASSERT_KINDS);
        return err_set(err, ERR_OPTION, "no assert '%.40s'%s%s%s", type,
                       near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
    }
    out->kind = (AssertKind)kind;
    out->threshold = json_number_value(json_object_get(tree, "threshold"));
    return check_value(out, err);
}

/* --- variables -------------------------------------------------------------------------- */

static void put_value(Str *out, const json_t *value)
{
    if (json_is_string(value))
        str_append(out, json_string_value(value), json_string_length(value));
    else
        json_append(out, value);
}

static Status put_variable(Span name, const json_t *vars, Str *out, Err *err)
{
    char key[128];
    name = span_trim(name);
    if (name.len >= sizeof key || memchr(name.ptr, '|', name.len))
        return err_set(err, ERR_OPTION,
                       "'{{%.40s...': only names of variables stand in "
                       "{{ }}",
                       name.ptr);
    memcpy(key, name.ptr, name.len);
    key[name.len] = '\0';
    const json_t *value = json_object_get(vars, key);
    if (!value)
        return err_set(err, ERR_OPTION, "there is no variable '%s' for {{%s}}", key,
                       key);
    put_value(out, value);
    return OK;
}

Status vars_render(Span text, const json_t *vars, Str *out, Err *err)
{
    size_t at = 0;
    if (span_find(text, SPAN("{%"), 0) >= 0)
        return err_set(err, ERR_OPTION,
                       "'{%%' is not supported: prompts are texts with "
                       "{{variables}}");
    for (;;) {
        ptrdiff_t open = span_find(text, SPAN("{{"), at);
        ptrdiff_t close = open < 0 ? -1 : span_find(text, SPAN("}}"), (size_t)open);
        size_t end = close < 0 ? text.len : (size_t)open;
        str_append(out, text.ptr + at, end - at);
        if (close < 0)
            return str_check(out, err);
        Span name = {text.ptr + open + 2, (size_t)(close - open) - 2};
        TRY(put_variable(name, vars, out, err));
        at = (size_t)close + 2;
    }
}

/* --- holding ---------------------------------------------------------------------------- */

static void lower(Str *s)
{
    for (size_t i = 0; i < s->len; i++) {
        if (s->ptr[i] >= 'A' && s->ptr[i] <= 'Z')
            s->ptr[i] = (char)(s->ptr[i] - 'A' + 'a');
    }
}

static bool contains(Span output, Span part, bool ignore_case)
{
    if (!ignore_case)
        return span_find(output, part, 0) >= 0;
    Str a = {0}, b = {0};
    str_span_append(&a, output);
    str_span_append(&b, part);
    lower(&a);
    lower(&b);
    bool found = span_find(str_span(&a), str_span(&b), 0) >= 0;
    str_release(&a);
    str_release(&b);
    return found;
}

static Status matches(Span pattern, Span output, bool *holds, Err *err)
{
    Regex *regex = NULL;
    void *scratch = NULL;
    Status status = regex_new(&regex, pattern, err);
    if (status == OK)
        status = regex_scratch(regex, &scratch, err);
    if (status == OK)
        status = regex_matches(regex, scratch, output, holds, err);
    regex_scratch_free(scratch);
    regex_free(regex);
    return status == OK ? OK : err_context(err, "assert 'regex'");
}

static bool is_json(Span text)
{
    json_t *tree = NULL;
    Err err;
    bool is = json_parse(text, &tree, &err) == OK;
    json_decref(tree);
    return is;
}

/* An object or a list that begins somewhere. */
static bool has_json(Span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '{' && text.ptr[i] != '[')
            continue;
        json_error_t error;
        json_t *tree =
            json_loadb(text.ptr + i, text.len - i, JSON_DISABLE_EOF_CHECK, &error);
        json_decref(tree);
        if (tree)
            return true;
    }
    return false;
}

static Status list_holds(const Assertion *a, const json_t *vars, Span output,
                         bool *holds, Err *err)
{
    bool all = a->kind == ASSERT_CONTAINS_ALL || a->kind == ASSERT_ICONTAINS_ALL;
    bool ignore = a->kind == ASSERT_ICONTAINS_ANY || a->kind == ASSERT_ICONTAINS_ALL;
    size_t i, found = 0, n = json_array_size(a->value);
    json_t *item;
    Str raw = {0}, part = {0};
    Status status = OK;
    json_array_foreach(a->value, i, item)
    {
        str_reset(&raw);
        str_reset(&part);
        put_value(&raw, item);
        status = vars_render(str_span(&raw), vars, &part, err);
        if (status != OK)
            break;
        found += contains(output, str_span(&part), ignore);
    }
    str_release(&raw);
    str_release(&part);
    *holds = all ? found == n : found > 0;
    return status;
}

static Status text_holds(const Assertion *a, Span value, Span output, bool *holds,
                         Err *err)
{
    switch (a->kind) {
    case ASSERT_EQUALS:
        *holds = span_equal(span_trim(output), span_trim(value));
        return OK;
    case ASSERT_STARTS_WITH:
        *holds = span_starts(output, value);
        return OK;
    case ASSERT_REGEX:
        return matches(value, output, holds, err);
    default:
        *holds = contains(output, value, a->kind == ASSERT_ICONTAINS);
        return OK;
    }
}

Status assertion_holds(const Assertion *a, const json_t *vars, Span output,
                       double seconds, bool *holds, Str *why, Err *err)
{
    Str raw = {0}, value = {0};
    Status status = OK;
    put_value(&raw, a->value);
    if (takes_list(a->kind)) {
        status = list_holds(a, vars, output, holds, err);
        str_span_append(&value, str_span(&raw));
    } else if (a->kind == ASSERT_IS_JSON) {
        *holds = is_json(output);
    } else if (a->kind == ASSERT_CONTAINS_JSON) {
        *holds = has_json(output);
    } else if (a->kind == ASSERT_LATENCY) {
        *holds = 1e3 * seconds <= a->threshold;
        str_printf(&value, "%g ms", a->threshold);
    } else {
        status = vars_render(str_span(&raw), vars, &value, err);
        if (status == OK)
            status = text_holds(a, str_span(&value), output, holds, err);
    }
    if (status == OK && a->negated)
        *holds = !*holds;
    if (status == OK && !*holds) {
        str_printf(why, "%s%s%s", why->len > 0 ? "; " : "", a->negated ? "not-" : "",
                   names[a->kind]);
        if (value.len > 0) {
            str_putc(why, ' ');
            str_quote(why, str_span(&value), 80);
        }
    }
    str_release(&raw);
    str_release(&value);
    return status;
}
