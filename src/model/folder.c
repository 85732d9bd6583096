/* folder.c - model folders in and out; the parts are in folder_config.c and
 * folder_weights.c.
 *
 * Each file appears whole or not at all, and config.json last: a folder without it is
 * no model folder, so a first save that was cut off is never taken for a model. */
#include "model/folder.h"

#include "base/file.h"
#include "model/folder_internal.h"

static Status save_json(json_t *tree, const char *folder, const char *name, Err *err)
{
    if (!tree)
        return err_set(err, ERR_NOMEM, "no memory for '%s'", name);
    Str path = {0};
    file_join(&path, folder, name);
    Status s = str_check(&path, err);
    if (s == OK)
        s = json_write_file(str_c(&path), tree, err);
    str_release(&path);
    json_decref(tree);
    return s;
}

Status model_folder_save(const Model *model, const ModelSpecials *specials,
                         const char *folder, Err *err)
{
    FolderConfig config = {model->shape, *specials, model->score_bias};
    TRY(folder_weights_save(model, folder, err));
    TRY(save_json(folder_generation_to_json(specials), folder, "generation_config.json",
                  err));
    return save_json(folder_config_to_json(&config), folder, "config.json", err);
}

typedef Status (*ReadTree)(json_t *tree, FolderConfig *config, Err *err);

static Status load_json(const char *path, ReadTree read, FolderConfig *config, Err *err)
{
    json_t *tree;
    TRY(json_read_file(path, &tree, err));
    Status s = read(tree, config, err);
    if (s != OK)
        err_context(err, "'%s'", path);
    json_decref(tree);
    return s;
}

static Status load_config(const char *folder, FolderConfig *config, Err *err)
{
    Str path = {0};
    file_join(&path, folder, "config.json");
    Status s = str_check(&path, err);
    if (s == OK)
        s = load_json(str_c(&path), folder_config_from_json, config, err);
    file_join(&path, folder, "generation_config.json");
    if (s == OK)
        s = str_check(&path, err);
    if (s == OK && file_exists(str_c(&path)))
        s = load_json(str_c(&path), folder_generation_from_json, config, err);
    str_release(&path);
    return s;
}

Status model_folder_shape(const char *folder, ModelShape *shape,
                          ModelSpecials *specials, Err *err)
{
    FolderConfig config;
    TRY(load_config(folder, &config, err));
    *shape = config.shape;
    if (specials)
        *specials = config.specials;
    return OK;
}

Status model_folder_load(Model **out, TensorOps *ops, const char *folder,
                         bool trainable, ModelSpecials *specials, Err *err)
{
    *out = NULL;
    FolderConfig config;
    TRY(load_config(folder, &config, err));
    Model *model;
    TRY(model_new(&model, ops, &config.shape, trainable, err));
    Status s = folder_weights_load(model, folder, err);
    if (s != OK) {
        model_free(model);
        return s;
    }
    model->score_bias = config.score_bias;
    model_changed(model);
    if (specials)
        *specials = config.specials;
    *out = model;
    return OK;
}
