/* system2_lookup.c - the records of all questions in one index, and what it finds for each. */
#include "study/system2_lookup.h"

#include "base/file.h"
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
    Status status = str_check(&out, err);
    if (status == OK)
        status = file_write_atomic(path, out.ptr, out.len, err);
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
