/* label_report.c - see label_report.h. Skipped items count for nothing but their number;
 * a label that only says that all answers are bad orders them all alike. */
#include "data/label_report.h"

#include "base/mem.h"
#include "base/stats.h"
#include "data/agreement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What of a label counts here. */
typedef struct Said {
    int64_t item;
    int64_t person; /* index */
    int32_t round, n;
    int32_t ranks[LABEL_MAX_ANSWERS];
    int32_t rating, first; /* first: the answer that was shown first */
    bool says;             /* not skipped */
    double seconds;
} Said;

typedef struct Reader {
    LabelReport *report;
    Said *said; /* by item */
    size_t n, cap, persons_cap;
} Reader;

/* --- reading ---------------------------------------------------------------------------- */
static Status person_of(Reader *r, const LabelRow *row, int64_t *index, Err *err)
{
    LabelReport *report = r->report;
    for (int64_t i = 0; i < report->n_persons; i++) {
        *index = i;
        if (strcmp(report->persons[i].name, row->labeler) == 0)
            return OK;
    }
    *index = report->n_persons;
    TRY(MEM_PUSH_ROOM(&report->persons, (size_t)report->n_persons, &r->persons_cap,
                      err));
    char *name = mem_dup(row->labeler, strlen(row->labeler));
    if (!name)
        return err_set(err, ERR_NOMEM, "no memory for a name");
    report->persons[report->n_persons++] =
        (LabelPerson){.name = name, .judge = row->judge};
    return OK;
}

static void count(LabelPerson *p, const Label *l, LabelKind kind)
{
    p->labels++;
    p->skipped += l->skipped;
    p->flagged += l->flagged;
    p->all_bad += l->all_bad;
    p->reasons += l->reason.len > 0;
    p->ranked += kind == LABEL_RANK && label_is_ranked(l);
    p->rated += kind == LABEL_RATE && l->rating != 0;
    p->written += kind == LABEL_WRITE && l->text.len > 0;
}

static Status take(Reader *r, const LabelRow *row, Err *err)
{
    const Label *l = row->label;
    LabelKind kind = r->report->kind;
    Said said = {.item = l->item,
                 .round = l->round,
                 .n = l->n,
                 .rating = l->rating,
                 .first = l->shown[0],
                 .seconds = l->seconds};
    TRY(person_of(r, row, &said.person, err));
    count(&r->report->persons[said.person], l, kind);
    said.says = !l->skipped && (kind == LABEL_RANK   ? label_is_ranked(l) || l->all_bad
                                : kind == LABEL_RATE ? l->rating != 0
                                                     : false);
    for (int32_t k = 0; k < l->n; k++)
        said.ranks[k] = label_is_ranked(l) ? l->ranks[k] : 1;
    TRY(MEM_PUSH_ROOM(&r->said, r->n, &r->cap, err));
    r->said[r->n++] = said;
    r->report->labels++;
    return OK;
}

static Status read_labels(Reader *r, Labels *l, Err *err)
{
    LabelCursor *c;
    TRY(labels_read(l, r->report->kind, &c, err));
    Status status = OK;
    for (bool end = false; status == OK && !end;) {
        LabelRow row;
        status = label_cursor_next(c, &row, &end, err);
        if (status == OK && !end)
            status = take(r, &row, err);
    }
    label_cursor_close(c);
    return status;
}

static Status count_items(Labels *l, LabelReport *out, Err *err)
{
    LabelCursor *c;
    TRY(labels_read_items(l, out->kind, &c, err));
    Status status = OK;
    for (bool end = false; status == OK && !end;) {
        LabelRow row;
        status = label_cursor_next(c, &row, &end, err);
        if (status == OK && !end) {
            out->items++;
            out->repeated += row.item->repeated;
        }
    }
    label_cursor_close(c);
    return status;
}

/* --- agreement ---------------------------------------------------------------------------- */
/* Which labels are compared: of persons a and b (a == b: of both rounds; -1: of all
 * people). */
typedef struct Whose {
    int64_t a, b;
} Whose;

static bool is_of(const Reader *r, const Said *s, Whose w)
{
    if (!s->says)
        return false;
    if (w.a < 0)
        return s->round == 0 && !r->report->persons[s->person].judge;
    if (w.a == w.b)
        return s->person == w.a;
    return s->round == 0 && (s->person == w.a || s->person == w.b);
}

static double likeness(const Reader *r, const Said *x, const Said *y)
{
    if (r->report->kind == LABEL_RATE)
        return x->rating == y->rating;
    return agreement_of_ranks(x->ranks, y->ranks, x->n);
}

static size_t item_end(const Reader *r, size_t from)
{
    size_t end = from;
    while (end < r->n && r->said[end].item == r->said[from].item)
        end++;
    return end;
}

static void compare_items(const Reader *r, Whose w, LabelAgreement *out)
{
    double sum = 0;
    for (size_t i = 0; i < r->n;) {
        size_t end = item_end(r, i);
        for (; i < end; i++) {
            for (size_t j = i + 1; j < end; j++) {
                if (!is_of(r, &r->said[i], w) || !is_of(r, &r->said[j], w))
                    continue;
                sum += likeness(r, &r->said[i], &r->said[j]);
                out->comparisons++;
            }
        }
    }
    out->agree = out->comparisons > 0 ? sum / (double)out->comparisons : (double)NAN;
}

/* A unit is an answer, its values the places that it was given. */
static Status alpha(const Reader *r, Whose w, double *out, Err *err)
{
    AlphaValue *values;
    int64_t n = 0;
    TRY(MEM_ARRAY(&values, r->n * LABEL_MAX_ANSWERS, err));
    for (size_t i = 0; i < r->n; i++) {
        const Said *s = &r->said[i];
        double places[LABEL_MAX_ANSWERS];
        if (!is_of(r, s, w))
            continue;
        agreement_mid_ranks(s->ranks, s->n, places);
        for (int32_t k = 0; k < s->n; k++)
            values[n++] = (AlphaValue){
                .unit = s->item * LABEL_MAX_ANSWERS + k,
                .value = r->report->kind == LABEL_RATE ? (double)s->rating : places[k]};
    }
    Status status = agreement_alpha(values, n, ALPHA_ORDINAL, out, err);
    mem_free(values);
    return status;
}

static Status agreement(const Reader *r, Whose w, LabelAgreement *out, Err *err)
{
    *out = (LabelAgreement){0};
    compare_items(r, w, out);
    return alpha(r, w, &out->alpha, err);
}

static Status compare_all(Reader *r, Err *err)
{
    LabelReport *report = r->report;
    size_t cap = 0;
    TRY(agreement(r, (Whose){-1, -1}, &report->people, err));
    for (int64_t a = 0; a < report->n_persons; a++) {
        TRY(agreement(r, (Whose){a, a}, &report->persons[a].self, err));
        for (int64_t b = a + 1; b < report->n_persons; b++) {
            LabelPair pair = {.a = a, .b = b};
            TRY(agreement(r, (Whose){a, b}, &pair.agreement, err));
            if (pair.agreement.comparisons == 0)
                continue;
            TRY(MEM_PUSH_ROOM(&report->pairs, (size_t)report->n_pairs, &cap, err));
            report->pairs[report->n_pairs++] = pair;
        }
    }
    return OK;
}

/* --- habits ---------------------------------------------------------------------------------- */
static void first_places(const Reader *r, int64_t person, LabelPerson *out)
{
    double n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const Said *s = &r->said[i];
        if (s->person != person || !s->says || s->n < 2)
            continue;
        int32_t best = 0;
        for (int32_t k = 0; k < s->n; k++)
            best += s->ranks[k] == 1;
        out->first_best += s->ranks[s->first] == 1;
        out->first_expected += (double)best / s->n;
        n++;
    }
    if (n > 0) {
        out->first_best /= n;
        out->first_expected /= n;
    }
}

static Status habits(const Reader *r, Err *err)
{
    double *seconds;
    TRY(MEM_ARRAY(&seconds, r->n, err));
    for (int64_t p = 0; p < r->report->n_persons; p++) {
        int64_t n = 0;
        for (size_t i = 0; i < r->n; i++) {
            if (r->said[i].person == p)
                seconds[n++] = r->said[i].seconds;
        }
        r->report->persons[p].seconds = stats_quantile(seconds, n, 0.5);
        if (r->report->kind == LABEL_RANK)
            first_places(r, p, &r->report->persons[p]);
    }
    mem_free(seconds);
    return OK;
}

Status label_report(Labels *l, LabelKind kind, LabelReport *out, Err *err)
{
    *out = (LabelReport){.kind = kind};
    Reader r = {.report = out};
    Status status = count_items(l, out, err);
    if (status == OK)
        status = read_labels(&r, l, err);
    if (status == OK)
        status = compare_all(&r, err);
    if (status == OK)
        status = habits(&r, err);
    mem_free(r.said);
    if (status != OK)
        label_report_release(out);
    return status;
}

void label_report_release(LabelReport *r)
{
    for (int64_t i = 0; i < r->n_persons; i++)
        mem_free(r->persons[i].name);
    mem_free(r->persons);
    mem_free(r->pairs);
    *r = (LabelReport){0};
}

/* --- as JSON ---------------------------------------------------------------------------------- */
static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *agreement_json(const LabelAgreement *a)
{
    return json_pack("{s:I,s:o,s:o}", "comparisons", (json_int_t)a->comparisons,
                     "agree", real_or_null(a->agree), "alpha", real_or_null(a->alpha));
}

static json_t *person_json(const LabelPerson *p, LabelKind kind)
{
    json_t *o =
        json_pack("{s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:f,s:o}", "name", p->name, "judge",
                  p->judge, "labels", (json_int_t)p->labels, "skipped",
                  (json_int_t)p->skipped, "flagged", (json_int_t)p->flagged, "all_bad",
                  (json_int_t)p->all_bad, "reasons", (json_int_t)p->reasons,
                  "median_seconds", p->seconds, "self", agreement_json(&p->self));
    if (kind == LABEL_RANK) {
        json_object_set_new(o, "first_shown_best", json_real(p->first_best));
        json_object_set_new(o, "first_shown_expected", json_real(p->first_expected));
    }
    return o;
}

json_t *label_report_json(const LabelReport *r)
{
    json_t *persons = json_array(), *pairs = json_array();
    for (int64_t i = 0; i < r->n_persons; i++)
        json_array_append_new(persons, person_json(&r->persons[i], r->kind));
    for (int64_t i = 0; i < r->n_pairs; i++)
        json_array_append_new(
            pairs, json_pack("{s:s,s:s,s:o}", "a", r->persons[r->pairs[i].a].name, "b",
                             r->persons[r->pairs[i].b].name, "agreement",
                             agreement_json(&r->pairs[i].agreement)));
    return json_pack("{s:s,s:I,s:I,s:I,s:o,s:o,s:o}", "kind", label_kind_names[r->kind],
                     "items", (json_int_t)r->items, "repeated", (json_int_t)r->repeated,
                     "labels", (json_int_t)r->labels, "labelers", persons, "pairs",
                     pairs, "people", agreement_json(&r->people));
}
