/* ask_docs.c - see ask_docs.h. */
#include "cli/ask_docs.h"

#include "format/json.h"
#include "think/retrieval/search_tool.h"

#include <stdio.h>

static const OptField fields[] = {
    OPT_TEXT(AskDocsOptions, docs, NULL,
             "answer from the documents of this index (tame index), with sources"),
    OPT_BOOL(AskDocsOptions, reorder, 0,
             "put the passages in order by how likely they make the question"),
    OPT_END,
};
const OptTable ask_docs_options = {"docs", "documents", sizeof(AskDocsOptions), fields};

Status ask_docs_open(AskDocs *d, Lm *lm, const Conversation *talk, int64_t max_new,
                     LmUsage *usage, Err *err)
{
    Index *x;
    SearchOptions search;
    TRY(opt_defaults(&search_options, &search, err));
    TRY(index_open(&x, d->o.docs, false, err));
    Searcher s = {.index = x, .o = &search, .reorder = d->o.reorder ? lm : NULL};
    Status status =
        open_book_search(&s, lm, talk, &d->book_options, max_new, &d->book, usage, err);
    index_close(x);
    return status;
}

Status ask_docs_check(AskDocs *d, Span answer, Err *err)
{
    return open_book_check(&d->book, answer, &d->check, err);
}

Status ask_docs_tool(const AskDocs *d, Toolbox *tools, Err *err)
{
    enum { FOUND_AT_A_TIME = 3 };
    if (!d->o.docs)
        return err_set(err, ERR_OPTION, "the tool 'search' needs --docs INDEX");
    return search_tool_add(tools, d->o.docs, FOUND_AT_A_TIME, err);
}

/* Whether any citation is of source n, from 1; the worst of their verdicts. */
static bool is_cited(const AskDocs *d, size_t n, const Citation **worst)
{
    bool cited = false;
    *worst = NULL;
    for (size_t i = 0; i < d->check.n; i++) {
        const Citation *c = &d->check.cites[i];
        if (c->source != (int64_t)n)
            continue;
        cited = true;
        if (c->verdict != CITE_HOLDS)
            *worst = c;
    }
    return cited;
}

static void tell_source(const Passage *p, size_t n, const Citation *worst)
{
    Str line = {0};
    str_printf(&line, "[%zu] ", n);
    str_quote(&line, str_span(&p->document), 200);
    str_printf(&line, ":%lld-%lld", (long long)p->start, (long long)p->end);
    if (p->heading.len > 0)
        str_puts(&line, "  ");
    str_quote(&line, str_span(&p->heading), 120);
    if (worst) {
        str_printf(&line, "  -- %s: '", cite_verdict_names[worst->verdict]);
        str_quote(&line, worst->fault, 60);
        str_puts(&line, "'");
    }
    fprintf(stderr, "%s\n", str_c(&line));
    str_release(&line);
}

void ask_docs_tell(const AskDocs *d)
{
    const Citation *worst;
    for (size_t i = 0; i < d->book.n; i++) {
        if (is_cited(d, i + 1, &worst))
            tell_source(&d->book.sources[i], i + 1, worst);
    }
    for (size_t i = 0; i < d->check.n; i++) {
        if (d->check.cites[i].verdict == CITE_NO_SOURCE)
            fprintf(stderr, "[%lld] is no source\n",
                    (long long)d->check.cites[i].source);
    }
    if (d->check.bare)
        fprintf(stderr, "[the answer cites no source]\n");
}

/* {"n", "document", "heading", "start", "end", "sha256"} of each. */
static json_t *sources_json(const AskDocs *d)
{
    json_t *sources = json_array();
    for (size_t i = 0; i < d->book.n; i++) {
        const Passage *p = &d->book.sources[i];
        json_array_append_new(
            sources, json_pack("{s:I,s:o,s:o,s:I,s:I,s:o}", "n", (json_int_t)i + 1,
                               "document", json_from_bytes(str_span(&p->document)),
                               "heading", json_from_bytes(str_span(&p->heading)),
                               "start", (json_int_t)p->start, "end", (json_int_t)p->end,
                               "sha256", json_from_bytes(str_span(&p->sha256))));
    }
    return sources;
}

void ask_docs_trace(const AskDocs *d, Trace *trace)
{
    char says[64];
    (void)snprintf(says, sizeof says, "%zu source%s", d->book.n,
                   d->book.n == 1 ? "" : "s");
    trace_open(trace, "tool", "search");
    trace_note(trace, "query", json_from_bytes(str_span(&d->book.question)));
    trace_note(trace, "sources", sources_json(d));
    trace_note(trace, "says", json_string(says));
    trace_close(trace);
}

void ask_docs_json(const AskDocs *d, json_t *into)
{
    json_t *cites = json_array();
    for (size_t i = 0; i < d->check.n; i++) {
        const Citation *c = &d->check.cites[i];
        json_array_append_new(cites, json_pack("{s:I,s:s,s:o,s:o}", "source",
                                               (json_int_t)c->source, "verdict",
                                               cite_verdict_names[c->verdict], "fault",
                                               json_from_bytes(c->fault), "statement",
                                               json_from_bytes(c->statement)));
    }
    json_object_set_new(into, "sources", sources_json(d));
    json_object_set_new(into, "citations", cites);
    json_object_set_new(into, "unknown", json_boolean(d->check.unknown));
}

void ask_docs_release(AskDocs *d)
{
    cite_check_release(&d->check);
    open_book_release(&d->book);
}
