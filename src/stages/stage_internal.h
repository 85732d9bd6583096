/* stage_internal.h - what the stages share among themselves. */
#ifndef STAGES_STAGE_INTERNAL_H
#define STAGES_STAGE_INTERNAL_H

#include "stages/stage.h"
#include "text/template.h"

/* For stages that make data instead of a model: writes stage.json, last of all. */
NODISCARD Status stage_mark_finished(const StageEnv *env, const StageReport *report,
                                     Err *err);
/* Takes what the trainer reports; run's metrics move to *out. `data` is the stage's. */
void stage_report_fill(StageReport *out, TrainReport *run, const Model *model,
                       const char *started_from);
/* Objective.fingerprint: both option structs and numbers that stand for the data. */
uint64_t stage_fingerprint(const OptTable *table, const void *o, const TrainOptions *t,
                           const uint64_t *data, size_t n_data);

/* A model with the tokenizer and the template that belong to it. */
typedef struct ChatModel {
    Model *model;
    Tokenizer *tok;
    ChatTemplate *chat;
    ModelSpecials specials;
} ChatModel;
NODISCARD Status chat_model_open(ChatModel *out, TensorOps *ops, const char *folder,
                                 bool trainable, Err *err);
/* The same for one that trains: all of it, or an adapter (lora_open). */
NODISCARD Status chat_model_open_to_train(ChatModel *out, TensorOps *ops,
                                          const char *folder, const LoraOptions *lora,
                                          int64_t seed, Err *err);
/* The same, frozen, for adapters over it (model_folder_open). */
NODISCARD Status chat_model_open_shared(ChatModel *out, TensorOps *ops,
                                        const char *folder, Err *err);
void chat_model_release(ChatModel *m); /* accepts NULL and zeroed */
/* Ends of turn and of documents: what stops a chat model. */
ModelSpecials chat_specials(const Tokenizer *tok);

/* Learning rates are chosen at width 192 and fall as 1/width (Yang et al. 2021: with
 * Adam the update of a matrix acts over its inputs). */
double stage_lr(double at_width_192, const ModelShape *shape);

#endif
