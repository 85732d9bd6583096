/* folder_adapter.c - adapter folders, laid out as PEFT's: adapter_config.json, and
 * adapter_model.safetensors with the A and B of each projection by itself,
 *
 *     base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight (r, in)
 *     base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight (out, r)
 *     base_model.model.score.weight (1, C)                           of a reward model
 *
 * Ours have a config.json too: the shape, the reward's bias, and the hash of the base's
 * weights, without which an adapter means nothing. PEFT's own have none: then the base's
 * serves.
 *
 * The base is looked for where adapter_config.json says, and under its last name in the
 * folders above the adapter's, so that a run folder can be moved as a whole. */
#include "base/file.h"
#include "base/mem.h"
#include "model/folder_internal.h"
#include "model/folder_parts.h"
#include "model/lora_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char config_name[] = "adapter_config.json";
static const char weights_name[] = "adapter_model.safetensors";
static const char prefix[] = "base_model.model.";

/* Without an allocation: there is no way to say that one failed. */
static bool has(const char *folder, const char *name)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    return len > 0 && (size_t)len < sizeof path && file_exists(path);
}

bool model_folder_is_adapter(const char *folder)
{
    return has(folder, config_name);
}

/* --- weights --------------------------------------------------------------------------- */

static void name_part(char out[128], const LoraSite *site, const LoraPiece *piece,
                      const char *matrix)
{
    const char *name = site->param.name, *at = strstr(name, site->label);
    ASSERT(at);
    (void)snprintf(out, 128, "%s%.*s%s.%s.weight", prefix, (int)(at - name), name,
                   piece->label, matrix);
}

static void add_site(PartList *list, const Model *m, const LoraSite *site)
{
    int64_t r = site->rank, C = site->param.cols, b = site->b;
    for (int32_t i = 0; i < site->pieces; i++) {
        int64_t rows = site->piece[i].rows.rows;
        Part *part = &list->part[list->n];
        list->n += 2;
        part[0] = (Part){.n_dims = 2, .dims = {r, C}};
        part[0].value = tensor_slice(m->params, site->a + i * r * C, r * C);
        name_part(part[0].name, site, &site->piece[i], "lora_A");
        part[1] = (Part){.n_dims = 2, .dims = {rows, r}};
        part[1].value = tensor_slice(m->params, b, rows * r);
        name_part(part[1].name, site, &site->piece[i], "lora_B");
        b += rows * r;
    }
}

static Status list_parts(PartList *list, const Model *m, Err *err)
{
    ASSERT(m->base);
    *list = (PartList){0};
    size_t most = (size_t)m->n_weights * ADAPTER_PIECES;
    TRY(MEM_ARRAY(&list->part, most, err));
    LoraWalk walk;
    lora_walk(&walk, &m->shape);
    for (LoraSite s; lora_next(&walk, &s);)
        add_site(list, m, &s);
    if (head_has_score(m->shape.head)) {
        Part *part = &list->part[list->n++];
        *part =
            (Part){.n_dims = 2, .dims = {1, m->shape.hidden}, .value = m->score.value};
        (void)snprintf(part->name, sizeof part->name, "%sscore.weight", prefix);
    }
    return OK;
}

Status adapter_weights_save(const Model *adapter, const char *folder, Err *err)
{
    const Model *base = adapter->base;
    if (!base->source)
        return err_set(err, ERR_OPTION,
                       "an adapter over a model that was read from no folder cannot be "
                       "saved");
    AdapterConfig config = {.lora = adapter->shape.lora,
                            .classifies = adapter->shape.head == HEAD_SCALAR};
    if (strlen(base->source) >= sizeof config.base)
        return err_set(err, ERR_LIMIT, "the path '%.200s...' is too long",
                       base->source);
    memcpy(config.base, base->source, strlen(base->source));
    PartList list;
    TRY(list_parts(&list, adapter, err));
    Status s = parts_write(adapter->ops, &list, folder, weights_name, err);
    mem_free(list.part);
    if (s == OK)
        s = folder_save_json(adapter_config_to_json(&config), folder, config_name, err);
    return s;
}

Status adapter_weights_load(Model *adapter, const char *folder, Err *err)
{
    PartList list;
    ShardList shards;
    TRY(list_parts(&list, adapter, err));
    Status s = shards_open(&shards, folder, weights_name, err);
    if (s == OK) {
        s = parts_read(adapter->ops, &list, &shards, NULL, &adapter->shape, err);
        if (s != OK)
            err_context(err, "'%s'", folder);
    }
    shards_close(&shards);
    mem_free(list.part);
    model_changed(adapter);
    return s;
}

/* --- configuration ---------------------------------------------------------------------- */

static Status read_adapter_config(const char *folder, AdapterConfig *out, Err *err)
{
    Str path = {0};
    json_t *tree = NULL;
    file_join(&path, folder, config_name);
    Status s = str_check(&path, err);
    if (s == OK)
        s = json_read_file(str_c(&path), &tree, err);
    if (s == OK) {
        s = adapter_config_from_json(tree, out, err);
        if (s != OK)
            err_context(err, "'%s'", str_c(&path));
    }
    json_decref(tree);
    str_release(&path);
    return s;
}

/* Those that there are tensors of. */
static Status find_targets(const char *folder, uint32_t *targets, Err *err)
{
    ShardList shards;
    Status s = shards_open(&shards, folder, weights_name, err);
    for (uint32_t bit = 1; s == OK && bit <= LORA_DOWN; bit <<= 1) {
        Str ending = {0};
        str_putc(&ending, '.');
        model_lora_names(bit, &ending);
        str_puts(&ending, ".lora_A.weight");
        s = str_check(&ending, err);
        if (s == OK && shards_have(&shards, str_c(&ending)))
            *targets |= bit;
        str_release(&ending);
    }
    shards_close(&shards);
    if (s == OK && *targets == 0)
        return err_set(err, ERR_FORMAT, "'%s': no tensor is the lora_A of a projection",
                       folder);
    return s;
}

static Status find_base(const char *folder, const AdapterConfig *adapter,
                        const char *hash, Str *base, uint64_t *found, Err *err);

/* The base's, with the adapter's head. */
static Status config_of_base(const char *folder, AdapterFolder *out, Err *err)
{
    Str base = {0};
    uint64_t hash;
    Status s = find_base(folder, &out->adapter, "", &base, &hash, err);
    if (s == OK)
        s = folder_config_load(str_c(&base), &out->model, err);
    str_release(&base);
    if (s == OK && out->adapter.classifies) {
        out->model.shape.head = HEAD_SCALAR;
        s = model_shape_check(&out->model.shape, err);
    }
    return s;
}

Status adapter_folder_read(const char *folder, AdapterFolder *out, Err *err)
{
    *out = (AdapterFolder){0};
    TRY(read_adapter_config(folder, &out->adapter, err));
    if (out->adapter.lora.targets == 0)
        TRY(find_targets(folder, &out->adapter.lora.targets, err));
    if (has(folder, "config.json"))
        TRY(folder_config_load(folder, &out->model, err));
    else
        TRY(config_of_base(folder, out, err));
    if ((out->model.shape.head == HEAD_SCALAR) != out->adapter.classifies)
        return err_set(err, ERR_FORMAT,
                       "'%s': config.json and adapter_config.json do not agree on "
                       "whether it gives scores",
                       folder);
    out->model.shape.lora = out->adapter.lora;
    return OK;
}

/* --- the base ---------------------------------------------------------------------------- */

enum { LEVELS = 4 }; /* a checkpoint lies three below its run */

/* Candidate number i for the base's folder. */
static void candidate(Str *out, const char *folder, const char *base, int i)
{
    str_reset(out);
    if (i > 0) {
        str_puts(out, folder);
        for (int up = 0; up < i; up++)
            str_puts(out, "/..");
        str_putc(out, '/');
        base = file_base_name(base);
    }
    str_puts(out, base);
}

static bool is_plain_model(const char *folder)
{
    return has(folder, "config.json") && !model_folder_is_adapter(folder) &&
           (has(folder, "model.safetensors") ||
            has(folder, "model.safetensors.index.json"));
}

static Status find_base(const char *folder, const AdapterConfig *adapter,
                        const char *hash, Str *base, uint64_t *found, Err *err)
{
    char other[17] = ""; /* of a base that is there, but not the one */
    bool is_adapter = false;
    for (int i = 0; i <= LEVELS; i++) {
        candidate(base, folder, adapter->base, i);
        TRY(str_check(base, err));
        is_adapter = is_adapter || (i == 0 && model_folder_is_adapter(str_c(base)));
        if (!is_plain_model(str_c(base)))
            continue;
        char here[17];
        TRY(folder_weights_hash(str_c(base), found, err));
        (void)snprintf(here, sizeof here, "%016" PRIx64, *found);
        if (!hash[0] || strcmp(here, hash) == 0)
            return OK;
        memcpy(other, here, sizeof other);
    }
    if (other[0])
        return err_set(err, ERR_FORMAT,
                       "'%s' is an adapter over '%s' as it was when the hash of its "
                       "weights was %s; now it is %s, and the adapter means nothing "
                       "there: put the old weights back",
                       folder, adapter->base, hash, other);
    if (is_adapter)
        return err_set(
            err, ERR_FORMAT,
            "'%s' is an adapter over '%s', which is an adapter itself; merge "
            "that one first",
            folder, adapter->base);
    return err_set(err, ERR_IO,
                   "'%s' is an adapter over '%s', and no model is there; put it back, "
                   "or write where it is into base_model_name_or_path of '%s/%s'",
                   folder, adapter->base, folder, config_name);
}

Status adapter_folder_base(const char *folder, const AdapterFolder *adapter, Str *base,
                           uint64_t *hash, Err *err)
{
    return find_base(folder, &adapter->adapter, adapter->model.base_hash, base, hash,
                     err);
}
