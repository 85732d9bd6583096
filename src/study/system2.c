/* system2.c - the experiments and the course of the study, see system2.h. */
#include "study/system2.h"

#include "base/file.h"
#include "base/log.h"
#include "study/findings.h"
#include "study/system2_internal.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_BOOL(System2Options, quick, false, "one seed, fewer questions: some 25 to 40 minutes on two cores"),
    OPT_BOOL(System2Options, smoke, false, "toy sizes, seconds: shows that everything runs; its figures mean nothing"),
    OPT_TEXT(System2Options, only, NULL, "experiments to run: E1,E7; unset: all"),
    OPT_INT(System2Options, seeds, 0, 0, SYSTEM2_SEEDS, "models that learn each kind of question; 0: by the size of the study"),
    OPT_TEXT(System2Options, runs, "runs", "folder that the study's folder is made in"),
    OPT_TEXT(System2Options, name, NULL, "of the study's folder; unset: by its size"),
    OPT_TEXT(System2Options, out, NULL, "file to write the report to as well (Markdown; plots go into a folder beside it)"),
    OPT_END
};
/* clang-format on */
const OptTable system2_options = {"system2", "the study of System 2",
                                  sizeof(System2Options), fields};

static const System2Scale scales[] = {
    {.name = "full",
     .run = "system2",
     .seeds = 3,
     .share = 1,
     .depth = 4,
     .hidden = 128,
     .heads = 4,
     .batch_tokens = 2048,
     .tests = 1000,
     .votes = 300,
     .samples = 32,
     .gold = GOLD_QUICK,
     .prompts = 40,
     .same = 100},
    {.name = "quick",
     .run = "system2-quick",
     .seeds = 1,
     .share = 1,
     .depth = 4,
     .hidden = 128,
     .heads = 4,
     .batch_tokens = 2048,
     .tests = 500,
     .votes = 200,
     .samples = 16,
     .gold = GOLD_QUICK,
     .prompts = 20,
     .same = 100},
    {.name = "smoke",
     .run = "system2-smoke",
     .seeds = 2,
     .share = 0.003,
     .depth = 1,
     .hidden = 32,
     .heads = 1,
     .batch_tokens = 512,
     .tests = 12,
     .votes = 8,
     .samples = 8,
     .gold = GOLD_SMOKE,
     .prompts = 2,
     .same = 4},
};

/* In the order of the report; those of a group stand side by side. */
static const Experiment experiments[] = {
    {"E1", "System 1 fails, working it out does not", "multiply", compose_multiply,
     measure_steps},
    {"E2", "A tool makes it exact", "multiply", compose_multiply, measure_calculator},
    {"E1D", "Fewer digits, more digits, and sums", "digits", compose_digits,
     measure_digits},
    {"E7", "Asking for good performance", "quality", compose_quality, measure_quality},
    {"E4", "Voting over many chains", "quality", compose_votes, measure_votes},
    {"E5", "Looking at the answer again", "quality", compose_reflection,
     measure_reflection},
    {"E8V", "Learning from right and wrong alone", "quality", compose_sharpening,
     measure_sharpening},
    {"E6", "Searching among steps", "search", compose_search, measure_search},
    {"E3", "Looking it up", "facts", compose_facts, measure_facts},
    {"E13", "Knowing what one does not know", "facts", compose_honesty,
     measure_honesty},
    {"E10", "Learning from the prompt", "patterns", compose_shots, measure_shots},
    {"E11", "An answer in a form", "records", compose_records, measure_records},
    {"E8", "People's preferences: style up, variety down", "alignment",
     compose_alignment, measure_alignment},
    {"A1", "How many times the people", "people", compose_people, measure_people},
};
enum { EXPERIMENTS = sizeof experiments / sizeof *experiments };

/* --- which ------------------------------------------------------------------------------ */

/* Is `id` in "E1,E7"? NULL: all are. */
static bool is_wanted(const char *only, const char *id)
{
    size_t len = strlen(id);
    for (const char *at = only; at && *at;
         at += strcspn(at, ",") + (strchr(at, ',') != 0)) {
        if (strcspn(at, ",") == len && strncmp(at, id, len) == 0)
            return true;
    }
    return only == NULL;
}

static Status check_only(const char *only, Err *err)
{
    size_t known = 0, asked = only != NULL;
    Str ids = {0};
    for (const char *at = only; at && *at; at++)
        asked += *at == ',';
    for (size_t i = 0; i < EXPERIMENTS; i++) {
        known += only && is_wanted(only, experiments[i].id);
        str_printf(&ids, "%s%s", i > 0 ? ", " : "", experiments[i].id);
    }
    Status status = OK;
    if (known != asked)
        status =
            err_set(err, ERR_OPTION, "only: '%s' is not among %s", only, str_c(&ids));
    str_release(&ids);
    return status;
}

/* --- the course ------------------------------------------------------------------------- */

static Status run_models(System2 *s, const Experiment *e, const char *folder, Err *err)
{
    Str yaml = {0};
    str_printf(&yaml, "run: %s\nseed: 1\nstages:\n", e->group);
    e->compose(&yaml, s->scale, s->seeds);
    Status status = str_check(&yaml, err);
    if (status == OK)
        status = lab_run(&s->lab, str_span(&yaml), folder, err);
    str_release(&yaml);
    return status;
}

static void tell(const Experiment *e, const Section *found)
{
    for (int i = 0; i < found->n_checks; i++) {
        const Check *c = &found->checks[i];
        log_info("%s.%d %s  %s: %s", e->id, c->number, verdict_name(c->verdict),
                 c->title, str_c(&c->figure));
    }
}

static Status run_experiment(System2 *s, const Experiment *e, const char *folder,
                             Err *err)
{
    Section found = {0};
    Status status = run_models(s, e, folder, err);
    if (status == OK)
        status = e->measure(s, &found, err);
    if (status == OK)
        status = section_save(&found, folder, e->id, err);
    if (status == OK)
        tell(e, &found);
    section_release(&found);
    return status == OK ? OK : err_context(err, "%s", e->id);
}

/* The report in the study's folder, and with its plots in another. */
static Status write_reports(const System2 *s, const char *folder, const char *out,
                            Str *report, Err *err)
{
    Str path = {0}, plots = {0};
    file_join(&path, folder, "system2.md");
    Status status = system2_write_report(experiments, EXPERIMENTS, s->scale, s->seeds,
                                         folder, str_c(&path), err);
    if (status == OK && out)
        status = system2_write_report(experiments, EXPERIMENTS, s->scale, s->seeds,
                                      folder, out, err);
    if (status == OK && out) {
        findings_plots_folder(&plots, out);
        status = lab_copy_tree(s->plots, str_c(&plots), err);
    }
    if (status == OK)
        str_puts(report, out ? out : str_c(&path));
    str_release(&path);
    str_release(&plots);
    return status;
}

Status study_system2(const System2Options *o, TensorOps *ops, Str *report, Err *err)
{
    const System2Scale *scale = &scales[o->smoke ? 2 : o->quick ? 1 : 0];
    System2 s = {.scale = scale,
                 .seeds = o->seeds > 0 ? o->seeds : scale->seeds,
                 .lab = {.ops = ops}};
    Str folder = {0}, plots = {0};
    TRY(check_only(o->only, err));
    file_join(&folder, o->runs, o->name ? o->name : scale->run);
    s.plots = file_join(&plots, str_c(&folder), "system2");
    Status status = file_make_folders(s.plots, err);
    for (size_t i = 0; status == OK && i < EXPERIMENTS; i++) {
        if (is_wanted(o->only, experiments[i].id))
            status = run_experiment(&s, &experiments[i], str_c(&folder), err);
    }
    if (status == OK)
        status = write_reports(&s, str_c(&folder), o->out, report, err);
    lab_release(&s.lab);
    str_release(&folder);
    str_release(&plots);
    return status;
}
