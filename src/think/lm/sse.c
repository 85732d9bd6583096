/* sse.c - see sse.h. */
#include "think/lm/sse.h"

#include <string.h>

void sse_release(Sse *s)
{
    str_release(&s->line);
    str_release(&s->data);
    *s = (Sse){0};
}

static Status end_event(Sse *s, SseOnData on_data, void *self, Err *err)
{
    if (!s->has_data)
        return OK;
    s->has_data = false;
    Status status = str_check(&s->data, err);
    if (status == OK)
        status = on_data(self, str_span(&s->data), err);
    str_reset(&s->data);
    return status;
}

/* "data: x" and "data:x" are x; "data" alone is an empty line of data. */
static void take_field(Sse *s, Span line)
{
    Span value = {line.ptr + line.len, 0};
    ptrdiff_t colon = span_find(line, SPAN(":"), 0);
    Span name = line;
    if (colon >= 0) {
        name.len = (size_t)colon;
        value = (Span){line.ptr + colon + 1, line.len - (size_t)colon - 1};
        if (value.len > 0 && value.ptr[0] == ' ')
            value = (Span){value.ptr + 1, value.len - 1};
    }
    if (!span_equal(name, SPAN("data")))
        return;
    if (s->has_data)
        str_putc(&s->data, '\n');
    str_span_append(&s->data, value);
    s->has_data = true;
}

static Status end_line(Sse *s, SseOnData on_data, void *self, Err *err)
{
    TRY(str_check(&s->line, err));
    Span line = str_span(&s->line);
    if (!s->begun && span_starts(line, SPAN("\xef\xbb\xbf")))
        line = (Span){line.ptr + 3, line.len - 3};
    s->begun = true;
    if (line.len > 0)
        take_field(s, line);
    str_reset(&s->line);
    return line.len > 0 ? OK : end_event(s, on_data, self, err);
}

static Status add_to_line(Sse *s, Span bytes, Err *err)
{
    size_t most = s->max_bytes ? s->max_bytes : SSE_MAX_BYTES;
    if (bytes.len > most || s->line.len + s->data.len > most - bytes.len)
        return err_set(err, ERR_LIMIT, "an event of the stream has more than %zu bytes",
                       most);
    str_span_append(&s->line, bytes);
    return OK;
}

static size_t to_line_end(Span bytes, size_t from)
{
    while (from < bytes.len && bytes.ptr[from] != '\n' && bytes.ptr[from] != '\r')
        from++;
    return from;
}

Status sse_feed(Sse *s, Span bytes, SseOnData on_data, void *self, Err *err)
{
    size_t at = 0;
    while (at < bytes.len) {
        if (s->after_cr && bytes.ptr[at] == '\n')
            at++;
        s->after_cr = false;
        size_t end = to_line_end(bytes, at);
        if (end > at)
            TRY(add_to_line(s, (Span){bytes.ptr + at, end - at}, err));
        if (end < bytes.len) {
            s->after_cr = bytes.ptr[end] == '\r';
            TRY(end_line(s, on_data, self, err));
        }
        at = end + 1;
    }
    return OK;
}
