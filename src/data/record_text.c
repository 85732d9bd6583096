/* record_text.c - see record_text.h. Strings are looked through eight bytes at a time for
 * what is not an ordinary ASCII character; everything that we do not take at a glance is
 * left to jansson, with its messages. */
#include "data/record_text.h"

#include "base/bytes.h"

enum { MOST_KEYS = 8 };

typedef struct Scan {
    Span s;
    size_t at;
} Scan;

static void skip_space(Scan *c)
{
    while (c->at < c->s.len && (c->s.ptr[c->at] == ' ' || c->s.ptr[c->at] == '\t' ||
                                c->s.ptr[c->at] == '\n' || c->s.ptr[c->at] == '\r'))
        c->at++;
}

/* The next byte that is not white space is `wanted`, and is taken. */
static bool take(Scan *c, char wanted)
{
    skip_space(c);
    bool there = c->at < c->s.len && c->s.ptr[c->at] == wanted;
    c->at += there;
    return there;
}

/* --- strings --------------------------------------------------------------------- */

/* Of the first byte at or after `at` that is a quote, a backslash, a control character or
 * not ASCII; the end if there is none. A borrow of the subtractions only reaches bytes
 * behind one that is found. */
static size_t next_special(Span s, size_t at)
{
    const uint64_t ones = 0x0101010101010101u;
    for (; s.len - at >= 8; at += 8) {
        uint64_t x = bytes_u64(s.ptr + at);
        uint64_t found = (x - ones * 0x20) | ((x ^ ones * '"') - ones) |
                         ((x ^ ones * '\\') - ones) | x;
        found &= ones * 0x80;
        if (found != 0)
            return at + (size_t)__builtin_ctzll(found) / 8;
    }
    for (; at < s.len; at++) {
        unsigned char c = (unsigned char)s.ptr[at];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
    }
    return at;
}

/* Four hexadecimal digits at the front of s, or -1. */
static int32_t hex4(Span s)
{
    int32_t code = 0;
    for (size_t i = 0; i < 4; i++) {
        int c = i < s.len ? (unsigned char)s.ptr[i] : 0;
        int letter = c | 0x20;
        if (c >= '0' && c <= '9')
            code = code << 4 | (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            code = code << 4 | (letter - 'a' + 10);
        else
            return -1;
    }
    return code;
}

static void put_code(Str *out, int32_t code)
{
    char bytes[4];
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(marks[n] | code);
    str_append(out, bytes, n);
}

/* \uXXXX, or two of them that are a surrogate pair; c is behind the 'u'. */
static bool take_code(Scan *c, Str *out)
{
    Span rest = {c->s.ptr + c->at, c->s.len - c->at};
    int32_t code = hex4(rest);
    size_t used = 4;
    if (code >= 0xd800 && code < 0xdc00 && rest.len > 6 && rest.ptr[4] == '\\' &&
        rest.ptr[5] == 'u') {
        int32_t low = hex4((Span){rest.ptr + 6, rest.len - 6});
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        used = 10;
    }
    if (code <= 0 || (code >= 0xd800 && code < 0xe000))
        return false;
    put_code(out, code);
    c->at += used;
    return true;
}

static bool take_escape(Scan *c, Str *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (++c->at >= c->s.len)
        return false;
    char name = c->s.ptr[c->at++];
    if (name == 'u')
        return take_code(c, out);
    const char *known = name != 0 ? strchr(names, name) : NULL;
    if (!known)
        return false;
    str_putc(out, values[known - names]);
    return true;
}

/* A string; c is behind its opening quote, and then behind the closing one. */
static bool take_string(Scan *c, Str *out)
{
    size_t plain = c->at; /* start of the bytes that are taken as they are */
    for (;;) {
        c->at = next_special(c->s, c->at);
        if (c->at >= c->s.len)
            return false;
        char byte = c->s.ptr[c->at];
        if (byte != '"' && byte != '\\') {
            size_t n = (unsigned char)byte >= 0x80 ? span_utf8(c->s, c->at) : 0;
            c->at += n;
            if (n == 0)
                return false;
            continue;
        }
        str_append(out, c->s.ptr + plain, c->at - plain);
        if (byte == '"') {
            c->at++;
            return true;
        }
        if (!take_escape(c, out))
            return false;
        plain = c->at;
    }
}

/* --- members --------------------------------------------------------------------- */

/* A key of printable ASCII without escapes. */
static bool take_key(Scan *c, Span *key)
{
    if (!take(c, '"'))
        return false;
    size_t from = c->at;
    c->at = next_special(c->s, from);
    *key = (Span){c->s.ptr + from, c->at - from};
    return c->at < c->s.len && c->s.ptr[c->at++] == '"' && take(c, ':');
}

static bool is_of_other_layout(Span key)
{
    static const char *const names[] = {
        "messages", "conversations", "prompt",   "completion", "completions", "chosen",
        "rejected", "instruction",   "question", "answer",     NULL};
    for (int i = 0; names[i]; i++) {
        if (span_equal(key, span_of(names[i])))
            return true;
    }
    return false;
}

static bool is_new(const Span *keys, size_t n, Span key)
{
    for (size_t i = 0; i < n; i++) {
        if (span_equal(keys[i], key))
            return false;
    }
    return true;
}

/* All members; values that are not the text are read, too, and dropped again. */
static bool take_members(Scan *c, Str *out)
{
    Span keys[MOST_KEYS];
    bool found = false;
    for (size_t n = 0; n < MOST_KEYS; n++) {
        if (!take_key(c, &keys[n]) || is_of_other_layout(keys[n]) ||
            !is_new(keys, n, keys[n]))
            return false;
        size_t before = out->len;
        if (!take(c, '"') || !take_string(c, out))
            return false;
        if (span_equal(keys[n], SPAN("text")))
            found = true;
        else
            str_truncate(out, before);
        if (take(c, '}'))
            return found;
        if (!take(c, ','))
            return false;
    }
    return false;
}

bool record_text_row(Span row, Str *out)
{
    Scan c = {row, 0};
    size_t before = out->len;
    bool good = take(&c, '{') && take_members(&c, out);
    skip_space(&c);
    good = good && c.at == row.len && !out->failed;
    if (!good && !out->failed)
        str_truncate(out, before);
    return good;
}
