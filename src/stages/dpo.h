/* dpo.h - learning from rankings without a reward model: direct preference optimisation
 * (Rafailov et al. 2023) and its kin: conservative DPO (Mitchell 2023), IPO (Azar et al.
 * 2023), and DPO with log-ratios per token (Lambert et al. 2024). */
#ifndef STAGES_DPO_H
#define STAGES_DPO_H

#include "stages/stage.h"

typedef struct DpoOptions {
    char *model, *data, *heldout_data; /* sft folder; comparisons */
    char *world, *heldout_prompts;     /* for the gold score on the way */
    int loss;                          /* RANKING_... */
    double beta, label_smoothing;
    bool per_token;
    int pairs; /* all, or ends: the best against the worst */
    double epochs;
    int64_t batch_prompts; /* rankings an update */
    double heldout;
    int overlong;
    int64_t eval_prompts, max_new;
} DpoOptions;
extern const OptTable dpo_options;
NODISCARD Status stage_dpo(const StageEnv *env, const DpoOptions *o,
                           const TrainOptions *t, StageReport *report, Err *err);
#endif
