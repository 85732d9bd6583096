/* trace.h - what was done to find an answer, as a tree of spans: what was tried, each
 * call of the model with its prompt and what came back, each tool. On disk a line of JSON
 * a span, parents first; for people a tree.
 *
 * Like a Str, a Trace never fails in the caller's face: without memory it notes nothing
 * more, and trace_lines says so once. One thread at a time. */
#ifndef THINK_TRACE_H
#define THINK_TRACE_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdint.h>

typedef struct Trace Trace;
/* clock: seconds of any beginning, the trace's own is 0. */
NODISCARD Status trace_new(Trace **out, double (*clock)(void), Err *err);
void trace_free(Trace *t); /* accepts NULL */

/* A span inside the open one. kind: "strategy", "call", "score", "tool"; the name says
 * what for. Both are constants. */
void trace_open(Trace *t, const char *kind, const char *name);
/* A fact about the open span, `value` taken over. "tokens" are added up by the spans
 * above; "says" is what the tree shows of it. */
void trace_note(Trace *t, const char *key, json_t *value);
void trace_close(Trace *t);

/* Appends {"span": 1, "parent": 0, "kind": .., "name": .., ...notes, "begin": seconds,
 * "seconds": ..} and a line feed a span. All spans are closed. */
NODISCARD Status trace_lines(const Trace *t, Str *out, Err *err);
/* Appends the tree, a line a span of at most `width` characters. */
void trace_tree(const Trace *t, size_t width, Str *out);

#endif
