/* byte_alphabet.c - see byte_alphabet.h. */
#include "text/byte_alphabet.h"

#include "text/utf8.h"

static bool names_itself(int byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) ||
           (byte >= 0xae && byte <= 0xff);
}

void byte_alphabet_order(unsigned char bytes[256])
{
    int n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int b = 0; b < 256; b++) {
            if (names_itself(b) == (pass == 0))
                bytes[n++] = (unsigned char)b;
        }
    }
}

/* How many of the bytes below `byte` have a stand-in: 0x00 to 0x20 are the first 33,
 * 0x7f to 0xa0 the next 34, 0xad is the last. */
static uint32_t character_of(unsigned char byte)
{
    if (names_itself(byte))
        return byte;
    if (byte <= 0x20)
        return 0x100u + byte;
    return byte == 0xad ? 0x143u : 0x121u + (byte - 0x7fu);
}

static int byte_of(uint32_t c)
{
    if (c < 0x100)
        return names_itself((int)c) ? (int)c : -1;
    if (c <= 0x120)
        return (int)(c - 0x100);
    if (c <= 0x142)
        return (int)(c - 0x121 + 0x7f);
    return c == 0x143 ? 0xad : -1;
}

void byte_alphabet_spell(Str *out, Span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint32_t c = character_of((unsigned char)bytes.ptr[i]);
        if (c >= 0x80) { /* all are below U+0800: two bytes of UTF-8 */
            str_putc(out, (char)(0xc0 | c >> 6));
            str_putc(out, (char)(0x80 | (c & 0x3f)));
        } else {
            str_putc(out, (char)c);
        }
    }
}

bool byte_alphabet_unspell(Str *out, Span text)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t c = 0;
        int n = utf8_decode((Span){text.ptr + at, text.len - at}, &c);
        int byte = n > 0 ? byte_of(c) : -1;
        if (byte < 0)
            return false;
        str_putc(out, (char)byte);
        at += (size_t)n;
    }
    return true;
}
