/* overoptimization.h - the gold study: what happens to what people want when a model is
 * optimised for a model of what people want (Gao et al. 2022), in the practice world,
 * where the gold judge is a program and the truth is known.
 *
 * overoptimization.c   the runs, by size of the study; the course of a study
 * checks_reward.c      checks 1 to 5: reward models
 * checks_policy.c      checks 6 to 13 and 15: best of n, PPO, controls
 * checks_exact.c       checks 14 and 16: resume, determinism
 * curves.c             the plots
 * overoptimization_report.c   the report */
#ifndef STUDY_OVEROPTIMIZATION_H
#define STUDY_OVEROPTIMIZATION_H

#include "base/options.h"
#include "tensor/ops.h"

typedef struct OveroptimizationOptions {
    bool quick, smoke;
    char *runs, *name, *out;
} OveroptimizationOptions;
extern const OptTable overoptimization_options;

/* Runs what is not run yet, measures what is not measured, checks, and writes the report:
 * into the study's folder, and to o->out if that is set. A check that misses is a result,
 * not an error. *report gets the path of the report. ERR_STOPPED: the same call goes on. */
NODISCARD Status study_overoptimization(const OveroptimizationOptions *o,
                                        TensorOps *ops, Str *report, Err *err);

#endif
