/* folder.h - models as Hugging Face folders: config.json, model.safetensors (or shards
 * with an index), generation_config.json. Classes: LlamaForCausalLM, Qwen2ForCausalLM,
 * Qwen3ForCausalLM and their ...ForSequenceClassification with one label (reward
 * models; the extra key tame_reward_bias is their score_bias). Fused weights are split
 * into q/k/v and gate/up on the way out and joined on the way in.
 *
 * An adapter's folder has PEFT's adapter_config.json and adapter_model.safetensors in place
 * of the weights, and names the folder of its base; the extra key tame_base_hash of its
 * config.json says which weights those were. */
#ifndef MODEL_FOLDER_H
#define MODEL_FOLDER_H

#include "model/model.h"
#include "text/tokenizer.h"

/* Ids of the special tokens that the folder records; -1: none. */
typedef struct ModelSpecials {
    int32_t bos, pad;
    int32_t eos[4]; /* the first also goes to config.json */
    int32_t n_eos;
} ModelSpecials;

/* Writes config.json, generation_config.json and model.safetensors (f32) into folder
 * (which exists); of an adapter, adapter_config.json and adapter_model.safetensors in
 * place of the last. Tokenizer files are text/'s. */
NODISCARD Status model_folder_save(const Model *model, const ModelSpecials *specials,
                                   const char *folder, Err *err);
/* Loads; F32, BF16 and F16 tensors become f32. Missing, extra (apart from known
 * harmless buffers) and misshapen tensors are errors naming tensor and shapes. An adapter
 * folder gives a model like any other: its base with the adapter merged into it, in f32.
 * `specials` may be NULL. */
NODISCARD Status model_folder_load(Model **out, TensorOps *ops, const char *folder,
                                   bool trainable, ModelSpecials *specials, Err *err);
/* The same, frozen, but the adapter of an adapter folder stays one, over its base: for
 * adapters that go on from it (model_adapter_new), and for several over one base. Where the
 * weights are those of the base of `beside` (NULL: none), that is shared. */
NODISCARD Status model_folder_open(Model **out, TensorOps *ops, const char *folder,
                                   Model *beside, ModelSpecials *specials, Err *err);
/* What model_folder_save wrote of this model, or of one like it, back into it. Of an
 * adapter, the base must be the same. After an error the values are undefined. */
NODISCARD Status model_folder_restore(Model *into, const char *folder, Err *err);
/* Only the shape (config.json), with the adapter of an adapter folder. */
NODISCARD Status model_folder_shape(const char *folder, ModelShape *shape,
                                    ModelSpecials *specials, Err *err);
bool model_folder_is_adapter(const char *folder);
/* The folder of an adapter folder's base. ERR_IO when it is gone, ERR_FORMAT when its
 * weights have changed. */
NODISCARD Status model_folder_base(const char *folder, Str *base, Err *err);
/* The folder's tokenizer; of an adapter folder that has none, its base's. */
NODISCARD Status model_folder_tokenizer(Tokenizer **out, const char *folder, Err *err);

#endif
