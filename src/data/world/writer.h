/* writer.h - the simulated people who answer prompts, and the errors of models.
 *
 * The demonstrations come from five writers, the careful one in the minority, so that a
 * model that imitates them all is worse than the best of them. The comparisons also show
 * the mistakes that models make. */
#ifndef WORLD_WRITER_H
#define WORLD_WRITER_H

#include "data/world/scene.h"
#include "data/world/task.h"

typedef enum Writer {
    WRITER_CAREFUL,         /* the best answer */
    WRITER_PADDED,          /* the same between empty sentences */
    WRITER_CURT,            /* a bare word */
    WRITER_RUDE,            /* the best answer with an insult */
    WRITER_CARELESS,        /* wrong, off the point, or in broken form */
    WRITERS,                /* the ones above write demonstrations */
    WRITER_WRONG = WRITERS, /* fluent and false: a wrong value, a lie, help with harm */
    WRITER_LOOP,            /* says it again and again */
    WRITER_CUT,             /* stops in the middle */
    WRITER_TIMID,           /* abstains or refuses where nothing calls for it */
    WRITERS_AND_ERRORS,
} Writer;
const char *writer_name(Writer writer);

typedef struct Answer {
    Str call;   /* the calculator's expression, or empty: no call */
    Str result; /* what the calculator gave */
    Str text;   /* the final message */
} Answer;
void answer_reset(Answer *a);
void answer_release(Answer *a);

void writer_answer(Answer *out, Writer writer, const Task *t, const Lore *lore,
                   Chooser *c);

/* A task as the demonstrations draw them (skill by their shares), and a writer. */
Skill writer_draw_skill(Chooser *c);
Skill writer_draw_heldout_skill(Chooser *c); /* the same without small talk */
Writer writer_draw(Chooser *c);

#endif
