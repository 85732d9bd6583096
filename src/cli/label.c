/* label.c - `tame label rank|write|rate|report|export|import STORE`: the people's part. */
#include "cli/command.h"

#include "base/log.h"
#include "base/system.h"
#include "cli/label_desk.h"
#include "data/label_export.h"
#include "data/label_report.h"
#include "stages/label_fill.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct LabelOptions {
    char *labeler;
    int64_t each;
    bool prepare;
} LabelOptions;
static const OptField label_fields[] = {
    OPT_TEXT(LabelOptions, labeler, NULL,
             "who labels, a pseudonym will do; unset: the user's name"),
    OPT_INT(LabelOptions, each, 1, 1, 1000, "people who are asked each question"),
    OPT_BOOL(LabelOptions, prepare, false, "fill the store and ask nothing"),
    OPT_END,
};
static const OptTable label_options = {"label", "who", sizeof(LabelOptions),
                                       label_fields};

typedef struct ReportOptions {
    bool json;
} ReportOptions;
static const OptField report_fields[] = {
    OPT_BOOL(ReportOptions, json, false, "print JSON"), OPT_END};
static const OptTable report_options = {"report", "options", sizeof(ReportOptions),
                                        report_fields};

typedef struct ImportOptions {
    char *author, *batch;
    bool judge;
    double repeat;
    int64_t seed;
} ImportOptions;
static const OptField import_fields[] = {
    OPT_TEXT(ImportOptions, author, NULL,
             "who said what the rows say; unset: it is to be asked"),
    OPT_BOOL(ImportOptions, judge, false, "the author is a judge, no person"),
    OPT_TEXT(ImportOptions, batch, "", "name of this lot"),
    OPT_REAL(ImportOptions, repeat, 0.1, 0, 1,
             "share of the prompts that everybody is asked, twice"),
    OPT_INT(ImportOptions, seed, 1, 0, 9e15, "of what is repeated"),
    OPT_END,
};
static const OptTable import_options = {"import", "options", sizeof(ImportOptions),
                                        import_fields};

/* All that the ways share. */
typedef struct LabelCommand {
    LabelOptions o;
    LabelFillOptions fill;
    CorpusOptions corpus;
    LabelExportOptions export;
    ReportOptions report;
    ImportOptions import;
} LabelCommand;

/* --- asking ------------------------------------------------------------------------------ */
static const char *labeler_of(const LabelCommand *c)
{
    const char *user = getenv("USER");
    return c->o.labeler && *c->o.labeler ? c->o.labeler : user && *user ? user : "me";
}

static void tell_filled(const LabelFilled *f, const LabelFillOptions *o)
{
    if (!o->prompts && !o->data)
        return;
    log_info("%lld added, %lld known already", (long long)f->added,
             (long long)f->known);
    if (f->too_long > 0)
        log_warn("%lld prompts leave no room for %lld tokens and are not asked",
                 (long long)f->too_long, (long long)o->max_new);
    if (f->alike > 0)
        log_warn("%lld prompts were answered alike each time and are not asked",
                 (long long)f->alike);
}

/* The backend is needed, and its threads are made, only where a model answers. */
static Status fill(LabelCommand *c, const char *store, LabelKind kind, Labels **labels,
                   Err *err)
{
    TensorOps *ops = NULL;
    LabelFilled filled;
    if (c->fill.model)
        TRY(command_backend(&ops, COMPUTE_AUTO, err));
    system_catch_stop();
    Status status =
        label_fill(labels, store, kind, &c->fill, &c->corpus, ops, &filled, err);
    tensor_free(ops);
    if (status == OK)
        tell_filled(&filled, &c->fill);
    return status;
}

static Status ask_people(const LabelCommand *c, Labels *labels, LabelKind kind,
                         Err *err)
{
    static const char *const exports[] = {"rankings", "rated", "demonstrations"};
    int64_t items, done, open;
    TRY(labels_count_items(labels, kind, &items, err));
    if (items == 0)
        return err_set(
            err, ERR_OPTION,
            "there is nothing to %s in '%s' yet: give --prompts with --model, "
            "or --data with answers",
            label_kind_names[kind], labels_path(labels));
    if (c->o.prepare)
        return OK;
    TRY(label_desk_run(labels, kind, labeler_of(c), c->o.each, &done, &open, err));
    printf("%lld answered, %lld to go. The same command goes on; `tame label export %s "
           "FILE --what %s` writes them.\n",
           (long long)done, (long long)open, labels_path(labels), exports[kind]);
    return OK;
}

static Status ask(LabelCommand *c, const char *store, LabelKind kind, Err *err)
{
    Labels *labels = NULL;
    if (!c->o.prepare && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        return err_set(err, ERR_IO,
                       "labelling needs a terminal; --prepare fills the store without "
                       "asking");
    TRY(fill(c, store, kind, &labels, err));
    Status status = ask_people(c, labels, kind, err);
    labels_close(labels);
    return status;
}

/* --- report ------------------------------------------------------------------------------ */
/* Columns of the longest name, or pair of names. */
static int name_width(const LabelReport *r, bool pairs)
{
    int width = 20;
    for (int64_t a = 0; a < r->n_persons; a++) {
        for (int64_t b = 0; b < (pairs ? a : 1); b++) {
            int n = (int)strlen(r->persons[a].name);
            n += pairs ? (int)strlen(r->persons[b].name) + 2 : 0;
            width = n > width ? n : width;
        }
    }
    return width;
}

static void print_agreement(const char *name, int width, const LabelAgreement *a)
{
    if (a->comparisons == 0)
        return;
    printf("  %-*s %8lld %8.1f %%", width, name, (long long)a->comparisons,
           100 * a->agree);
    if (isfinite(a->alpha))
        printf(" %7.3f\n", a->alpha);
    else
        printf(" %7s\n", "-");
}

static void print_person(const LabelReport *r, const LabelPerson *p, int width)
{
    printf("  %-*s %-6s %7lld %8lld %8lld %8lld", width, p->name,
           p->judge ? "judge" : "person", (long long)p->labels, (long long)p->skipped,
           (long long)p->flagged, (long long)p->all_bad);
    if (p->judge) /* takes no time, and sees no places on a screen */
        printf("%9s\n", "-");
    else if (r->kind == LABEL_RANK)
        printf(" %6.1f s   %5.1f %% (%.1f %%)\n", p->seconds, 100 * p->first_best,
               100 * p->first_expected);
    else
        printf(" %6.1f s\n", p->seconds);
}

static void print_pairs(const LabelReport *r)
{
    int width = name_width(r, true);
    Str name = {0};
    if (r->n_pairs == 0 && r->people.comparisons == 0)
        printf("\n  Nothing was labelled by two yet: agreement is measured on what is "
               "repeated (--repeat, --each).\n");
    else
        printf("\n  %-*s %8s %10s %7s\n", width, "agreement", "compared", "alike",
               "alpha");
    for (int64_t i = 0; i < r->n_pairs; i++) {
        str_reset(&name);
        str_printf(&name, "%s, %s", r->persons[r->pairs[i].a].name,
                   r->persons[r->pairs[i].b].name);
        print_agreement(str_c(&name), width, &r->pairs[i].agreement);
    }
    print_agreement("all people", width, &r->people);
    for (int64_t i = 0; i < r->n_persons; i++) {
        str_reset(&name);
        str_printf(&name, "%s, asked again", r->persons[i].name);
        print_agreement(str_c(&name), width, &r->persons[i].self);
    }
    str_release(&name);
}

static void print_report(const LabelReport *r)
{
    static const char *const things[] = {"rankings", "ratings", "demonstrations"};
    printf("%s: %lld labels of %lld items, %lld of them for everybody\n",
           things[r->kind], (long long)r->labels, (long long)r->items,
           (long long)r->repeated);
    if (r->n_persons == 0)
        return;
    int width = name_width(r, false);
    printf("\n  %-*s %-6s %7s %8s %8s %8s %8s%s\n", width, "labeler", "", "labels",
           "skipped", "flagged", "all bad", "median",
           r->kind == LABEL_RANK ? "   shown first is best (by chance)" : "");
    for (int64_t i = 0; i < r->n_persons; i++)
        print_person(r, &r->persons[i], width);
    if (r->kind != LABEL_WRITE)
        print_pairs(r);
    printf("\n");
}

static Status report_kind(Labels *labels, LabelKind kind, json_t *json, bool *any,
                          Err *err)
{
    LabelReport r;
    TRY(label_report(labels, kind, &r, err));
    *any = *any || r.items > 0;
    if (json)
        json_object_set_new(json, label_kind_names[kind], label_report_json(&r));
    else if (r.items > 0)
        print_report(&r);
    label_report_release(&r);
    return OK;
}

static Status report(LabelCommand *c, const char *store, Err *err)
{
    Labels *labels;
    TRY(labels_open(&labels, store, false, err));
    json_t *json = c->report.json ? json_object() : NULL;
    bool any = false;
    Status status = OK;
    for (int kind = 0; kind < LABEL_KINDS && status == OK; kind++)
        status = report_kind(labels, (LabelKind)kind, json, &any, err);
    Str text = {0};
    if (status == OK && json) {
        json_append(&text, json);
        puts(str_c(&text));
    } else if (status == OK && !any) {
        printf("'%s' is empty: nothing is asked and nothing is answered yet\n", store);
    }
    str_release(&text);
    json_decref(json);
    labels_close(labels);
    return status;
}

/* --- export, import --------------------------------------------------------------------- */
static Status export(LabelCommand *c, const char *store, const char *file, Err *err)
{
    Labels *labels;
    LabelExported n;
    TRY(labels_open(&labels, store, false, err));
    Status status = label_export(labels, &c->export, file, &n, err);
    labels_close(labels);
    TRY(status);
    if (n.rows == 0)
        printf("there is nothing to export yet: no file is written");
    else
        printf("%lld rows in '%s'", (long long)n.rows, file);
    if (n.flagged > 0)
        printf("; %lld flagged ones left out (--flagged)", (long long)n.flagged);
    if (n.no_order > 0)
        printf("; %lld without an order left out", (long long)n.no_order);
    printf("\n");
    return OK;
}

static Status import(LabelCommand *c, const char *store, const char *file, Err *err)
{
    Corpus *corpus;
    LabelAdder a = {.kind = LABEL_KINDS,
                    .batch = c->import.batch ? c->import.batch : "",
                    .source = file,
                    .repeat = c->import.repeat,
                    .seed = (uint64_t)c->import.seed};
    TRY(corpus_open(&corpus, file, &c->corpus, err));
    Status status = labels_open(&a.labels, store, true, err);
    if (status == OK && c->import.author)
        status = labels_labeler(a.labels, c->import.author, c->import.judge, &a.labeler,
                                err);
    if (status == OK)
        status = label_import(&a, corpus, err);
    if (status == OK)
        printf("%lld added, %lld known already, %lld labels\n", (long long)a.added,
               (long long)a.known, (long long)a.labelled);
    labels_close(a.labels);
    corpus_close(corpus);
    return status;
}

/* --- the command ---------------------------------------------------------------------------- */
typedef enum Way {
    WAY_RANK,
    WAY_RATE,
    WAY_WRITE,
    WAY_REPORT,
    WAY_EXPORT,
    WAY_IMPORT,
    WAYS
} Way;
static const char *const way_names[WAYS] = {"rank",   "rate",   "write",
                                            "report", "export", "import"};

static Way way_named(const char *word)
{
    int way = 0;
    while (way < WAYS && strcmp(way_names[way], word) != 0)
        way++;
    return (Way)way;
}

static int wrong_way(const char *word)
{
    const char *near = opt_nearest(word, way_names, WAYS);
    return near
               ? command_usage_error("label", "no '%s'; did you mean '%s'?", word, near)
               : command_usage_error(
                     "label", "'%s' is not rank, rate, write, report, export or import",
                     word);
}

static Status label(LabelCommand *c, Way way, const char **words, Err *err)
{
    if (way == WAY_REPORT)
        return report(c, words[1], err);
    if (way == WAY_EXPORT)
        return export(c, words[1], words[2], err);
    if (way == WAY_IMPORT)
        return import(c, words[1], words[2], err);
    return ask(c, words[1], (LabelKind)way, err);
}

enum { ALL_OPTIONS = 6 };

/* The options of the way that is asked for, of all ways for help in general. */
static size_t bind_options(LabelCommand *c, Way way, OptBinding out[ALL_OPTIONS])
{
    size_t n = 0;
    bool asks = way <= WAY_WRITE || way == WAYS;
    if (asks) {
        out[n++] = (OptBinding){&label_options, &c->o};
        out[n++] = (OptBinding){&label_fill_options, &c->fill};
    }
    if (asks || way == WAY_IMPORT)
        out[n++] = (OptBinding){&corpus_options, &c->corpus};
    if (way == WAY_REPORT || way == WAYS)
        out[n++] = (OptBinding){&report_options, &c->report};
    if (way == WAY_EXPORT || way == WAYS)
        out[n++] = (OptBinding){&label_export_options, &c->export};
    if (way == WAY_IMPORT || way == WAYS)
        out[n++] = (OptBinding){&import_options, &c->import};
    return n;
}

int label_command(int argc, char **argv)
{
    Err err = {0};
    LabelCommand c = {0};
    OptBinding all[ALL_OPTIONS], bindings[ALL_OPTIONS];
    (void)bind_options(&c, WAYS, all);
    Status status = command_defaults(all, ALL_OPTIONS, &err);
    if (status != OK)
        return command_fail(status, &err);
    Way way = WAYS;
    for (int i = 1; i < argc && way == WAYS; i++)
        way = way_named(argv[i]);
    const Usage usage = {
        .name = "label",
        .words = "rank|rate|write|report|export|import STORE [FILE]",
        .what =
            "rank    show the answers to each prompt blind and shuffled, take their "
            "order\n"
            "rate    show one answer, take a thumb up or down\n"
            "write   take demonstrations, from nothing or from a model's answer\n"
            "report  who did how much, and how far they agree\n"
            "export  write what the stages read to FILE\n"
            "import  take the rows of FILE: answers to be compared, or labels "
            "(--author)\n\n"
            "STORE is one file; every answer is on the disk before the next question "
            "shows.\nThe same command goes on where it was stopped. `?` shows the "
            "keys.",
        .examples =
            "  tame label rank labels.db --prompts prompts.jsonl --model sft,ppo\n"
            "  tame label rank labels.db --labeler ana\n"
            "  tame label rate labels.db --data answers.jsonl\n"
            "  tame label write labels.db --prompts prompts.jsonl\n"
            "  tame label report labels.db\n"
            "  tame label export labels.db comparisons.jsonl\n"
            "  tame label export labels.db demonstrations.jsonl --what demonstrations\n"
            "  tame label import labels.db comparisons.jsonl --author team-2\n",
        .options = bindings,
        .n_options = bind_options(&c, way, bindings),
    };
    const char *words[3];
    size_t n;
    Parsed parsed = command_parse(&usage, argc, argv, words, 2, 3, &n);
    bool needs_file = way == WAY_EXPORT || way == WAY_IMPORT;
    int result = parsed == PARSED_HELP ? 0 : 2;
    if (parsed == PARSED_OK && (way == WAYS || way_named(words[0]) != way)) {
        result = wrong_way(words[0]);
    } else if (parsed == PARSED_OK && (n == 3) != needs_file) {
        result = command_usage_error(
            "label", needs_file ? "%s needs a file, too" : "%s takes no file",
            words[0]);
    } else if (parsed == PARSED_OK) {
        status = label(&c, way, words, &err);
        result = command_end(status, &err);
    }
    command_release(all, ALL_OPTIONS);
    return result;
}
