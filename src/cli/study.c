/* study.c - `tame study NAME`: questions about the recipe that many runs answer. */
#include "cli/command.h"

#include "base/log.h"
#include "base/system.h"
#include "study/overoptimization.h"

#include <stdio.h>
#include <string.h>

static Status run(const OveroptimizationOptions *o, Err *err)
{
    TensorOps *ops = NULL;
    Str report = {0};
    TRY(command_backend(&ops, COMPUTE_AUTO, err));
    system_catch_stop();
    Status status = study_overoptimization(o, ops, &report, err);
    if (status == OK)
        printf("report: %s\n", str_c(&report));
    else if (status == ERR_STOPPED)
        log_info("the same command goes on where it stopped");
    str_release(&report);
    tensor_free(ops);
    return status;
}

int study_command(int argc, char **argv)
{
    Err err = {0};
    OveroptimizationOptions o;
    Status status = opt_defaults(&overoptimization_options, &o, &err);
    if (status != OK)
        return command_fail(status, &err);
    const OptBinding bindings[] = {{&overoptimization_options, &o}};
    const Usage usage = {
        .name = "study",
        .words = "overoptimization",
        .what = "Runs a study and writes its report (Markdown with plots). What is "
                "finished is "
                "skipped, what was\ncut goes on: the same command may be given again "
                "at any "
                "time.\n\n"
                "  overoptimization  reward models and PPO in the practice world, "
                "where the "
                "truth is known: 16\n"
                "                    checks against their pass marks, and what becomes "
                "of gold "
                "as its proxy\n"
                "                    is optimised (after Gao et al. 2022)",
        .examples =
            "  tame study overoptimization --quick\n"
            "  tame study overoptimization --out docs/studies/overoptimization.md\n",
        .options = bindings,
        .n_options = 1,
    };
    const char *words[1];
    size_t n;
    Parsed parsed = command_parse(&usage, argc, argv, words, 1, 1, &n);
    int result = parsed == PARSED_HELP ? 0 : 2;
    if (parsed == PARSED_OK && strcmp(words[0], "overoptimization") != 0) {
        result = command_usage_error(
            "study", "no study '%s'; there is overoptimization", words[0]);
    } else if (parsed == PARSED_OK) {
        status = run(&o, &err);
        result = status == OK ? 0 : command_fail(status, &err);
    }
    opt_release(&overoptimization_options, &o);
    return result;
}
