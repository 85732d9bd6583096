/* folder.h - models as Hugging Face folders: config.json, model.safetensors (or shards
 * with an index), generation_config.json. Classes: LlamaForCausalLM, Qwen2ForCausalLM,
 * Qwen3ForCausalLM and their ...ForSequenceClassification with one label (reward
 * models; the extra key tame_reward_bias is their score_bias). Fused weights are split
 * into q/k/v and gate/up on the way out and joined on the way in. */
#ifndef MODEL_FOLDER_H
#define MODEL_FOLDER_H

#include "model/model.h"

/* Ids of the special tokens that the folder records; -1: none. */
typedef struct ModelSpecials {
    int32_t bos, pad;
    int32_t eos[4]; /* the first also goes to config.json */
    int32_t n_eos;
} ModelSpecials;

/* Writes config.json, generation_config.json and model.safetensors (f32) into folder
 * (which exists). Tokenizer files are text/'s. */
NODISCARD Status model_folder_save(const Model *model, const ModelSpecials *specials,
                                   const char *folder, Err *err);
/* Loads; F32, BF16 and F16 tensors become f32. Missing, extra (apart from known
 * harmless buffers) and misshapen tensors are errors naming tensor and shapes.
 * `specials` may be NULL. */
NODISCARD Status model_folder_load(Model **out, TensorOps *ops, const char *folder,
                                   bool trainable, ModelSpecials *specials, Err *err);
/* Only the shape (config.json). */
NODISCARD Status model_folder_shape(const char *folder, ModelShape *shape,
                                    ModelSpecials *specials, Err *err);

#endif
