/* tasks.c - makes the questions of a small world in the stage's folder. */
#include "stages/tasks.h"

#include "base/mem.h"
#include "base/system.h"
#include "stages/stage_internal.h"

#include <stdio.h>

Status stage_tasks(const StageEnv *env, const TasksOptions *o, StageReport *report,
                   Err *err)
{
    double start = system_seconds();
    TRY(tasks_write(o, env->folder, err));
    (void)snprintf(report->data, sizeof report->data, "%s, seed %lld",
                   tasks_names[o->task], (long long)o->seed);
    report->seconds = system_seconds() - start;
    report->peak_bytes = mem_peak_rss();
    return stage_mark_finished(env, report, err);
}
