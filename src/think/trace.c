/* trace.c - see trace.h. */
#include "think/trace.h"

#include "base/log.h"
#include "base/mem.h"
#include "format/json.h"

#include <string.h>

typedef struct TraceSpan {
    const char *kind, *name;
    int64_t parent; /* -1: none */
    json_t *notes;
    double begin, seconds;
    int64_t tokens; /* of the spans below too, once closed */
} TraceSpan;

struct Trace {
    double (*clock)(void);
    double zero;
    TraceSpan *spans;
    size_t n, cap;
    int64_t open; /* -1: none */
    bool failed;
};

Status trace_new(Trace **out, double (*clock)(void), Err *err)
{
    TRY(MEM_ARRAY(out, 1, err));
    **out = (Trace){.clock = clock, .zero = clock(), .open = -1};
    return OK;
}

void trace_free(Trace *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        json_decref(t->spans[i].notes);
    mem_free(t->spans);
    mem_free(t);
}

void trace_open(Trace *t, const char *kind, const char *name)
{
    Err err;
    if (t->failed || MEM_PUSH_ROOM(&t->spans, t->n, &t->cap, &err) != OK) {
        t->failed = true;
        return;
    }
    json_t *notes = json_object();
    t->failed = !notes;
    t->spans[t->n] = (TraceSpan){.kind = kind,
                                 .name = name,
                                 .parent = t->open,
                                 .notes = notes,
                                 .begin = t->clock() - t->zero};
    t->open = (int64_t)t->n++;
}

void trace_note(Trace *t, const char *key, json_t *value)
{
    if (t->failed) {
        json_decref(value);
        return;
    }
    ASSERT(t->open >= 0);
    if (value && strcmp(key, "tokens") == 0)
        t->spans[t->open].tokens += json_integer_value(value);
    t->failed = json_object_set_new(t->spans[t->open].notes, key, value) != 0;
}

void trace_close(Trace *t)
{
    if (t->failed)
        return;
    ASSERT(t->open >= 0);
    TraceSpan *s = &t->spans[t->open];
    s->seconds = t->clock() - t->zero - s->begin;
    t->open = s->parent;
    if (t->open >= 0)
        t->spans[t->open].tokens += s->tokens;
}

/* --- on disk ------------------------------------------------------------------------- */
static void put_line(const TraceSpan *s, size_t id, Str *out)
{
    const char *key;
    json_t *value;
    str_printf(out, "{\"span\":%zu,\"parent\":", id);
    if (s->parent >= 0)
        str_printf(out, "%lld", (long long)s->parent);
    else
        str_puts(out, "null");
    str_printf(out, ",\"kind\":\"%s\",\"name\":\"%s\"", s->kind, s->name);
    json_object_foreach(s->notes, key, value)
    {
        str_printf(out, ",\"%s\":", key);
        json_append(out, value);
    }
    str_printf(out, ",\"begin\":%.6f,\"seconds\":%.6f}\n", s->begin, s->seconds);
}

Status trace_lines(const Trace *t, Str *out, Err *err)
{
    if (t->failed)
        return err_set(err, ERR_NOMEM, "no memory for the trace");
    ASSERT(t->open < 0);
    for (size_t i = 0; i < t->n; i++)
        put_line(&t->spans[i], i, out);
    return str_check(out, err);
}

/* --- for people ---------------------------------------------------------------------- */
static bool is_last_child(const Trace *t, size_t i)
{
    for (size_t k = i + 1; k < t->n; k++) {
        if (t->spans[k].parent == t->spans[i].parent)
            return false;
    }
    return true;
}

/* The rails of the spans above, then this one's branch. */
static void put_rails(const Trace *t, int64_t i, bool own, Str *out)
{
    if (t->spans[i].parent < 0)
        return;
    put_rails(t, t->spans[i].parent, false, out);
    bool last = is_last_child(t, (size_t)i);
    str_puts(out, own ? (last ? "└─ " : "├─ ") : (last ? "   " : "│  "));
}

static void put_facts(const TraceSpan *s, Str *line)
{
    str_puts(line, s->name);
    if (strcmp(s->kind, "strategy") != 0)
        str_printf(line, " [%s]", s->kind);
    if (s->tokens > 0)
        str_printf(line, " %lld tokens,", (long long)s->tokens);
    str_printf(line, " %s", log_seconds(s->seconds));
    json_t *says = json_object_get(s->notes, "says");
    if (says) {
        str_puts(line, ": ");
        str_quote(line, (Span){json_string_value(says), json_string_length(says)},
                  4096);
    }
}

/* At most `width` characters of text, whole ones. */
static void put_cut(Span text, size_t width, Str *out)
{
    size_t at = 0;
    for (size_t n = 0; at < text.len && n < width; n++) {
        size_t bytes = span_utf8(text, at);
        at += bytes > 0 ? bytes : 1;
    }
    str_append(out, text.ptr, at);
    if (at < text.len)
        str_puts(out, "…");
}

void trace_tree(const Trace *t, size_t width, Str *out)
{
    Str line = {0};
    for (size_t i = 0; i < t->n && !t->failed; i++) {
        str_reset(&line);
        put_rails(t, (int64_t)i, true, &line);
        put_facts(&t->spans[i], &line);
        put_cut(str_span(&line), width > 1 ? width - 1 : 1, out);
        str_putc(out, '\n');
    }
    str_release(&line);
}
