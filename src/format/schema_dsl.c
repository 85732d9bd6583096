/* schema_dsl.c - see schema_dsl.h. */
#include "format/schema_dsl.h"

#include "format/json.h"

#include <string.h>

static Status at_fault(Span member, const char *why, Err *err)
{
    Str shown = {0};
    str_quote(&shown, member, 60);
    Status status = err_set(err, ERR_FORMAT, "schema: '%s' %s", str_c(&shown), why);
    str_release(&shown);
    return status;
}

static Span rest_of(Span s, size_t from)
{
    return (Span){s.ptr + from, s.len - from};
}

/* --- one member ------------------------------------------------------------------------- */
static const char *type_named(Span word)
{
    static const char *const names[][2] = {{"str", "string"},
                                           {"int", "integer"},
                                           {"float", "number"},
                                           {"bool", "boolean"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (span_equal(word, span_of(names[i][0])))
            return names[i][1];
    }
    return NULL;
}

/* Splits at the first white space; *tail is trimmed. */
static Span first_word(Span s, Span *tail)
{
    size_t n = 0;
    while (n < s.len && !strchr(" \t\r\n", s.ptr[n]))
        n++;
    *tail = span_trim(rest_of(s, n));
    return (Span){s.ptr, n};
}

static bool is_plain(Span name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c == '"' || c == '{' || c == '}' || c == 0x7f ||
            (c >= 0x80 && span_utf8(name, i) == 0 && (c & 0xc0) != 0x80))
            return false;
    }
    return name.len > 0 && name.len <= 200;
}

static Status add_member(json_t *properties, json_t *required, Span member, Err *err)
{
    ptrdiff_t colon = span_find(member, SPAN(":"), 0);
    Span head = colon < 0 ? member : (Span){member.ptr, (size_t)colon}, tail;
    Span what = colon < 0 ? (Span){0} : span_trim(rest_of(member, (size_t)colon + 1));
    Span name = first_word(span_trim(head), &tail);
    const char *type = tail.len > 0 ? type_named(tail) : "string";
    if (!is_plain(name))
        return at_fault(member, "has no name", err);
    if (!type)
        return at_fault(member, "has a type that is not str, int, float or bool", err);
    json_t *key = json_from_bytes(name), *value = json_object();
    if (key && json_object_get(properties, json_string_value(key))) {
        json_decref(key);
        json_decref(value);
        return at_fault(member, "has a name that was there before", err);
    }
    bool fine = key && json_object_set_new(value, "type", json_string(type)) == 0;
    if (fine && what.len > 0)
        fine = json_object_set_new(value, "description", json_from_bytes(what)) == 0;
    fine = fine && json_object_set(properties, json_string_value(key), value) == 0 &&
           json_array_append(required, key) == 0;
    json_decref(key);
    json_decref(value);
    return fine ? OK : err_set(err, ERR_NOMEM, "no memory for a schema");
}

/* --- all of them ------------------------------------------------------------------------- */
static Status add_members(json_t *properties, json_t *required, Span text, Err *err)
{
    const char separator = span_find(text, SPAN("\n"), 0) >= 0 ? '\n' : ',';
    size_t at = 0;
    while (at <= text.len) {
        size_t end = at;
        while (end < text.len && text.ptr[end] != separator)
            end++;
        Span member = span_trim((Span){text.ptr + at, end - at});
        /* A comma at the end of a line is one too many and means nothing. */
        if (separator == '\n' && member.len > 0 && member.ptr[member.len - 1] == ',')
            member = span_trim((Span){member.ptr, member.len - 1});
        if (member.len > 0)
            TRY(add_member(properties, required, member, err));
        else if (separator == ',' && text.len > 0)
            return err_set(err, ERR_FORMAT,
                           "schema: there is nothing between two commas");
        if (json_object_size(properties) > SCHEMA_DSL_MEMBERS)
            return err_set(err, ERR_LIMIT, "schema: more than %d members",
                           SCHEMA_DSL_MEMBERS);
        at = end + 1;
    }
    return json_object_size(properties) > 0
               ? OK
               : err_set(err, ERR_FORMAT,
                         "schema: it has no members; 'name, age int' has");
}

static json_t *object_schema(json_t *properties, json_t *required)
{
    return json_pack("{s:s, s:O, s:O, s:b}", "type", "object", "properties", properties,
                     "required", required, "additionalProperties", 0);
}

static Status parse_members(Span text, json_t **out, Err *err)
{
    json_t *properties = json_object(), *required = json_array();
    Status status = properties && required
                        ? add_members(properties, required, text, err)
                        : err_set(err, ERR_NOMEM, "no memory for a schema");
    if (status == OK) {
        *out = object_schema(properties, required);
        if (!*out)
            status = err_set(err, ERR_NOMEM, "no memory for a schema");
    }
    json_decref(properties);
    json_decref(required);
    return status;
}

static Status wrap_items(json_t **schema, Err *err)
{
    json_t *whole = json_pack("{s:s, s:{s:{s:s, s:O}}, s:[s], s:b}", "type", "object",
                              "properties", "items", "type", "array", "items", *schema,
                              "required", "items", "additionalProperties", 0);
    json_decref(*schema);
    *schema = whole;
    return whole ? OK : err_set(err, ERR_NOMEM, "no memory for a schema");
}

Status schema_dsl_parse(Span text, bool several, json_t **out, Err *err)
{
    *out = NULL;
    text = span_trim(text);
    if (text.len > SCHEMA_DSL_BYTES)
        return err_set(err, ERR_LIMIT, "schema: more than %d bytes", SCHEMA_DSL_BYTES);
    Status status;
    if (text.len > 0 && text.ptr[0] == '{') {
        status = json_parse(text, out, err);
        if (status != OK)
            return err_context(err, "schema");
    } else {
        status = parse_members(text, out, err);
    }
    return status == OK && several ? wrap_items(out, err) : status;
}
