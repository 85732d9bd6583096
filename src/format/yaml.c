/* yaml.c - YAML as JSON trees, see yaml.h: libyaml's events in, jansson's values out.
 *
 * The core schema (YAML 1.2, chapter 10.3) gives plain scalars their type, so `no` and
 * `on` stay texts; the options tables read them as booleans where one belongs. Without
 * anchors a document cannot be larger than its text. Writing is in yaml_write.c. */
#include "format/yaml.h"
#include "format/yaml_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEEPEST = 32 };

/* --- plain scalars --------------------------------------------------------------- */
static bool is_one_of(Span text, const char *const *words)
{
    for (; *words; words++) {
        if (span_equal(text, span_of(*words)))
            return true;
    }
    return false;
}

static size_t count_digits(Span s, size_t from)
{
    size_t n = 0;
    while (from + n < s.len && s.ptr[from + n] >= '0' && s.ptr[from + n] <= '9')
        n++;
    return n;
}

/* [-+]?[0-9]+ or 0o[0-7]+ or 0x[0-9a-fA-F]+: the base, or 0 for no integer. */
static int integer_base(Span s)
{
    if (s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] == 'o' || s.ptr[1] == 'x')) {
        const char *digits = s.ptr[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
        for (size_t i = 2; i < s.len; i++) {
            if (!s.ptr[i] || !strchr(digits, s.ptr[i]))
                return 0;
        }
        return s.ptr[1] == 'o' ? 8 : 16;
    }
    size_t sign = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
    return s.len > sign && count_digits(s, sign) == s.len - sign ? 10 : 0;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_real(Span s)
{
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
    size_t whole = count_digits(s, i), fraction = 0;
    i += whole;
    if (i < s.len && s.ptr[i] == '.') {
        fraction = count_digits(s, ++i);
        i += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        i += i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+');
        size_t digits = count_digits(s, i);
        if (digits == 0)
            return false;
        i += digits;
    }
    return i == s.len;
}

YamlKind yaml_plain_kind(Span s)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const endless[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                          "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                          ".NaN",  ".NAN",  NULL};
    if (is_one_of(s, nulls))
        return YAML_NULL;
    if (is_one_of(s, trues))
        return YAML_TRUE;
    if (is_one_of(s, falses))
        return YAML_FALSE;
    if (is_one_of(s, endless))
        return YAML_ENDLESS;
    if (integer_base(s))
        return YAML_INTEGER;
    return is_real(s) ? YAML_REAL : YAML_TEXT;
}

/* --- events to values ------------------------------------------------------------ */
typedef struct Reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one being looked at */
    Err *err;
} Reader;

static Status fail_here(const Reader *r, const char *what)
{
    return err_set(r->err, ERR_FORMAT, "line %zu: %s", r->event.start_mark.line + 1,
                   what);
}

static Status next_event(Reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return OK;
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return err_set(r->err, ERR_NOMEM, "no memory for the YAML document");
    const char *problem = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR)
        return err_set(r->err, ERR_FORMAT, "byte %zu: %s", p->problem_offset, problem);
    return err_set(r->err, ERR_FORMAT, "line %zu: %s", p->problem_mark.line + 1,
                   problem);
}

static Status no_memory(const Reader *r)
{
    return err_set(r->err, ERR_NOMEM, "no memory for the YAML document");
}

static Status read_number(const Reader *r, Span s, YamlKind kind, json_t **out)
{
    char *end;
    errno = 0;
    if (kind == YAML_INTEGER) {
        int base = integer_base(s);
        long long v = strtoll(base == 8 ? s.ptr + 2 : s.ptr, &end, base);
        if (errno != 0)
            return fail_here(r, "an integer beyond 64 bits");
        *out = json_integer(v);
    } else {
        double v = strtod(s.ptr, &end);
        if (!isfinite(v))
            return fail_here(r, "a number that is not finite");
        *out = json_real(v);
    }
    return *out ? OK : no_memory(r);
}

static Status read_scalar(const Reader *r, json_t **out)
{
    Span s = {(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
    YamlKind kind = YAML_TEXT;
    if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        kind = yaml_plain_kind(s);
    switch (kind) {
    case YAML_NULL:
        *out = json_null();
        return OK;
    case YAML_TRUE:
    case YAML_FALSE:
        *out = json_boolean(kind == YAML_TRUE);
        return OK;
    case YAML_ENDLESS:
        return fail_here(r, "a number that is not finite");
    case YAML_INTEGER:
    case YAML_REAL:
        return read_number(r, s, kind, out);
    case YAML_TEXT:
        break;
    }
    *out = json_stringn(s.ptr, s.len);
    return *out ? OK : no_memory(r);
}

static Status read_value(Reader *r, int depth, json_t **out);

static Status read_sequence(Reader *r, int depth, json_t *array)
{
    for (;;) {
        TRY(next_event(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return OK;
        json_t *item;
        TRY(read_value(r, depth, &item));
        if (json_array_append_new(array, item) != 0)
            return no_memory(r);
    }
}

/* The key at the current event; it must be a new one. */
static Status read_key(const Reader *r, const json_t *object, char **key)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail_here(r, "a key must be a single word or text");
    if (r->event.data.scalar.anchor || r->event.data.scalar.tag)
        return fail_here(r, "anchors and tags are not supported");
    const char *text = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;
    if (strlen(text) != len)
        return fail_here(r, "a key holds a NUL");
    if (json_object_get(object, text)) {
        Str quoted = {0};
        str_quote(&quoted, (Span){text, len}, 60);
        Status status =
            err_set(r->err, ERR_FORMAT, "line %zu: the key '%s' is there twice",
                    r->event.start_mark.line + 1, str_c(&quoted));
        str_release(&quoted);
        return status;
    }
    *key = mem_dup(text, len);
    return *key ? OK : no_memory(r);
}

static Status read_mapping(Reader *r, int depth, json_t *object)
{
    for (;;) {
        TRY(next_event(r));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return OK;
        char *key = NULL;
        TRY(read_key(r, object, &key));
        json_t *value = NULL;
        Status status = next_event(r);
        if (status == OK)
            status = read_value(r, depth, &value);
        if (status == OK && json_object_set_new(object, key, value) != 0)
            status = no_memory(r);
        mem_free(key);
        TRY(status);
    }
}

/* The value that starts at the current event. On error *out is NULL. */
static Status read_value(Reader *r, int depth, json_t **out)
{
    *out = NULL;
    if (depth > DEEPEST && r->event.type != YAML_SCALAR_EVENT)
        return err_set(r->err, ERR_LIMIT, "line %zu: nested deeper than %d levels",
                       r->event.start_mark.line + 1, DEEPEST);
    static const char refused[] = "anchors and tags are not supported";
    Status status;
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        if (r->event.data.scalar.anchor || r->event.data.scalar.tag)
            return fail_here(r, refused);
        return read_scalar(r, out);
    case YAML_SEQUENCE_START_EVENT:
        if (r->event.data.sequence_start.anchor || r->event.data.sequence_start.tag)
            return fail_here(r, refused);
        *out = json_array();
        status = *out ? read_sequence(r, depth + 1, *out) : no_memory(r);
        break;
    case YAML_MAPPING_START_EVENT:
        if (r->event.data.mapping_start.anchor || r->event.data.mapping_start.tag)
            return fail_here(r, refused);
        *out = json_object();
        status = *out ? read_mapping(r, depth + 1, *out) : no_memory(r);
        break;
    default: /* an alias: nothing else can stand here */
        return fail_here(r, refused);
    }
    if (status != OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

/* stream start, document start, value, document end, stream end */
static Status read_document(Reader *r, json_t **out)
{
    TRY(next_event(r));
    TRY(next_event(r));
    if (r->event.type == YAML_STREAM_END_EVENT) {
        *out = json_null(); /* nothing but comments */
        return OK;
    }
    TRY(next_event(r));
    TRY(read_value(r, 1, out));
    Status status = next_event(r);
    if (status == OK)
        status = next_event(r);
    if (status == OK && r->event.type != YAML_STREAM_END_EVENT)
        status = fail_here(r, "a second document");
    if (status != OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

Status yaml_parse(Span bytes, json_t **out, Err *err)
{
    *out = NULL;
    Reader r = {.err = err};
    if (!yaml_parser_initialize(&r.parser))
        return no_memory(&r);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    const unsigned char *start = (const unsigned char *)(bytes.ptr ? bytes.ptr : "");
    yaml_parser_set_input_string(&r.parser, start, bytes.len);
    Status status = read_document(&r, out);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return status;
}
