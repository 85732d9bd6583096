/* world.c - makes the practice world's data sets in the stage's folder. */
#include "stages/world.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "stages/stage_internal.h"

#include <stdio.h>

Status stage_world(const StageEnv *env, const WorldOptions *o, StageReport *report,
                   Err *err)
{
    double start = system_seconds();
    World *world = NULL;
    TRY(file_make_folders(env->folder, err));
    TRY(world_new(&world, o, err));
    Status status = world_write(world, env->folder, err);
    world_free(world);
    snprintf(report->data, sizeof report->data, "seed %lld", (long long)o->seed);
    report->seconds = system_seconds() - start;
    report->peak_bytes = mem_peak_rss();
    return status == OK ? stage_mark_finished(env, report, err) : status;
}
