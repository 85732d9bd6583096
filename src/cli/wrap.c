/* wrap.c - see wrap.h. */
#include "cli/wrap.h"

#include "text/utf8.h"

#include <utf8proc.h>

enum { TAB = 4 };
static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */

/* One character as it is shown: its bytes, its columns, and how many bytes it was. */
typedef struct Glyph {
    Span shown;
    int columns;
    size_t len;
} Glyph;

static Glyph glyph_at(Span text, size_t at)
{
    uint32_t code;
    Span rest = {text.ptr + at, text.len - at};
    int len = utf8_decode(rest, &code);
    if (len == 0)
        return (Glyph){SPAN(unknown), 1, 1};
    if (code == '\t')
        return (Glyph){{"    ", TAB}, TAB, 1};
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
        category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP)
        return (Glyph){SPAN(unknown), 1, (size_t)len};
    return (Glyph){{rest.ptr, (size_t)len},
                   utf8proc_charwidth((utf8proc_int32_t)code),
                   (size_t)len};
}

int wrap_columns(Span text)
{
    int columns = 0;
    for (size_t i = 0; i < text.len;) {
        Glyph g = glyph_at(text, i);
        columns += g.columns;
        i += g.len;
    }
    return columns;
}

/* Where the line that begins at `from` ends: *next is where the next one begins. Always
 * goes on by a character at least. */
static size_t line_end(Span text, size_t from, int columns, size_t *next)
{
    size_t at = from, space = 0;
    for (int used = 0; at < text.len && text.ptr[at] != '\n';) {
        Glyph g = glyph_at(text, at);
        if (used + g.columns > columns && at > from) {
            *next = space ? space + 1 : at;
            if (text.ptr[at] == ' ')
                *next = at + 1;
            return text.ptr[at] == ' ' || !space ? at : space;
        }
        if (text.ptr[at] == ' ')
            space = at;
        used += g.columns;
        at += g.len;
    }
    *next = at < text.len ? at + 1 : at;
    return at;
}

static void put_line(Str *out, Span line, int columns)
{
    int used = 0;
    for (size_t i = 0; i < line.len;) {
        Glyph g = glyph_at(line, i);
        if ((used += g.columns) > columns)
            return; /* a wide character in a narrow column */
        str_span_append(out, g.shown);
        i += g.len;
    }
}

void wrap_text(Str *out, Span text, int columns, const char *first, const char *rest,
               int prefix_columns)
{
    int room = columns > prefix_columns ? columns - prefix_columns : 0;
    bool ended_by_newline = false;
    size_t at = 0;
    do {
        size_t next, end = line_end(text, at, room > 0 ? room : 1, &next);
        if (columns >= prefix_columns)
            str_puts(out, at == 0 ? first : rest);
        put_line(out, (Span){text.ptr + at, end - at}, room);
        str_putc(out, '\n');
        ended_by_newline = next > end && text.ptr[end] == '\n';
        at = next;
    } while (at < text.len);
    if (ended_by_newline && columns >= prefix_columns)
        str_puts(out, rest);
    if (ended_by_newline)
        str_putc(out, '\n');
}

int wrap_clip(Str *out, Span text, int columns)
{
    bool cut = wrap_columns(text) > columns;
    int used = 0, room = cut ? columns - 1 : columns;
    for (size_t i = 0; i < text.len;) {
        Glyph g = glyph_at(text, i);
        if (used + g.columns > room)
            break;
        if (text.ptr[i] == '\n')
            g.shown = SPAN(" ");
        str_span_append(out, g.shown);
        used += g.columns;
        i += g.len;
    }
    if (!cut || columns < 1)
        return used;
    str_puts(out, "\xe2\x80\xa6");
    return used + 1;
}
