/* filled.c - see filled.h. Reading is dynamic programming over (part, place in the text):
 * forward, where each part can begin; backward, where it ends so that the rest fits. */
#include "engine/constraint/filled.h"

#include "base/mem.h"
#include "engine/constraint/automaton.h"

#include <string.h>

enum { READ_CELLS = 1 << 24 }; /* parts times bytes */

Status filled_constraint(Constraint **out, const Blanks *b, const TokenTrie *trie,
                         Err *err)
{
    int32_t *nodes = NULL;
    int64_t *max_tokens = NULL;
    *out = NULL;
    Status status = MEM_ARRAY(&nodes, b->n, err);
    if (status == OK)
        status = MEM_ARRAY(&max_tokens, b->n, err);
    for (size_t i = 0; status == OK && i < b->n; i++) {
        nodes[i] = b->parts[i].node;
        max_tokens[i] = b->parts[i].max_tokens;
    }
    if (status == OK)
        status = constraint_from_parts(out, &b->g, nodes, max_tokens, (int32_t)b->n,
                                       trie, err);
    mem_free(nodes);
    mem_free(max_tokens);
    return status;
}

/* --- reading --------------------------------------------------------------------------------- */
typedef struct Reader {
    const Blanks *b;
    Span text;
    const int64_t *cuts;
    uint8_t *begins; /* (parts + 1, len + 1): part i may begin here */
    int32_t *ends; /* (parts + 1, len + 1): how far it then reaches; -1: not to the end
                        of the whole */
    Network *net;  /* of the part that is read now */
    Automaton *a;
} Reader;

static size_t cell(const Reader *r, size_t part, size_t at)
{
    return part * (r->text.len + 1) + at;
}

static Status open_part(Reader *r, size_t part, Err *err)
{
    automaton_free(r->a);
    network_free(r->net);
    r->a = NULL;
    r->net = NULL;
    TRY(network_new(&r->net, &r->b->g, &r->b->parts[part].node, 1, err));
    return automaton_new(&r->a, r->net, 0, err);
}

/* What is done with an end of part `part` that begins at `from`. */
typedef void (*AtEnd)(Reader *r, size_t part, size_t from, size_t end);

static Status each_end(Reader *r, size_t part, size_t from, AtEnd at_end, Err *err)
{
    int64_t cut = r->cuts ? r->cuts[part] : -1;
    size_t last = cut >= 0 && (size_t)cut < r->text.len ? (size_t)cut : r->text.len;
    int32_t state = automaton_start(r->a);
    if (state == AUTOMATON_FULL) {
        automaton_forget(r->a);
        state = automaton_start(r->a);
    }
    for (size_t at = from; state > 0; at++) {
        if (automaton_accepts(r->a, state) && at <= last)
            at_end(r, part, from, at);
        if (at >= last)
            return OK;
        int32_t next = automaton_step(r->a, state, (uint8_t)r->text.ptr[at]);
        if (next == AUTOMATON_FULL) { /* once more, from where it began */
            automaton_forget(r->a);
            state = automaton_start(r->a);
            next = state > 0 ? automaton_read(r->a, state,
                                              (Span){r->text.ptr + from, at + 1 - from})
                             : state;
        }
        state = next;
    }
    if (state == AUTOMATON_FULL)
        return err_set(err, ERR_LIMIT, "reading the blanks takes too much memory");
    return OK;
}

static void mark_begin(Reader *r, size_t part, size_t from, size_t end)
{
    (void)from;
    r->begins[cell(r, part + 1, end)] = 1;
}

static void mark_end(Reader *r, size_t part, size_t from, size_t end)
{
    if (r->ends[cell(r, part + 1, end)] >= 0)
        r->ends[cell(r, part, from)] = (int32_t)end;
}

static Status each_part(Reader *r, bool forward, Err *err)
{
    for (size_t k = 0; k < r->b->n; k++) {
        size_t part = forward ? k : r->b->n - 1 - k;
        TRY(open_part(r, part, err));
        for (size_t at = 0; at <= r->text.len; at++) {
            if (r->begins[cell(r, part, at)])
                TRY(each_end(r, part, at, forward ? mark_begin : mark_end, err));
        }
    }
    return OK;
}

static Span without_stop(const BlanksPart *part, Span value)
{
    size_t longest = 0;
    for (int32_t i = 0; i < part->n_stops; i++) {
        Span stop = str_span(&part->stops[i]);
        if (stop.len > longest && stop.len <= value.len &&
            memcmp(value.ptr + value.len - stop.len, stop.ptr, stop.len) == 0)
            longest = stop.len;
    }
    return (Span){value.ptr, value.len - longest};
}

static Status read_parts(Reader *r, Span *values, Err *err)
{
    size_t n = r->b->n, cells = (n + 1) * (r->text.len + 1);
    TRY(MEM_ARRAY(&r->begins, cells, err));
    TRY(MEM_ARRAY(&r->ends, cells, err));
    for (size_t i = 0; i < cells; i++)
        r->ends[i] = -1;
    r->begins[0] = 1;
    TRY(each_part(r, true, err));
    if (r->begins[cell(r, n, r->text.len)])
        r->ends[cell(r, n, r->text.len)] = (int32_t)r->text.len;
    TRY(each_part(r, false, err));
    if (r->ends[0] < 0)
        return err_set(err, ERR_FORMAT, "the text is not of this template");
    for (size_t i = 0, at = 0; i < n; i++) {
        size_t end = (size_t)r->ends[cell(r, i, at)];
        values[i] = without_stop(&r->b->parts[i], (Span){r->text.ptr + at, end - at});
        at = end;
    }
    return OK;
}

Status filled_read(const Blanks *b, Span text, const int64_t *cuts, Span *values,
                   Err *err)
{
    Reader r = {.b = b, .text = text, .cuts = cuts};
    if (text.len > READ_CELLS / (b->n + 1))
        return err_set(err, ERR_LIMIT, "a text of %zu bytes is too long for %zu parts",
                       text.len, b->n);
    Status status = read_parts(&r, values, err);
    automaton_free(r.a);
    network_free(r.net);
    mem_free(r.begins);
    mem_free(r.ends);
    return status;
}
