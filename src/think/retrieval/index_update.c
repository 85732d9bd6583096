/* index_update.c - files and folders into an index, see index.h.
 *
 * 1. The files that the paths name are listed and sorted.
 * 2. Each is compared with what the index knows of it; what changed is read, cut and
 *    written. A transaction holds some 16 MB of text, so that a stop or a crash costs no
 *    more than that.
 * 3. What is gone is removed. */
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/system.h"
#include "data/rows.h"
#include "format/json.h"
#include "text/utf8.h"
#include "think/retrieval/index_internal.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { DEEPEST = 64, COMMIT_BYTES = 16 << 20, LOOKED_AT = 8192 };
/* A file changed within the clock's grain of when it was looked at may change again
 * without its time changing: it is read again. */
static const int64_t racy_ns = 2000000000;

static const OptField fields[] = {
    OPT_BOOL(IndexOptions, keep, false,
             "keep what is in the index and none of the paths names"),
    OPT_INT(IndexOptions, max_bytes, 256000000, 1, 1e9,
            "bytes of a document; longer ones are left out with a warning"),
    OPT_END,
};
const OptTable index_options = {"index", "options", sizeof(IndexOptions), fields};

/* --- 1: the files ------------------------------------------------------------------------- */
typedef struct Source {
    char *path;
    int64_t size, modified; /* ns */
} Source;

typedef struct Sources {
    Source *files;
    size_t n, cap;
    double bytes;
} Sources;

static void sources_release(Sources *s)
{
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->files[i].path);
    mem_free(s->files);
}

static Status add_source(Sources *s, const char *path, const struct stat *about,
                         Err *err)
{
    TRY(MEM_PUSH_ROOM(&s->files, s->n, &s->cap, err));
    Source *f = &s->files[s->n];
    f->path = mem_dup(path, strlen(path));
    if (!f->path)
        return err_set(err, ERR_NOMEM, "no memory for a path");
    f->size = about->st_size;
    f->modified = (int64_t)about->st_mtim.tv_sec * 1000000000 + about->st_mtim.tv_nsec;
    s->n++;
    s->bytes += (double)f->size;
    return OK;
}

static Status list_folder(Sources *s, const char *folder, int depth, Err *err);

/* What a folder holds: links to folders are not followed, so that there is an end. */
static Status list_entry(Sources *s, const char *path, int depth, Err *err)
{
    struct stat about;
    if (lstat(path, &about) != 0)
        return OK; /* gone since it was listed */
    if (S_ISDIR(about.st_mode))
        return list_folder(s, path, depth + 1, err);
    if (!rows_is_text_name(span_of(path)) || stat(path, &about) != 0 ||
        !S_ISREG(about.st_mode))
        return OK;
    return add_source(s, path, &about, err);
}

static Status list_folder(Sources *s, const char *folder, int depth, Err *err)
{
    char **names;
    size_t n;
    Err why = {0};
    Str path = {0};
    if (depth > DEEPEST) {
        log_warn("folder '%s' is left out: more than %d folders deep", folder, DEEPEST);
        return OK;
    }
    Status status = file_list(folder, &names, &n, &why);
    if (status == ERR_IO && depth > 0) {
        log_warn("a folder is left out: %s", why.msg);
        return OK;
    }
    if (status != OK)
        return err_set(err, status, "%s", why.msg);
    for (size_t i = 0; i < n && status == OK; i++) {
        if (names[i][0] == '.')
            continue;
        file_join(&path, folder, names[i]);
        status = str_check(&path, err);
        if (status == OK)
            status = list_entry(s, str_c(&path), depth, err);
    }
    str_release(&path);
    file_list_free(names, n);
    return status;
}

/* "notes/" and "notes" are one. */
static Status list_path(Sources *s, const char *given, Err *err)
{
    struct stat about;
    size_t len = strlen(given);
    while (len > 1 && given[len - 1] == '/')
        len--;
    char *path = mem_dup(given, len);
    if (!path)
        return err_set(err, ERR_NOMEM, "no memory for a path");
    Status status = OK;
    if (stat(path, &about) != 0)
        status = err_system(err, "read", path);
    else if (S_ISDIR(about.st_mode))
        status = list_folder(s, path, 0, err);
    else
        status = add_source(s, path, &about, err);
    mem_free(path);
    return status;
}

static int compare_sources(const void *a, const void *b)
{
    const Source *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static Status list_sources(Sources *s, const char *const *paths, size_t n, Err *err)
{
    for (size_t i = 0; i < n; i++)
        TRY(list_path(s, paths[i], err));
    if (s->n == 0)
        return OK;
    qsort(s->files, s->n, sizeof *s->files, compare_sources);
    size_t kept = 1;
    for (size_t i = 1; i < s->n; i++) {
        if (strcmp(s->files[i].path, s->files[kept - 1].path) == 0) {
            s->bytes -= (double)s->files[i].size;
            mem_free(s->files[i].path);
        } else {
            s->files[kept++] = s->files[i];
        }
    }
    s->n = kept;
    return OK;
}

/* --- the work ------------------------------------------------------------------------------ */
typedef struct Update {
    Index *x;
    const IndexOptions *o;
    const ChunkOptions *chunk;
    Measure measure;
    Encoder *encoder; /* with a tokenizer */
    Ids ids;
    Status measured; /* ERR_NOMEM when counting tokens failed */
    IndexReport *report;
    double uncommitted; /* bytes */
    double done;        /* bytes of files, for the progress line */
    double from, to;    /* bytes of this file before and behind the document */
    sqlite3_stmt *find, *touch, *add_file, *add_document, *add_chunk, *add_words;
    int64_t document;
    Span text;       /* of the document that is being cut */
    Str title;       /* of it, goes in front of its headings */
    Str clean, head; /* reused */
} Update;

static int64_t count_tokens(void *self, Span text)
{
    Update *u = self;
    ids_reset(&u->ids);
    Status status = encoder_encode(u->encoder, text, &u->ids, NULL);
    if (status != OK)
        u->measured = status;
    return (int64_t)u->ids.len;
}

static Status prepare_all(Update *u, Err *err)
{
    Db *db = &u->x->db;
    TRY(db_prepare(db,
                   "SELECT id, size, modified, checked, sha256 FROM files WHERE "
                   "path = ?",
                   &u->find, err));
    TRY(db_prepare(db,
                   "UPDATE files SET size = ?, modified = ?, checked = ? WHERE id = ?",
                   &u->touch, err));
    TRY(db_prepare(db,
                   "INSERT INTO files(path, size, modified, checked, sha256)"
                   " VALUES(?, ?, ?, ?, ?)",
                   &u->add_file, err));
    TRY(db_prepare(db, "INSERT INTO documents(file, name) VALUES(?, ?)",
                   &u->add_document, err));
    TRY(db_prepare(db,
                   "INSERT INTO chunks(document, start, end, size, heading, body,"
                   " sha256) VALUES(?, ?, ?, ?, ?, ?, ?)",
                   &u->add_chunk, err));
    return db_prepare(db,
                      "INSERT INTO chunk_text(rowid, heading, body) VALUES(?, ?, ?)",
                      &u->add_words, err);
}

static void finalize_all(Update *u)
{
    sqlite3_finalize(u->find);
    sqlite3_finalize(u->touch);
    sqlite3_finalize(u->add_file);
    sqlite3_finalize(u->add_document);
    sqlite3_finalize(u->add_chunk);
    sqlite3_finalize(u->add_words);
}

/* Runs a statement that is kept. */
static Status run_kept(Update *u, sqlite3_stmt *s, Err *err)
{
    bool end;
    Status status = db_step(&u->x->db, s, &end, err);
    sqlite3_reset(s);
    return status;
}

static Status with_number(Index *x, const char *sql, int64_t number, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&x->db, sql, &s, err));
    sqlite3_bind_int64(s, 1, number);
    return db_do(&x->db, s, err);
}

/* The file and all that came from it. */
static Status remove_file(Index *x, int64_t file, Err *err)
{
#define OF_FILE "(SELECT id FROM documents WHERE file = ?)"
    TRY(with_number(
        x,
        "INSERT INTO chunk_text(chunk_text, rowid, heading, body) SELECT "
        "'delete', id, heading, body FROM chunks WHERE document IN " OF_FILE,
        file, err));
    TRY(with_number(x, "DELETE FROM chunks WHERE document IN " OF_FILE, file, err));
    TRY(with_number(x, "DELETE FROM documents WHERE file = ?", file, err));
    return with_number(x, "DELETE FROM files WHERE id = ?", file, err);
#undef OF_FILE
}

/* --- passages ------------------------------------------------------------------------------- */
/* The bytes of a control character at `at`, but newline and tab, which text may have: ASCII's
 * and those of U+0080 to U+009F, by which some terminals can be steered too. */
static size_t control_at(const Str *s, size_t at)
{
    unsigned char c = (unsigned char)s->ptr[at];
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
        return 1;
    bool high = c == 0xc2 && at + 1 < s->len && (unsigned char)s->ptr[at + 1] < 0xa0;
    return high ? 2 : 0;
}

/* Text as it is stored: UTF-8, a blank for each control character, no carriage returns. */
static void clean_text(Span raw, Str *out)
{
    Utf8Stream utf8 = {0};
    str_reset(out);
    utf8_stream_put(&utf8, raw, out);
    utf8_stream_end(&utf8, out);
    if (out->failed || out->len == 0)
        return;
    size_t n = 0;
    for (size_t i = 0, len; i<out->len; i += len> 0 ? len : 1) {
        len = control_at(out, i);
        if (out->ptr[i] != '\r')
            out->ptr[n++] = len > 0 ? ' ' : out->ptr[i];
    }
    str_truncate(out, n);
}

static void put_heading(Update *u, Span heading)
{
    Str path = {0};
    str_span_append(&path, str_span(&u->title));
    if (path.len > 0 && heading.len > 0)
        str_puts(&path, " > ");
    str_span_append(&path, heading);
    clean_text(str_span(&path), &u->head);
    u->head.failed = u->head.failed || path.failed;
    str_release(&path);
}

static Status put_chunk(void *self, const Chunk *c, Err *err)
{
    Update *u = self;
    unsigned char hash[SHA256_BYTES];
    if (system_stop_requested())
        return err_set(err, ERR_STOPPED, "stopped");
    clean_text((Span){u->text.ptr + c->start, c->end - c->start}, &u->clean);
    put_heading(u, c->heading);
    TRY(str_check(&u->clean, err));
    TRY(str_check(&u->head, err));
    Span body = {str_c(&u->clean), u->clean.len}, head = {str_c(&u->head), u->head.len};
    TRY(sha256(body, hash, err));
    sqlite3_stmt *s = u->add_chunk;
    sqlite3_bind_int64(s, 1, u->document);
    sqlite3_bind_int64(s, 2, (int64_t)c->start);
    sqlite3_bind_int64(s, 3, (int64_t)c->end);
    sqlite3_bind_int64(s, 4, c->size);
    sqlite3_bind_text(s, 5, head.ptr, (int)head.len, SQLITE_STATIC);
    sqlite3_bind_text(s, 6, body.ptr, (int)body.len, SQLITE_STATIC);
    sqlite3_bind_blob(s, 7, hash, sizeof hash, SQLITE_STATIC);
    TRY(run_kept(u, s, err));
    s = u->add_words;
    sqlite3_bind_int64(s, 1, sqlite3_last_insert_rowid(u->x->db.sql));
    sqlite3_bind_text(s, 2, head.ptr, (int)head.len, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, body.ptr, (int)body.len, SQLITE_STATIC);
    TRY(run_kept(u, s, err));
    u->report->chunks++;
    double share = (double)c->end / (double)u->text.len;
    log_progress(u->done + u->from + share * (u->to - u->from), NULL);
    return OK;
}

/* --- documents ------------------------------------------------------------------------------ */
static Status add_document(Update *u, int64_t file, const char *name, Span text,
                           Err *err)
{
    Span front = {text.ptr, text.len < LOOKED_AT ? text.len : LOOKED_AT};
    if (front.len > 0 && memchr(front.ptr, '\0', front.len)) {
        log_warn("document '%s' is left out: it is no text", name);
        return OK;
    }
    clean_text(span_of(name), &u->clean);
    TRY(str_check(&u->clean, err));
    sqlite3_bind_int64(u->add_document, 1, file);
    db_bind_text(u->add_document, 2, str_span(&u->clean));
    TRY(run_kept(u, u->add_document, err));
    u->document = sqlite3_last_insert_rowid(u->x->db.sql);
    u->text = text;
    TRY(chunk_document(text, u->chunk, &u->measure, put_chunk, u, err));
    if (u->measured != OK)
        return err_set(err, u->measured, "no memory to count tokens");
    u->report->documents++;
    u->report->bytes += (double)text.len;
    u->uncommitted += (double)text.len;
    return OK;
}

/* A row of JSON Lines: {"text": ..., "title": ...}, what else it holds is not read. */
static Status add_record(Update *u, int64_t file, const char *name, Span row, Err *err)
{
    json_t *tree;
    Span text, title;
    TRY(json_parse(row, &tree, err));
    str_reset(&u->title);
    if (json_get_text(tree, "title", &title, NULL) == OK)
        str_span_append(&u->title, heading_cut(span_trim(title)));
    Status status = json_get_text(tree, "text", &text, err);
    if (status == OK)
        status = add_document(u, file, name, text, err);
    json_decref(tree);
    str_reset(&u->title);
    return status;
}

static bool is_jsonl(const char *path)
{
    return strstr(file_base_name(path), ".jsonl") != NULL;
}

/* All documents of a file. *bad: the error is the file's, not ours. */
static Status add_rows(Update *u, int64_t file, const char *path, Rows *rows, bool *bad,
                       Err *err)
{
    Str name = {0};
    Status status = OK;
    u->to = 0;
    for (int64_t number = 1; status == OK; number++) {
        Span row;
        bool is_text, end;
        *bad = true;
        status = rows_next(rows, &row, &is_text, &end, err);
        if (status != OK || end)
            break;
        u->from = u->to;
        u->to = rows_bytes_read(rows);
        str_reset(&name);
        str_puts(&name, path);
        if (*rows_member_name(rows))
            str_printf(&name, "/%s", rows_member_name(rows));
        if (!is_text)
            str_printf(&name, ":%lld", (long long)number);
        status = str_check(&name, err);
        if (status == OK)
            status = is_text ? add_document(u, file, str_c(&name), row, err)
                             : add_record(u, file, str_c(&name), row, err);
        *bad = status == ERR_FORMAT && !is_text; /* of the store it would be IO */
        if (*bad)
            err_context(err, "%s", rows_where(rows));
    }
    str_release(&name);
    return status;
}

static Status add_documents(Update *u, int64_t file, const char *path, bool *bad,
                            Err *err)
{
    Rows *rows;
    *bad = true;
    TRY(rows_open(&rows, path, is_jsonl(path) ? ROWS_FILE : ROWS_TEXT, err));
    rows_limit(rows, (size_t)u->o->max_bytes);
    Status status = add_rows(u, file, path, rows, bad, err);
    rows_close(rows);
    return status;
}

/* --- 2: files ------------------------------------------------------------------------------- */
typedef struct Known {
    int64_t id; /* 0: not in the index */
    int64_t size, modified, checked;
    unsigned char sha256[SHA256_BYTES];
} Known;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static Status find_file(Update *u, const char *path, Known *out, Err *err)
{
    sqlite3_stmt *s = u->find;
    bool end = true;
    *out = (Known){0};
    db_bind_text(s, 1, span_of(path));
    Status status = db_step(&u->x->db, s, &end, err);
    if (status == OK && !end) {
        out->id = sqlite3_column_int64(s, 0);
        out->size = sqlite3_column_int64(s, 1);
        out->modified = sqlite3_column_int64(s, 2);
        out->checked = sqlite3_column_int64(s, 3);
        if (sqlite3_column_bytes(s, 4) == SHA256_BYTES)
            memcpy(out->sha256, sqlite3_column_blob(s, 4), SHA256_BYTES);
    }
    sqlite3_reset(s);
    return status;
}

static Status hash_file(const char *path, unsigned char out[SHA256_BYTES], Err *err)
{
    FileMap map;
    TRY(file_map(path, &map, err));
    Status status = sha256((Span){(const char *)map.ptr, map.len}, out, err);
    file_unmap(&map);
    return status;
}

static Status touch_file(Update *u, const Known *known, const Source *f, int64_t now,
                         Err *err)
{
    sqlite3_bind_int64(u->touch, 1, f->size);
    sqlite3_bind_int64(u->touch, 2, f->modified);
    sqlite3_bind_int64(u->touch, 3, now);
    sqlite3_bind_int64(u->touch, 4, known->id);
    return run_kept(u, u->touch, err);
}

static Status put_file(Update *u, const Source *f, const unsigned char *hash,
                       int64_t now, int64_t *id, Err *err)
{
    sqlite3_stmt *s = u->add_file;
    db_bind_text(s, 1, span_of(f->path));
    sqlite3_bind_int64(s, 2, f->size);
    sqlite3_bind_int64(s, 3, f->modified);
    sqlite3_bind_int64(s, 4, now);
    sqlite3_bind_blob(s, 5, hash, SHA256_BYTES, SQLITE_STATIC);
    TRY(run_kept(u, s, err));
    *id = sqlite3_last_insert_rowid(u->x->db.sql);
    return OK;
}

static Status skip_file(Update *u, const Known *known, const Err *why, Err *err)
{
    log_warn("a file is left out: %s", why->msg);
    u->report->skipped++;
    return known->id ? remove_file(u->x, known->id, err) : OK;
}

/* Old passages go, new ones come. When the file turns out to be bad or the user asks to
 * stop, what is written of it is taken back. */
static Status renew_file(Update *u, const Source *f, const Known *known,
                         const unsigned char *hash, int64_t now, Err *err)
{
    int64_t id;
    bool bad;
    IndexReport before = *u->report;
    Err why = {0};
    if (known->id)
        TRY(remove_file(u->x, known->id, err));
    TRY(put_file(u, f, hash, now, &id, err));
    Status status = add_documents(u, id, f->path, &bad, &why);
    if (status == OK) {
        u->report->renewed++;
        return OK;
    }
    *u->report = before;
    if (status == ERR_STOPPED || (bad && status != ERR_NOMEM))
        TRY(remove_file(u->x, id, err));
    if (bad && status != ERR_NOMEM)
        return skip_file(u, &(Known){0}, &why, err);
    return err_set(err, status, "%s", why.msg);
}

static Status update_file(Update *u, const Source *f, Err *err)
{
    Known known;
    unsigned char hash[SHA256_BYTES];
    Err why = {0};
    int64_t now = now_ns();
    TRY(find_file(u, f->path, &known, err));
    bool same = known.id && known.size == f->size && known.modified == f->modified;
    if (same && known.modified + racy_ns < known.checked) {
        u->report->unchanged++;
        return OK;
    }
    if (hash_file(f->path, hash, &why) != OK)
        return skip_file(u, &known, &why, err);
    if (known.id && memcmp(hash, known.sha256, sizeof hash) == 0) {
        u->report->unchanged++;
        return touch_file(u, &known, f, now, err);
    }
    return renew_file(u, f, &known, hash, now, err);
}

/* Commits and begins anew when much has come together. */
static Status commit_some(Update *u, Err *err)
{
    if (u->uncommitted < COMMIT_BYTES)
        return OK;
    u->uncommitted = 0;
    TRY(db_run(&u->x->db, "COMMIT", err));
    return db_begin(&u->x->db, err);
}

static Status update_files(Update *u, const Sources *s, Err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        if (system_stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
        TRY(update_file(u, &s->files[i], err));
        TRY(commit_some(u, err));
        u->done += (double)s->files[i].size;
        log_progress(u->done, NULL);
    }
    u->report->files = (int64_t)s->n;
    return OK;
}

/* --- 3: what is gone ------------------------------------------------------------------------ */
static int compare_path(const void *key, const void *file)
{
    return strcmp(key, ((const Source *)file)->path);
}

static Status list_gone(Index *x, const Sources *s, int64_t **gone, size_t *n, Err *err)
{
    sqlite3_stmt *all;
    size_t cap = 0;
    bool end = false;
    TRY(db_prepare(&x->db, "SELECT id, path FROM files", &all, err));
    Status status = db_step(&x->db, all, &end, err);
    while (status == OK && !end) {
        const void *path = sqlite3_column_text(all, 1);
        bool there = path && s->n > 0 &&
                     bsearch(path, s->files, s->n, sizeof *s->files, compare_path);
        if (!there)
            status = MEM_PUSH_ROOM(gone, *n, &cap, err);
        if (!there && status == OK)
            (*gone)[(*n)++] = sqlite3_column_int64(all, 0);
        if (status == OK)
            status = db_step(&x->db, all, &end, err);
    }
    sqlite3_finalize(all);
    return status;
}

static Status remove_gone(Update *u, const Sources *s, Err *err)
{
    int64_t *gone = NULL;
    size_t n = 0;
    Status status = list_gone(u->x, s, &gone, &n, err);
    for (size_t i = 0; i < n && status == OK; i++)
        status = remove_file(u->x, gone[i], err);
    mem_free(gone);
    if (status == OK)
        u->report->removed = (int64_t)n;
    return status;
}

/* --- the whole ------------------------------------------------------------------------------ */
/* How passages are cut, as one text. Files that were cut otherwise are made unlike what
 * lies on the disk, so that they are renewed, by this call or by one that goes on. */
static Status compare_settings(Update *u, const Tokenizer *tok, Err *err)
{
    Db *db = &u->x->db;
    char now[96];
    unsigned long long print = tok ? tokenizer_fingerprint(tok) : 0;
    (void)snprintf(now, sizeof now, "%s %016llx %lld %lld", tok ? "tokens" : "words",
                   print, (long long)u->chunk->size, (long long)u->chunk->overlap);
    sqlite3_stmt *s;
    int64_t same = 0;
    bool any;
    TRY(db_prepare(db, "SELECT value = ? FROM settings WHERE key = 'passages'", &s,
                   err));
    db_bind_text(s, 1, span_of(now));
    TRY(db_number(db, s, &same, &any, err));
    if (same)
        return OK;
    if (any && u->o->keep)
        return err_set(err, ERR_OPTION,
                       "'%s' has passages of other sizes; give the sizes that it was "
                       "made with, or leave out --keep to make it anew",
                       db->path);
    if (any)
        log_info(
            "'%s' had passages of other sizes, or measured by another tokenizer: all "
            "files are read anew",
            db->path);
    TRY(db_run(db, "UPDATE files SET size = -1, sha256 = zeroblob(32)", err));
    TRY(db_prepare(db, "REPLACE INTO settings VALUES('passages', ?)", &s, err));
    db_bind_text(s, 1, span_of(now));
    return db_do(db, s, err);
}

/* In one transaction after another; what `status` says is in the last one stays when it is
 * OK or the user stopped. */
static Status update_all(Update *u, const Sources *s, const Tokenizer *tok, Err *err)
{
    TRY(db_begin(&u->x->db, err));
    Status status = compare_settings(u, tok, err);
    if (status == OK && !u->o->keep)
        status = remove_gone(u, s, err);
    if (status == OK)
        status = update_files(u, s, err);
    if (status != ERR_STOPPED)
        return db_end(&u->x->db, status, err);
    TRY(db_run(&u->x->db, "COMMIT", err));
    return err_set(err, ERR_STOPPED,
                   "stopped; what was indexed is kept, the same command goes on");
}

Status index_update(Index *x, const char *const *paths, size_t n, const IndexOptions *o,
                    const ChunkOptions *chunk, const Tokenizer *tok, IndexReport *out,
                    Err *err)
{
    *out = (IndexReport){0};
    Update u = {
        .x = x, .o = o, .chunk = chunk, .measure = measure_words, .report = out};
    Sources sources = {0};
    Status status = list_sources(&sources, paths, n, err);
    if (status == OK && tok) {
        u.measure = (Measure){&u, count_tokens};
        status = encoder_new(&u.encoder, tok, err);
    }
    if (status == OK)
        status = prepare_all(&u, err);
    log_progress_begin("index", sources.bytes, "bytes");
    if (status == OK)
        status = update_all(&u, &sources, tok, err);
    log_progress_end();
    finalize_all(&u);
    encoder_free(u.encoder);
    ids_release(&u.ids);
    str_release(&u.title);
    str_release(&u.clean);
    str_release(&u.head);
    sources_release(&sources);
    return status;
}
