/* utf8.h - UTF-8 checked strictly (Unicode 15, table 3-7: no overlong forms, no
 * surrogates), and a streamer that never gives out half a character. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include "base/str.h"

#include <stdint.h>

/* Length of the valid prefix of s. */
size_t utf8_valid_prefix(Span s);
/* One code point at s[0]; returns its length 1..4, or 0 when s[0..] is not valid. */
int utf8_decode(Span s, uint32_t *code);

/* Feeds bytes as they are generated; gives out only whole characters. An incomplete tail
 * is held back; bytes that can never become valid come out as U+FFFD. */
typedef struct Utf8Stream {
    unsigned char held[4];
    int n_held;
} Utf8Stream;
void utf8_stream_put(Utf8Stream *u, Span bytes, Str *out);
void utf8_stream_end(Utf8Stream *u, Str *out); /* what is held becomes U+FFFD */

#endif
