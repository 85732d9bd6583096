/* world.h - the stage that makes the practice world's data sets (data/world/world.h). */
#ifndef STAGES_WORLD_H
#define STAGES_WORLD_H

#include "data/world/world.h"
#include "stages/stage.h"

NODISCARD Status stage_world(const StageEnv *env, const WorldOptions *o,
                             StageReport *report, Err *err);
#endif
