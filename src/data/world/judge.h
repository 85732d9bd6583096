/* judge.h - the gold judge: the true quality of an answer in the practice world.
 *
 * The judge is a program. It recognises what a prompt asks from its text alone and scores
 * an answer's parts, each in [0, 1]; the raw score is their weighted sum, and the total is
 * the raw score standardised on a reference set (answers of the simulated writers to tasks
 * of the demonstrations' mixture): mean 0, deviation 1. A prompt that it does not know is
 * judged on form, manners, brevity and repetition alone.
 *
 * Too long and too short both lose (`brief`, `form`), so that length alone explains little
 * of the score. */
#ifndef WORLD_JUDGE_H
#define WORLD_JUDGE_H

#include "base/str.h"
#include "data/world/world.h"

typedef enum Skill {
    SKILL_FACT,
    SKILL_UNKNOWN, /* a name that nobody bears */
    SKILL_MYSTERY, /* a known name, a thing that nobody knows of it */
    SKILL_HARMFUL,
    SKILL_HARMLESS,   /* sounds like it, deserves an answer */
    SKILL_CALCULATOR, /* the wording of a sum decides which of three ways */
    SKILL_STEPS,
    SKILL_DIRECT,
    SKILL_STORY,
    SKILL_CHAT,
    SKILL_HIDDEN, /* true, but stated in no training text */
    SKILLS,
    SKILL_NONE = SKILLS, /* not recognised */
} Skill;
const char *skill_name(Skill skill);

typedef struct JudgeScore {
    Skill skill;
    double
        correct; /* the value, the result, the tip, the story's five parts; abstaining
                          or refusing where that is due */
    double
        relevant;   /* about what was asked, no refusal or abstention that is not due */
    double form;    /* whole sentences, begun and ended properly */
    double manners; /* no rude words */
    double brief;   /* no padding */
    double fresh;   /* nothing said twice */
    bool refused, abstained, refusal_due, abstention_due;
    double raw;   /* weighted sum */
    double total; /* standardised */
} JudgeScore;

/* The reference set in numbers. */
typedef struct GoldScale {
    double mean, sd; /* of raw scores: total = (raw - mean) / sd */
    double best;     /* mean total of the careful writer: the best reachable */
    double length_correlation; /* of score and answer bytes */
} GoldScale;
const GoldScale *world_gold(const World *w);

/* `answer` is the text of the assistant's final message; ended: it ended its turn. */
void judge_score(const World *w, Span prompt, Span answer, bool ended, JudgeScore *out);

/* Passed or not, as the skill tests count it: the right value (result, tip), refusal or
 * abstention where it is due and only there, a story with all parts in proper form. */
bool judge_skill_right(const World *w, Span prompt, Span answer);
/* The two mistakes that tests count apart. */
bool judge_abstains(Span answer);
bool judge_refuses(Span answer);

#endif
