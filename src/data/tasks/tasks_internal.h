/* tasks_internal.h - what a task says of itself. */
#ifndef DATA_TASKS_TASKS_INTERNAL_H
#define DATA_TASKS_TASKS_INTERNAL_H

#include "base/rng.h"
#include "data/tasks/tasks.h"
#include "text/template.h"

/* One question in one variant. */
typedef struct Example {
    Str question;      /* whatever the variant: its hash decides the split */
    Conversation chat; /* as demonstrated; ends with an assistant's turn */
    Str expected;      /* what stands behind the last '#' of a right answer */
    Str text;          /* room for what is being written */
} Example;

typedef struct TaskVariant {
    const char *name;
    double weight; /* among the demonstrations, when no variants are given */
} TaskVariant;

typedef struct TaskKind {
    const char *name;
    const TaskVariant *variants; /* ended by name NULL */
    int64_t size, size_min, size_max;
    /* The question is drawn from `question` alone, the same in every variant; `way` is for
     * the rest. *out is empty. */
    Status (*put)(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err);
} TaskKind;

extern const TaskKind task_multiply, task_facts;

/* Appends a turn, and empties `text`. */
NODISCARD Status example_say(Example *e, Role role, Err *err);

#endif
