/* rank.h - comparisons: sample K answers to each prompt from a model and have a judge
 * rank them. The judge stands where people stand in the recipe; today it is the gold
 * judge of the practice world or a reward model. Writes {"prompt","completions","ranks"}
 * JSON Lines, resumable at the granularity of the file. */
#ifndef STAGES_RANK_H
#define STAGES_RANK_H

#include "stages/stage.h"

typedef struct RankOptions {
    char *model, *prompts, *world, *out; /* sft folder; data spec; world.json; file */
    int64_t answers;                     /* K, 2..9 */
    int64_t max_prompts;                 /* 0: all */
    double temperature;
    int64_t max_new, seed;
    double tie;     /* scores closer than this tie */
    double heldout; /* share of the prompts; their comparisons go to out's sibling */
} RankOptions;
extern const OptTable rank_options;
NODISCARD Status stage_rank(const StageEnv *env, const RankOptions *o,
                            StageReport *report, Err *err);
#endif
