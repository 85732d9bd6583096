/* folder_internal.h - the two halves of a model folder: its configuration
 * (folder_config.c, JSON trees) and its weights (folder_weights.c, safetensors). */
#ifndef MODEL_FOLDER_INTERNAL_H
#define MODEL_FOLDER_INTERNAL_H

#include "format/json.h"
#include "model/folder.h"

/* What config.json and generation_config.json say together. */
typedef struct FolderConfig {
    ModelShape shape;
    ModelSpecials specials;
    double score_bias;
} FolderConfig;

/* Trees to structs; pure. A null member counts as absent and is removed. */
NODISCARD Status folder_config_from_json(json_t *config, FolderConfig *out, Err *err);
NODISCARD Status folder_generation_from_json(json_t *generation, FolderConfig *config,
                                             Err *err);
/* New trees; NULL: no memory. */
json_t *folder_config_to_json(const FolderConfig *config);
json_t *folder_generation_to_json(const ModelSpecials *specials);

NODISCARD Status folder_weights_save(const Model *model, const char *folder, Err *err);
NODISCARD Status folder_weights_load(Model *model, const char *folder, Err *err);

#endif
