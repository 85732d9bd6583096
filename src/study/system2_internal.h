/* system2_internal.h - the pieces of the study of System 2, see system2.h. */
#ifndef STUDY_SYSTEM2_INTERNAL_H
#define STUDY_SYSTEM2_INTERNAL_H

#include "study/arm.h"
#include "study/check.h"
#include "study/gold_runs.h"
#include "study/lab.h"

enum { SYSTEM2_SEEDS = 8, SYSTEM2_CHECKS = 8 };

typedef struct System2Scale {
    const char *name, *run; /* "quick"; the study folder's default name */
    int64_t seeds;
    double share;                 /* of the demonstrations of the full study */
    int64_t depth, hidden, heads; /* of its models */
    int64_t batch_tokens;
    int64_t tests;          /* questions a measure */
    int64_t votes, samples; /* questions that are voted on; answers to each */
    int gold;               /* GOLD_...: sizes of runs on the practice world */
    int64_t prompts,
        same; /* of it, that models are asked again and again: each so often */
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

/* Experiments of one group share models, in one run folder. Each names what it needs, in the
 * order of the table: all that those of its group before it have, and more. */
typedef struct Experiment {
    const char *id, *title, *group;
    void (*compose)(Str *yaml, const System2Scale *s, int64_t seeds);
    Status (*measure)(System2 *s, Section *out, Err *err);
} Experiment;
void compose_multiply(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_digits(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_quality(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_votes(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_reflection(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_facts(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_honesty(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_alignment(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_sharpening(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_search(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_shots(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_records(Str *yaml, const System2Scale *s, int64_t seeds);
void compose_people(Str *yaml, const System2Scale *s, int64_t seeds);
Status measure_steps(System2 *s, Section *out, Err *err);      /* E1 */
Status measure_digits(System2 *s, Section *out, Err *err);     /* E1D */
Status measure_calculator(System2 *s, Section *out, Err *err); /* E2 */
Status measure_quality(System2 *s, Section *out, Err *err);    /* E7 */
Status measure_votes(System2 *s, Section *out, Err *err);      /* E4 */
Status measure_reflection(System2 *s, Section *out, Err *err); /* E5 */
Status measure_facts(System2 *s, Section *out, Err *err);      /* E3 */
Status measure_honesty(System2 *s, Section *out, Err *err);    /* E13 */
Status measure_alignment(System2 *s, Section *out, Err *err);  /* E8 */
Status measure_sharpening(System2 *s, Section *out, Err *err); /* E8V */
Status measure_search(System2 *s, Section *out, Err *err);     /* E6 */
Status measure_shots(System2 *s, Section *out, Err *err);      /* E10 */
Status measure_records(System2 *s, Section *out, Err *err);    /* E11 */
Status measure_people(System2 *s, Section *out, Err *err);     /* A1 */

/* --- recipes ---------------------------------------------------------------------------- */
/* Questions `name` of a task with `examples` demonstrations (times scale->share). */
void put_questions(Str *y, const System2Scale *s, const char *name, const char *task,
                   const char *variants, int64_t examples, const char *more);
typedef struct Learning {
    int64_t tokens; /* of the demonstrations as text, to learn the task from (times
                       scale->share) */
    double lr;      /* peak; half of it for the form */
    double epochs;  /* of the demonstrations as conversations, to learn the form */
    int64_t context;
} Learning;
/* NAME_base_SEED, pretrained on the questions of that name. Pretraining has Muon, with which
 * these tasks take a third of the tokens; and rotary positions turn fast enough to tell
 * neighbours apart in texts as short as these. No guard looks for spikes: of losses this
 * small one wrong word is one. */
void put_base(Str *y, const System2Scale *s, int64_t seed, const char *name,
              const char *questions, Learning how);
/* NAME_SEED: BASE_base_SEED, tuned to answer the questions. */
void put_tuned(Str *y, const System2Scale *s, int64_t seed, const char *name,
               const char *base, const char *questions, Learning how);
/* Both, by seed. */
void put_learners(Str *y, const System2Scale *s, int64_t seeds, const char *name,
                  const char *questions, Learning how);

/* --- arms ------------------------------------------------------------------------------- */
typedef struct ArmHow {
    double temperature;
    int64_t samples, calls, max_new;
    int64_t questions;    /* 0: those of the scale */
    const Toolbox *tools; /* NULL: the calculator; the label of the arm names others */
    ArmJudge judge;       /* NULL: as expected */
    ArmValid valid;       /* the three as in ArmOptions */
    bool whole;
    const ArmThinking *thinking;
} ArmHow;

/* The same arm with the model of each seed. */
typedef struct ArmSet {
    Arm arms[SYSTEM2_SEEDS];
    ArmScore scores[SYSTEM2_SEEDS];
    ArmScore all; /* means over seeds; right with the interval of all answers */
    int64_t n;
} ArmSet;
/* Asks one model the questions in a file; `label` tells arms of one model apart. */
NODISCARD Status run_arm(System2 *s, const char *model, const char *tests,
                         const char *label, ArmHow how, Arm *out, Err *err);
/* Where its answers are. */
void arm_file(const System2 *s, const char *model, const char *label, ArmHow how,
              Str *out);
/* The same with MODEL_SEED of each seed. */
NODISCARD Status run_arms_of(System2 *s, const char *model, const char *tests,
                             const char *label, ArmHow how, ArmSet *out, Err *err);
/* Asks MODEL_SEED of each seed the tests `variant` of the questions. */
NODISCARD Status run_arms(System2 *s, const char *model, const char *questions,
                          const char *variant, ArmHow how, ArmSet *out, Err *err);
void arms_release(ArmSet *a); /* accepts zeroed */

/* "| arm | right | ... |" and a line of it. */
void put_arms_head(Str *out);
void put_arms_line(Str *out, const char *name, const ArmSet *a);
/* "+93.1 points (95 % 91.2 to 94.9), p = 3e-200" of a over b, seeds together. */
ArmPair pair_arms(const ArmSet *a, const ArmSet *b);
ArmPair pair_sum(const ArmPair *pairs, int64_t n);
void put_pair(Str *out, const ArmPair *p);

/* One part of a check a seed: "0.021, 0.018" and whether all hold `least` <= x <= `most`. */
void check_shares(Check *c, const char *what, const ArmSet *a, double least,
                  double most);
/* One part of a check: a difference with its interval, and whether the mark `holds`. */
void check_pair(Check *c, bool holds, const char *what, const ArmPair *p);
/* The difference is above zero with 95 % confidence on every seed. */
void check_better(Check *c, const char *what, const ArmSet *a, const ArmSet *b);

/* What came of a policy over the answers of an arm: right or wrong a question, seeds one
 * after another, and the tokens that it took. */
typedef struct Outcomes {
    bool *right; /* [n] */
    int64_t n, seeds;
    double tokens; /* a question */
} Outcomes;
NODISCARD Status outcomes_new(Outcomes *out, int64_t questions, int64_t seeds,
                              Err *err);
void outcomes_release(Outcomes *o); /* accepts zeroed */
double outcomes_share(const Outcomes *o);
StatsInterval outcomes_interval(const Outcomes *o); /* Wilson */
ArmPair outcomes_pair(const Outcomes *a, const Outcomes *b);
/* The first answer to each question. */
NODISCARD Status outcomes_first(Outcomes *out, const ArmSet *a, Err *err);
/* The same of the first questions alone. */
NODISCARD Status outcomes_first_of(Outcomes *out, const ArmSet *a, int64_t questions,
                                   Err *err);
/* The vote of the first k answers. */
NODISCARD Status outcomes_vote(Outcomes *out, const ArmSet *a, int64_t k, Err *err);
void put_outcomes_line(Str *out, const char *name, const Outcomes *o);

/* E4's part about `--think auto`, for one voter: the greedy answers, and those drawn to the
 * first of the same questions. */
NODISCARD Status measure_auto(Section *out, const char *name, const char *title,
                              const ArmSet *greedy, const ArmSet *drawn, Err *err);

/* --- the report ------------------------------------------------------------------------- */
NODISCARD Status section_save(const Section *s, const char *folder, const char *id,
                              Err *err);
NODISCARD Status system2_write_report(const Experiment *all, size_t n,
                                      const System2Scale *scale, int64_t seeds,
                                      const char *folder, const char *path, Err *err);

#endif
