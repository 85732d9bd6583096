/* run.c - `tame run RECIPE.yaml`. */
#include "cli/command.h"

#include "base/log.h"
#include "base/system.h"
#include "recipe/ledger.h"
#include "recipe/recipe.h"

#include <stdio.h>

typedef struct RunOptions {
    char *runs;
    bool check;
} RunOptions;
static const OptField run_fields[] = {
    OPT_TEXT(RunOptions, runs, "runs", "folder that run folders are made in"),
    OPT_BOOL(RunOptions, check, false, "only check the recipe and print it, resolved"),
    OPT_END,
};
static const OptTable run_options = {"run", "options", sizeof(RunOptions), run_fields};

static Status print_ledger(const Recipe *r, Err *err)
{
    json_t *ledger = NULL;
    TRY(ledger_open(r->folder, &ledger, err));
    Str table = {0};
    ledger_table(ledger, false, &table);
    printf("\n%s\nreport: %s/report.html\n", str_c(&table), r->folder);
    str_release(&table);
    json_decref(ledger);
    return OK;
}

static Status print_record(const Recipe *r)
{
    Str text = {0};
    json_t *record = recipe_record(r);
    json_append(&text, record);
    json_decref(record);
    puts(str_c(&text));
    str_release(&text);
    return OK;
}

static Status run(const RunOptions *o, const char *path, Err *err)
{
    Recipe recipe;
    TensorOps *ops = NULL;
    TRY(recipe_read(path, o->runs, &recipe, err));
    Status status;
    if (o->check) {
        status = print_record(&recipe);
        goto done;
    }
    status = command_backend(&ops, COMPUTE_AUTO, err);
    if (status != OK)
        goto done;
    system_catch_stop();
    status = recipe_run(&recipe, ops, err);
    if (status == OK)
        status = print_ledger(&recipe, err);
    else if (status == ERR_STOPPED)
        log_info("the same command resumes where it stopped");
done:
    tensor_free(ops);
    recipe_release(&recipe);
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    (void)n;
    return command_end(run(self, words[0], &err), &err);
}

int run_command(int argc, char **argv)
{
    RunOptions o = {0};
    const OptBinding bindings[] = {{&run_options, &o}};
    const Usage usage = {
        .name = "run",
        .words = "RECIPE.yaml",
        .what =
            "Runs the stages of a recipe in order, each in its folder of runs/NAME. "
            "What is finished is\nskipped, what was cut is resumed to the same bytes. "
            "Ends with the ledger and report.html.",
        .examples = "  tame run recipes/demo.yaml\n"
                    "  tame run recipes/demo.yaml --check\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 1, 1, work, &o);
}
