/* str.c - growing byte strings and borrowed views, see str.h.
 *
 * Invariant: ptr is NULL and len = cap = 0, or len < cap and ptr[len] is 0. Room is
 * doubled, so n appends copy O(n) bytes. Bytes to append must not lie in the string
 * itself. */
#include "base/str.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

Span span_of(const char *c_string)
{
    return (Span){c_string, c_string ? strlen(c_string) : 0};
}

Span str_span(const Str *s)
{
    return (Span){str_c(s), s->failed ? 0 : s->len};
}

bool span_equal(Span a, Span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool span_starts(Span s, Span prefix)
{
    return s.len >= prefix.len && span_equal((Span){s.ptr, prefix.len}, prefix);
}

ptrdiff_t span_find(Span s, Span needle, size_t from)
{
    if (from > s.len || needle.len > s.len - from)
        return -1;
    if (needle.len == 0)
        return (ptrdiff_t)from;
    size_t last = s.len - needle.len;
    for (size_t i = from; i <= last; i++) {
        const char *hit = memchr(s.ptr + i, needle.ptr[0], last - i + 1);
        if (!hit)
            return -1;
        i = (size_t)(hit - s.ptr);
        if (memcmp(hit, needle.ptr, needle.len) == 0)
            return (ptrdiff_t)i;
    }
    return -1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

Span span_trim(Span s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Unicode 15, table 3-7: what the second byte may be depends on the first. */
size_t span_utf8(Span s, size_t at)
{
    ASSERT(at < s.len);
    const unsigned char *b = (const unsigned char *)s.ptr + at;
    size_t left = s.len - at;
    if (b[0] < 0x80)
        return 1;
    if (b[0] < 0xc2 || b[0] > 0xf4)
        return 0;
    size_t n = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    if (left < n)
        return 0;
    unsigned char low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    if (b[1] < low || b[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    }
    return n;
}

void str_reserve(Str *s, size_t more)
{
    if (s->failed || more < s->cap - s->len)
        return;
    size_t cap = s->cap < 32 ? 32 : s->cap;
    while (cap - s->len <= more && cap <= SIZE_MAX / 2)
        cap *= 2;
    char *grown = NULL;
    if (cap - s->len > more)
        grown = mem_grow_array(s->ptr, s->ptr ? s->len + 1 : 0, cap, 1);
    if (!grown) {
        s->failed = true;
        return;
    }
    s->ptr = grown;
    s->cap = cap;
}

void str_append(Str *s, const char *bytes, size_t len)
{
    str_reserve(s, len);
    if (s->failed)
        return;
    if (len > 0)
        memcpy(s->ptr + s->len, bytes, len);
    s->len += len;
    s->ptr[s->len] = 0;
}

void str_span_append(Str *s, Span span)
{
    str_append(s, span.ptr, span.len);
}

void str_puts(Str *s, const char *c_string)
{
    str_append(s, c_string, strlen(c_string));
}

void str_putc(Str *s, char c)
{
    str_append(s, &c, 1);
}

void str_vprintf(Str *s, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    ASSERT(n >= 0);
    str_reserve(s, (size_t)n);
    if (!s->failed) {
        vsnprintf(s->ptr + s->len, (size_t)n + 1, fmt, again);
        s->len += (size_t)n;
    }
    va_end(again);
}

void str_printf(Str *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    str_vprintf(s, fmt, args);
    va_end(args);
}

void str_reset(Str *s)
{
    s->failed = false;
    s->len = 0;
    if (s->ptr)
        s->ptr[0] = 0;
}

void str_truncate(Str *s, size_t n)
{
    if (n >= s->len)
        return;
    s->len = n;
    s->ptr[n] = 0;
}

const char *str_c(const Str *s)
{
    return s->ptr && !s->failed ? s->ptr : "";
}

char *str_take(Str *s)
{
    str_reserve(s, 0);
    char *bytes = s->failed ? NULL : s->ptr;
    if (s->failed)
        mem_free(s->ptr);
    *s = (Str){0};
    return bytes;
}

Status str_check(const Str *s, Err *err)
{
    if (s->failed)
        return err_set(err, ERR_NOMEM, "no memory for a text of over %zu bytes",
                       s->len);
    return OK;
}

void str_release(Str *s)
{
    if (!s)
        return;
    mem_free(s->ptr);
    *s = (Str){0};
}

void str_quote(Str *s, Span bytes, size_t max_bytes)
{
    size_t i = 0;
    while (i < bytes.len) {
        size_t n = span_utf8(bytes, i);
        if (i + (n ? n : 1) > max_bytes)
            break;
        unsigned char c = (unsigned char)bytes.ptr[i];
        /* C1 controls (U+0080 to U+009F) steer terminals as the ASCII ones do. */
        bool control = (n == 1 && (c < 0x20 || c == 0x7f)) ||
                       (n == 2 && c == 0xc2 && (unsigned char)bytes.ptr[i + 1] < 0xa0);
        if (n == 0 || control) {
            n = 1;
            if (c == '\n')
                str_puts(s, "\\n");
            else if (c == '\t')
                str_puts(s, "\\t");
            else if (c == '\r')
                str_puts(s, "\\r");
            else
                str_printf(s, "\\x%02x", c);
        } else if (c == '\\') {
            str_puts(s, "\\\\");
        } else {
            str_append(s, bytes.ptr + i, n);
        }
        i += n;
    }
    if (i < bytes.len)
        str_puts(s, "...");
}
