/* report.c - the report of the gold study as Markdown. */
#include "base/file.h"
#include "base/log.h"
#include "recipe/ledger.h"
#include "study/overoptimization_internal.h"

#include <string.h>

static void put_intro(Str *out, const Study *s, const Check *checks)
{
    const StudyScale *k = s->scale;
    int count[3] = {0};
    for (int i = 0; i < STUDY_CHECKS; i++)
        count[checks[i].verdict]++;
    str_puts(out, "# Over-optimisation of a reward model: the gold study\n\n");
    str_printf(
        out,
        "A policy is optimised for a reward model that has learned from the gold "
        "judge's labels, and the gold judge looks on (after Gao, Schulman and Hilton "
        "2022, in the practice world). Written by `tame study overoptimization%s%s`: "
        "%lld seed%s, a policy of %lld layers of width %lld, %lld episodes a run, "
        "%lld held-out prompts, N = %lld prompts with 4 answers each.\n\n",
        strcmp(k->name, "full") ? " --" : "", strcmp(k->name, "full") ? k->name : "",
        (long long)k->seeds, k->seeds == 1 ? "" : "s", (long long)k->policy.depth,
        (long long)k->policy.hidden, (long long)k->episodes, (long long)s->sft.prompts,
        (long long)k->few);
    str_printf(out, "**%d of %d checks pass, %d miss, %d are open.**",
               count[CHECK_PASS], STUDY_CHECKS, count[CHECK_MISS], count[CHECK_OPEN]);
    if (strcmp(k->name, "smoke") == 0)
        str_puts(out,
                 " At toy sizes: this shows that everything is computed, and nothing "
                 "else.");
    str_puts(out, "\n\n");
}

static void put_checks(Str *out, const Check *checks)
{
    str_puts(out, "| # | check | pass mark | figure | |\n|---|---|---|---|---|\n");
    for (int i = 0; i < STUDY_CHECKS; i++) {
        const Check *c = &checks[i];
        str_printf(out, "| %d | %s | %s | %s | **%s** |\n", c->number, c->title,
                   c->mark, str_c(&c->figure), verdict_name(c->verdict));
    }
    str_puts(out, "\n");
}

static void put_misses(Str *out, const Check *checks)
{
    bool any = false;
    for (int i = 0; i < STUDY_CHECKS; i++) {
        const Check *c = &checks[i];
        if (c->why.len == 0 || c->verdict == CHECK_PASS)
            continue;
        if (!any)
            str_puts(out, "## What did not pass, and what its figures say\n\n");
        any = true;
        str_printf(out, "- **%d, %s** (%s). %s\n", c->number, c->title,
                   verdict_name(c->verdict), str_c(&c->why));
    }
    if (any)
        str_puts(out, "\n");
}

static void put_plots(Str *out, const char *folder)
{
    str_puts(out, "## Curves\n\n");
    for (int i = 0; i < STUDY_PLOTS; i++)
        str_printf(out, "![%s](%s/%s)\n\n%s.\n\n", study_plots[i].file, folder,
                   study_plots[i].file, study_plots[i].caption);
}

static Status put_runs(Str *out, const Study *s, Err *err)
{
    json_t *ledger = NULL;
    double seconds = 0;
    size_t i;
    json_t *line;
    TRY(ledger_open(s->lab.recipe.folder, &ledger, err));
    json_array_foreach(json_object_get(ledger, "stages"), i, line) seconds +=
        json_number_value(json_object_get(line, "seconds"));
    str_printf(
        out,
        "## Runs\n\nAll runs together took %s; measures come on top. Their options "
        "are in the `recipe.yaml` of the study's folder.\n\n",
        log_seconds(seconds));
    ledger_table(ledger, true, out);
    json_decref(ledger);
    return OK;
}

/* "dir/name" of "dir/name.md". */
static void folder_of_plots(Str *out, const char *path)
{
    const char *dot = strrchr(file_base_name(path), '.');
    str_reset(out);
    str_append(out, path, dot ? (size_t)(dot - path) : strlen(path));
    if (!dot)
        str_puts(out, ".plots");
}

static Status make_folder_of(const char *path, Err *err)
{
    const char *name = file_base_name(path);
    Str folder = {0};
    str_append(&folder, path, (size_t)(name - path));
    Status status = folder.len > 0 ? file_make_folders(str_c(&folder), err) : OK;
    str_release(&folder);
    return status;
}

Status study_write_report(Study *s, const Check *checks, const char *path, Err *err)
{
    Str out = {0}, folder = {0};
    folder_of_plots(&folder, path);
    put_intro(&out, s, checks);
    put_checks(&out, checks);
    put_misses(&out, checks);
    put_plots(&out, file_base_name(str_c(&folder)));
    Status status = put_runs(&out, s, err);
    if (status == OK)
        status = str_check(&out, err);
    if (status == OK)
        status = make_folder_of(path, err);
    if (status == OK)
        status = study_write_plots(s, str_c(&folder), err);
    if (status == OK)
        status = file_write_atomic(path, out.ptr, out.len, err);
    str_release(&out);
    str_release(&folder);
    return status;
}
