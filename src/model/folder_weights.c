/* folder_weights.c - the weights of a model folder: which of its tensors is which slice of
 * the model's. Of a fused weight it is several (param_pieces), which lie one after the
 * other, so fusing costs nothing. */
#include "base/mem.h"
#include "model/folder_internal.h"
#include "model/folder_parts.h"
#include "model/params_internal.h"

#include <stdio.h>
#include <string.h>

static const char weights_name[] = "model.safetensors";

/* Appends the parts of one parameter. */
static void add_parts(PartList *list, const Model *model, const Param *p)
{
    const char *label;
    ParamPiece pieces[PARAM_PIECES];
    int n = param_pieces(&model->shape, p, &label, pieces);
    int64_t width = p->is_vector ? 1 : p->cols, offset = p->offset;
    const char *at = label ? strstr(p->name, label) : NULL;
    ASSERT(!label || at);
    for (int i = 0; i < n; i++) {
        int64_t outputs = pieces[i].outputs;
        Part part = {.n_dims = p->is_vector ? 1 : 2,
                     .dims = {outputs, p->is_vector ? 0 : width},
                     .value = tensor_slice(model->params, offset, outputs * width)};
        if (label)
            (void)snprintf(part.name, sizeof part.name, "%.*s%s%s", (int)(at - p->name),
                           p->name, pieces[i].label, at + strlen(label));
        else
            memcpy(part.name, p->name, sizeof p->name);
        list->part[list->n++] = part;
        offset += outputs * width;
    }
}

/* without_head: of a scalar head, whose row may be missing. */
static Status list_parts(PartList *list, const Model *model, bool without_head,
                         Err *err)
{
    ASSERT(!model->base);
    *list = (PartList){0};
    TRY(MEM_ARRAY(&list->part, (size_t)model->n_weights * PARAM_PIECES, err));
    ParamWalk walk = param_walk(&model->shape);
    for (Param p; param_next(&walk, &p);) {
        add_parts(list, model, &p);
        list->part[list->n - 1].optional = without_head && p.init == PARAM_SCORE;
    }
    return OK;
}

Status folder_weights_save(const Model *model, const char *folder, Err *err)
{
    PartList list;
    TRY(list_parts(&list, model, false, err));
    Status s = parts_write(model->ops, &list, folder, weights_name, err);
    mem_free(list.part);
    return s;
}

/* Buffers that old checkpoints carry, and the second copy of a tied embedding. */
static bool is_harmless(const ModelShape *s, const char *name)
{
    const char *inv_freq = ".rotary_emb.inv_freq";
    size_t len = strlen(name), n = strlen(inv_freq);
    return (len > n && strcmp(name + len - n, inv_freq) == 0) ||
           (s->tied && strcmp(name, "lm_head.weight") == 0);
}

static bool is_harmless_or_head(const ModelShape *s, const char *name)
{
    return is_harmless(s, name) || strcmp(name, "lm_head.weight") == 0;
}

Status folder_weights_load(Model *model, const char *folder, bool without_head,
                           Err *err)
{
    PartList list;
    ShardList shards;
    TRY(list_parts(&list, model, without_head, err));
    Status s = shards_open(&shards, folder, weights_name, err);
    if (s == OK) {
        s = parts_read(model->ops, &list, &shards,
                       without_head ? is_harmless_or_head : is_harmless, &model->shape,
                       err);
        if (s != OK)
            err_context(err, "'%s'", folder);
    }
    shards_close(&shards);
    mem_free(list.part);
    return s;
}

Status folder_weights_hash(const char *folder, uint64_t *hash, Err *err)
{
    ShardList shards;
    *hash = 0;
    Status s = shards_open(&shards, folder, weights_name, err);
    if (s == OK)
        *hash = shards_hash(&shards);
    shards_close(&shards);
    return s;
}
