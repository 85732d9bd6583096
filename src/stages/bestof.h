/* bestof.h - rejection sampling: N answers to each prompt, of which the best by a reward are
 * kept as demonstrations for the next fine-tuning (best-of-n distilled: Touvron et al. 2023,
 * section 3.2.3). Writes {"messages", "score"} JSON Lines. */
#ifndef STAGES_BESTOF_H
#define STAGES_BESTOF_H

#include "stages/stage.h"

typedef struct BestofOptions {
    char *model, *prompts, *reward, *out;
    int64_t answers, keep; /* a prompt */
    double min_score;
    int64_t max_prompts; /* 0: all */
    double temperature;
    int64_t max_new, seed;
} BestofOptions;
extern const OptTable bestof_options;
NODISCARD Status stage_bestof(const StageEnv *env, const BestofOptions *o,
                              StageReport *report, Err *err);

#endif
