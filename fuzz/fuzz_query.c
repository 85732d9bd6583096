// floor: think
/* fuzz_query.c - whatever is typed becomes an expression that FTS5 takes. */
#include "think/retrieval/query.h"

#include <sqlite3.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static sqlite3_stmt *shared_search(void)
{
    static sqlite3_stmt *search;
    if (!search) {
        sqlite3 *db;
        ASSERT(sqlite3_open(":memory:", &db) == SQLITE_OK);
        ASSERT(sqlite3_exec(db,
                            "CREATE VIRTUAL TABLE t USING fts5(head, body, "
                            "tokenize='porter unicode61 remove_diacritics 2');"
                            "INSERT INTO t VALUES('head', 'a body of words')",
                            NULL, NULL, NULL) == SQLITE_OK);
        ASSERT(sqlite3_prepare_v2(db, "SELECT count(*) FROM t WHERE t MATCH ?", -1,
                                  &search, NULL) == SQLITE_OK);
    }
    return search;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    Err err;
    Str out = {0};
    Span question = {size > 0 ? (const char *)data : "", size};
    ASSERT(query_build(question, size % 2 == 0, &out, &err) == OK);
    if (out.len > 0) {
        sqlite3_stmt *s = shared_search();
        ASSERT(sqlite3_bind_text(s, 1, out.ptr, (int)out.len, SQLITE_STATIC) ==
               SQLITE_OK);
        ASSERT(sqlite3_step(s) == SQLITE_ROW);
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
    }
    str_release(&out);
    return 0;
}
