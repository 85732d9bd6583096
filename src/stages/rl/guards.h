/* guards.h - the watch on reinforcement learning: what goes wrong in it goes wrong in a few
 * known ways, and looks like success for a while. Pure: numbers of each iteration and of
 * each evaluation in, a verdict and a page that says what to change out.
 *
 * What is first seen is the SFT model, before anything was learned; the rest is measured
 * against it. A guard trips when its condition holds for GUARD_PATIENCE iterations in a row
 * (the one on held-out scores, at one evaluation). */
#ifndef STAGES_RL_GUARDS_H
#define STAGES_RL_GUARDS_H

#include "base/str.h"
#include "format/json.h"

#include <stdbool.h>
#include <stdint.h>

enum { GUARD_PATIENCE = 3 };

typedef enum Guard {
    GUARD_NONE,
    GUARD_KL,         /* far from the reference */
    GUARD_LONG,       /* answers grow */
    GUARD_SHORT,      /* answers shrink */
    GUARD_REPETITION, /* answers repeat themselves */
    GUARD_ENTROPY,    /* nearly one answer to each prompt */
    GUARD_GOLD,       /* the reward is gamed: what it stands for falls */
    GUARDS
} Guard;

/* Limits; 0 switches a guard off. */
typedef struct GuardLimits {
    double kl;         /* nats an answer */
    double length;     /* factor of the first mean length, either way */
    double repetition; /* share of repeated 4-grams; and half as much above the first */
    double entropy;    /* share of the first entropy of a token */
    double gold;       /* first deviations below the best */
} GuardLimits;

/* Means of an iteration. */
typedef struct Vitals {
    double kl, length, repetition, entropy, score, missing_eos, clip_fraction;
    double explained; /* by the critic; 1 where there is none */
} Vitals;

typedef struct Guards {
    GuardLimits limits;
    Vitals first, last;
    int64_t iterations;
    int64_t held[GUARDS]; /* iterations in a row for which the condition held */
    /* of evaluations; gold: what is not learned from */
    int64_t evaluations;
    double first_score, last_score, first_gold, last_gold;
    double gold_spread;           /* deviation at first */
    double best_gold, best_score; /* the score where gold was best */
    Guard tripped;                /* the first that did */
} Guards;

void guards_add(Guards *g, const Vitals *v);
void guards_add_heldout(Guards *g, double score, double gold, double gold_spread);
/* One sentence: what happened, with numbers; tripped is not GUARD_NONE. Appended. */
void guards_say(const Guards *g, Str *out);
/* The page: numbers at first and at last, what they say, what to change; appended. `stage`
 * names the run; kl_coef and lr are what it had. */
void guards_diagnose(const Guards *g, const char *stage, double kl_coef, double lr,
                     Str *out);
/* Everything but the limits, exactly; a new object, and back. */
json_t *guards_state(const Guards *g);
NODISCARD Status guards_restore(Guards *g, const json_t *state, Err *err);

/* The share of an answer's 4-grams that have been in it before; scratch: room for n. */
double guards_repetition(const int32_t *ids, int64_t n, uint64_t *scratch);

#endif
