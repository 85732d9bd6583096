/* label_export.c - see label_export.h. */
#include "data/label_export.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/agreement.h"
#include "data/record_json.h"

#include <string.h>

static const char *const what_names[] = {"rankings", "rated", "demonstrations", NULL};
enum { AUTHOR_PEOPLE, AUTHOR_JUDGES, AUTHOR_ALL };
static const char *const author_names[] = {"people", "judges", "all", NULL};

/* clang-format off */
static const OptField fields[] = {
    OPT_CHOICE(LabelExportOptions, what, LABEL_EXPORT_RANKINGS, what_names, "rankings, rated (answers good or bad) or demonstrations"),
    OPT_CHOICE(LabelExportOptions, author, AUTHOR_PEOPLE, author_names, "whose labels: people, judges or all"),
    OPT_TEXT(LabelExportOptions, labeler, NULL, "labels of this one alone, a person or a judge"),
    OPT_BOOL(LabelExportOptions, labelers, false, "write who said it, too"),
    OPT_BOOL(LabelExportOptions, reasons, false, "write the reasons, too: they may tell who wrote them"),
    OPT_BOOL(LabelExportOptions, flagged, false, "write what was flagged, too"),
    OPT_BOOL(LabelExportOptions, merge, false, "rankings: one row an item, by the mean of the ranks it was given"),
    OPT_END
};
/* clang-format on */
const OptTable label_export_options = {"export", "what is written",
                                       sizeof(LabelExportOptions), fields};

typedef struct Exporter {
    const LabelExportOptions *o;
    FileWriter *file;
    LabelExported *count;
    /* merge: the item in hand and the sum of its places */
    LabelItem item;
    double places[LABEL_MAX_ANSWERS];
    int64_t labels;
} Exporter;

static Status put_row(Exporter *e, const json_t *row, Err *err)
{
    Str line = {0};
    json_append(&line, row);
    str_putc(&line, '\n');
    Status status = str_check(&line, err);
    if (status == OK)
        status = file_writer_put(e->file, line.ptr, line.len, err);
    str_release(&line);
    e->count->rows += status == OK;
    return status;
}

/* What stands beside the data, when it is asked for. */
static void add_remarks(const Exporter *e, const LabelRow *row, json_t *out)
{
    if (row->label->flagged)
        json_object_set_new(out, "flagged", json_true());
    if (e->o->labelers)
        json_object_set_new(out, "labeler", json_from_bytes(span_of(row->labeler)));
    if (e->o->reasons && row->label->reason.len > 0)
        json_object_set_new(out, "reason",
                            json_from_bytes(str_span(&row->label->reason)));
}

/* --- rankings ------------------------------------------------------------------------- */
static json_t *ranking_row(const LabelItem *item, const int32_t *ranks)
{
    json_t *row = json_object(), *completions = json_array(), *list = json_array();
    json_object_set_new(row, "prompt", conversation_json(&item->record.chat));
    for (int32_t k = 0; k < item->record.n_answers; k++) {
        json_array_append_new(completions, answer_json(&item->record.answers[k]));
        json_array_append_new(list, json_integer(ranks[k]));
    }
    json_object_set_new(row, "completions", completions);
    json_object_set_new(row, "ranks", list);
    return row;
}

static bool has_order(const int32_t *ranks, int32_t n)
{
    for (int32_t k = 1; k < n; k++) {
        if (ranks[k] != ranks[0])
            return true;
    }
    return false;
}

static Status put_ranking(Exporter *e, const LabelRow *row, Err *err)
{
    const Label *l = row->label;
    if (!label_is_ranked(l) || !has_order(l->ranks, l->n)) {
        e->count->no_order += !l->skipped;
        return OK;
    }
    json_t *out = ranking_row(row->item, l->ranks);
    if (l->all_bad)
        json_object_set_new(out, "all_bad", json_true());
    add_remarks(e, row, out);
    Status status = put_row(e, out, err);
    json_decref(out);
    return status;
}

/* The ranks of sums of places: the smallest sum is first, equal sums tie. */
static void ranks_of(const double *places, int32_t n, int32_t *ranks)
{
    for (int32_t i = 0; i < n; i++) {
        ranks[i] = 1;
        for (int32_t j = 0; j < n; j++) {
            bool better = places[j] < places[i], counted = false;
            for (int32_t before = 0; before < j; before++)
                counted = counted || places[before] == places[j];
            ranks[i] += better && !counted;
        }
    }
}

static Status put_merged(Exporter *e, Err *err)
{
    int32_t ranks[LABEL_MAX_ANSWERS], n = e->item.record.n_answers;
    if (e->labels == 0)
        return OK;
    e->labels = 0;
    ranks_of(e->places, n, ranks);
    memset(e->places, 0, sizeof e->places);
    if (!has_order(ranks, n)) {
        e->count->no_order++;
        return OK;
    }
    json_t *out = ranking_row(&e->item, ranks);
    Status status = put_row(e, out, err);
    json_decref(out);
    return status;
}

/* The item leaves the cursor before it is written: its labels are read one by one. */
static Status hold_item(Exporter *e, LabelItem *item, Err *err)
{
    if (e->labels > 0 && e->item.id == item->id)
        return OK;
    TRY(put_merged(e, err));
    label_item_release(&e->item);
    e->item = *item;
    *item = (LabelItem){0};
    return OK;
}

static Status merge_ranking(Exporter *e, const LabelRow *row, Err *err)
{
    const Label *l = row->label;
    double places[LABEL_MAX_ANSWERS];
    if (!label_is_ranked(l))
        return OK;
    TRY(hold_item(e, row->item, err));
    agreement_mid_ranks(l->ranks, l->n, places);
    for (int32_t k = 0; k < l->n; k++)
        e->places[k] += places[k];
    e->labels++;
    return OK;
}

/* --- rated answers, demonstrations ------------------------------------------------------ */
static Status put_rated(Exporter *e, const LabelRow *row, int32_t k, bool good,
                        Err *err)
{
    json_t *out = json_object();
    json_object_set_new(out, "prompt", conversation_json(&row->item->record.chat));
    json_object_set_new(out, "completion", answer_json(&row->item->record.answers[k]));
    json_object_set_new(out, "label", json_boolean(good));
    add_remarks(e, row, out);
    Status status = put_row(e, out, err);
    json_decref(out);
    return status;
}

static Status put_ratings(Exporter *e, const LabelRow *row, Err *err)
{
    const Label *l = row->label;
    if (row->item->kind == LABEL_RATE)
        return l->rating ? put_rated(e, row, 0, l->rating > 0, err) : OK;
    Status status = OK;
    for (int32_t k = 0; l->all_bad && k < l->n && status == OK; k++)
        status = put_rated(e, row, k, false, err);
    return status;
}

static Status put_demonstration(Exporter *e, const LabelRow *row, Err *err)
{
    if (row->label->text.len == 0)
        return OK;
    json_t *out = json_object(), *messages = conversation_json(&row->item->record.chat);
    json_t *text = json_from_bytes(str_span(&row->label->text));
    json_array_append_new(messages,
                          json_pack("{s:s,s:o}", "role", "assistant", "content", text));
    json_object_set_new(out, "messages", messages);
    add_remarks(e, row, out);
    Status status = put_row(e, out, err);
    json_decref(out);
    return status;
}

/* --- all of it --------------------------------------------------------------------------- */
static bool is_wanted(const LabelExportOptions *o, const LabelRow *row)
{
    if (row->label->round > 0)
        return false;
    if (o->labeler)
        return strcmp(o->labeler, row->labeler) == 0;
    return o->author == AUTHOR_ALL || row->judge == (o->author == AUTHOR_JUDGES);
}

static Status put_label(Exporter *e, const LabelRow *row, Err *err)
{
    if (!is_wanted(e->o, row))
        return OK;
    if (row->label->flagged && !e->o->flagged) {
        e->count->flagged++;
        return OK;
    }
    if (e->o->what == LABEL_EXPORT_RANKINGS)
        return e->o->merge ? merge_ranking(e, row, err) : put_ranking(e, row, err);
    if (e->o->what == LABEL_EXPORT_RATED)
        return put_ratings(e, row, err);
    return put_demonstration(e, row, err);
}

static Status put_kind(Exporter *e, Labels *l, LabelKind kind, Err *err)
{
    LabelCursor *c;
    TRY(labels_read(l, kind, &c, err));
    Status status = OK;
    for (bool end = false; status == OK && !end;) {
        LabelRow row;
        status = label_cursor_next(c, &row, &end, err);
        if (status == OK && !end)
            status = put_label(e, &row, err);
    }
    label_cursor_close(c);
    return status == OK ? put_merged(e, err) : status;
}

static Status put_all(Exporter *e, Labels *l, Err *err)
{
    if (e->o->what == LABEL_EXPORT_DEMONSTRATIONS)
        return put_kind(e, l, LABEL_WRITE, err);
    if (e->o->what == LABEL_EXPORT_RATED)
        TRY(put_kind(e, l, LABEL_RATE, err));
    return put_kind(e, l, LABEL_RANK, err);
}

Status label_export(Labels *l, const LabelExportOptions *o, const char *path,
                    LabelExported *out, Err *err)
{
    *out = (LabelExported){0};
    Exporter e = {.o = o, .count = out};
    TRY(file_writer_open(&e.file, path, err));
    Status status = put_all(&e, l, err);
    label_item_release(&e.item);
    if (status == OK && out->rows > 0)
        return file_writer_commit(e.file, err);
    file_writer_abort(e.file);
    return status;
}
