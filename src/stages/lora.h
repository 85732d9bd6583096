/* lora.h - low-rank adapters in the training stages: the options that all of them share,
 * and opening a model so that an adapter is what is trained (model.h: model_adapter_new).
 *
 * The stage's result is then an adapter folder, small, that names the folder of its base.
 * A stage that starts from an adapter folder goes on with that adapter over the same base,
 * or, without lora_rank, trains all weights with the adapter merged into them. */
#ifndef STAGES_LORA_H
#define STAGES_LORA_H

#include "base/options.h"
#include "train/memory.h"

typedef struct LoraOptions {
    int64_t lora_rank;  /* 0: all weights are trained */
    double lora_alpha;  /* 0: twice the rank */
    char *lora_targets; /* model_lora_parse */
    bool lora_rslora;
} LoraOptions;
extern const OptTable lora_options;

/* ERR_OPTION names the target at fault. rank 0: out->rank is 0. */
NODISCARD Status lora_read(const LoraOptions *o, ModelLora *out, Err *err);
/* For a stage's fingerprint. */
uint64_t lora_hash(const LoraOptions *o);

/* What a stage trains, from a folder: all of its model, or, with lora_rank, an adapter over
 * it, by the seed. */
NODISCARD Status lora_open(Model **out, TensorOps *ops, const char *folder,
                           const LoraOptions *o, int64_t seed, ModelSpecials *specials,
                           Err *err);
/* What is in memory of a model that trains, with its base. */
void lora_plan(MemoryPlan *plan, const Model *model);
/* Logs how much is trained, and what gradients and moments of all would take. */
void lora_tell(const char *stage, TensorOps *ops, const ModelShape *shape);

#endif
