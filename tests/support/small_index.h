/* small_index.h - a file's text as a test writes it, and an index of one small file. */
#ifndef SUPPORT_SMALL_INDEX_H
#define SUPPORT_SMALL_INDEX_H

#include "support/temp.h"

#include "think/retrieval/index.h"

static inline void write_text(const char *name, const char *text)
{
    Err err;
    CHECK_OK(file_write_atomic(temp_path(name), text, strlen(text), &err));
}

/* Passages of 32 words of "c.md" with this text, in "x.db". */
static inline Index *small_index(const char *text)
{
    Err err;
    Index *x;
    IndexReport report;
    IndexOptions o = {.max_bytes = 1000};
    ChunkOptions chunk = {32, 4};
    write_text("c.md", text);
    const char *path = temp_path("c.md");
    CHECK_OK(index_open(&x, temp_path("x.db"), true, &err));
    CHECK_OK(index_update(x, &path, 1, &o, &chunk, NULL, &report, &err));
    return x;
}

#endif
