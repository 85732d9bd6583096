// floor: model
/* fuzz_model_config.c - a config.json that is accepted describes a legal shape, and what
 * is written for it reads back to the same. */
#include "model/folder_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reading removes null members, so the trees are made anew. */
static void check_equal(const FolderConfig *a, const FolderConfig *b)
{
    json_t *trees[] = {folder_config_to_json(a), folder_config_to_json(b),
                       folder_generation_to_json(&a->specials),
                       folder_generation_to_json(&b->specials)};
    ASSERT(trees[0] && trees[1] && trees[2] && trees[3]);
    ASSERT(json_equal(trees[0], trees[1]) && json_equal(trees[2], trees[3]));
    for (int i = 0; i < 4; i++)
        json_decref(trees[i]);
}

static void check_again(const FolderConfig *config)
{
    Err err = {0};
    FolderConfig again;
    json_t *tree = folder_config_to_json(config);
    json_t *generation = folder_generation_to_json(&config->specials);
    ASSERT(tree && generation);
    ASSERT(folder_config_from_json(tree, &again, &err) == OK);
    ASSERT(folder_generation_from_json(generation, &again, &err) == OK);
    json_decref(tree);
    json_decref(generation);
    check_equal(config, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    json_t *tree;
    FolderConfig config;
    if (json_parse((Span){(const char *)data, size}, &tree, &err) != OK)
        return 0;
    Status status = folder_config_from_json(tree, &config, &err);
    if (status == OK) {
        ASSERT(model_shape_params(&config.shape) > 0);
        ASSERT(model_shape_check(&config.shape, &err) == OK);
        check_again(&config);
    } else {
        ASSERT(status == ERR_FORMAT && err.code == status && err.msg[0]);
    }
    json_decref(tree);
    return 0;
}
