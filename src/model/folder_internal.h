/* folder_internal.h - the two halves of a model folder: its configuration
 * (folder_config.c, JSON trees) and its weights (folder_weights.c, safetensors); and those
 * of an adapter folder (folder_adapter_config.c, folder_adapter.c). */
#ifndef MODEL_FOLDER_INTERNAL_H
#define MODEL_FOLDER_INTERNAL_H

#include "format/json.h"
#include "model/folder.h"

/* What config.json and generation_config.json say together. */
typedef struct FolderConfig {
    ModelShape shape;
    ModelSpecials specials;
    double score_bias;
    char base_hash
        [17]; /* tame_base_hash of an adapter's: of its base's weights; or "" */
} FolderConfig;

/* Trees to structs; pure. A null member counts as absent and is removed. */
NODISCARD Status folder_config_from_json(json_t *config, FolderConfig *out, Err *err);
NODISCARD Status folder_generation_from_json(json_t *generation, FolderConfig *config,
                                             Err *err);
/* New trees; NULL: no memory. */
json_t *folder_config_to_json(const FolderConfig *config);
json_t *folder_generation_to_json(const ModelSpecials *specials);

void folder_drop_nulls(json_t *o); /* members that are null */

NODISCARD Status folder_weights_save(const Model *model, const char *folder, Err *err);
/* without_head: a scalar head's row may be missing, and a language-model head be there. */
NODISCARD Status folder_weights_load(Model *model, const char *folder,
                                     bool without_head, Err *err);
/* Of the bytes of all its weights. */
NODISCARD Status folder_weights_hash(const char *folder, uint64_t *hash, Err *err);

/* What adapter_config.json says. */
typedef struct AdapterConfig {
    ModelLora lora;  /* targets 0: those of the tensors */
    bool classifies; /* a scalar head, saved in full */
    char base[512];  /* folder of the model that it is over */
} AdapterConfig;
/* Pure, as above. */
NODISCARD Status adapter_config_from_json(json_t *tree, AdapterConfig *out, Err *err);
json_t *adapter_config_to_json(const AdapterConfig *config);

/* A model as a tree's file; takes the tree. NULL: no memory. */
NODISCARD Status folder_save_json(json_t *tree, const char *folder, const char *name,
                                  Err *err);
/* config.json and generation_config.json. */
NODISCARD Status folder_config_load(const char *folder, FolderConfig *config, Err *err);

/* An adapter folder, read but for its weights. */
typedef struct AdapterFolder {
    AdapterConfig adapter; /* with targets */
    FolderConfig model;    /* the shape with the adapter */
} AdapterFolder;
NODISCARD Status adapter_folder_read(const char *folder, AdapterFolder *out, Err *err);
/* Where its base is, and the hash of the weights there, which are those that the adapter
 * was trained over. ERR_IO when it is gone, ERR_FORMAT when it has changed. */
NODISCARD Status adapter_folder_base(const char *folder, const AdapterFolder *adapter,
                                     Str *base, uint64_t *hash, Err *err);
NODISCARD Status adapter_weights_save(const Model *adapter, const char *folder,
                                      Err *err);
NODISCARD Status adapter_weights_load(Model *adapter, const char *folder, Err *err);

#endif
