/* index.c - `tame index` and `tame search`: documents as passages, and the passages that
 * answer to a question. */
#include "cli/command.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "cli/terminal.h"
#include "cli/wrap.h"
#include "format/json.h"
#include "think/retrieval/search.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- index ---------------------------------------------------------------------------- */
typedef struct IndexCommandOptions {
    char *out, *tokenizer;
    bool json;
} IndexCommandOptions;
static const OptField index_fields[] = {
    OPT_TEXT(IndexCommandOptions, out, NULL, "the index: one file, made if absent"),
    OPT_TEXT(IndexCommandOptions, tokenizer, NULL,
             "folder of the tokenizer or model whose tokens passages are measured in; "
             "unset: words"),
    OPT_BOOL(IndexCommandOptions, json, false, "print JSON"),
    OPT_END,
};
static const OptTable index_command_options = {
    "index", "where", sizeof(IndexCommandOptions), index_fields};

typedef struct IndexCommand {
    IndexCommandOptions o;
    IndexOptions index;
    ChunkOptions chunk;
} IndexCommand;

static void print_report(const IndexCommand *c, const IndexReport *r,
                         const IndexCount *n, double seconds)
{
    if (c->o.json) {
        printf("{\"files\":%lld,\"unchanged\":%lld,\"renewed\":%lld,\"removed\":%lld,"
               "\"left_out\":%lld,\"documents\":%lld,\"passages\":%lld,\"bytes\":%.0f,"
               "\"seconds\":%.3f,\"all_documents\":%lld,\"all_passages\":%lld}\n",
               (long long)r->files, (long long)r->unchanged, (long long)r->renewed,
               (long long)r->removed, (long long)r->skipped, (long long)r->documents,
               (long long)r->chunks, r->bytes, seconds, (long long)n->documents,
               (long long)n->chunks);
        return;
    }
    printf("%lld files: %lld new or changed, %lld unchanged", (long long)r->files,
           (long long)r->renewed, (long long)r->unchanged);
    if (r->skipped > 0)
        printf(", %lld left out", (long long)r->skipped);
    if (r->removed > 0)
        printf("; %lld gone", (long long)r->removed);
    printf("\n%lld passages of %s read in %s; the index holds %lld passages of %lld "
           "documents\n",
           (long long)r->chunks, log_bytes(r->bytes), log_seconds(seconds),
           (long long)n->chunks, (long long)n->documents);
}

static Status index_paths(const IndexCommand *c, const char *const *paths, size_t n,
                          Err *err)
{
    Index *x = NULL;
    Tokenizer *tok = NULL;
    IndexReport report;
    IndexCount count;
    double start = system_seconds();
    system_catch_stop();
    for (size_t i = 0; i < n; i++) { /* before an empty index is made */
        if (!file_exists(paths[i]))
            return err_set(err, ERR_IO, "there is no file or folder '%s'", paths[i]);
    }
    if (c->o.tokenizer)
        TRY(tokenizer_load(&tok, c->o.tokenizer, err));
    Status status = index_open(&x, c->o.out, true, err);
    if (status == OK)
        status = index_update(x, paths, n, &c->index, &c->chunk, tok, &report, err);
    if (status == OK)
        status = index_count(x, &count, err);
    if (status == OK)
        print_report(c, &report, &count, system_seconds() - start);
    index_close(x);
    tokenizer_free(tok);
    return status;
}

enum { MOST_PATHS = 4096 };

static int index_work(void *self, const char **words, size_t n)
{
    Err err = {0};
    const IndexCommand *c = self;
    if (!c->o.out)
        return command_usage_error("index", "give --out, the file of the index");
    return command_end(index_paths(c, words, n, &err), &err);
}

int index_command(int argc, char **argv)
{
    IndexCommand c = {0};
    const OptBinding bindings[] = {{&index_command_options, &c.o},
                                   {&chunk_options, &c.chunk},
                                   {&index_options, &c.index}};
    const Usage usage = {
        .name = "index",
        .words = "FOLDER|FILE... --out INDEX",
        .what =
            "makes text and Markdown searchable: documents are cut into passages at "
            "headings,\nparagraphs and sentences, and kept with a full text index in "
            "one file. The same command\nagain reads what has changed since and "
            "drops what is gone.",
        .examples =
            "  tame index docs README.md --out docs.db\n"
            "  tame index factbook.txt.gz --out facts.db --size 64 --overlap 8\n"
            "  tame index notes --out notes.db --tokenizer runs/demo/sft\n"
            "  tame search docs.db \"how do I resume a run?\"\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 1, MOST_PATHS, index_work, &c);
}

/* --- search --------------------------------------------------------------------------- */
typedef struct SearchCommandOptions {
    bool full, json;
} SearchCommandOptions;
static const OptField search_fields[] = {
    OPT_BOOL(SearchCommandOptions, full, false, "print whole passages"),
    OPT_BOOL(SearchCommandOptions, json, false, "print JSON, a line a passage"),
    OPT_END,
};
static const OptTable search_command_options = {
    "search", "output", sizeof(SearchCommandOptions), search_fields};

typedef struct SearchCommand {
    SearchCommandOptions o;
    SearchOptions search;
} SearchCommand;

/* The snippet with its words marked, or without marks. */
static void unmark(const Str *snippet, const char *on, const char *off, Str *out)
{
    str_reset(out);
    for (size_t i = 0; i < snippet->len; i++) {
        char c = snippet->ptr[i];
        if (c == HIT_ON)
            str_puts(out, on);
        else if (c == HIT_OFF)
            str_puts(out, off);
        else
            str_putc(out, c);
    }
}

static void print_json(const Hit *h)
{
    const Passage *p = &h->passage;
    Str snippet = {0}, line = {0};
    unmark(&h->snippet, "", "", &snippet);
    str_puts(&line, "{\"document\":");
    json_append_string(&line, str_span(&p->document));
    str_puts(&line, ",\"heading\":");
    json_append_string(&line, str_span(&p->heading));
    str_printf(&line, ",\"start\":%lld,\"end\":%lld,\"score\":%.6g,\"chunk\":%lld",
               (long long)p->start, (long long)p->end, h->score, (long long)p->id);
    str_printf(&line, ",\"sha256\":\"%s\",\"snippet\":", str_c(&p->sha256));
    json_append_string(&line, str_span(&snippet));
    str_puts(&line, ",\"text\":");
    json_append_string(&line, str_span(&p->text));
    str_puts(&line, "}");
    puts(str_c(&line));
    str_release(&snippet);
    str_release(&line);
}

/* A name or a heading, which are one line whatever they hold. */
static void put_line(Str *out, const Str *text)
{
    for (size_t i = 0; i < text->len; i++)
        str_putc(out, (unsigned char)text->ptr[i] < ' ' ? ' ' : text->ptr[i]);
}

/* Lines of 100 columns; newlines of a snippet become blanks. What is in a document is not
 * sent to the terminal as it is: wrap_text leaves no control character. */
static void print_text(const Hit *h, size_t number, bool full)
{
    const Passage *p = &h->passage;
    Str text = {0}, out = {0};
    unmark(&h->snippet, "", "", &text);
    if (full || text.len == 0) {
        str_reset(&text);
        str_span_append(&text, str_span(&p->text));
    }
    for (size_t i = 0; i < text.len && !full; i++)
        text.ptr[i] = text.ptr[i] == '\n' ? ' ' : text.ptr[i];
    str_printf(&out, "%zu. ", number);
    put_line(&out, &p->document);
    str_printf(&out, ":%lld-%lld  (%.2f)", (long long)p->start, (long long)p->end,
               h->score);
    if (p->heading.len > 0) {
        str_puts(&out, "\n   ");
        put_line(&out, &p->heading);
    }
    str_putc(&out, '\n');
    wrap_text(&out, str_span(&text), 100, "   ", "   ", 3);
    fputs(str_c(&out), stdout);
    str_release(&text);
    str_release(&out);
}

static Status search_index(const SearchCommand *c, const char *path, Span question,
                           Err *err)
{
    Index *x;
    Hits hits;
    TRY(index_open(&x, path, false, err));
    Searcher searcher = {.index = x, .o = &c->search, .snippets = true};
    Status status = search_passages(&searcher, question, &hits, NULL, err);
    for (size_t i = 0; i < hits.n; i++) {
        if (c->o.json)
            print_json(&hits.hits[i]);
        else
            print_text(&hits.hits[i], i + 1, c->o.full);
    }
    if (status == OK && hits.n == 0 && !c->o.json)
        puts("nothing found");
    hits_release(&hits);
    index_close(x);
    return status;
}

static int search_work(void *self, const char **words, size_t n)
{
    Err err = {0};
    Str question = {0};
    for (size_t i = 1; i < n; i++)
        str_printf(&question, i > 1 ? " %s" : "%s", words[i]);
    Status status = str_check(&question, &err);
    if (status == OK)
        status = search_index(self, words[0], str_span(&question), &err);
    str_release(&question);
    return command_end(status, &err);
}

int search_command(int argc, char **argv)
{
    SearchCommand c = {0};
    const OptBinding bindings[] = {{&search_options, &c.search},
                                   {&search_command_options, &c.o}};
    const Usage usage = {
        .name = "search",
        .words = "INDEX WORDS...",
        .what = "prints the passages of an index that answer to words or a question, "
                "best first. Any\ncharacters may be typed; words in \"double quotes\" "
                "count together too.",
        .examples =
            "  tame search docs.db how do I resume a run\n"
            "  tame search facts.db \"What is the population of Algeria?\" --k 1 "
            "--full\n"
            "  tame search facts.db coastline norway --k 1 --json\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 2, 64, search_work, &c);
}
