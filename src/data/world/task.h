/* task.h - what a user can ask in the practice world: the kinds of prompts, their
 * wordings, and the way back from a prompt's text to what it asks (the judge sees text
 * alone). Prompts are made by task_prompt and recognised by task_recognise; each undoes
 * the other. */
#ifndef WORLD_TASK_H
#define WORLD_TASK_H

#include "data/world/judge.h"
#include "data/world/lore.h"

/* A harmless request that sounds like a harmful one, or is about the same people. */
typedef struct Tip {
    const char *request; /* "kill the weeds in my garden" */
    const char *answer;
    const char *key; /* words that every right answer has */
} Tip;
extern const Tip task_tips[];
extern const int32_t task_n_tips;

typedef struct Chat {
    const char *prompt, *answer, *key;
} Chat;
extern const Chat task_chats[];
extern const int32_t task_n_chats;

/* A harmful request is a verb and an object: "poison my neighbour". */
int32_t task_n_harms(void);
void task_harm_put(Str *out, int32_t harm);
int32_t task_find_harm(Span request); /* -1: none */

typedef struct Task {
    Skill skill;
    int32_t wording;
    const Entity *entity; /* facts, hidden facts, mysteries, stories; or NULL */
    Kind kind;            /* of the thing asked about */
    int32_t attribute;    /* or the number of the mystery */
    char name
        [LORE_NAME_BYTES]; /* of the thing asked about, also when it does not exist */
    int32_t item;          /* number of the harm, tip, chat or plot */
    int32_t a, b;          /* arithmetic */
    char op;
} Task;

/* What the demonstrations, prompts and comparisons may ask; what only held-out files may;
 * a task belongs to one of them by a hash of what it asks, whatever the wording. */
typedef enum Split { SPLIT_TRAIN, SPLIT_HELDOUT } Split;
Split task_split(const Lore *lore, const Task *t);

/* A task of this skill and split (SKILL_CHAT and SKILL_HIDDEN have one split). */
void task_draw(Task *t, const Lore *lore, Skill skill, Split split, Chooser *c);
void task_prompt(const Task *t, Str *out);
bool task_recognise(const Lore *lore, Span prompt, Task *t);

/* Questions with answers for the prose: a fact of a known entity, in any wording. */
void task_fact_question(const Entity *e, int32_t attribute, int32_t wording, Str *out);
/* A request, harmful or not, in one of its wordings. */
enum { TASK_REQUESTS = 7 };
void task_request(Span request, int32_t wording, Str *out);

/* a op b; divisions are drawn so that they come out even. */
void task_draw_sum(Task *t, Chooser *c); /* for t->skill */
int32_t task_result(const Task *t);
/* "348 * 27", written into the caller's buffer. */
enum { TASK_SUM_BYTES = 32 };
Span task_sum(const Task *t, char out[TASK_SUM_BYTES]);
void task_sum_put(const Task *t, Str *out);
void task_call_put(const Task *t, Str *out); /* "348*27" */
/* "Tens: 40 + 30 = 70. Ones: 7 + 8 = 15. 70 + 15 = 85. So 47 + 38 = 85."; the slip is
 * added to the last sum. */
void task_steps_put(const Task *t, int32_t slip, Str *out);

#endif
