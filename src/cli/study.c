/* study.c - `tame study NAME`: questions about the recipe that many runs answer. */
#include "cli/command.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "study/overoptimization.h"
#include "study/system2.h"

#include <stdio.h>
#include <string.h>

typedef struct Study {
    const char *name;
    const OptTable *options;
    const char *what, *examples;
    Status (*run)(const void *o, TensorOps *ops, Str *report, Err *err);
} Study;

static Status run_overoptimization(const void *o, TensorOps *ops, Str *report, Err *err)
{
    return study_overoptimization(o, ops, report, err);
}

static Status run_system2(const void *o, TensorOps *ops, Str *report, Err *err)
{
    return study_system2(o, ops, report, err);
}

static const Study studies[] = {
    {"overoptimization", &overoptimization_options,
     "Reward models and PPO in the practice world, where the truth is known: 16 "
     "checks\n"
     "against their pass marks, and what becomes of gold as its proxy is optimised\n"
     "(after Gao et al. 2022).",
     "  tame study overoptimization --quick\n"
     "  tame study overoptimization --out docs/studies/overoptimization.md\n",
     run_overoptimization},
    {"system2", &system2_options,
     "Does it help to let a model think, compute and vote, and by how much? Small "
     "models\n"
     "that learn one kind of question each, asked in several ways; every experiment "
     "has\n"
     "its controls and its pass marks.",
     "  tame study system2 --quick\n"
     "  tame study system2 --only E1,E2\n"
     "  tame study system2 --out docs/studies/system2.md\n",
     run_system2},
};
enum { STUDIES = sizeof studies / sizeof *studies };

static const Study *find_study(const char *name)
{
    for (size_t i = 0; i < STUDIES; i++) {
        if (strcmp(studies[i].name, name) == 0)
            return &studies[i];
    }
    return NULL;
}

/* The study whose name is among the words, since the options are its own. */
static const Study *study_of(int argc, char **argv)
{
    const Study *study = NULL;
    for (int i = 1; i < argc && !study; i++)
        study = find_study(argv[i]);
    return study;
}

static Status run(const Study *study, const void *o, Err *err)
{
    TensorOps *ops = NULL;
    Str report = {0};
    TRY(command_backend(&ops, COMPUTE_AUTO, err));
    system_catch_stop();
    Status status = study->run(o, ops, &report, err);
    if (status == OK)
        printf("report: %s\n", str_c(&report));
    else if (status == ERR_STOPPED)
        log_info("the same command goes on where it stopped");
    str_release(&report);
    tensor_free(ops);
    return status;
}

/* Which studies there are; with one of them, what it is and its options. */
static void describe(const Study *study, Str *what, Usage *usage)
{
    str_puts(what,
             "Runs a study and writes its report (Markdown with plots). What is "
             "finished is skipped, what was\ncut goes on: the same command may be "
             "given again at any time.\n");
    for (size_t i = 0; i < STUDIES; i++) {
        if (!study || study == &studies[i])
            str_printf(what, "\n%s\n%s\n", studies[i].name, studies[i].what);
    }
    *usage = (Usage){.name = "study",
                     .words = study ? study->name : "overoptimization | system2",
                     .what = str_c(what),
                     .examples = study ? study->examples
                                       : "  tame study system2 --only E1\n"
                                         "  tame study overoptimization --quick\n"};
}

typedef struct StudyCommand {
    const Study *study; /* NULL: none of that name */
    void *o;
} StudyCommand;

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    const StudyCommand *c = self;
    (void)n;
    if (!c->study)
        return command_usage_error("study",
                                   "no study '%s'; there are overoptimization and "
                                   "system2",
                                   words[0]);
    return command_end(run(c->study, c->o, &err), &err);
}

int study_command(int argc, char **argv)
{
    Err err = {0};
    StudyCommand c = {.study = study_of(argc, argv)};
    const OptTable *table = c.study ? c.study->options : &overoptimization_options;
    Str what = {0};
    Usage usage;
    c.o = mem_alloc_array(1, table->size);
    if (!c.o)
        return command_fail(err_set(&err, ERR_NOMEM, "no memory for options"), &err);
    const OptBinding bindings[] = {{table, c.o}};
    describe(c.study, &what, &usage);
    usage.options = bindings;
    usage.n_options = 1;
    int result = command_run(&usage, argc, argv, 1, 1, work, &c);
    str_release(&what);
    mem_free(c.o);
    return result;
}
