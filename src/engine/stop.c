/* stop.c - the tail of the text against every stop string, see stop.h. A byte costs one
 * comparison of the last byte for each string, seldom more; the buffer is twice as long
 * as the longest string, so that it is moved once in ENGINE_STOP_BYTES bytes. */
#include "engine/stop.h"

#include <string.h>

void stop_reset(StopMatcher *m)
{
    m->n = 0;
}

static void push(StopMatcher *m, char c)
{
    if (m->n == 2 * ENGINE_STOP_BYTES) {
        memmove(m->tail, m->tail + ENGINE_STOP_BYTES, ENGINE_STOP_BYTES);
        m->n = ENGINE_STOP_BYTES;
    }
    m->tail[m->n++] = c;
}

static bool tail_ends_with(const StopMatcher *m, Span s)
{
    size_t n = (size_t)m->n;
    return n >= s.len && m->tail[n - 1] == s.ptr[s.len - 1] &&
           memcmp(m->tail + n - s.len, s.ptr, s.len) == 0;
}

int64_t stop_feed(StopMatcher *m, const Span *strings, int32_t n_strings, Span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        push(m, bytes.ptr[i]);
        size_t longest = 0;
        for (int32_t k = 0; k < n_strings; k++) {
            if (strings[k].len > longest && tail_ends_with(m, strings[k]))
                longest = strings[k].len;
        }
        if (longest > 0)
            return (int64_t)(longest + bytes.len - i - 1);
    }
    return 0;
}
