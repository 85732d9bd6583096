/* story.h - the form of a story: an opening, a named hero, a problem, help, the solution
 * of that problem, an ending. Pretraining text, demonstrations and the judge share it. */
#ifndef WORLD_STORY_H
#define WORLD_STORY_H

#include "data/world/scene.h"

typedef struct Plot {
    const char *title;    /* "the broken bridge" */
    const char *problem;  /* a phrase that holds problem_key whatever is chosen */
    const char *solution; /* the same with solution_key */
    const char *problem_key, *solution_key;
} Plot;
enum { STORY_PLOTS = 12 };
extern const Plot story_plots[STORY_PLOTS];

/* A story about the entity bound to p, a person. Binds f (the friend) and t (the town). */
void story_put(Str *out, Scene *s, const Plot *plot);

/* What a story has of the form. */
typedef struct StoryForm {
    bool opening, hero, problem, solution, ending; /* solution: after the problem */
} StoryForm;
StoryForm story_check(Span text, Span hero, const Plot *plot);
int32_t story_points(const StoryForm *f); /* how many of the five */

#endif
