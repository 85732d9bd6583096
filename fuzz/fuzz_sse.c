// floor: think
/* fuzz_sse.c - the events of a stream are the same however it is cut; none holds a line
 * end but \n; one that is too long is an error. */
#include "think/lm/sse.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 256 };

static Status collect(void *self, Span data, Err *err)
{
    (void)err;
    Str *all = self;
    ASSERT(data.len <= MOST);
    ASSERT(data.len == 0 || !memchr(data.ptr, '\r', data.len));
    str_printf(all, "[%zu:", data.len);
    str_span_append(all, data);
    return OK;
}

static Status feed(Span bytes, size_t piece, Str *all)
{
    Err err = {0};
    Sse s = {.max_bytes = MOST};
    Status status = OK;
    for (size_t at = 0; at < bytes.len && status == OK; at += piece) {
        size_t n = bytes.len - at < piece ? bytes.len - at : piece;
        status = sse_feed(&s, (Span){bytes.ptr + at, n}, collect, all, &err);
    }
    ASSERT(status == OK || (status == ERR_LIMIT && err.msg[0]));
    sse_release(&s);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64};
    Span bytes = {(const char *)data, size};
    Str whole = {0}, cut = {0};
    if (size == 0)
        return 0;
    Status status = feed(bytes, size, &whole);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        str_reset(&cut);
        ASSERT(feed(bytes, pieces[i], &cut) == status);
        ASSERT(span_equal(str_span(&whole), str_span(&cut)));
    }
    str_release(&whole);
    str_release(&cut);
    return 0;
}
