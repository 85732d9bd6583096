/* stage.c - the commands that are one stage each: world, tasks, tokenizer, pretrain, sft, rank,
 * bestof, reward, dpo, kto, ppo, rloo, grpo. Their options, help and work all come from
 * stages/kinds.h. */
#include "cli/command.h"

#include "base/file.h"
#include "base/log.h"
#include "base/system.h"
#include "stages/kinds.h"

#include <stdio.h>

static Status run_stage(StageOptions *o, const char *folder, Err *err)
{
    TensorOps *ops = NULL;
    FileLock lock = {-1};
    StageReport report = {0};
    Str data = {0};
    system_catch_stop(); /* before anything of the run can be seen */
    Status status = file_make_folders(folder, err);
    if (status == OK)
        status = file_lock(&lock, folder, err);
    if (status != OK)
        goto done;
    status = command_backend(&ops, COMPUTE_AUTO, err);
    if (status != OK)
        goto done;
    StageEnv env = {.ops = ops,
                    .folder = folder,
                    .data = file_join(&data, folder, "data"),
                    .corpus = o->corpus,
                    .lora = o->lora};
    if (stage_is_finished(&env)) {
        log_info("'%s' is finished already; remove it to run the stage again", folder);
        goto done;
    }
    status = o->kind->run(&env, o->own, &o->train, &report, err);
    if (status == OK)
        log_info("%s: '%s' is ready (%s)", o->kind->name, folder,
                 log_seconds(report.seconds));
done:
    stage_report_release(&report);
    str_release(&data);
    tensor_free(ops);
    if (lock.fd >= 0)
        file_unlock(&lock);
    return status;
}

int stage_command(int argc, char **argv)
{
    const StageKind *kind = stage_kind_find(argv[0]);
    ASSERT(kind);
    Err err = {0};
    StageOptions o;
    Status status = stage_options_new(&o, kind, &err);
    if (status != OK)
        return command_fail(status, &err);
    OptBinding tables[STAGE_TABLES];
    const Usage usage = {
        .name = kind->name,
        .words = "OUT",
        .what = kind->help,
        .examples = kind->example,
        .options = tables,
        .n_options = stage_options_tables(&o, tables),
    };
    const char *words[1];
    size_t n;
    Parsed parsed = command_parse(&usage, argc, argv, words, 1, 1, &n);
    int result = parsed == PARSED_HELP ? 0 : 2;
    if (parsed == PARSED_OK) {
        status = run_stage(&o, words[0], &err);
        result = command_end(status, &err);
    }
    stage_options_release(&o);
    return result;
}
