/* sft.h - stage 2: supervised fine-tuning on demonstrations (Ouyang et al. 2022): the
 * loss counts only what the assistant writes (text/template.h's mask). */
#ifndef STAGES_SFT_H
#define STAGES_SFT_H

#include "stages/stage.h"

typedef struct SftOptions {
    char *model, *data, *heldout_data; /* base folder; demonstrations */
    double heldout;                    /* share, when heldout_data is not given */
    double epochs;
    int64_t batch_tokens;
    int overlong;   /* refuse, truncate, drop */
    char *ptx_data; /* shard folder or data spec for the pretraining mix */
    double ptx_coef, ptx_share;
} SftOptions;
extern const OptTable sft_options;
NODISCARD Status stage_sft(const StageEnv *env, const SftOptions *o,
                           const TrainOptions *t, StageReport *report, Err *err);
#endif
