/* yaml_write.c - trees as block-style YAML, see yaml.h.
 *
 *     stages:
 *       - name: sft
 *         lr: 0.001
 *
 * A text goes out plain only where nothing could mistake it: letters, digits and
 * "_./-" from a letter on, and not a word the core schema types. All else is double
 * quoted with escapes, so a text of many lines stays on one. */
#include "format/yaml.h"
#include "format/yaml_internal.h"

#include "format/json.h"

#include <stdlib.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_plain(Span s)
{
    if (s.len == 0 || s.len > 100 || !is_letter(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && !(c && strchr("_./-", c)))
            return false;
    }
    return yaml_plain_kind(s) == YAML_TEXT;
}

/* What YAML takes as it is between quotes. Left out beside the controls: line and
 * paragraph separators, the byte order mark, and U+FFFE and U+FFFF. */
static bool is_printable(const unsigned char *b, size_t n)
{
    if (n == 1)
        return b[0] >= 0x20 && b[0] != 0x7f && b[0] != '"' && b[0] != '\\';
    if (n == 2)
        return b[0] != 0xc2 || b[1] >= 0xa0;
    if (n == 3 && b[0] == 0xe2 && b[1] == 0x80)
        return b[2] != 0xa8 && b[2] != 0xa9;
    if (n == 3 && b[0] == 0xef)
        return !(b[1] == 0xbb && b[2] == 0xbf) && !(b[1] == 0xbf && b[2] >= 0xbe);
    return true;
}

static void put_escape(Str *out, const unsigned char *b, size_t n)
{
    if (n == 1 && (b[0] == '"' || b[0] == '\\'))
        str_printf(out, "\\%c", b[0]);
    else if (n == 1 && b[0] == '\n')
        str_puts(out, "\\n");
    else if (n == 1)
        str_printf(out, "\\x%02x", b[0]);
    else if (n == 2)
        str_printf(out, "\\u%04x", (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu));
    else
        str_printf(out, "\\u%04x",
                   (b[0] & 0xfu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu));
}

static void put_text(Str *out, Span s)
{
    if (is_plain(s)) {
        str_span_append(out, s);
        return;
    }
    str_putc(out, '"');
    for (size_t i = 0; i < s.len;) {
        const unsigned char *b = (const unsigned char *)s.ptr + i;
        size_t n = span_utf8(s, i);
        if (n == 0) { /* jansson's strings are UTF-8; a made-up one is not our bug */
            str_puts(out, "\\ufffd");
            n = 1;
        } else if (is_printable(b, n)) {
            str_append(out, s.ptr + i, n);
        } else {
            put_escape(out, b, n);
        }
        i += n;
    }
    str_putc(out, '"');
}

static void put_indent(Str *out, int indent)
{
    for (int i = 0; i < indent; i++)
        str_putc(out, ' ');
}

static bool is_block(const json_t *v)
{
    return json_object_size(v) > 0 || json_array_size(v) > 0;
}

static void put_scalar(Str *out, const json_t *v)
{
    if (json_is_string(v))
        put_text(out, (Span){json_string_value(v), json_string_length(v)});
    else
        json_append(out, v); /* numbers, true, false, null, [] and {} */
}

/* A block whose first line is already indented when `started`. */
static void put_block(Str *out, const json_t *v, int indent, bool started);

/* What follows a "key:" or a "-" at `indent`, up to its newline. */
static void put_item(Str *out, const json_t *v, int indent, bool in_array)
{
    if (!is_block(v)) {
        str_putc(out, ' ');
        put_scalar(out, v);
        str_putc(out, '\n');
    } else if (in_array) {
        str_putc(out, ' ');
        put_block(out, v, indent + 2, true);
    } else {
        str_putc(out, '\n');
        put_block(out, v, indent + 2, false);
    }
}

static void put_block(Str *out, const json_t *v, int indent, bool started)
{
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (!started)
            put_indent(out, indent);
        started = false;
        str_putc(out, '-');
        put_item(out, json_array_get(v, i), indent, true);
    }
    if (!json_is_object(v))
        return;
    json_t *object = json_iterable(v);
    for (void *at = json_object_iter(object); at;
         at = json_object_iter_next(object, at)) {
        Span key = span_of(json_object_iter_key(at));
        if (!started)
            put_indent(out, indent);
        started = false;
        if (key.len > 100) { /* an implicit key ends within 1024 characters */
            str_puts(out, "? ");
            put_text(out, key);
            str_putc(out, '\n');
            put_indent(out, indent);
        } else {
            put_text(out, key);
        }
        str_putc(out, ':');
        put_item(out, json_object_iter_value(at), indent, key.len > 100);
    }
}

void yaml_append(Str *out, const json_t *tree)
{
    if (is_block(tree)) {
        put_block(out, tree, 0, false);
        return;
    }
    put_scalar(out, tree);
    str_putc(out, '\n');
}
