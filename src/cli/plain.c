/* plain.c - see plain.h. */
#include "cli/plain.h"

#include <unistd.h>

/* Bytes of the control character at i, or 0. C0 and DEL are a byte, C1 two: U+0080 to
 * U+009F are c2 80 to c2 9f. */
static size_t control_at(Span s, size_t i)
{
    unsigned char c = (unsigned char)s.ptr[i],
                  next = i + 1 < s.len ? (unsigned char)s.ptr[i + 1] : 0;
    if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
        return 1;
    return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

void plain_append(Str *out, Span text)
{
    size_t plain = 0; /* where what goes out as it is begins */
    for (size_t i = 0; i < text.len;) {
        size_t n = control_at(text, i);
        if (n > 0) {
            str_append(out, text.ptr + plain, i - plain);
            str_puts(out, "\xef\xbf\xbd");
            plain = i + n;
        }
        i += n ? n : 1;
    }
    if (plain < text.len)
        str_append(out, text.ptr + plain, text.len - plain);
}

void plain_put(FILE *out, Span text)
{
    Str clean = {0};
    if (isatty(fileno(out))) {
        plain_append(&clean, text);
        text = str_span(&clean);
    }
    if (text.len > 0)
        fwrite(text.ptr, 1, text.len, out);
    str_release(&clean);
}
