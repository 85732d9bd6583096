/* world_internal.h - what a World is; for world.c, world_write.c and judge.c. */
#ifndef WORLD_WORLD_INTERNAL_H
#define WORLD_WORLD_INTERNAL_H

#include "data/world/judge.h"
#include "data/world/task.h"
#include "data/world/world.h"

struct World {
    WorldOptions options;
    Lore lore;
    GoldScale gold;
};

/* The score of an answer to a task already recognised (NULL: none), not standardised. */
void judge_task(const Lore *lore, const Task *t, Span answer, bool ended,
                JudgeScore *out);

#endif
