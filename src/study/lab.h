/* lab.h - where a study works: one run folder (recipe/recipe.h) that holds all its runs,
 * each a stage with options in a folder of its own, and what is read from them.
 *
 *     runs/NAME/
 *       recipe.yaml ledger.json report.html   as of any recipe
 *       RUN/                                  a finished stage, with measure.json beside
 *       overoptimization.md                   the report, plots in a folder of that name
 *
 * A study is resumed as a recipe is: finished runs are skipped, a cut one goes on from its
 * checkpoint, and measures are kept. */
#ifndef STUDY_LAB_H
#define STUDY_LAB_H

#include "recipe/recipe.h"
#include "study/measure.h"
#include "study/series.h"

typedef struct Lab {
    TensorOps *ops; /* borrowed */
    Recipe recipe;
    int64_t limit, max_new; /* prompts and tokens of a measure */
    const char *reference;  /* run that KL is to; NULL: sft */
} Lab;

/* Runs the recipe in `yaml` as far as it is not run yet. The lab holds the last one. */
NODISCARD Status lab_run(Lab *lab, Span yaml, const char *runs, Err *err);
void lab_release(Lab *lab);

/* The stage of that name, which the recipe has. */
const RecipeStage *lab_stage(const Lab *lab, const char *run);
static inline const char *lab_folder(const Lab *lab, const char *run)
{
    return lab_stage(lab, run)->folder;
}

/* The stage `run` once more, in another folder of the lab (which may hold checkpoints to
 * go on from), with another backend or tokens a pass (0: as it was). Skipped when it is
 * finished there. */
NODISCARD Status lab_run_again(const Lab *lab, const char *run, const char *folder,
                               TensorOps *ops, int64_t micro_batch, Err *err);

/* metrics.jsonl of a run. */
NODISCARD Status lab_series(const Lab *lab, const char *run, Series *out, Err *err);
/* A number of the run's final metrics (training.json); NAN when it has none. */
NODISCARD Status lab_final(const Lab *lab, const char *run, const char *key,
                           double *out, Err *err);

/* One answer to each held-out prompt by the policy `run`, with its KL to the reference and the
 * scores of the reward models named in `proxies` (NULL-terminated names of runs, or NULL). */
NODISCARD Status lab_measure(const Lab *lab, const char *run,
                             const char *const *proxies, Measure *out, Err *err);
/* Many answers of `sft` to each prompt, to choose the best of: `prompts` of `answers`. */
NODISCARD Status lab_best_of(const Lab *lab, const char *const *proxies,
                             int64_t prompts, int64_t answers, Measure *out, Err *err);
/* Bits per byte on the held-out pretraining text. */
NODISCARD Status lab_bits(const Lab *lab, const char *run, int64_t documents,
                          double *out, Err *err);

/* Copies a folder with everything in it. */
NODISCARD Status lab_copy_tree(const char *from, const char *to, Err *err);
/* Whether both files (or all files of both folders) hold the same bytes; what differs
 * first is named in *difference (may be NULL). */
NODISCARD Status lab_same_bytes(const char *a, const char *b, bool *same,
                                Str *difference, Err *err);

#endif
