/* tasks.h - the stage that makes the questions of a small world (data/tasks/tasks.h). */
#ifndef STAGES_TASKS_H
#define STAGES_TASKS_H

#include "data/tasks/tasks.h"
#include "stages/stage.h"

NODISCARD Status stage_tasks(const StageEnv *env, const TasksOptions *o,
                             StageReport *report, Err *err);
#endif
