/* kto.h - learning from answers that were rated one by one, good or bad, instead of
 * compared: Kahneman-Tversky optimisation (Ethayarajh et al. 2024). */
#ifndef STAGES_KTO_H
#define STAGES_KTO_H

#include "stages/stage.h"

typedef struct KtoOptions {
    char *model, *data, *heldout_data; /* sft folder; rated answers or comparisons */
    char *world, *heldout_prompts;     /* for the gold score on the way */
    double beta, desirable_weight, undesirable_weight;
    double epochs;
    int64_t batch; /* answers an update */
    double heldout;
    int overlong;
    int64_t eval_prompts, max_new;
} KtoOptions;
extern const OptTable kto_options;
NODISCARD Status stage_kto(const StageEnv *env, const KtoOptions *o,
                           const TrainOptions *t, StageReport *report, Err *err);
#endif
