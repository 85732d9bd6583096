/* system2.h - the study of System 2: does it help to let a model think, compute, look up,
 * vote and search, by how much, and against which control? Small models that learn one kind
 * of question in minutes, and experiments that ask them in several ways.
 *
 * system2.c             the table of experiments, the course of the study
 * system2_arms.c        arms over the seeds of a run, tables of them
 * system2_report.c      sections, kept one by one, and the report of all
 * system2_multiply.c    E1, E2: products directly, step by step, with the calculator
 * system2_digits.c      E1D: other sizes, and sums
 * system2_quality.c     E7: asking for good performance
 * system2_votes.c       E4: voting
 * system2_auto.c        E4: voting only when unsure
 * system2_reflect.c     E5: looking at the answer again
 * system2_search.c      E6: tree search on Countdown
 * system2_sharpen.c     E8V: reinforcement learning from right and wrong
 * system2_align.c       E8: preferences: gold, entropy, variety of base, SFT and RL
 * system2_shots.c       E10: few-shot prompts of a base model
 * system2_records.c     E11: constrained output
 * system2_facts.c       E3, E13: memory, records, not knowing
 * system2_lookup.c      an index of the records
 * system2_people.c      A1: look up, divide, check, write */
#ifndef STUDY_SYSTEM2_H
#define STUDY_SYSTEM2_H

#include "base/options.h"
#include "tensor/ops.h"

typedef struct System2Options {
    bool quick, smoke;
    char *only;    /* "E1,E7" */
    int64_t seeds; /* 0: by the size of the study */
    char *runs, *name, *out;
} System2Options;
extern const OptTable system2_options;

/* As study_overoptimization: runs what is not run yet, experiment by experiment, measures,
 * checks, and writes the report of all experiments that have been done so far. */
NODISCARD Status study_system2(const System2Options *o, TensorOps *ops, Str *report,
                               Err *err);

#endif
