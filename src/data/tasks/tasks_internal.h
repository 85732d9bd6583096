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
    bool page; /* texts are pages of questions and answers, as base models are asked
                  (think/lm/lm_document.h) */
    /* The question is drawn from `question` alone, the same in every variant; `way` is for
     * the rest. *out is empty. */
    Status (*put)(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err);
} TaskKind;

extern const TaskKind task_multiply, task_facts, task_people, task_countdown,
    task_patterns, task_records, task_sums;

/* Is it a question of the tests, by its hash? */
bool task_is_tests(Span question);

/* A made-up place: everything about it follows from the seed and its number. */
enum { PLACES = 1000000, PLACE_FACTS = 4, PLACE_SYLLABLES = 3 };
typedef struct Place {
    char name[2 * PLACE_SYLLABLES + 1];
    char letters[PLACE_FACTS]; /* of its facts */
    int values[PLACE_FACTS];   /* below 1,000 */
    int people;                /* thousands, 10 to 9,999 */
} Place;
Place place_of(int64_t seed, uint64_t i);

/* Of made-up names and words: syllables are one of each. */
extern const char task_consonants[20 + 1], task_vowels[5 + 1];
/* The last `digits` digits of x, the least one first. */
void task_put_reversed(Str *out, int64_t x, int32_t digits);

/* Appends a turn, and empties `text`. */
NODISCARD Status example_say(Example *e, Role role, Err *err);

#endif
