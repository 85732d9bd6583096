/* findings.c - see findings.h. */
#include "study/findings.h"

#include "base/file.h"
#include "base/log.h"
#include "recipe/ledger.h"

#include <string.h>

void findings_put_counts(Str *out, const Check *checks, int n)
{
    int count[3] = {0};
    for (int i = 0; i < n; i++)
        count[checks[i].verdict]++;
    str_printf(out, "**%d of %d checks pass, %d miss, %d are open.**",
               count[CHECK_PASS], n, count[CHECK_MISS], count[CHECK_OPEN]);
}

void findings_put_checks(Str *out, const Check *checks, int n)
{
    str_puts(out, "| # | check | pass mark | figure | |\n|---|---|---|---|---|\n");
    for (int i = 0; i < n; i++) {
        const Check *c = &checks[i];
        str_printf(out, "| %d | %s | %s | %s | **%s** |\n", c->number, c->title,
                   c->mark, str_c(&c->figure), verdict_name(c->verdict));
    }
    str_puts(out, "\n");
}

void findings_put_misses(Str *out, const char *mark, const Check *checks, int n)
{
    bool any = false;
    for (int i = 0; i < n; i++) {
        const Check *c = &checks[i];
        if (c->why.len == 0 || c->verdict == CHECK_PASS)
            continue;
        if (!any)
            str_printf(out, "%s What did not pass, and what its figures say\n\n", mark);
        any = true;
        str_printf(out, "- **%d, %s** (%s). %s\n", c->number, c->title,
                   verdict_name(c->verdict), str_c(&c->why));
    }
    if (any)
        str_puts(out, "\n");
}

Status findings_put_runs(Str *out, const char *run_folder, Err *err)
{
    json_t *ledger = NULL;
    double seconds = 0;
    size_t i;
    json_t *line;
    TRY(ledger_open(run_folder, &ledger, err));
    json_array_foreach(json_object_get(ledger, "stages"), i, line) seconds +=
        json_number_value(json_object_get(line, "seconds"));
    str_printf(out,
               "All runs together took %s; measures come on top. Their options are in "
               "`%s/recipe.yaml`.\n\n",
               log_seconds(seconds), file_base_name(run_folder));
    ledger_table(ledger, true, out);
    json_decref(ledger);
    return OK;
}

void findings_plots_folder(Str *out, const char *path)
{
    const char *dot = strrchr(file_base_name(path), '.');
    str_reset(out);
    str_append(out, path, dot ? (size_t)(dot - path) : strlen(path));
    if (!dot)
        str_puts(out, ".plots");
}

Status findings_write(const Str *text, const char *path, Err *err)
{
    const char *name = file_base_name(path);
    Str folder = {0};
    TRY(str_check(text, err));
    str_append(&folder, path, (size_t)(name - path));
    Status status = folder.len > 0 ? file_make_folders(str_c(&folder), err) : OK;
    if (status == OK)
        status = file_write_atomic(path, text->ptr, text->len, err);
    str_release(&folder);
    return status;
}
