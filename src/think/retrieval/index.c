/* index.c - the file of an index and its passages, see index.h. */
#include "think/retrieval/index.h"

#include "base/mem.h"
#include "think/retrieval/index_internal.h"

#include <string.h>

/* chunk_text has the words alone; its texts are those of chunks. Both are written by
 * index_update.c and nobody else: triggers would do it too, but SQLite then makes a
 * savepoint for every passage, at which FTS5 writes out what it has gathered. */
static const char schema[] =
    "CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE files(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE,"
    " size INTEGER NOT NULL, modified INTEGER NOT NULL, checked INTEGER NOT NULL,"
    " sha256 BLOB NOT NULL);"
    "CREATE TABLE documents(id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES "
    "files, name TEXT NOT NULL);"
    "CREATE INDEX documents_of_file ON documents(file);"
    "CREATE TABLE chunks(id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES "
    "documents, start INTEGER NOT NULL, end INTEGER NOT NULL, size INTEGER NOT NULL,"
    " heading TEXT NOT NULL, body TEXT NOT NULL, sha256 BLOB NOT NULL);"
    "CREATE INDEX chunks_of_document ON chunks(document);"
    "CREATE VIRTUAL TABLE chunk_text USING fts5(heading, body, content='chunks',"
    " content_rowid='id', tokenize='porter unicode61 remove_diacritics 2');";

static const DbKind index_kind = {
    .what = "index",
    .none = "`tame index FOLDER --out %s` makes one",
    .application = 0x74616d69, /* "tami" */
    .version = INDEX_VERSION,
    .schema = schema,
};

Status index_open(Index **out, const char *path, bool create, Err *err)
{
    *out = NULL;
    Index *x;
    TRY(MEM_ARRAY(&x, 1, err));
    Status status = db_open(&x->db, &index_kind, path, create, err);
    if (status == OK)
        status = score_register(&x->db, err);
    if (status != OK) {
        index_close(x);
        return status;
    }
    *out = x;
    return OK;
}

void index_close(Index *x)
{
    if (!x)
        return;
    db_close(&x->db);
    mem_free(x);
}

const char *index_path(const Index *x)
{
    return x->db.path;
}

Status index_count(Index *x, IndexCount *out, Err *err)
{
    TRY(db_number_of(&x->db, "SELECT count(*) FROM files", &out->files, err));
    TRY(db_number_of(&x->db, "SELECT count(*) FROM documents", &out->documents, err));
    return db_number_of(&x->db, "SELECT count(*) FROM chunks", &out->chunks, err);
}

/* --- passages --------------------------------------------------------------------------- */
void passage_release(Passage *p)
{
    str_release(&p->document);
    str_release(&p->heading);
    str_release(&p->text);
    str_release(&p->sha256);
    *p = (Passage){0};
}

static Status read_passage(sqlite3_stmt *s, int64_t id, Passage *out, Err *err)
{
    out->id = id;
    out->start = sqlite3_column_int64(s, 1);
    out->end = sqlite3_column_int64(s, 2);
    out->size = sqlite3_column_int64(s, 3);
    str_span_append(&out->document, db_column_text(s, 0));
    str_span_append(&out->heading, db_column_text(s, 4));
    str_span_append(&out->text, db_column_text(s, 5));
    str_span_append(&out->sha256, db_column_text(s, 6));
    TRY(str_check(&out->document, err));
    TRY(str_check(&out->heading, err));
    TRY(str_check(&out->text, err));
    return str_check(&out->sha256, err);
}

Status index_passage(Index *x, int64_t id, Passage *out, bool *found, Err *err)
{
    sqlite3_stmt *s;
    bool end = true;
    TRY(db_prepare(&x->db,
                   "SELECT documents.name, chunks.start, chunks.end, chunks.size,"
                   " heading, body, lower(hex(sha256)) FROM chunks"
                   " JOIN documents ON documents.id = chunks.document"
                   " WHERE chunks.id = ?",
                   &s, err));
    sqlite3_bind_int64(s, 1, id);
    Status status = db_step(&x->db, s, &end, err);
    *found = status == OK && !end;
    *out = (Passage){0};
    if (*found)
        status = read_passage(s, id, out, err);
    sqlite3_finalize(s);
    if (status != OK)
        passage_release(out);
    return status;
}

bool index_names(Span path, Span name)
{
    if (name.len > path.len || name.len == 0)
        return false;
    size_t at = path.len - name.len;
    return memcmp(path.ptr + at, name.ptr, name.len) == 0 &&
           (at == 0 || path.ptr[at - 1] == '/');
}

/* The passage that s gives in its first row whose second column is named so; NULL ptr: any.
 * Finalizes s. */
static Status first_passage(Index *x, sqlite3_stmt *s, Span name, Passage *out,
                            bool *found, Err *err)
{
    bool end = false, right = false;
    int64_t id = 0;
    Status status = db_step(&x->db, s, &end, err);
    while (status == OK && !end && !right) {
        id = sqlite3_column_int64(s, 0);
        right = !name.ptr || index_names(db_column_text(s, 1), name);
        if (!right)
            status = db_step(&x->db, s, &end, err);
    }
    sqlite3_finalize(s);
    *found = false;
    *out = (Passage){0};
    return status == OK && right ? index_passage(x, id, out, found, err) : status;
}

Status index_holding(Index *x, Span document, int64_t start, int64_t end, Passage *out,
                     bool *found, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&x->db,
                   "SELECT chunks.id, documents.name FROM chunks JOIN documents ON "
                   "documents.id = document WHERE start <= ? AND end >= ? ORDER BY "
                   "chunks.id",
                   &s, err));
    sqlite3_bind_int64(s, 1, start);
    sqlite3_bind_int64(s, 2, end);
    return first_passage(x, s, document, out, found, err);
}

Status index_saying(Index *x, Span text, Passage *out, bool *found, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&x->db,
                   "SELECT id, '' FROM chunks WHERE instr(body, ?) > 0 ORDER BY id", &s,
                   err));
    db_bind_text(s, 1, text);
    return first_passage(x, s, (Span){0}, out, found, err);
}
