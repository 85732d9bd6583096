// floor: text
/* fuzz_utf8_stream.c - the first byte is a step. Whatever comes in steps of it comes out
 * as well-formed UTF-8, the same as all at once; well-formed bytes come out unchanged. */
#include "text/utf8.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stream(Span bytes, size_t step, Str *out)
{
    Utf8Stream u = {0};
    for (size_t at = 0; at < bytes.len; at += step) {
        size_t n = bytes.len - at < step ? bytes.len - at : step;
        utf8_stream_put(&u, (Span){bytes.ptr + at, n}, out);
        ASSERT(utf8_valid_prefix(str_span(out)) == out->len);
    }
    utf8_stream_end(&u, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    Span bytes = {(const char *)data + 1, size - 1};
    Str steps = {0}, whole = {0};
    stream(bytes, 1 + data[0] % 7, &steps);
    stream(bytes, size, &whole);
    ASSERT(span_equal(str_span(&steps), str_span(&whole)));
    if (utf8_valid_prefix(bytes) == bytes.len)
        ASSERT(span_equal(bytes, str_span(&whole)));
    str_release(&steps);
    str_release(&whole);
    return 0;
}
