/* retrieval_plain.c - the baseline of retrieval.h: a full text table as SQLite's
 * documentation has it, over the same passages, in memory. */
#include "eval/retrieval.h"

#include "base/mem.h"
#include "base/system.h"
#include "data/db.h"

#include <string.h>

static const DbKind plain_kind = {.what = "baseline",
                                  .none = "",
                                  .application = 0x74616d70, /* "tamp" */
                                  .version = 1,
                                  .schema =
                                      "CREATE VIRTUAL TABLE plain USING fts5(text);"};

static Status fill(Db *db, const Index *x, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(db, "ATTACH ? AS x", &s, err));
    db_bind_text(s, 1, span_of(index_path(x)));
    TRY(db_do(db, s, err));
    TRY(db_run(db,
               "INSERT INTO plain(rowid, text) SELECT id, heading || char(10) || body "
               "FROM x.chunks",
               err));
    return db_run(db, "DETACH x", err);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Every word between blanks, in quotes, its own doubled. */
static void plain_query(Span question, bool all_words, Str *out)
{
    for (size_t at = 0; at < question.len;) {
        size_t end = at;
        while (end < question.len && !is_blank(question.ptr[end]))
            end++;
        if (end > at) {
            str_puts(out, out->len == 0 ? "" : all_words ? " " : " OR ");
            str_putc(out, '"');
            for (size_t i = at; i < end; i++) {
                str_putc(out, question.ptr[i]);
                if (question.ptr[i] == '"')
                    str_putc(out, '"');
            }
            str_putc(out, '"');
        }
        at = end + 1;
    }
}

/* The first right passage's rank among those that s gives. */
static Status find_rank(Db *db, sqlite3_stmt *s, Index *x, const RetrievalQuestion *q,
                        int32_t *rank, Err *err)
{
    *rank = 0;
    for (int32_t i = 1;; i++) {
        bool end, found;
        Passage p;
        TRY(db_step(db, s, &end, err));
        if (end || *rank > 0)
            return OK;
        TRY(index_passage(x, sqlite3_column_int64(s, 0), &p, &found, err));
        if (found && retrieval_is_right(q, &p))
            *rank = i;
        passage_release(&p);
    }
}

static Status measure_one(Db *db, Index *x, const RetrievalQuestion *q, bool all_words,
                          int32_t *rank, double *ms, Err *err)
{
    Str query = {0};
    sqlite3_stmt *s = NULL;
    double start = system_seconds();
    plain_query(str_span(&q->question), all_words, &query);
    Status status = str_check(&query, err);
    *rank = 0;
    if (status == OK && query.len > 0) {
        status = db_prepare(db,
                            "SELECT rowid FROM plain WHERE plain MATCH ? ORDER BY "
                            "bm25(plain) LIMIT ?",
                            &s, err);
        if (status == OK) {
            db_bind_text(s, 1, str_span(&query));
            sqlite3_bind_int(s, 2, RETRIEVAL_DEPTH);
            status = find_rank(db, s, x, q, rank, err);
        }
        sqlite3_finalize(s);
    }
    *ms = (system_seconds() - start) * 1000;
    str_release(&query);
    return status;
}

Status retrieval_measure_plain(const Index *x, const RetrievalQuestions *q,
                               bool all_words, RetrievalArm *out, Err *err)
{
    Db db = {0};
    Index *reader = NULL;
    *out = (RetrievalArm){.name = all_words ? "plain FTS5, AND" : "plain FTS5, OR",
                          .n = (int64_t)q->n};
    Status status = MEM_ARRAY(&out->rank, q->n, err);
    if (status == OK)
        status = MEM_ARRAY(&out->ms, q->n, err);
    if (status == OK)
        status = index_open(&reader, index_path(x), false, err);
    if (status == OK)
        status = db_open(&db, &plain_kind, ":memory:", true, err);
    if (status == OK)
        status = fill(&db, x, err);
    for (size_t i = 0; i < q->n && status == OK; i++)
        status = system_stop_requested()
                     ? err_set(err, ERR_STOPPED, "stopped")
                     : measure_one(&db, reader, &q->questions[i], all_words,
                                   &out->rank[i], &out->ms[i], err);
    index_close(reader);
    if (db.sql)
        db_close(&db);
    if (status != OK)
        retrieval_arm_release(out);
    return status;
}
