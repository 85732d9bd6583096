/* system2_internal.h - the pieces of the study of System 2, see system2.h. */
#ifndef STUDY_SYSTEM2_INTERNAL_H
#define STUDY_SYSTEM2_INTERNAL_H

#include "study/arm.h"
#include "study/check.h"
#include "study/lab.h"

enum { SYSTEM2_SEEDS = 8, SYSTEM2_CHECKS = 8 };

typedef struct System2Scale {
    const char *name, *run; /* "quick"; the study folder's default name */
    int64_t seeds;
    double share;                 /* of the demonstrations of the full study */
    int64_t depth, hidden, heads; /* of its models */
    int64_t base_tokens, batch_tokens;
    int64_t tests;   /* questions a measure */
    int64_t samples; /* answers to each, where they vote */
} System2Scale;

/* What an experiment found. */
typedef struct Section {
    Str text; /* Markdown: tables and what they say */
    Check checks[SYSTEM2_CHECKS];
    int n_checks;
} Section;
void section_release(Section *s);
/* A check to be filled; titles are static. */
Check *section_check(Section *s, const char *title, const char *mark);

/* One experiment at work. */
typedef struct System2 {
    const System2Scale *scale;
    int64_t seeds;
    Lab lab;           /* its models; shared by experiments of one group */
    const char *plots; /* folder */
} System2;

/* Experiments of one group ask the same models, which are one recipe. */
typedef struct Experiment {
    const char *id, *title, *group;
    void (*compose)(Str *yaml, const System2Scale *s, int64_t seeds);
    Status (*measure)(System2 *s, Section *out, Err *err);
} Experiment;
void compose_multiply(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_quality(Str *yaml, const System2Scale *s, int64_t seeds);
Status measure_steps(System2 *s, Section *out, Err *err);      /* E1 */
Status measure_calculator(System2 *s, Section *out, Err *err); /* E2 */
Status measure_quality(System2 *s, Section *out, Err *err);    /* E7 */

/* --- recipes ---------------------------------------------------------------------------- */
/* Questions `name` of a task with `examples` demonstrations (times scale->share). */
void put_questions(Str *y, const System2Scale *s, const char *name, const char *task,
                   const char *variants, int64_t examples, const char *more);
typedef struct Learning {
    double epochs, lr; /* of the demonstrations; peak */
    int64_t context;
} Learning;
/* NAME_base and, by seed, NAME_SEED: fine-tuned on the questions of that name. */
void put_learners(Str *y, const System2Scale *s, int64_t seeds, const char *name,
                  const char *questions, Learning how);

/* --- arms ------------------------------------------------------------------------------- */
typedef struct ArmHow {
    double temperature;
    int64_t samples, calls, max_new;
} ArmHow;

/* The same arm with the model of each seed. */
typedef struct ArmSet {
    Arm arms[SYSTEM2_SEEDS];
    ArmScore scores[SYSTEM2_SEEDS];
    ArmScore all; /* means over seeds; right with the interval of all answers */
    int64_t n;
} ArmSet;
/* Asks NAME_SEED of each seed the tests `variant` of the questions. */
NODISCARD Status run_arms(System2 *s, const char *model, const char *questions,
                          const char *variant, ArmHow how, ArmSet *out, Err *err);
void arms_release(ArmSet *a); /* accepts zeroed */

/* "| arm | right | ... |" and a line of it. */
void put_arms_head(Str *out);
void put_arms_line(Str *out, const char *name, const ArmSet *a);
/* "+93.1 points (95 % 91.2 to 94.9), p = 3e-200" of a over b, seeds together. */
ArmPair pair_arms(const ArmSet *a, const ArmSet *b);
void put_pair(Str *out, const ArmPair *p);

/* One part of a check a seed: "0.021, 0.018" and whether all hold `least` <= x <= `most`. */
void check_shares(Check *c, const char *what, const ArmSet *a, double least,
                  double most);
/* The difference is above zero with 95 % confidence on every seed. */
void check_better(Check *c, const char *what, const ArmSet *a, const ArmSet *b);

/* --- the report ------------------------------------------------------------------------- */
NODISCARD Status section_save(const Section *s, const char *folder, const char *id,
                              Err *err);
NODISCARD Status system2_write_report(const Experiment *all, size_t n,
                                      const System2Scale *scale, int64_t seeds,
                                      const char *folder, const char *path, Err *err);

#endif
