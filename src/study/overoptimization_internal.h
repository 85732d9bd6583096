/* overoptimization_internal.h - the pieces of the gold study, see overoptimization.h. */
#ifndef STUDY_OVEROPTIMIZATION_INTERNAL_H
#define STUDY_OVEROPTIMIZATION_INTERNAL_H

#include "study/check.h"
#include "study/gold_runs.h"
#include "study/lab.h"

typedef struct Study {
    const StudyScale *scale;
    Lab lab;
    /* The reward models that choose the best of n; those of the main runs, by which every
     * policy is measured. Runs, ended by NULL. */
    const char *const *proxies, *const *mains;
    Measure best_of, sft; /* of the SFT model */
} Study;

enum { STUDY_CHECKS = 16 };
/* Fill figure, verdict and why of a check whose number, title and mark are set. */
typedef Status (*CheckFunction)(Study *s, Check *c, Err *err);
Status check_rm_start(Study *s, Check *c, Err *err);
Status check_rm_accuracy(Study *s, Check *c, Err *err);
Status check_rm_noise(Study *s, Check *c, Err *err);
Status check_rm_calibration(Study *s, Check *c, Err *err);
Status check_rm_data(Study *s, Check *c, Err *err);
Status check_best_of_n(Study *s, Check *c, Err *err);
Status check_mechanics(Study *s, Check *c, Err *err);
Status check_outcome(Study *s, Check *c, Err *err);
Status check_win_rate(Study *s, Check *c, Err *err);
Status check_adaptive_kl(Study *s, Check *c, Err *err);
Status check_overoptimization(Study *s, Check *c, Err *err);
Status check_frontier(Study *s, Check *c, Err *err);
Status check_ptx(Study *s, Check *c, Err *err);
Status check_resume(Study *s, Check *c, Err *err);
Status check_nulls(Study *s, Check *c, Err *err);
Status check_determinism(Study *s, Check *c, Err *err);

/* What a run of RL was worth along its way: one point for each evaluation on held-out
 * prompts, in deviations of the SFT model's answers, over the root of the KL of the policy
 * that gave them. */
typedef struct Path {
    double *step, *root_kl, *proxy, *gold; /* [n] */
    int64_t n;
} Path;
NODISCARD Status path_read(const Study *s, const char *run, Path *out, Err *err);
void path_release(Path *p);

/* A plot that was written: file name in the report's folder of plots. */
typedef struct StudyPlot {
    const char *file, *caption;
} StudyPlot;
enum { STUDY_PLOTS = 6 };
extern const StudyPlot study_plots[STUDY_PLOTS];
NODISCARD Status study_write_plots(Study *s, const char *folder, Err *err);

/* Writes the report to `path` and the plots into the folder beside it that is named as the
 * file without its ending. */
NODISCARD Status study_write_report(Study *s, const Check *checks, const char *path,
                                    Err *err);

#endif
