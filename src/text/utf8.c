/* utf8.c - strict UTF-8 and a stream of whole characters, see utf8.h.
 *
 * base/str.h knows what a well-formed character is; here is what it means to have seen
 * only its beginning. A damaged character becomes one U+FFFD per maximal subpart (the
 * longest beginning of some well-formed character), as the Unicode standard advises in
 * chapter 3 and as Python's errors="replace" does. */
#include "text/utf8.h"

#include <string.h>

static const Span replacement = {"\xef\xbf\xbd", 3}; /* U+FFFD */

size_t utf8_valid_prefix(Span s)
{
    size_t at = 0;
    while (at < s.len) {
        size_t n = span_utf8(s, at);
        if (n == 0)
            break;
        at += n;
    }
    return at;
}

int utf8_decode(Span s, uint32_t *code)
{
    size_t n = s.len > 0 ? span_utf8(s, 0) : 0;
    const unsigned char *b = (const unsigned char *)s.ptr;
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    if (n == 0)
        return 0;
    uint32_t c = b[0] & first_bits[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (b[i] & 0x3fu);
    *code = c;
    return (int)n;
}

/* Length of the longest beginning of s that a well-formed character could have; 0 when
 * the first byte starts none. A beginning is well-formed exactly if some continuation
 * bytes complete it; 0x80, 0x90 and 0xa0 reach every row of table 3-7. */
static size_t subpart(Span s)
{
    size_t most = s.len < 3 ? s.len : 3;
    for (size_t n = most; n > 0; n--) {
        for (int second = 0x80; second <= 0xa0; second += 0x10) {
            char whole[4] = {0, (char)second, (char)0x80, (char)0x80};
            memcpy(whole, s.ptr, n);
            if (span_utf8((Span){whole, 4}, 0) > n)
                return n;
        }
    }
    return 0;
}

/* Gives out what is whole or hopeless in s; returns where the incomplete tail starts. */
static size_t give_out(Span s, Str *out)
{
    size_t at = 0;
    while (at < s.len) {
        Span rest = {s.ptr + at, s.len - at};
        size_t good = utf8_valid_prefix(rest);
        if (good > 0) {
            str_append(out, rest.ptr, good);
            at += good;
            continue;
        }
        size_t part = subpart(rest);
        if (part == rest.len)
            break;
        str_span_append(out, replacement);
        at += part > 0 ? part : 1;
    }
    return at;
}

static void hold(Utf8Stream *u, Span tail)
{
    ASSERT(tail.len < sizeof u->held);
    if (tail.len > 0)
        memmove(u->held, tail.ptr, tail.len);
    u->n_held = (int)tail.len;
}

void utf8_stream_put(Utf8Stream *u, Span bytes, Str *out)
{
    size_t from = 0;
    /* What is held takes one byte after the other until it is decided. */
    while (u->n_held > 0 && from < bytes.len) {
        u->held[u->n_held++] = (unsigned char)bytes.ptr[from++];
        Span held = {(const char *)u->held, (size_t)u->n_held};
        size_t done = give_out(held, out);
        hold(u, (Span){held.ptr + done, held.len - done});
    }
    if (from == bytes.len)
        return;
    Span rest = {bytes.ptr + from, bytes.len - from};
    size_t done = give_out(rest, out);
    hold(u, (Span){rest.ptr + done, rest.len - done});
}

void utf8_stream_end(Utf8Stream *u, Str *out)
{
    if (u->n_held > 0)
        str_span_append(out, replacement);
    u->n_held = 0;
}
