// floor: model
/* fuzz_adapter_config.c - an adapter_config.json that is accepted describes a legal adapter,
 * and what is written for it reads back to the same. */
#include "model/folder_internal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(AdapterConfig config)
{
    Err err = {0};
    AdapterConfig again;
    config.lora.targets += config.lora.targets == 0; /* a folder's tensors would say */
    json_t *tree = adapter_config_to_json(&config);
    ASSERT(tree);
    ASSERT(adapter_config_from_json(tree, &again, &err) == OK);
    ASSERT(model_lora_same(&config.lora, &again.lora));
    ASSERT(config.classifies == again.classifies);
    ASSERT(strcmp(config.base, again.base) == 0);
    json_decref(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    json_t *tree;
    AdapterConfig config;
    if (json_parse((Span){(const char *)data, size}, &tree, &err) != OK)
        return 0;
    Status status = adapter_config_from_json(tree, &config, &err);
    if (status == OK) {
        ASSERT(config.lora.rank > 0 && config.lora.targets <= LORA_ALL_LINEAR);
        ASSERT(model_lora_scale(&config.lora) > 0);
        check_again(config);
    } else {
        ASSERT(status == ERR_FORMAT && err.code == status && err.msg[0]);
    }
    json_decref(tree);
    return 0;
}
