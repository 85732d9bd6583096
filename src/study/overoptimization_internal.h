/* overoptimization_internal.h - the pieces of the gold study, see overoptimization.h. */
#ifndef STUDY_OVEROPTIMIZATION_INTERNAL_H
#define STUDY_OVEROPTIMIZATION_INTERNAL_H

#include "study/check.h"
#include "study/lab.h"

/* A model that is pretrained and fine-tuned: the policy, or where reward models start. */
typedef struct StudyModel {
    int64_t depth, hidden, heads, tokens; /* tokens: of pretraining */
} StudyModel;

typedef struct StudyScale {
    const char *name, *run; /* "quick"; the run folder's default name */
    int64_t seeds;          /* of the runs where the table asks for several */
    int64_t text_bytes, demonstrations, prompts, heldout_prompts, vocab, context;
    StudyModel policy, small, tiny;
    int64_t sft_batch;
    int64_t few;           /* prompts of the smallest set of comparisons: N; the others
                              have 4N and 16N */
    int64_t batch_prompts; /* rankings an update of the reward models */
    int64_t episodes, batch, max_new; /* of an RL run */
    int64_t eval_prompts, eval_every;
    double kl_target;
    int64_t measured;                   /* held-out prompts of a measure */
    int64_t best_prompts, best_answers; /* for best of n */
    int64_t documents;                  /* for bits per byte */
    int64_t checkpoint_every; /* of reward models and RL: 0 where they are short */
} StudyScale;

typedef struct Study {
    const StudyScale *scale;
    Lab lab;
    /* The reward models that choose the best of n; those of the main runs, by which every
     * policy is measured. Runs, ended by NULL. */
    const char *const *proxies, *const *mains;
    Measure best_of, sft; /* of the SFT model */
} Study;

/* Names of runs that differ by seed: "ppo_1". */
typedef struct RunName {
    char text[48];
} RunName;
RunName run_name(const char *stem, int64_t seed);

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
