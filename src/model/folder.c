/* folder.c - model folders in and out; the parts are in folder_config.c and
 * folder_weights.c, those of adapters in folder_adapter_config.c and folder_adapter.c.
 *
 * Each file appears whole or not at all, and config.json last: a folder without it is
 * no model folder, so a first save that was cut off is never taken for a model. */
#include "model/folder.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/folder_internal.h"
#include "model/lora_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

Status folder_save_json(json_t *tree, const char *folder, const char *name, Err *err)
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
    FolderConfig config = {model->shape, *specials, model->score_bias, ""};
    if (model->base) {
        (void)snprintf(config.base_hash, sizeof config.base_hash, "%016" PRIx64,
                       model->base->source_hash);
        TRY(adapter_weights_save(model, folder, err));
    } else {
        TRY(folder_weights_save(model, folder, err));
    }
    TRY(folder_save_json(folder_generation_to_json(specials), folder,
                         "generation_config.json", err));
    return folder_save_json(folder_config_to_json(&config), folder, "config.json", err);
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

Status folder_config_load(const char *folder, FolderConfig *config, Err *err)
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

/* Of any folder. */
static Status read_config(const char *folder, FolderConfig *config, Err *err)
{
    if (!model_folder_is_adapter(folder))
        return folder_config_load(folder, config, err);
    AdapterFolder adapter;
    TRY(adapter_folder_read(folder, &adapter, err));
    *config = adapter.model;
    return OK;
}

Status model_folder_shape(const char *folder, ModelShape *shape,
                          ModelSpecials *specials, Err *err)
{
    FolderConfig config;
    TRY(read_config(folder, &config, err));
    *shape = config.shape;
    if (specials)
        *specials = config.specials;
    return OK;
}

Status model_folder_base(const char *folder, Str *base, Err *err)
{
    AdapterFolder adapter;
    uint64_t hash;
    TRY(adapter_folder_read(folder, &adapter, err));
    return adapter_folder_base(folder, &adapter, base, &hash, err);
}

Status model_folder_tokenizer(Tokenizer **out, const char *folder, Err *err)
{
    Str path = {0};
    *out = NULL;
    bool own = !model_folder_is_adapter(folder) ||
               file_exists(file_join(&path, folder, "tokenizer.json"));
    Status s = OK;
    if (!own)
        s = model_folder_base(folder, &path, err);
    if (s == OK)
        s = tokenizer_load(out, own ? folder : str_c(&path), err);
    str_release(&path);
    return s;
}

/* --- loading ----------------------------------------------------------------------- */

/* A folder of weights, perhaps with a scalar head that is still to come. A critic's row that
 * a policy's checkpoint has beside its head is read and forgotten: model_folder_restore
 * alone wants it. */
static Status load_plain(Model **out, TensorOps *ops, const char *folder,
                         ModelHead head, const FolderConfig *config, bool trainable,
                         Err *err)
{
    ModelShape shape = config->shape;
    bool without_head = !head_has_score(shape.head) && head == HEAD_SCALAR;
    *out = NULL;
    if (head_has_logits(head) && !head_has_logits(shape.head))
        return err_set(err, ERR_FORMAT,
                       "'%s' has no language-model head for an adapter", folder);
    shape.head = head == HEAD_LM ? shape.head : head;
    Model *model;
    TRY(model_new(&model, ops, &shape, trainable, err));
    Status s = folder_weights_load(model, folder, without_head, err);
    if (s != OK) {
        model_free(model);
        return s;
    }
    model->score_bias = config->score_bias;
    model_drop_score(model);
    model_changed(model);
    *out = model;
    return OK;
}

/* The adapter of a folder over a base that is in memory. */
static Status load_adapter(Model **out, Model *base, const char *folder,
                           const AdapterFolder *from, Err *err)
{
    Model *adapter;
    TRY(model_adapter_new(&adapter, base, &from->adapter.lora, from->model.shape.head,
                          false, 0, err));
    Status s = adapter_weights_load(adapter, folder, err);
    if (s != OK) {
        model_free(adapter);
        return s;
    }
    adapter->score_bias = from->model.score_bias;
    model_drop_score(adapter);
    *out = adapter;
    return OK;
}

static ModelHead loaded_head(const FolderConfig *config)
{
    return config->shape.head == HEAD_BOTH ? HEAD_LM : config->shape.head;
}

static Status load_merged(Model **out, TensorOps *ops, const char *folder,
                          bool trainable, ModelSpecials *specials, Err *err)
{
    AdapterFolder from;
    FolderConfig config;
    Str base = {0};
    uint64_t hash;
    Model *model = NULL, *adapter = NULL;
    Status s = adapter_folder_read(folder, &from, err);
    if (s == OK)
        s = adapter_folder_base(folder, &from, &base, &hash, err);
    if (s == OK)
        s = folder_config_load(str_c(&base), &config, err);
    if (s == OK)
        s = load_plain(&model, ops, str_c(&base), loaded_head(&from.model), &config,
                       trainable, err);
    if (s == OK)
        s = load_adapter(&adapter, model, folder, &from, err);
    if (s == OK)
        s = lora_merge(model, adapter, err);
    model_free(adapter);
    str_release(&base);
    if (s != OK) {
        model_free(model);
        return s;
    }
    if (specials)
        *specials = from.model.specials;
    *out = model;
    return OK;
}

Status model_folder_load(Model **out, TensorOps *ops, const char *folder,
                         bool trainable, ModelSpecials *specials, Err *err)
{
    *out = NULL;
    if (model_folder_is_adapter(folder))
        return load_merged(out, ops, folder, trainable, specials, err);
    FolderConfig config;
    TRY(folder_config_load(folder, &config, err));
    TRY(load_plain(out, ops, folder, config.shape.head, &config, trainable, err));
    if (specials)
        *specials = config.specials;
    return OK;
}

/* --- opening ------------------------------------------------------------------------ */

/* A plain folder's model, or that of `beside` where it is the same; held by the caller. */
static Status open_plain(Model **out, TensorOps *ops, const char *folder, uint64_t hash,
                         Model *beside, Err *err)
{
    Model *there = beside ? model_base(beside) : NULL;
    if (there && there->source && there->source_hash == hash) {
        there->holders++;
        *out = there;
        return OK;
    }
    FolderConfig config;
    Model *model;
    TRY(folder_config_load(folder, &config, err));
    TRY(load_plain(&model, ops, folder, config.shape.head, &config, false, err));
    model->source = mem_dup(folder, strlen(folder));
    model->source_hash = hash;
    if (!model->source) {
        model_free(model);
        return err_set(err, ERR_NOMEM, "no memory for the path of '%s'", folder);
    }
    *out = model;
    return OK;
}

static Status open_adapter(Model **out, TensorOps *ops, const char *folder,
                           Model *beside, ModelSpecials *specials, Err *err)
{
    AdapterFolder from;
    Str path = {0};
    uint64_t hash;
    Model *base = NULL;
    Status s = adapter_folder_read(folder, &from, err);
    if (s == OK)
        s = adapter_folder_base(folder, &from, &path, &hash, err);
    if (s == OK)
        s = open_plain(&base, ops, str_c(&path), hash, beside, err);
    if (s == OK)
        s = load_adapter(out, base, folder, &from, err);
    model_free(base); /* the adapter holds it */
    str_release(&path);
    if (s == OK && specials)
        *specials = from.model.specials;
    return s;
}

Status model_folder_open(Model **out, TensorOps *ops, const char *folder, Model *beside,
                         ModelSpecials *specials, Err *err)
{
    *out = NULL;
    if (model_folder_is_adapter(folder))
        return open_adapter(out, ops, folder, beside, specials, err);
    uint64_t hash;
    FolderConfig config;
    TRY(folder_config_load(folder, &config, err));
    TRY(folder_weights_hash(folder, &hash, err));
    TRY(open_plain(out, ops, folder, hash, beside, err));
    if (specials)
        *specials = config.specials;
    return OK;
}

/* --- restoring ----------------------------------------------------------------------- */

static Status check_restored(const Model *into, const char *folder,
                             const FolderConfig *config, Err *err)
{
    char hash[17];
    int64_t params = model_shape_own_params(&config->shape);
    if (params != into->n_params || config->shape.head != into->shape.head ||
        !model_lora_same(&config->shape.lora, &into->shape.lora))
        return err_set(err, ERR_FORMAT,
                       "'%s' has %" PRId64 " parameters, the model %" PRId64
                       ", or they are of another kind",
                       folder, params, into->n_params);
    if (!into->base)
        return OK;
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, into->base->source_hash);
    if (strcmp(hash, config->base_hash) != 0)
        return err_set(
            err, ERR_OPTION,
            "'%s' was trained over weights of the hash %s, not over those of "
            "'%s', whose hash is %s",
            folder, config->base_hash[0] ? config->base_hash : "?",
            into->base->source ? into->base->source : "?", hash);
    return OK;
}

Status model_folder_restore(Model *into, const char *folder, Err *err)
{
    FolderConfig config;
    TRY(read_config(folder, &config, err));
    TRY(check_restored(into, folder, &config, err));
    TRY(into->base ? adapter_weights_load(into, folder, err)
                   : folder_weights_load(into, folder, false, err));
    into->score_bias = config.score_bias;
    model_changed(into);
    return OK;
}
