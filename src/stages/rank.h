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
    int labels;     /* RANK_LABELS_...: how well those who rank do it */
    double label_scale, label_noise;
} RankOptions;
/* What becomes of the judge's order; the scores beside it stay the judge's own. */
enum {
    RANK_LABELS_CLEAN,    /* the order of the scores */
    RANK_LABELS_SAMPLED,  /* drawn: of each pair, the better one comes first with chance
                             sigma(difference / label_scale) (Bradley and Terry 1952; whole
                             orders: Plackett 1975, Luce 1959) */
    RANK_LABELS_FLIPPED,  /* each order is turned round with chance label_noise */
    RANK_LABELS_SHUFFLED, /* any order: nothing can be learned */
};
extern const OptTable rank_options;
NODISCARD Status stage_rank(const StageEnv *env, const RankOptions *o,
                            StageReport *report, Err *err);
#endif
