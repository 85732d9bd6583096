/* system2_lookup.c - the records of all questions in one index, and what it finds for each. */
#include "study/system2_lookup.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "study/series.h"
#include "think/retrieval/search.h"

#include <string.h>

static const char *text_at(const Series *rows, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(rows->rows, i), key));
}

/* What stands in front of the question: "zorvike a123b456c789d012 zorvike?b". */
static Span record_of(const char *prompt)
{
    const char *end = strrchr(prompt, ' ');
    return (Span){prompt, end ? (size_t)(end - prompt) : 0};
}

static Status write_records(const Series *open, const char *path, Err *err)
{
    Str out = {0};
    for (size_t i = 0; i < open->n; i++) {
        str_puts(&out, "{\"text\": ");
        json_append_string(&out, record_of(text_at(open, i, "prompt")));
        str_puts(&out, "}\n");
    }
    Status status = file_write_str(path, &out, err);
    str_release(&out);
    return status;
}

static Status make_index(Index **out, const char *path, const char *records, Err *err)
{
    IndexOptions o;
    ChunkOptions chunk;
    IndexReport report;
    TRY(opt_defaults(&index_options, &o, err));
    TRY(opt_defaults(&chunk_options, &chunk, err));
    TRY(index_open(out, path, true, err));
    return index_update(*out, &records, 1, &o, &chunk, NULL, &report, err);
}

/* Appends the question behind the best passage. */
static Status look_up(const Searcher *searcher, const Series *open, const Series *asked,
                      size_t i, Str *out, int64_t *found, Err *err)
{
    const char *question = text_at(asked, i, "prompt");
    Hits hits = {0};
    Str prompt = {0};
    Status status = search_passages(searcher, span_of(question), &hits, NULL, err);
    if (status == OK && hits.n > 0) {
        Span passage = span_trim(str_span(&hits.hits[0].passage.text));
        *found += span_equal(passage, record_of(text_at(open, i, "prompt")));
        str_span_append(&prompt, passage);
        str_putc(&prompt, ' ');
    }
    str_puts(&prompt, question);
    str_puts(out, "{\"prompt\": ");
    json_append_string(out, str_span(&prompt));
    str_puts(out, ", \"expected\": ");
    json_append_string(out, span_of(text_at(asked, i, "expected")));
    str_puts(out, "}\n");
    hits_release(&hits);
    str_release(&prompt);
    return status;
}

static Status look_up_all(Index *index, const Series *open, const Series *asked,
                          const char *path, double *recall, Err *err)
{
    SearchOptions o;
    Str out = {0};
    int64_t found = 0;
    TRY(opt_defaults(&search_options, &o, err));
    o.k = 1;
    const Searcher searcher = {.index = index, .o = &o};
    Status status = OK;
    for (size_t i = 0; status == OK && i < asked->n; i++)
        status = look_up(&searcher, open, asked, i, &out, &found, err);
    if (status == OK)
        status = str_check(&out, err);
    if (status == OK)
        status = file_write_atomic(path, out.ptr, out.len, err);
    *recall = asked->n > 0 ? (double)found / (double)asked->n : 0;
    str_release(&out);
    return status;
}

Status look_up_records(const char *questions, const char *work, Str *path,
                       double *recall, Err *err)
{
    Str records = {0}, file = {0};
    Series open = {0}, asked = {0};
    Index *index = NULL;
    file_join(&records, work, "records.jsonl");
    file_join(&file, work, "records.db");
    file_join(path, work, "retrieved.jsonl");
    Status status = series_read_file(&open, questions, "tests/open.jsonl", err);
    if (status == OK)
        status = series_read_file(&asked, questions, "tests/unseen.jsonl", err);
    if (status == OK)
        status = write_records(&open, str_c(&records), err);
    if (status == OK)
        status = make_index(&index, str_c(&file), str_c(&records), err);
    if (status == OK)
        status = look_up_all(index, &open, &asked, str_c(path), recall, err);
    index_close(index);
    series_release(&open);
    series_release(&asked);
    str_release(&records);
    str_release(&file);
    return status;
}

/* --- a tool ----------------------------------------------------------------------------- */

typedef struct Lookup {
    Index *index;
    SearchOptions o;
} Lookup;

static void lookup_free(void *self)
{
    Lookup *l = self;
    if (l)
        index_close(l->index);
    mem_free(l);
}

static Status lookup_call(void *self, const json_t *arguments, Str *out, bool *failed,
                          Err *err)
{
    Lookup *l = self;
    const Searcher searcher = {.index = l->index, .o = &l->o};
    const char *query = json_string_value(json_object_get(arguments, "query"));
    Hits hits = {0};
    TRY(search_passages(&searcher, span_of(query ? query : ""), &hits, NULL, err));
    *failed = hits.n == 0;
    if (hits.n > 0)
        str_span_append(out, span_trim(str_span(&hits.hits[0].passage.text)));
    else
        str_puts(out, "nothing found");
    hits_release(&hits);
    return str_check(out, err);
}

static Status write_documents(const Series *tests, const char *path, Err *err)
{
    Str out = {0};
    for (size_t i = 0; i < tests->n; i++) {
        const json_t *documents =
            json_object_get(json_array_get(tests->rows, i), "documents");
        size_t k;
        json_t *text;
        json_array_foreach(documents, k, text)
        {
            str_puts(&out, "{\"text\": ");
            json_append(&out, text);
            str_puts(&out, "}\n");
        }
    }
    Status status = file_write_str(path, &out, err);
    str_release(&out);
    return status;
}

static char *copy_of(const char *text)
{
    Str copy = {0};
    str_puts(&copy, text);
    return str_take(&copy);
}

/* Adds it to the box, which owns it from then on. */
static Status add_tool(Toolbox *box, Lookup *lookup, Err *err)
{
    Tool tool = {.trusted = true,
                 .self = lookup,
                 .call = lookup_call,
                 .free = lookup_free,
                 .name = copy_of("search"),
                 .description = copy_of("looks something up"),
                 .argument = copy_of("query"),
                 .parameters = json_pack("{s:s, s:{s:{s:s}}, s:[s]}", "type", "object",
                                         "properties", "query", "type", "string",
                                         "required", "query")};
    return toolbox_add(box, tool, err);
}

Status lookup_tool(const char *questions, const char *variant, const char *work,
                   Toolbox *box, Err *err)
{
    Str name = {0}, records = {0}, file = {0};
    Series tests = {0};
    Lookup *lookup = NULL;
    str_printf(&name, "tests/%s.jsonl", variant);
    file_join(&records, work, "documents.jsonl");
    file_join(&file, work, "documents.db");
    Status status = series_read_file(&tests, questions, str_c(&name), err);
    if (status == OK)
        status = write_documents(&tests, str_c(&records), err);
    if (status == OK)
        status = MEM_ARRAY(&lookup, 1, err);
    if (status == OK)
        status = opt_defaults(&search_options, &lookup->o, err);
    if (status == OK)
        status = make_index(&lookup->index, str_c(&file), str_c(&records), err);
    if (status == OK) {
        lookup->o.k = 1;
        status = add_tool(box, lookup, err);
    } else {
        lookup_free(lookup);
    }
    series_release(&tests);
    str_release(&name);
    str_release(&records);
    str_release(&file);
    return status;
}
