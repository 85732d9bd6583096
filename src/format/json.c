/* json.c - jansson with our errors, see json.h.
 *
 * jansson does the parsing (strict UTF-8, 64-bit integers, nesting up to 2048, objects
 * in order); here are its messages in our words, text of arbitrary bytes, typed members
 * and the bridge to the options tables. */
#include "format/json.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

Status json_parse(Span bytes, json_t **out, Err *err)
{
    json_error_t why;
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    *out = json_loadb(bytes.ptr ? bytes.ptr : "", bytes.len, flags, &why);
    if (*out)
        return OK;
    if (json_error_code(&why) == json_error_out_of_memory)
        return err_set(err, ERR_NOMEM, "no memory for %zu bytes of JSON", bytes.len);
    Str text = {0}; /* it quotes the input, whatever bytes that has */
    str_quote(&text, span_of(why.text), 160);
    Status status = err_set(err, ERR_FORMAT, "line %d, column %d: %s", why.line,
                            why.column, str_c(&text));
    str_release(&text);
    return status;
}

Status json_read_file(const char *path, json_t **out, Err *err)
{
    *out = NULL;
    FileMap map;
    TRY(file_map(path, &map, err));
    Span bytes = {(const char *)map.ptr, map.len};
    Status status = json_parse(bytes, out, err);
    if (status != OK)
        err_context(err, "'%s'", path);
    file_unmap(&map);
    return status;
}

static int append_chunk(const char *bytes, size_t len, void *str)
{
    str_append(str, bytes, len);
    return 0;
}

/* jansson fails only for memory and for strings that are not UTF-8, which a tree made
 * of json_from_bytes() does not hold. */
static void append_with(Str *out, const json_t *value, size_t flags)
{
    flags |= JSON_ENCODE_ANY | JSON_REAL_PRECISION(17);
    if (json_dump_callback(value, append_chunk, out, flags) != 0)
        out->failed = true;
}

void json_append(Str *out, const json_t *value)
{
    append_with(out, value, JSON_COMPACT);
}

void json_append_plain(Str *out, const json_t *value)
{
    if (json_is_string(value))
        str_append(out, json_string_value(value), json_string_length(value));
    else
        json_append(out, value);
}

Status json_write_file(const char *path, const json_t *root, Err *err)
{
    Str text = {0};
    append_with(&text, root, JSON_INDENT(2));
    str_putc(&text, '\n');
    Status status = str_check(&text, err);
    if (status == OK)
        status = file_write_atomic(path, str_c(&text), text.len, err);
    str_release(&text);
    return status;
}

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

void json_append_string(Str *out, Span bytes)
{
    str_putc(out, '"');
    size_t plain = 0; /* start of the bytes that go out as they are */
    for (size_t i = 0; i < bytes.len;) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        size_t n = span_utf8(bytes, i);
        bool as_it_is = n > 0 && c >= 0x20 && c != '"' && c != '\\';
        if (!as_it_is) {
            str_append(out, bytes.ptr + plain, i - plain);
            if (n == 0)
                str_puts(out, replacement);
            else if (c == '\n')
                str_puts(out, "\\n");
            else if (c >= 0x20)
                str_printf(out, "\\%c", c);
            else
                str_printf(out, "\\u%04x", c);
            plain = i + 1;
        }
        i += n > 0 ? n : 1;
    }
    if (plain < bytes.len)
        str_append(out, bytes.ptr + plain, bytes.len - plain);
    str_putc(out, '"');
}

json_t *json_from_bytes(Span bytes)
{
    json_t *whole = json_stringn(bytes.ptr ? bytes.ptr : "", bytes.len);
    if (whole)
        return whole; /* it was UTF-8 */
    Str text = {0};
    for (size_t i = 0; i < bytes.len;) {
        size_t n = span_utf8(bytes, i);
        if (n > 0)
            str_append(&text, bytes.ptr + i, n);
        else
            str_puts(&text, replacement);
        i += n > 0 ? n : 1;
    }
    json_t *value = text.failed ? NULL : json_stringn(str_c(&text), text.len);
    str_release(&text);
    return value;
}

json_t *json_iterable(const json_t *tree)
{
    union {
        const json_t *in;
        json_t *out;
    } same = {tree};
    return same.out;
}

/* --- typed members --------------------------------------------------------------- */
static const char *type_name(const json_t *v)
{
    static const char *const names[] = {"an object",  "an array", "a string",
                                        "an integer", "a real",   "true",
                                        "false",      "null"};
    return names[json_typeof(v)];
}

static Status wrong_type(const char *key, const json_t *v, const char *want, Err *err)
{
    return err_set(err, ERR_FORMAT, "'%s' is %s, not %s", key, type_name(v), want);
}

static Status member(const json_t *o, const char *key, const json_t **out, Err *err)
{
    *out = NULL;
    if (!json_is_object(o))
        return err_set(err, ERR_FORMAT, "%s where an object with '%s' belongs",
                       o ? type_name(o) : "nothing", key);
    *out = json_object_get(o, key);
    return OK;
}

static Status missing(const char *key, Err *err)
{
    return err_set(err, ERR_FORMAT, "'%s' is missing", key);
}

Status json_get_int(const json_t *o, const char *key, int64_t *out, Err *err)
{
    const json_t *v;
    TRY(member(o, key, &v, err));
    if (!v)
        return missing(key, err);
    if (!json_is_integer(v))
        return wrong_type(key, v, "an integer", err);
    *out = json_integer_value(v);
    return OK;
}

Status json_get_int_or(const json_t *o, const char *key, int64_t def, int64_t *out,
                       Err *err)
{
    const json_t *v;
    TRY(member(o, key, &v, err));
    *out = def;
    return v ? json_get_int(o, key, out, err) : OK;
}

Status json_get_real_or(const json_t *o, const char *key, double def, double *out,
                        Err *err)
{
    const json_t *v;
    TRY(member(o, key, &v, err));
    if (v && !json_is_number(v))
        return wrong_type(key, v, "a number", err);
    *out = v ? json_number_value(v) : def;
    return OK;
}

Status json_get_bool_or(const json_t *o, const char *key, bool def, bool *out, Err *err)
{
    const json_t *v;
    TRY(member(o, key, &v, err));
    if (v && !json_is_boolean(v))
        return wrong_type(key, v, "true or false", err);
    *out = v ? json_is_true(v) : def;
    return OK;
}

Status json_get_text(const json_t *o, const char *key, Span *out, Err *err)
{
    const json_t *v;
    TRY(member(o, key, &v, err));
    if (!v)
        return missing(key, err);
    if (!json_is_string(v))
        return wrong_type(key, v, "a string", err);
    *out = (Span){json_string_value(v), json_string_length(v)};
    return OK;
}

/* --- options --------------------------------------------------------------------- */

/* One member: its text goes through opt_set(), which knows types and ranges. The text of
 * a list or a mapping is JSON. */
static Status set_option(const OptTable *table, void *o, const char *key,
                         const json_t *v, Err *err)
{
    const OptField *f = opt_find(table, key);
    if (!f)
        return opt_unknown(table, key, err);
    bool nested = json_is_object(v) || json_is_array(v);
    if (nested && !f->tree)
        return err_set(err, ERR_OPTION, "option '%s' is %s, not a single value", key,
                       type_name(v));
    if (json_is_null(v)) {
        if (f->type != OPT_TEXT_)
            return err_set(err, ERR_OPTION, "option '%s' has no value", key);
        return opt_set(table, o, key, "", err);
    }
    if (json_is_string(v)) {
        if (strlen(json_string_value(v)) != json_string_length(v))
            return err_set(err, ERR_OPTION, "option '%s' holds a NUL", key);
        return opt_set(table, o, key, json_string_value(v), err);
    }
    Str text = {0};
    json_append(&text, v);
    Status status = str_check(&text, err);
    if (status == OK)
        status = opt_set(table, o, key, str_c(&text), err);
    str_release(&text);
    return status;
}

Status json_to_options(const json_t *object, const OptTable *table, void *o, Err *err)
{
    if (!json_is_object(object))
        return err_set(err, ERR_OPTION, "the options of '%s' are %s, not an object",
                       table->name, object ? type_name(object) : "nothing");
    const char *key;
    json_t *v;
    json_object_foreach(json_iterable(object), key, v)
    {
        const OptField *f = opt_find(table, key);
        if (f && strcmp(f->name, key) != 0 && json_object_get(object, f->name))
            return err_set(err, ERR_OPTION, "option '%s' is given twice, also as '%s'",
                           f->name, key);
        TRY(set_option(table, o, key, v, err));
    }
    return OK;
}

static int depth_of(const json_t *v)
{
    int deepest = 0;
    for (size_t i = 0; i < json_array_size(v); i++) {
        int depth = depth_of(json_array_get(v, i));
        deepest = depth > deepest ? depth : deepest;
    }
    const char *key;
    json_t *member;
    json_object_foreach(json_iterable(v), key, member)
    {
        int depth = depth_of(member);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

/* What set_option made a text of, as it was; a text that is no list or mapping (or one so
 * deep that YAML would not take it) stays one. */
static json_t *text_value(const OptField *f, const char *text)
{
    enum { DEEPEST = 8 };
    json_t *tree = NULL;
    Err ignored;
    if (f->tree && (text[0] == '[' || text[0] == '{') &&
        json_parse(span_of(text), &tree, &ignored) == OK && depth_of(tree) <= DEEPEST)
        return tree;
    json_decref(tree);
    return json_from_bytes(span_of(text));
}

static json_t *option_value(const OptField *f, const void *o)
{
    const char *at = (const char *)o + f->offset;
    double real;
    int64_t whole;
    bool flag;
    int choice;
    char *text;
    switch (f->type) {
    case OPT_REAL_:
        memcpy(&real, at, sizeof real);
        return json_real(real);
    case OPT_INT_:
        memcpy(&whole, at, sizeof whole);
        return json_integer(whole);
    case OPT_BOOL_:
        memcpy(&flag, at, sizeof flag);
        return json_boolean(flag);
    case OPT_CHOICE_:
        memcpy(&choice, at, sizeof choice);
        return json_string(f->names[choice]);
    case OPT_TEXT_:
        memcpy(&text, at, sizeof text);
        return text ? text_value(f, text) : json_null();
    }
    return NULL;
}

json_t *json_from_options(const OptTable *table, const void *o)
{
    json_t *object = json_object();
    for (const OptField *f = table->fields; object && f->name; f++) {
        if (json_object_set_new(object, f->name, option_value(f, o)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
