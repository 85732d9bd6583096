/* index_files.h - what the tests of retrieval share: files, an index of them, what is in
 * it. */
#ifndef UNIT_THINK_INDEX_FILES_H
#define UNIT_THINK_INDEX_FILES_H

#include "support/temp.h"

#include "think/retrieval/search.h"

static Err err;

static inline void write_bytes(const char *name, Span bytes)
{
    FILE *f = fopen(temp_path(name), "wb"); /* unsynced: many files in little time */
    assert_true(f && fwrite(bytes.ptr, 1, bytes.len, f) == bytes.len);
    assert_int_equal(fclose(f), 0);
}

static inline void write_text(const char *name, const char *text)
{
    write_bytes(name, span_of(text));
}

static inline Index *open_index(void)
{
    Index *x;
    CHECK_OK(index_open(&x, temp_path("x.db"), true, &err));
    return x;
}

/* The folder "d" into the index. */
static inline Status update_status(Index *x, int64_t size, IndexReport *report)
{
    IndexOptions o = {.max_bytes = 1 << 26};
    ChunkOptions chunk = {size, size / 8};
    const char *path = temp_path("d");
    return index_update(x, &path, 1, &o, &chunk, NULL, report, &err);
}

static inline IndexReport update(Index *x)
{
    IndexReport report;
    CHECK_OK(update_status(x, 64, &report));
    return report;
}

static inline Hits find(Index *x, const char *question, int64_t k)
{
    SearchOptions o;
    Hits hits;
    CHECK_OK(opt_defaults(&search_options, &o, &err));
    o.k = k;
    Searcher s = {.index = x, .o = &o, .snippets = true};
    CHECK_OK(search_passages(&s, span_of(question), &hits, NULL, &err));
    return hits;
}

static inline size_t count_found(Index *x, const char *question)
{
    Hits hits = find(x, question, 100);
    size_t n = hits.n;
    hits_release(&hits);
    return n;
}

static inline void make_folder(const char *name)
{
    CHECK_OK(file_make_folders(temp_path(name), &err));
}

#endif
