/* talks.c - the store of conversations, see talks.h. */
#include "data/talks.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "data/db.h"
#include "format/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The words of external content follow the nodes by triggers. */
static const char schema[] =
    "CREATE TABLE nodes(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE,"
    " parent INTEGER REFERENCES nodes, message TEXT NOT NULL,"
    " text TEXT AS (json_extract(message, '$.content')) VIRTUAL,"
    " created TEXT NOT NULL);"
    "CREATE INDEX nodes_of_parent ON nodes(parent);"
    "CREATE TABLE uses(id INTEGER PRIMARY KEY,"
    " node INTEGER NOT NULL REFERENCES nodes ON DELETE CASCADE,"
    " model TEXT NOT NULL, strategy TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,"
    " cached_tokens INTEGER NOT NULL, answer_tokens INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, seconds REAL NOT NULL, trace TEXT NOT NULL,"
    " options TEXT NOT NULL, created TEXT NOT NULL);"
    "CREATE INDEX uses_of_node ON uses(node);"
    "CREATE VIRTUAL TABLE words USING fts5(text, content='nodes', content_rowid='id',"
    " tokenize='porter unicode61 remove_diacritics 2');"
    "CREATE TRIGGER node_comes AFTER INSERT ON nodes BEGIN"
    " INSERT INTO words(rowid, text) VALUES(new.id, new.text); END;"
    "CREATE TRIGGER node_goes AFTER DELETE ON nodes BEGIN"
    " INSERT INTO words(words, rowid, text) VALUES('delete', old.id, old.text); END;"
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value INTEGER NOT NULL);";

static const DbKind talks_kind = {
    .what = "store of conversations",
    .none = "the first `tame ask` makes one",
    .application = 0x74616d74, /* "tamt" */
    .version = TALKS_VERSION,
    .schema = schema,
};

struct Talks {
    Db db;
};

void talk_use_release(TalkUse *use)
{
    str_release(&use->model);
    str_release(&use->strategy);
    str_release(&use->trace);
    str_release(&use->options);
    *use = (TalkUse){0};
}

/* --- names ------------------------------------------------------------------------------ */
bool talk_id_equal(const TalkId *a, const TalkId *b)
{
    return memcmp(a->bytes, b->bytes, SHA256_BYTES) == 0;
}

void talk_id_hex(const TalkId *id, char out[2 * SHA256_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        out[2 * i] = digits[id->bytes[i] >> 4];
        out[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    out[2 * SHA256_BYTES] = '\0';
}

static void append_message(Str *out, const Message *m)
{
    str_puts(out, "{\"role\":");
    json_append_string(out, span_of(role_name(m->role)));
    str_puts(out, ",\"content\":");
    json_append_string(out, (Span){m->content, m->len});
    if (m->call_name) {
        str_puts(out, ",\"call\":{\"name\":");
        json_append_string(out, message_call_name(m));
        if (m->call_args) {
            str_puts(out, ",\"arguments\":");
            json_append_string(out, message_call_args(m));
        }
        str_putc(out, '}');
    }
    str_putc(out, '}');
}

static Status id_of(const TalkId *parent, Span message, TalkId *out, Err *err)
{
    char hex[2 * SHA256_BYTES + 1];
    Str text = {0};
    if (parent) {
        talk_id_hex(parent, hex);
        str_printf(&text, "{\"parent\":\"%s\",\"message\":", hex);
    } else {
        str_puts(&text, "{\"parent\":null,\"message\":");
    }
    str_span_append(&text, message);
    str_putc(&text, '}');
    Status status = str_check(&text, err);
    if (status == OK)
        status = sha256(str_span(&text), out->bytes, err);
    str_release(&text);
    return status;
}

Status talk_id_of(const TalkId *parent, const Message *m, TalkId *out, Err *err)
{
    Str message = {0};
    append_message(&message, m);
    Status status = str_check(&message, err);
    if (status == OK)
        status = id_of(parent, str_span(&message), out, err);
    str_release(&message);
    return status;
}

/* --- opening ---------------------------------------------------------------------------- */
Status talks_default_path(Str *out, Err *err)
{
    const char *path = getenv("TAME_TALKS"), *data = getenv("XDG_DATA_HOME"),
               *home = getenv("HOME");
    str_reset(out);
    if (path && *path)
        str_puts(out, path);
    else if (data && *data == '/') /* a relative one is to be ignored, says XDG */
        str_printf(out, "%s/tame/talks.db", data);
    else if (home && *home)
        str_printf(out, "%s/.local/share/tame/talks.db", home);
    else
        return err_set(err, ERR_OPTION,
                       "neither TAME_TALKS nor XDG_DATA_HOME nor HOME says where the "
                       "store of conversations is");
    return str_check(out, err);
}

/* What people said to a model is nobody else's to read; SQLite gives the files beside the
 * store the same rights. */
static Status make_private(const char *path, Err *err)
{
    const char *name = file_base_name(path);
    Str folder = {0};
    str_append(&folder, path, (size_t)(name - path));
    Status status = str_check(&folder, err);
    if (status == OK && folder.len > 0)
        status = file_make_folders(str_c(&folder), err);
    str_release(&folder);
    TRY(status);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_system(err, "open", path);
    (void)close(fd);
    return OK;
}

static Status open_at(Talks *t, const char *path, bool create, Err *err)
{
    if (create && !file_exists(path))
        TRY(make_private(path, err));
    TRY(db_open(&t->db, &talks_kind, path, create, err));
    return db_run(&t->db, "PRAGMA secure_delete = ON", err);
}

Status talks_open(Talks **out, const char *path, bool create, Err *err)
{
    Str usual = {0};
    Talks *t = NULL;
    *out = NULL;
    Status status = path ? OK : talks_default_path(&usual, err);
    if (status == OK)
        status = MEM_ARRAY(&t, 1, err);
    if (status == OK)
        status = open_at(t, path ? path : str_c(&usual), create, err);
    str_release(&usual);
    if (status != OK)
        talks_close(t);
    else
        *out = t;
    return status;
}

void talks_close(Talks *t)
{
    if (!t)
        return;
    db_close(&t->db);
    mem_free(t);
}

const char *talks_path(const Talks *t)
{
    return t->db.path;
}

Status talks_enabled(Talks *t, bool *on, Err *err)
{
    int64_t value = 1;
    TRY(db_number_of(&t->db, "SELECT value FROM settings WHERE name = 'on'", &value,
                     err));
    *on = value != 0;
    return OK;
}

Status talks_set_enabled(Talks *t, bool on, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&t->db, "INSERT OR REPLACE INTO settings VALUES('on', ?)", &s, err));
    sqlite3_bind_int(s, 1, on);
    return db_do(&t->db, s, err);
}

/* --- storing ---------------------------------------------------------------------------- */
static void bind_id(sqlite3_stmt *s, int i, const TalkId *id)
{
    sqlite3_bind_blob(s, i, id->bytes, SHA256_BYTES, SQLITE_TRANSIENT);
}

static void column_id(sqlite3_stmt *s, int i, TalkId *out)
{
    const void *bytes = sqlite3_column_blob(s, i);
    *out = (TalkId){0};
    if (bytes && sqlite3_column_bytes(s, i) == SHA256_BYTES)
        memcpy(out->bytes, bytes, SHA256_BYTES);
}

static Status row_of(Talks *t, const TalkId *id, int64_t *row, bool *any, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&t->db, "SELECT id FROM nodes WHERE hash = ?", &s, err));
    bind_id(s, 1, id);
    return db_number(&t->db, s, row, any, err);
}

/* The row of a node that must be there. */
static Status known_row(Talks *t, const TalkId *id, int64_t *row, Err *err)
{
    bool any = false;
    char hex[2 * SHA256_BYTES + 1];
    TRY(row_of(t, id, row, &any, err));
    talk_id_hex(id, hex);
    return any ? OK
               : err_set(err, ERR_OPTION, "store of conversations '%s': no message %s",
                         t->db.path, hex);
}

static Status insert_node(Talks *t, const TalkId *id, int64_t parent, Span message,
                          int64_t *row, Err *err)
{
    char now[32];
    sqlite3_stmt *s;
    TRY(db_prepare(&t->db,
                   "INSERT INTO nodes(hash, parent, message, created) "
                   "VALUES(?, ?, ?, ?)",
                   &s, err));
    system_timestamp(now);
    bind_id(s, 1, id);
    if (parent)
        sqlite3_bind_int64(s, 2, parent);
    db_bind_text(s, 3, message);
    db_bind_text(s, 4, span_of(now));
    TRY(db_do(&t->db, s, err));
    *row = sqlite3_last_insert_rowid(t->db.sql);
    return OK;
}

/* One message after the node (*id, *row), which become its own; *row 0: the first. */
static Status put_message(Talks *t, const Message *m, TalkId *id, int64_t *row,
                          Err *err)
{
    bool any = false;
    TalkId own;
    int64_t parent = *row;
    Str message = {0};
    append_message(&message, m);
    Status status = str_check(&message, err);
    if (status == OK)
        status = id_of(parent ? id : NULL, str_span(&message), &own, err);
    if (status == OK)
        status = row_of(t, &own, row, &any, err);
    if (status == OK && !any)
        status = insert_node(t, &own, parent, str_span(&message), row, err);
    if (status == OK)
        *id = own;
    str_release(&message);
    return status;
}

static Status insert_use(Talks *t, int64_t row, TalkUse *use, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&t->db,
                   "INSERT INTO uses(node, model, strategy, prompt_tokens, "
                   "cached_tokens, answer_tokens, requests, seconds, trace, options, "
                   "created) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &s, err));
    system_timestamp(use->created);
    sqlite3_bind_int64(s, 1, row);
    db_bind_text(s, 2, str_span(&use->model));
    db_bind_text(s, 3, str_span(&use->strategy));
    sqlite3_bind_int64(s, 4, use->prompt_tokens);
    sqlite3_bind_int64(s, 5, use->cached_tokens);
    sqlite3_bind_int64(s, 6, use->answer_tokens);
    sqlite3_bind_int64(s, 7, use->requests);
    sqlite3_bind_double(s, 8, use->seconds);
    db_bind_text(s, 9, str_span(&use->trace));
    db_bind_text(s, 10, str_span(&use->options));
    db_bind_text(s, 11, span_of(use->created));
    TRY(db_do(&t->db, s, err));
    use->id = sqlite3_last_insert_rowid(t->db.sql);
    return OK;
}

Status talks_put(Talks *t, const Conversation *c, TalkUse *use, TalkId *last, Err *err)
{
    int64_t row = 0;
    TalkId id = {0};
    ASSERT(c->n > 0);
    TRY(db_begin(&t->db, err));
    Status status = OK;
    for (size_t i = 0; i < c->n && status == OK; i++)
        status = put_message(t, &c->messages[i], &id, &row, err);
    if (status == OK && use)
        status = insert_use(t, row, use, err);
    TRY(db_end(&t->db, status, err));
    if (use)
        use->node = id;
    *last = id;
    return OK;
}

/* --- finding ---------------------------------------------------------------------------- */
static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The least and the largest id that begin so; false: no hexadecimal digits. */
static bool range_of(Span hex, TalkId *least, TalkId *largest)
{
    if (hex.len < TALK_LEAST_HEX || hex.len > 2 * (size_t)SHA256_BYTES)
        return false;
    memset(least->bytes, 0, SHA256_BYTES);
    memset(largest->bytes, 0xff, SHA256_BYTES);
    for (size_t i = 0; i < hex.len; i++) {
        int digit = hex_digit(hex.ptr[i]), shift = i % 2 ? 0 : 4;
        if (digit < 0)
            return false;
        least->bytes[i / 2] |= (unsigned char)(digit << shift);
        largest->bytes[i / 2] &= (unsigned char)~((15 - digit) << shift);
    }
    return true;
}

/* The first two nodes of a range. */
static Status find_range(Talks *t, const TalkId *least, const TalkId *largest,
                         TalkId *out, int *n, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&t->db, "SELECT hash FROM nodes WHERE hash BETWEEN ? AND ? LIMIT 2",
                   &s, err));
    bind_id(s, 1, least);
    bind_id(s, 2, largest);
    bool end = false;
    Status status = db_step(&t->db, s, &end, err);
    for (*n = 0; status == OK && !end; (*n)++) {
        if (*n == 0)
            column_id(s, 0, out);
        status = db_step(&t->db, s, &end, err);
    }
    sqlite3_finalize(s);
    return status;
}

Status talks_find(Talks *t, Span hex, TalkId *out, Err *err)
{
    TalkId least, largest;
    int n = 0;
    Str shown = {0};
    str_quote(&shown, hex, 64);
    Status status = OK;
    if (!range_of(hex, &least, &largest))
        status = err_set(err, ERR_OPTION,
                         "'%s' is no id of a message: %d to %d of its hexadecimal "
                         "digits, as `tame logs` shows them",
                         str_c(&shown), TALK_LEAST_HEX, 2 * SHA256_BYTES);
    if (status == OK)
        status = find_range(t, &least, &largest, out, &n, err);
    if (status == OK && n != 1)
        status = err_set(err, ERR_OPTION,
                         n ? "several messages begin with '%s'; give more digits"
                           : "no message begins with '%s'; `tame logs` lists them",
                         str_c(&shown));
    str_release(&shown);
    return status;
}

Status talks_last(Talks *t, TalkId *out, bool *any, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&t->db,
                   "SELECT hash FROM uses JOIN nodes ON nodes.id = uses.node "
                   "ORDER BY uses.id DESC LIMIT 1",
                   &s, err));
    bool end = true;
    Status status = db_step(&t->db, s, &end, err);
    *any = status == OK && !end;
    if (*any)
        column_id(s, 0, out);
    sqlite3_finalize(s);
    return status;
}

/* --- reading ---------------------------------------------------------------------------- */
static Status add_parsed(const json_t *tree, Conversation *out, Err *err)
{
    Span role, content, name, args = {0};
    Role parsed;
    TRY(json_get_text(tree, "role", &role, err));
    TRY(role_parse(role, &parsed, err));
    const json_t *call = json_object_get(tree, "call");
    if (call) {
        TRY(json_get_text(call, "name", &name, err));
        if (json_object_get(call, "arguments"))
            TRY(json_get_text(call, "arguments", &args, err));
        return conversation_add_call(out, name, args, err);
    }
    TRY(json_get_text(tree, "content", &content, err));
    return conversation_add(out, parsed, content, err);
}

static Status add_message(Span message, Conversation *out, Err *err)
{
    json_t *tree = NULL;
    TRY(json_parse(message, &tree, err));
    Status status = add_parsed(tree, out, err);
    json_decref(tree);
    return status;
}

Status talks_read(Talks *t, const TalkId *id, Conversation *out, Err *err)
{
    int64_t row;
    sqlite3_stmt *s;
    TRY(known_row(t, id, &row, err));
    TRY(db_prepare(&t->db,
                   "WITH RECURSIVE up(id, parent, message, depth) AS ("
                   " SELECT id, parent, message, 0 FROM nodes WHERE id = ?"
                   " UNION ALL SELECT nodes.id, nodes.parent, nodes.message, depth + 1"
                   " FROM nodes JOIN up ON nodes.id = up.parent AND nodes.id < up.id)"
                   "SELECT message FROM up ORDER BY depth DESC",
                   &s, err));
    sqlite3_bind_int64(s, 1, row);
    bool end = false;
    Status status = db_step(&t->db, s, &end, err);
    while (status == OK && !end) {
        status = add_message(db_column_text(s, 0), out, err);
        if (status == OK)
            status = db_step(&t->db, s, &end, err);
    }
    sqlite3_finalize(s);
    if (status != OK)
        err_context(err, "store of conversations '%s'", t->db.path);
    return status;
}

/* --- listing ---------------------------------------------------------------------------- */
/* The words of a query, each in quotes so that none is an operator of FTS5. */
static void quote_words(Span query, Str *out)
{
    size_t i = 0;
    while (i < query.len) {
        while (i < query.len && strchr(" \t\r\n", query.ptr[i]))
            i++; /* a NUL ends the set of strchr: it is white space too */
        size_t from = i;
        while (i < query.len && !strchr(" \t\r\n", query.ptr[i]))
            i++;
        if (i == from)
            continue;
        str_puts(out, out->len ? " \"" : "\"");
        for (size_t k = from; k < i; k++) {
            if (query.ptr[k] == '"')
                str_putc(out, '"');
            str_putc(out, query.ptr[k]);
        }
        str_putc(out, '"');
    }
}

#define USE_COLUMNS                                                                    \
    "uses.id, nodes.hash, model, strategy, prompt_tokens, cached_tokens, "             \
    "answer_tokens, requests, seconds, trace, options, uses.created "                  \
    "FROM uses JOIN nodes ON nodes.id = uses.node "

/* ?1 how many, ?2 the words, ?3 the row at whose subtree they are. */
static const char *const lists[] = {
    "SELECT " USE_COLUMNS "ORDER BY uses.id DESC LIMIT ?1",
    "WITH RECURSIVE hit(id) AS (SELECT rowid FROM words WHERE words MATCH ?2"
    " UNION SELECT nodes.id FROM nodes JOIN hit ON nodes.parent = hit.id)"
    "SELECT " USE_COLUMNS "WHERE node IN hit ORDER BY uses.id DESC LIMIT ?1",
    "WITH RECURSIVE below(id) AS (VALUES(?3)"
    " UNION SELECT nodes.id FROM nodes JOIN below ON nodes.parent = below.id)"
    "SELECT " USE_COLUMNS "WHERE node IN below ORDER BY uses.id DESC LIMIT ?1",
    "WITH RECURSIVE hit(id) AS (SELECT rowid FROM words WHERE words MATCH ?2"
    " UNION SELECT nodes.id FROM nodes JOIN hit ON nodes.parent = hit.id),"
    "below(id) AS (VALUES(?3)"
    " UNION SELECT nodes.id FROM nodes JOIN below ON nodes.parent = below.id)"
    "SELECT " USE_COLUMNS
    "WHERE node IN hit AND node IN below ORDER BY uses.id DESC LIMIT ?1",
};

static Status read_use(sqlite3_stmt *s, TalkUse *out, Err *err)
{
    static const int columns[] = {2, 3, 9, 10};
    Str *const texts[] = {&out->model, &out->strategy, &out->trace, &out->options};
    out->id = sqlite3_column_int64(s, 0);
    column_id(s, 1, &out->node);
    for (int i = 0; i < 4; i++)
        str_span_append(texts[i], db_column_text(s, columns[i]));
    out->prompt_tokens = sqlite3_column_int64(s, 4);
    out->cached_tokens = sqlite3_column_int64(s, 5);
    out->answer_tokens = sqlite3_column_int64(s, 6);
    out->requests = sqlite3_column_int64(s, 7);
    out->seconds = sqlite3_column_double(s, 8);
    Span created = db_column_text(s, 11);
    memcpy(out->created, created.ptr,
           created.len < sizeof out->created ? created.len : sizeof out->created - 1);
    for (int i = 0; i < 4; i++)
        TRY(str_check(texts[i], err));
    return OK;
}

static Status read_uses(Talks *t, sqlite3_stmt *s, TalkUse **out, size_t *n, Err *err)
{
    size_t cap = 0;
    bool end = false;
    TRY(db_step(&t->db, s, &end, err));
    while (!end) {
        TRY(MEM_PUSH_ROOM(out, *n, &cap, err));
        (*out)[*n] = (TalkUse){0};
        TRY(read_use(s, &(*out)[(*n)++], err));
        TRY(db_step(&t->db, s, &end, err));
    }
    return OK;
}

Status talks_list(Talks *t, Span query, const TalkId *under, int64_t most,
                  TalkUse **out, size_t *n, Err *err)
{
    int64_t row = 0;
    Str words = {0};
    sqlite3_stmt *s = NULL;
    *out = NULL;
    *n = 0;
    if (under)
        TRY(known_row(t, under, &row, err));
    quote_words(query, &words);
    Status status = str_check(&words, err);
    if (status == OK)
        status =
            db_prepare(&t->db, lists[(words.len > 0) + 2 * (under != NULL)], &s, err);
    if (status == OK) {
        sqlite3_bind_int64(s, 1, most);
        if (words.len > 0)
            db_bind_text(s, 2, str_span(&words));
        if (under)
            sqlite3_bind_int64(s, 3, row);
        status = read_uses(t, s, out, n, err);
    }
    sqlite3_finalize(s);
    str_release(&words);
    if (status == OK)
        return OK;
    for (size_t i = 0; i < *n; i++)
        talk_use_release(&(*out)[i]);
    mem_free(*out);
    *out = NULL;
    *n = 0;
    return status;
}

/* --- deleting --------------------------------------------------------------------------- */
/* Runs a statement about one row; *changed: rows that it changed. */
static Status about_row(Talks *t, const char *sql, int64_t row, int64_t *changed,
                        Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&t->db, sql, &s, err));
    sqlite3_bind_int64(s, 1, row);
    TRY(db_do(&t->db, s, err));
    *changed = sqlite3_changes(t->db.sql);
    return OK;
}

static Status parent_of(Talks *t, int64_t row, int64_t *parent, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&t->db, "SELECT coalesce(parent, 0) FROM nodes WHERE id = ?", &s,
                   err));
    sqlite3_bind_int64(s, 1, row);
    return db_number(&t->db, s, parent, NULL, err);
}

static Status delete_row(Talks *t, int64_t row, int64_t *nodes, Err *err)
{
    int64_t changed = 0, parent = 0;
    TRY(parent_of(t, row, &parent, err));
    TRY(about_row(t,
                  "WITH RECURSIVE below(id) AS (VALUES(?1) UNION SELECT nodes.id FROM "
                  "nodes JOIN below ON nodes.parent = below.id) "
                  "DELETE FROM nodes WHERE id IN below",
                  row, &changed, err));
    *nodes = changed;
    while (parent) {
        row = parent;
        TRY(parent_of(t, row, &parent, err));
        TRY(about_row(
            t,
            "DELETE FROM nodes WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM "
            "nodes AS child WHERE child.parent = ?1) AND NOT EXISTS (SELECT 1 "
            "FROM uses WHERE node = ?1)",
            row, &changed, err));
        if (changed == 0)
            break;
        *nodes += changed;
    }
    return OK;
}

Status talks_delete(Talks *t, const TalkId *id, int64_t *nodes, Err *err)
{
    int64_t row;
    *nodes = 0;
    TRY(known_row(t, id, &row, err));
    /* A parent may go before its child within the statement. */
    TRY(db_begin(&t->db, err));
    Status status = db_run(&t->db, "PRAGMA defer_foreign_keys = ON", err);
    if (status == OK)
        status = delete_row(t, row, nodes, err);
    TRY(db_end(&t->db, status, err));
    /* What FTS5 marks as deleted stays in its segments until they are merged, and pages
     * stay in the log until it is taken over. */
    TRY(db_run(&t->db, "INSERT INTO words(words) VALUES('optimize')", err));
    return db_run(&t->db, "PRAGMA wal_checkpoint(TRUNCATE)", err);
}

/* --- proving ---------------------------------------------------------------------------- */
/* That the file is a whole database, and its words are those of its messages. */
static Status check_file(Talks *t, Err *err)
{
    int64_t faults = 1, settings;
    Err why;
    if (db_number_of(&t->db,
                     "SELECT count(*) FROM pragma_integrity_check "
                     "WHERE integrity_check <> 'ok'",
                     &faults, &why) == OK &&
        faults == 0 &&
        db_number_of(&t->db, "SELECT count(*) FROM settings", &settings, &why) == OK &&
        db_run(&t->db, "INSERT INTO words(words, rank) VALUES('integrity-check', 1)",
               &why) == OK)
        return OK;
    return err_set(err, ERR_FORMAT,
                   "store of conversations '%s' is damaged%s%s: what can still be read "
                   "of it, `tame logs --json -n 1000000` writes out",
                   t->db.path, faults > 0 ? "" : ": ", faults > 0 ? "" : why.msg);
}

Status talks_verify(Talks *t, int64_t *nodes, Err *err)
{
    sqlite3_stmt *s;
    *nodes = 0;
    TRY(db_prepare(&t->db,
                   "SELECT own.id, own.hash, own.message, up.hash, own.parent FROM "
                   "nodes AS own LEFT JOIN nodes AS up ON up.id = own.parent "
                   "ORDER BY own.id",
                   &s, err));
    bool end = false;
    Status status = db_step(&t->db, s, &end, err);
    while (status == OK && !end) {
        TalkId said, parent, own;
        bool first = sqlite3_column_type(s, 4) == SQLITE_NULL;
        column_id(s, 1, &said);
        column_id(s, 3, &parent);
        status = id_of(first ? NULL : &parent, db_column_text(s, 2), &own, err);
        if (status == OK && !talk_id_equal(&said, &own))
            status = err_set(err, ERR_FORMAT,
                             "store of conversations '%s': message %lld is not what "
                             "its id says: the file was changed",
                             t->db.path, (long long)sqlite3_column_int64(s, 0));
        if (status == OK) {
            (*nodes)++;
            status = db_step(&t->db, s, &end, err);
        }
    }
    sqlite3_finalize(s);
    return status == OK ? check_file(t, err) : status;
}
