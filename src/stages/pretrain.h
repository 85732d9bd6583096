/* pretrain.h - stage 1: a base model, a completer of documents (next-token prediction on
 * packed documents; Brown et al. 2020). One dial, depth, derives width, heads, batch,
 * learning rate and token budget; every derived value can be given explicitly. */
#ifndef STAGES_PRETRAIN_H
#define STAGES_PRETRAIN_H

#include "stages/stage.h"

enum { OPTIMIZER_ADAMW, OPTIMIZER_MUON };

typedef struct PretrainOptions {
    char *data, *heldout_data, *tokenizer; /* data specs; folder of the tokenizer */
    int64_t depth;                         /* layers; the dial */
    int64_t hidden, intermediate, heads, kv_heads; /* 0: from depth */
    int64_t context;
    bool tied, qkv_bias, qk_norm;
    double rope_theta;
    int64_t tokens;       /* to train on; 0: from depth */
    int64_t batch_tokens; /* an update; 0: from depth */
    int optimizer;        /* OPTIMIZER_... */
    double muon_lr, muon_momentum;
    double heldout; /* share of documents held out when heldout_data is not given */
    double source_entropy; /* bits per byte, when known (the practice world says) */
} PretrainOptions;
extern const OptTable pretrain_options;
/* t->lr 0: from depth. Prints what was derived through base/log.h and records it. */
NODISCARD Status stage_pretrain(const StageEnv *env, const PretrainOptions *o,
                                const TrainOptions *t, StageReport *report, Err *err);
#endif
