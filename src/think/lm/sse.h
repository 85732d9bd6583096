/* sse.h - server-sent events (WHATWG HTML, 9.2.6), of which endpoints use the data: bytes
 * in, however they are cut, the data of each event out.
 *
 *     data: {"choices":[...]}        lines end with \n, \r\n or \r; a blank line ends the
 *                                    event; several data lines are joined by \n
 *     : a comment, to keep proxies awake
 *     event: x    id: 7    retry: 9  read over
 *
 * An event without a blank line behind it did not come whole and is not given. Pure;
 * fuzz/fuzz_sse.c. */
#ifndef THINK_LM_SSE_H
#define THINK_LM_SSE_H

#include "base/err.h"
#include "base/str.h"

typedef struct Sse {
    Str line, data;   /* as far as they have come */
    bool has_data;    /* the event has a data line, if an empty one */
    bool after_cr;    /* a \n now belongs to the line before */
    bool begun;       /* a mark of the byte order may come no more */
    size_t max_bytes; /* of one event; 0: SSE_MAX_BYTES */
} Sse;
enum { SSE_MAX_BYTES = 1 << 20 };

/* Whatever it returns but OK ends sse_feed, which returns the same. */
typedef Status (*SseOnData)(void *self, Span data, Err *err);

/* Zeroed is ready. ERR_LIMIT: an event is too long. */
NODISCARD Status sse_feed(Sse *s, Span bytes, SseOnData on_data, void *self, Err *err);
void sse_release(Sse *s);

#endif
