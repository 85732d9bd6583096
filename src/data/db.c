/* db.c - see db.h. */
#include "data/db.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <sys/stat.h>

enum { BUSY_MILLISECONDS = 10000 };

/* --- statements ------------------------------------------------------------------------- */
Status db_failed(const Db *db, Err *err)
{
    int code = sqlite3_errcode(db->sql) & 0xff;
    Status status = code == SQLITE_NOMEM                              ? ERR_NOMEM
                    : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ERR_FORMAT
                                                                      : ERR_IO;
    return err_set(err, status, "%s '%s': %s", db->kind->what, db->path,
                   sqlite3_errmsg(db->sql));
}

Status db_run(Db *db, const char *sql, Err *err)
{
    return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK
               ? OK
               : db_failed(db, err);
}

Status db_prepare(Db *db, const char *sql, sqlite3_stmt **out, Err *err)
{
    return sqlite3_prepare_v2(db->sql, sql, -1, out, NULL) == SQLITE_OK
               ? OK
               : db_failed(db, err);
}

Status db_step(Db *db, sqlite3_stmt *s, bool *end, Err *err)
{
    int code = sqlite3_step(s);
    *end = code == SQLITE_DONE;
    return code == SQLITE_DONE || code == SQLITE_ROW ? OK : db_failed(db, err);
}

Status db_do(Db *db, sqlite3_stmt *s, Err *err)
{
    bool end;
    Status status = db_step(db, s, &end, err);
    sqlite3_finalize(s);
    return status;
}

Status db_number(Db *db, sqlite3_stmt *s, int64_t *out, bool *any, Err *err)
{
    bool end = true;
    Status status = db_step(db, s, &end, err);
    if (status == OK && !end)
        *out = sqlite3_column_int64(s, 0);
    if (any)
        *any = !end;
    sqlite3_finalize(s);
    return status;
}

Status db_number_of(Db *db, const char *sql, int64_t *out, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(db, sql, &s, err));
    return db_number(db, s, out, NULL, err);
}

void db_bind_text(sqlite3_stmt *s, int i, Span text)
{
    sqlite3_bind_text(s, i, text.ptr ? text.ptr : "", (int)text.len, SQLITE_TRANSIENT);
}

Span db_column_text(sqlite3_stmt *s, int i)
{
    const void *text = sqlite3_column_text(s, i);
    return (Span){text ? text : "", (size_t)sqlite3_column_bytes(s, i)};
}

Status db_begin(Db *db, Err *err)
{
    return db_run(db, "BEGIN IMMEDIATE", err);
}

Status db_end(Db *db, Status status, Err *err)
{
    if (status == OK)
        return db_run(db, "COMMIT", err);
    sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* --- opening --------------------------------------------------------------------------- */
static Status set_pragma(Db *db, const char *name, int32_t value, Err *err)
{
    char sql[80];
    (void)sqlite3_snprintf(sizeof sql, sql, "PRAGMA %s = %d", name, (int)value);
    return db_run(db, sql, err);
}

/* An empty file becomes a store; any other must be one. */
static Status check_schema(Db *db, Err *err)
{
    const DbKind *kind = db->kind;
    int64_t id = 0, version = 0, tables = 0;
    TRY(db_number_of(db, "SELECT count(*) FROM sqlite_schema", &tables, err));
    TRY(db_number_of(db, "PRAGMA application_id", &id, err));
    TRY(db_number_of(db, "PRAGMA user_version", &version, err));
    if (tables == 0) {
        TRY(db_run(db, kind->schema, err));
        TRY(set_pragma(db, "application_id", kind->application, err));
        return set_pragma(db, "user_version", kind->version, err);
    }
    if (id != kind->application)
        return err_set(err, ERR_FORMAT, "'%s' is a database, but no %s", db->path,
                       kind->what);
    if (version != kind->version)
        return err_set(err, ERR_FORMAT,
                       "%s '%s' has version %lld, this program reads %d", kind->what,
                       db->path, (long long)version, (int)kind->version);
    return OK;
}

/* Who only opens what is there takes no lock: it need not wait for one who writes long. */
static Status set_up(Db *db, bool create, Err *err)
{
    sqlite3_busy_timeout(db->sql, BUSY_MILLISECONDS);
    TRY(db_run(db, "PRAGMA journal_mode = WAL", err));
    TRY(db_run(db, "PRAGMA synchronous = FULL", err));
    TRY(db_run(db, "PRAGMA foreign_keys = ON", err));
    TRY(create ? db_begin(db, err) : db_run(db, "BEGIN", err));
    return db_end(db, check_schema(db, err), err);
}

static Status absent(const DbKind *kind, const char *path, Err *err)
{
    Str hint = {0};
    Span rest = span_of(kind->none);
    ptrdiff_t at;
    while ((at = span_find(rest, SPAN("%s"), 0)) >= 0) {
        str_append(&hint, rest.ptr, (size_t)at);
        str_puts(&hint, path);
        rest = (Span){rest.ptr + at + 2, rest.len - (size_t)at - 2};
    }
    str_span_append(&hint, rest);
    Status status =
        err_set(err, ERR_IO, "there is no %s '%s'; %s", kind->what, path, str_c(&hint));
    str_release(&hint);
    return status;
}

/* Nothing there, or a file of no bytes, which SQLite would make a database of. */
static bool is_empty(const char *path)
{
    struct stat s;
    return stat(path, &s) != 0 || (S_ISREG(s.st_mode) && s.st_size == 0);
}

Status db_open(Db *out, const DbKind *kind, const char *path, bool create, Err *err)
{
    *out = (Db){.kind = kind};
    if (!create && is_empty(path))
        return absent(kind, path, err);
    Db db = {.kind = kind, .path = mem_dup(path, strlen(path))};
    Status status = db.path ? OK : err_set(err, ERR_NOMEM, "no memory for a path");
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    if (status == OK && sqlite3_open_v2(path, &db.sql, flags, NULL) != SQLITE_OK)
        status = db_failed(&db, err);
    if (status == OK)
        status = set_up(&db, create, err);
    if (status != OK) {
        db_close(&db);
        return status;
    }
    *out = db;
    return OK;
}

void db_close(Db *db)
{
    sqlite3_close(db->sql);
    mem_free(db->path);
    *db = (Db){0};
}
