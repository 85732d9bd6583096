/* db.h - SQLite with our errors, for stores that are one file each: labels (labels.h),
 * conversations (talks.h).
 *
 * Every transaction is in the file and synced to the disk when db_end() returns (WAL,
 * synchronous FULL); several processes may share a file, one waits for another up to ten
 * seconds. A file says by SQLite's application id what it is a store of, and by its user
 * version how it is laid out: a file of another sort is refused, not damaged.
 *
 * Statements are SQLite's own; what they cannot do is said by db_step(). Threads: one at a
 * time on one Db. */
#ifndef DATA_DB_H
#define DATA_DB_H

#include "base/err.h"
#include "base/str.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct DbKind {
    const char *what; /* "store of labels", as errors call it */
    const char *none; /* what to do when there is no file; with one "%s", its path */
    int32_t application, version;
    const char *schema; /* statements that make an empty file a store */
} DbKind;

typedef struct Db {
    sqlite3 *sql;
    char *path;
    const DbKind *kind; /* borrowed: outlives us */
} Db;

/* An absent file is made when `create`, else ERR_IO saying how to make one. A file of
 * another sort, or of another version, is ERR_FORMAT. On failure *out is closed. */
NODISCARD Status db_open(Db *out, const DbKind *kind, const char *path, bool create,
                         Err *err);
void db_close(Db *db); /* accepts zeroed */

/* What SQLite last said, as "<what> '<path>': <message>". */
Status db_failed(const Db *db, Err *err);
NODISCARD Status db_run(Db *db, const char *sql, Err *err);
NODISCARD Status db_begin(Db *db, Err *err);
/* Keeps what was written since db_begin when `status`, how it went, is OK, else takes it
 * back; returns it. */
NODISCARD Status db_end(Db *db, Status status, Err *err);

/* *out is the caller's to sqlite3_finalize. */
NODISCARD Status db_prepare(Db *db, const char *sql, sqlite3_stmt **out, Err *err);
/* The next row, or *end. */
NODISCARD Status db_step(Db *db, sqlite3_stmt *s, bool *end, Err *err);
/* Runs a statement that gives no row; finalizes it. */
NODISCARD Status db_do(Db *db, sqlite3_stmt *s, Err *err);
/* Runs a statement that gives at most one row, whose first column is a number; finalizes
 * it. any: whether there was one; NULL: nobody asks. */
NODISCARD Status db_number(Db *db, sqlite3_stmt *s, int64_t *out, bool *any, Err *err);
NODISCARD Status db_number_of(Db *db, const char *sql, int64_t *out, Err *err);
void db_bind_text(sqlite3_stmt *s, int i, Span text); /* copied */
/* Borrowed until the next step; "" for NULL. */
Span db_column_text(sqlite3_stmt *s, int i);

#endif
