/* labels.c - the store of labels over SQLite (db.h), see labels.h. Statements are prepared where
 * they are used: a person answers a few times a minute. */
#include "data/labels.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/system.h"
#include "data/db.h"
#include "data/record_json.h"

#include <string.h>

const char *const label_kind_names[] = {"rank", "rate", "write", NULL};

static const char schema[] =
    "CREATE TABLE labelers(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " judge INTEGER NOT NULL);"
    "CREATE TABLE items(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, batch TEXT NOT "
    "NULL,"
    " key INTEGER NOT NULL, row TEXT NOT NULL, sources TEXT NOT NULL,"
    " cut INTEGER NOT NULL, repeated INTEGER NOT NULL, UNIQUE(kind, batch, key));"
    "CREATE TABLE labels(id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES "
    "items,"
    " labeler INTEGER NOT NULL REFERENCES labelers, round INTEGER NOT NULL,"
    " skipped INTEGER NOT NULL, all_bad INTEGER NOT NULL, flagged INTEGER NOT NULL,"
    " ranks TEXT NOT NULL, rating INTEGER NOT NULL, text TEXT NOT NULL,"
    " reason TEXT NOT NULL, shown TEXT NOT NULL, seconds REAL NOT NULL,"
    " created TEXT NOT NULL, withdrawn INTEGER NOT NULL DEFAULT 0);"
    "CREATE UNIQUE INDEX labels_that_stand ON labels(item, labeler, round)"
    " WHERE withdrawn = 0;"
    "CREATE INDEX labels_of_labeler ON labels(labeler, id);"
    "CREATE TABLE drafts(labeler INTEGER NOT NULL REFERENCES labelers,"
    " item INTEGER NOT NULL REFERENCES items, round INTEGER NOT NULL,"
    " text TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(labeler, item, round));";

struct Labels {
    Db db;
};

void label_item_release(LabelItem *item)
{
    record_release(&item->record);
    for (int k = 0; k < LABEL_MAX_ANSWERS; k++)
        str_release(&item->source[k]);
    *item = (LabelItem){0};
}

void label_release(Label *l)
{
    str_release(&l->text);
    str_release(&l->reason);
    *l = (Label){0};
}

bool label_is_ranked(const Label *l)
{
    return l->n > 0 && l->ranks[0] > 0;
}

/* --- opening --------------------------------------------------------------------------- */
static const DbKind labels_kind = {
    .what = "store of labels",
    .none = "`tame label rank %s --prompts FILE --model MODEL` makes one",
    .application = 0x74616d65, /* "tame" */
    .version = LABELS_VERSION,
    .schema = schema,
};

Status labels_open(Labels **out, const char *path, bool create, Err *err)
{
    *out = NULL;
    Labels *l;
    TRY(MEM_ARRAY(&l, 1, err));
    Status status = db_open(&l->db, &labels_kind, path, create, err);
    if (status != OK) {
        mem_free(l);
        return status;
    }
    *out = l;
    return OK;
}

void labels_close(Labels *l)
{
    if (!l)
        return;
    db_close(&l->db);
    mem_free(l);
}

const char *labels_path(const Labels *l)
{
    return l->db.path;
}

Status labels_begin(Labels *l, Err *err)
{
    return db_begin(&l->db, err);
}

Status labels_end(Labels *l, Status status, Err *err)
{
    return db_end(&l->db, status, err);
}

/* --- labelers ---------------------------------------------------------------------------- */
static Status find_labeler(Labels *l, const char *name, int64_t *id, bool *judge,
                           bool *any, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db, "SELECT 2*id + judge FROM labelers WHERE name = ?", &s,
                   err));
    db_bind_text(s, 1, span_of(name));
    int64_t both = 0;
    TRY(db_number(&l->db, s, &both, any, err));
    *id = both / 2;
    *judge = both % 2 != 0;
    return OK;
}

Status labels_labeler(Labels *l, const char *name, bool judge, int64_t *id, Err *err)
{
    if (span_trim(span_of(name)).len == 0)
        return err_set(err, ERR_OPTION, "a labeler's name is empty");
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db, "INSERT OR IGNORE INTO labelers(name, judge) VALUES(?, ?)",
                   &s, err));
    db_bind_text(s, 1, span_of(name));
    sqlite3_bind_int(s, 2, judge);
    bool end, was_judge = false, any = false;
    Status status = db_step(&l->db, s, &end, err);
    sqlite3_finalize(s);
    TRY(status);
    TRY(find_labeler(l, name, id, &was_judge, &any, err));
    if (was_judge != judge)
        return err_set(err, ERR_OPTION, "'%s' is the name of a %s in this store", name,
                       was_judge ? "judge" : "person");
    return OK;
}

/* --- items ---------------------------------------------------------------------------- */
static int64_t key_of(const json_t *tree, int32_t number)
{
    Str text = {0};
    json_append(&text, tree);
    uint64_t hash = rng_hash(str_c(&text), text.len, RNG_LABEL + (uint64_t)number);
    str_release(&text);
    return (int64_t)hash;
}

json_t *label_question_row(const Record *r)
{
    static const char *const said[] = {"ranks", "margins", "margin", "scores",
                                       "label", "labeler", NULL};
    Record more = {.row = r->row ? json_deep_copy(r->row) : json_object()};
    record_trim_row(&more);
    for (int i = 0; said[i]; i++)
        (void)json_object_del(more.row, said[i]);
    return more.row;
}

static json_t *item_row(const LabelItem *item)
{
    json_t *row = label_question_row(&item->record), *completions = json_array();
    json_object_set_new(row, "prompt", conversation_json(&item->record.chat));
    for (int32_t k = 0; k < item->record.n_answers; k++)
        json_array_append_new(completions, conversation_json(&item->record.answers[k]));
    if (item->record.n_answers > 0)
        json_object_set(row, "completions", completions);
    json_decref(completions);
    return row;
}

static json_t *item_sources(const LabelItem *item)
{
    json_t *list = json_array();
    for (int32_t k = 0; k < item->record.n_answers; k++)
        json_array_append_new(list, json_from_bytes(str_span(&item->source[k])));
    return list;
}

static Status insert_item(Labels *l, const LabelItem *item, const char *batch,
                          int64_t key, const json_t *row, bool *added, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db,
                   "INSERT OR IGNORE INTO items(kind, batch, key, row, sources, cut, "
                   "repeated) VALUES(?, ?, ?, ?, ?, ?, ?)",
                   &s, err));
    Str text = {0}, sources = {0};
    json_t *list = item_sources(item);
    json_append(&text, row);
    json_append(&sources, list);
    db_bind_text(s, 1, span_of(label_kind_names[item->kind]));
    db_bind_text(s, 2, span_of(batch));
    sqlite3_bind_int64(s, 3, key);
    db_bind_text(s, 4, str_span(&text));
    db_bind_text(s, 5, str_span(&sources));
    sqlite3_bind_int64(s, 6, item->cut);
    sqlite3_bind_int(s, 7, item->repeated);
    bool end;
    Status status = str_check(&text, err);
    if (status == OK)
        status = str_check(&sources, err);
    if (status == OK)
        status = db_step(&l->db, s, &end, err);
    *added = status == OK && sqlite3_changes(l->db.sql) > 0;
    sqlite3_finalize(s);
    json_decref(list);
    str_release(&text);
    str_release(&sources);
    return status;
}

static Status find_item(Labels *l, LabelKind kind, const char *batch, int64_t key,
                        int64_t *id, bool *any, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db,
                   "SELECT id FROM items WHERE kind = ? AND batch = ? AND key = ?", &s,
                   err));
    db_bind_text(s, 1, span_of(label_kind_names[kind]));
    db_bind_text(s, 2, span_of(batch));
    sqlite3_bind_int64(s, 3, key);
    return db_number(&l->db, s, id, any, err);
}

Status labels_add_item(Labels *l, LabelItem *item, const char *batch, int32_t number,
                       bool *added, Err *err)
{
    ASSERT(item->record.n_answers <= LABEL_MAX_ANSWERS);
    json_t *row = item_row(item);
    int64_t key = number < 0 ? key_of(row, number)
                             : key_of(json_object_get(row, "prompt"), number);
    bool any = false;
    Status status = insert_item(l, item, batch, key, row, added, err);
    if (status == OK)
        status = find_item(l, item->kind, batch, key, &item->id, &any, err);
    json_decref(row);
    return status;
}

Status labels_knows_prompt(Labels *l, LabelKind kind, const char *batch,
                           const Conversation *prompt, bool *known, Err *err)
{
    int64_t id;
    json_t *tree = conversation_json(prompt);
    Status status = find_item(l, kind, batch, key_of(tree, 0), &id, known, err);
    json_decref(tree);
    return status;
}

static LabelKind kind_named(Span name)
{
    int kind = 0;
    while (label_kind_names[kind + 1] &&
           !span_equal(span_of(label_kind_names[kind]), name))
        kind++;
    return (LabelKind)kind;
}

static Status read_sources(Span json, LabelItem *out, Err *err)
{
    json_t *list = NULL;
    TRY(json_parse(json, &list, err));
    Status status = OK;
    for (int32_t k = 0; k < out->record.n_answers && status == OK; k++) {
        const json_t *name = json_array_get(list, (size_t)k);
        str_reset(&out->source[k]);
        str_append(&out->source[k], json_is_string(name) ? json_string_value(name) : "",
                   json_string_length(name));
        status = str_check(&out->source[k], err);
    }
    json_decref(list);
    return status;
}

/* Columns from `at` on: id, kind, row, sources, cut, repeated. */
#define ITEM_COLUMNS                                                                   \
    "items.id, items.kind, items.row, items.sources, items.cut, items.repeated"
enum { ITEM_WIDTH = 6 };

static Status read_item(sqlite3_stmt *s, int at, LabelItem *out, Err *err)
{
    out->id = sqlite3_column_int64(s, at);
    out->kind = kind_named(db_column_text(s, at + 1));
    TRY(record_parse(db_column_text(s, at + 2), &out->record, err));
    if (out->record.n_answers > LABEL_MAX_ANSWERS)
        return err_set(err, ERR_FORMAT, "item %lld has %d answers, not at most %d",
                       (long long)out->id, (int)out->record.n_answers,
                       LABEL_MAX_ANSWERS);
    TRY(read_sources(db_column_text(s, at + 3), out, err));
    out->cut = (uint32_t)sqlite3_column_int64(s, at + 4);
    out->repeated = sqlite3_column_int(s, at + 5) != 0;
    return OK;
}

Status labels_item(Labels *l, int64_t id, LabelItem *out, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db, "SELECT " ITEM_COLUMNS " FROM items WHERE id = ?", &s, err));
    sqlite3_bind_int64(s, 1, id);
    bool end = true;
    Status status = db_step(&l->db, s, &end, err);
    if (status == OK)
        status = end ? err_set(err, ERR_FORMAT, "no item %lld", (long long)id)
                     : read_item(s, 0, out, err);
    sqlite3_finalize(s);
    if (status != OK)
        err_context(err, "store of labels '%s'", l->db.path);
    return status;
}

Status labels_count_items(Labels *l, LabelKind kind, int64_t *n, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db, "SELECT count(*) FROM items WHERE kind = ?", &s, err));
    db_bind_text(s, 1, span_of(label_kind_names[kind]));
    return db_number(&l->db, s, n, NULL, err);
}

/* --- labels -------------------------------------------------------------------------- */
static void put_numbers(Str *out, const int32_t *v, int32_t n)
{
    str_puts(out, "[");
    for (int32_t i = 0; i < n; i++)
        str_printf(out, i ? ",%d" : "%d", (int)v[i]);
    str_puts(out, "]");
}

/* At most LABEL_MAX_ANSWERS; what is missing is 0. */
static Status get_numbers(Span json, int32_t *v, int32_t *n, Err *err)
{
    json_t *list = NULL;
    TRY(json_parse(json, &list, err));
    size_t count = json_array_size(list);
    *n = (int32_t)(count < LABEL_MAX_ANSWERS ? count : LABEL_MAX_ANSWERS);
    for (int32_t i = 0; i < *n; i++) {
        json_int_t value = json_integer_value(json_array_get(list, (size_t)i));
        v[i] = value >= 0 && value <= LABEL_MAX_ANSWERS ? (int32_t)value : 0;
    }
    json_decref(list);
    return OK;
}

#define LABEL_COLUMNS                                                                  \
    "labels.id, labels.item, labels.labeler, labels.round, labels.skipped, "           \
    "labels.all_bad, labels.flagged, labels.ranks, labels.rating, labels.text, "       \
    "labels.reason, labels.shown, labels.seconds, labels.created"
enum { LABEL_WIDTH = 14 };

static Status read_label(sqlite3_stmt *s, int at, Label *out, Err *err)
{
    int32_t n_shown;
    memset(out->ranks, 0, sizeof out->ranks);
    memset(out->shown, 0, sizeof out->shown);
    out->id = sqlite3_column_int64(s, at);
    out->item = sqlite3_column_int64(s, at + 1);
    out->labeler = sqlite3_column_int64(s, at + 2);
    out->round = sqlite3_column_int(s, at + 3);
    out->skipped = sqlite3_column_int(s, at + 4) != 0;
    out->all_bad = sqlite3_column_int(s, at + 5) != 0;
    out->flagged = sqlite3_column_int(s, at + 6) != 0;
    TRY(get_numbers(db_column_text(s, at + 7), out->ranks, &out->n, err));
    out->rating = sqlite3_column_int(s, at + 8);
    str_reset(&out->text);
    str_span_append(&out->text, db_column_text(s, at + 9));
    str_reset(&out->reason);
    str_span_append(&out->reason, db_column_text(s, at + 10));
    TRY(get_numbers(db_column_text(s, at + 11), out->shown, &n_shown, err));
    out->seconds = sqlite3_column_double(s, at + 12);
    memset(out->created, 0, sizeof out->created);
    Span created = db_column_text(s, at + 13);
    memcpy(out->created, created.ptr,
           created.len < sizeof out->created ? created.len : sizeof out->created - 1);
    TRY(str_check(&out->text, err));
    return str_check(&out->reason, err);
}

static void bind_label(sqlite3_stmt *s, const Label *label, const Str *ranks,
                       const Str *shown)
{
    sqlite3_bind_int64(s, 1, label->item);
    sqlite3_bind_int64(s, 2, label->labeler);
    sqlite3_bind_int(s, 3, label->round);
    sqlite3_bind_int(s, 4, label->skipped);
    sqlite3_bind_int(s, 5, label->all_bad);
    sqlite3_bind_int(s, 6, label->flagged);
    db_bind_text(s, 7, str_span(ranks));
    sqlite3_bind_int(s, 8, label->rating);
    db_bind_text(s, 9, str_span(&label->text));
    db_bind_text(s, 10, str_span(&label->reason));
    db_bind_text(s, 11, str_span(shown));
    sqlite3_bind_double(s, 12, label->seconds);
    db_bind_text(s, 13, span_of(label->created));
}

static Status insert_label(Labels *l, Label *label, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(
        &l->db,
        "INSERT INTO labels(item, labeler, round, skipped, all_bad, flagged, "
        "ranks, rating, text, reason, shown, seconds, created) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &s, err));
    Str ranks = {0}, shown = {0};
    put_numbers(&ranks, label->ranks, label->n);
    put_numbers(&shown, label->shown, label->n);
    system_timestamp(label->created);
    bind_label(s, label, &ranks, &shown);
    bool end;
    Status status = str_check(&ranks, err);
    if (status == OK)
        status = str_check(&shown, err);
    if (status == OK)
        status = db_step(&l->db, s, &end, err);
    if (status == OK)
        label->id = sqlite3_last_insert_rowid(l->db.sql);
    sqlite3_finalize(s);
    str_release(&ranks);
    str_release(&shown);
    return status;
}

static Status withdraw(Labels *l, int64_t id, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db, "UPDATE labels SET withdrawn = 1 WHERE id = ?", &s, err));
    sqlite3_bind_int64(s, 1, id);
    bool end;
    Status status = db_step(&l->db, s, &end, err);
    sqlite3_finalize(s);
    return status;
}

Status labels_put(Labels *l, Label *label, int64_t replaces, Err *err)
{
    if (replaces == 0)
        return insert_label(l, label, err);
    TRY(labels_begin(l, err));
    Status status = withdraw(l, replaces, err);
    if (status == OK)
        status = insert_label(l, label, err);
    return labels_end(l, status, err);
}

Status labels_last(Labels *l, int64_t labeler, LabelKind kind, int64_t before,
                   Label *out, bool *any, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db,
                   "SELECT " LABEL_COLUMNS " FROM labels JOIN items ON items.id = "
                   "labels.item WHERE labeler = ?1 AND kind = ?2 AND withdrawn = 0 AND "
                   "(?3 = 0 OR labels.id < ?3) ORDER BY labels.id DESC LIMIT 1",
                   &s, err));
    sqlite3_bind_int64(s, 1, labeler);
    db_bind_text(s, 2, span_of(label_kind_names[kind]));
    sqlite3_bind_int64(s, 3, before);
    bool end = true;
    Status status = db_step(&l->db, s, &end, err);
    *any = status == OK && !end;
    if (*any)
        status = read_label(s, 0, out, err);
    sqlite3_finalize(s);
    return status;
}

/* --- drafts -------------------------------------------------------------------------- */
void label_kept_release(LabelKept *draft)
{
    str_release(&draft->text);
    str_release(&draft->reason);
}

static void bind_kept(sqlite3_stmt *s, const LabelKept *draft)
{
    sqlite3_bind_int64(s, 1, draft->labeler);
    sqlite3_bind_int64(s, 2, draft->item);
    sqlite3_bind_int(s, 3, draft->round);
}

Status labels_keep(Labels *l, const LabelKept *draft, Err *err)
{
    bool empty = draft->text.len == 0 && draft->reason.len == 0, end;
    sqlite3_stmt *s;
    TRY(db_prepare(
        &l->db,
        empty ? "DELETE FROM drafts WHERE labeler = ? AND item = ? AND round = ?"
              : "INSERT OR REPLACE INTO drafts(labeler, item, round, text, reason)"
                " VALUES(?, ?, ?, ?, ?)",
        &s, err));
    bind_kept(s, draft);
    if (!empty) {
        db_bind_text(s, 4, str_span(&draft->text));
        db_bind_text(s, 5, str_span(&draft->reason));
    }
    Status status = db_step(&l->db, s, &end, err);
    sqlite3_finalize(s);
    return status;
}

Status labels_kept(Labels *l, LabelKept *draft, Err *err)
{
    sqlite3_stmt *s;
    TRY(db_prepare(&l->db,
                   "SELECT text, reason FROM drafts WHERE labeler = ? AND item = ? AND "
                   "round = ?",
                   &s, err));
    bind_kept(s, draft);
    bool end = true;
    Status status = db_step(&l->db, s, &end, err);
    str_reset(&draft->text);
    str_reset(&draft->reason);
    if (status == OK && !end) {
        str_span_append(&draft->text, db_column_text(s, 0));
        str_span_append(&draft->reason, db_column_text(s, 1));
        status = str_check(&draft->text, err);
    }
    sqlite3_finalize(s);
    return status == OK ? str_check(&draft->reason, err) : status;
}

/* --- what is left ----------------------------------------------------------------------- */
Status labels_has(Labels *l, int64_t item, int64_t labeler, bool *has, Err *err)
{
    sqlite3_stmt *s;
    int64_t id;
    TRY(db_prepare(
        &l->db,
        "SELECT id FROM labels WHERE item = ? AND labeler = ? AND withdrawn = 0 "
        "LIMIT 1",
        &s, err));
    sqlite3_bind_int64(s, 1, item);
    sqlite3_bind_int64(s, 2, labeler);
    return db_number(&l->db, s, &id, has, err);
}

#define MINE "labels.item = items.id AND labeler = ?1 AND withdrawn = 0"

Status labels_choices(Labels *l, LabelKind kind, int64_t labeler, LabelChoice **out,
                      size_t *n, Err *err)
{
    size_t cap = 0;
    sqlite3_stmt *s;
    *out = NULL;
    *n = 0;
    TRY(db_prepare(&l->db,
                   "SELECT id, repeated,"
                   " (SELECT id FROM labels WHERE " MINE " AND round = 0),"
                   " (SELECT id FROM labels WHERE " MINE " AND round = 1),"
                   " (SELECT skipped FROM labels WHERE " MINE " AND round = 0),"
                   " (SELECT count(DISTINCT labeler) FROM labels JOIN labelers ON"
                   "  labelers.id = labeler WHERE item = items.id AND labeler <> ?1"
                   "  AND withdrawn = 0 AND skipped = 0 AND judge = 0) "
                   "FROM items WHERE kind = ?2 ORDER BY id",
                   &s, err));
    sqlite3_bind_int64(s, 1, labeler);
    db_bind_text(s, 2, span_of(label_kind_names[kind]));
    bool end = false;
    Status status = db_step(&l->db, s, &end, err);
    while (status == OK && !end) {
        status = MEM_PUSH_ROOM(out, *n, &cap, err);
        if (status != OK)
            break;
        (*out)[(*n)++] = (LabelChoice){.item = sqlite3_column_int64(s, 0),
                                       .repeated = sqlite3_column_int(s, 1) != 0,
                                       .first = sqlite3_column_int64(s, 2),
                                       .second = sqlite3_column_int64(s, 3),
                                       .skipped = sqlite3_column_int(s, 4) != 0,
                                       .others = sqlite3_column_int64(s, 5)};
        status = db_step(&l->db, s, &end, err);
    }
    sqlite3_finalize(s);
    if (status != OK) {
        mem_free(*out);
        *out = NULL;
        *n = 0;
    }
    return status;
}

/* --- reading through ------------------------------------------------------------------- */
struct LabelCursor {
    Labels *labels;
    sqlite3_stmt *statement;
    bool with_labels;
    LabelItem item;
    Label label;
    Str labeler;
};

static Status read_through(Labels *l, LabelKind kind, const char *sql, bool with_labels,
                           LabelCursor **out, Err *err)
{
    TRY(MEM_ARRAY(out, 1, err));
    **out = (LabelCursor){.labels = l, .with_labels = with_labels};
    Status status = db_prepare(&l->db, sql, &(*out)->statement, err);
    if (status != OK) {
        label_cursor_close(*out);
        *out = NULL;
        return status;
    }
    db_bind_text((*out)->statement, 1, span_of(label_kind_names[kind]));
    return OK;
}

Status labels_read_items(Labels *l, LabelKind kind, LabelCursor **out, Err *err)
{
    return read_through(l, kind,
                        "SELECT " ITEM_COLUMNS " FROM items WHERE kind = ? ORDER BY id",
                        false, out, err);
}

Status labels_read(Labels *l, LabelKind kind, LabelCursor **out, Err *err)
{
    return read_through(
        l, kind,
        "SELECT " ITEM_COLUMNS ", " LABEL_COLUMNS ", labelers.name, labelers.judge "
        "FROM labels JOIN items ON items.id = labels.item JOIN labelers ON "
        "labelers.id = labels.labeler WHERE kind = ? AND withdrawn = 0 "
        "ORDER BY items.id, labels.id",
        true, out, err);
}

Status label_cursor_next(LabelCursor *c, LabelRow *row, bool *end, Err *err)
{
    *row = (LabelRow){0};
    TRY(db_step(&c->labels->db, c->statement, end, err));
    if (*end)
        return OK;
    Status status = read_item(c->statement, 0, &c->item, err);
    row->item = &c->item;
    if (status == OK && c->with_labels) {
        int at = ITEM_WIDTH + LABEL_WIDTH;
        status = read_label(c->statement, ITEM_WIDTH, &c->label, err);
        str_reset(&c->labeler);
        str_span_append(&c->labeler, db_column_text(c->statement, at));
        row->label = &c->label;
        row->labeler = str_c(&c->labeler);
        row->judge = sqlite3_column_int(c->statement, at + 1) != 0;
    }
    if (status != OK)
        return err_context(err, "store of labels '%s'", c->labels->db.path);
    return str_check(&c->labeler, err);
}

void label_cursor_close(LabelCursor *c)
{
    if (!c)
        return;
    sqlite3_finalize(c->statement);
    label_item_release(&c->item);
    label_release(&c->label);
    str_release(&c->labeler);
    mem_free(c);
}
