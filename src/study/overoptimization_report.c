/* overoptimization_report.c - the report of the gold study as Markdown. */
#include "base/file.h"
#include "study/findings.h"
#include "study/overoptimization_internal.h"

#include <string.h>

static void put_intro(Str *out, const Study *s, const Check *checks)
{
    const StudyScale *k = s->scale;
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
    findings_put_counts(out, checks, STUDY_CHECKS);
    if (strcmp(k->name, "smoke") == 0)
        str_puts(out,
                 " At toy sizes: this shows that everything is computed, and nothing "
                 "else.");
    str_puts(out, "\n\n");
}

static void put_plots(Str *out, const char *folder)
{
    str_puts(out, "## Curves\n\n");
    for (int i = 0; i < STUDY_PLOTS; i++)
        str_printf(out, "![%s](%s/%s)\n\n%s.\n\n", study_plots[i].file, folder,
                   study_plots[i].file, study_plots[i].caption);
}

Status study_write_report(Study *s, const Check *checks, const char *path, Err *err)
{
    Str out = {0}, folder = {0};
    findings_plots_folder(&folder, path);
    put_intro(&out, s, checks);
    findings_put_checks(&out, checks, STUDY_CHECKS);
    findings_put_misses(&out, "##", checks, STUDY_CHECKS);
    put_plots(&out, file_base_name(str_c(&folder)));
    str_puts(&out, "## Runs\n\n");
    Status status = findings_put_runs(&out, s->lab.recipe.folder, err);
    if (status == OK)
        status = study_write_plots(s, str_c(&folder), err);
    if (status == OK)
        status = findings_write(&out, path, err);
    str_release(&out);
    str_release(&folder);
    return status;
}
