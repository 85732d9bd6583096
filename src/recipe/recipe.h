/* recipe.h - a recipe: the stages of a run in order, read from YAML.
 *
 *     run: demo                      # runs/demo
 *     seed: 1                        # of every stage that does not say otherwise
 *     stages:
 *       - world: {}                  # kind: options (stages/kinds.h)
 *       - tokenizer: {data: $world/pretrain.jsonl, vocab: 2048}
 *       - pretrain: {name: base, data: $world/pretrain.jsonl, tokenizer: $tokenizer}
 *
 * `name` is the folder in the run (default: the kind's, "base" for pretrain). In option
 * values "$name" stands for the folder of an earlier stage, so that a recipe can be
 * moved. Unknown kinds, options and names are errors that suggest the nearest. */
#ifndef RECIPE_RECIPE_H
#define RECIPE_RECIPE_H

#include "stages/kinds.h"

typedef struct RecipeStage {
    const StageKind *kind;
    char *name;
    char *folder; /* <run>/<name> or <run>/data/<name> */
    StageOptions options;
} RecipeStage;

typedef struct Recipe {
    char *name;   /* of the run */
    char *folder; /* <runs>/<name> */
    RecipeStage *stages;
    size_t n;
} Recipe;

/* Pure: bytes in, recipe out. runs: the folder that run folders are in. */
NODISCARD Status recipe_parse(Span yaml, const char *runs, Recipe *out, Err *err);
NODISCARD Status recipe_read(const char *path, const char *runs, Recipe *out, Err *err);
void recipe_release(Recipe *r);
/* The record of what is run: all options, resolved ("recipe.yaml" of the run folder). */
json_t *recipe_record(const Recipe *r);

/* Runs the stages in order in their run folder (locked meanwhile): skips what is
 * finished, resumes what was cut, writes recipe.yaml, ledger.json and report.html.
 * Refuses when a finished stage was run with other options, saying which. */
NODISCARD Status recipe_run(Recipe *r, TensorOps *ops, Err *err);

#endif
