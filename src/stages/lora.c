/* lora.c - low-rank adapters in the training stages, see lora.h. */
#include "stages/lora.h"

#include "base/log.h"
#include "base/rng.h"

#include <string.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_INT(LoraOptions, lora_rank, 0, 0, ADAPTER_MAX_RANK, "train a low-rank adapter of this rank over the frozen model; 0: train all weights"),
    OPT_REAL(LoraOptions, lora_alpha, 0, 0, 1e6, "the adapter counts by alpha / rank; 0: twice the rank"),
    OPT_TEXT(LoraOptions, lora_targets, "all-linear", "what is adapted: all-linear, or of q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"),
    OPT_BOOL(LoraOptions, lora_rslora, false, "the adapter counts by alpha / sqrt(rank) (rsLoRA)"),
    OPT_END
};
/* clang-format on */
const OptTable lora_options = {"lora", "low-rank adapters", sizeof(LoraOptions),
                               fields};

Status lora_read(const LoraOptions *o, ModelLora *out, Err *err)
{
    *out = (ModelLora){.rank = (int32_t)o->lora_rank, .rslora = o->lora_rslora};
    if (o->lora_rank == 0)
        return OK;
    out->alpha = o->lora_alpha > 0 ? o->lora_alpha : 2 * (double)o->lora_rank;
    const char *targets = o->lora_targets ? o->lora_targets : "all-linear";
    if (model_lora_parse(targets, &out->targets, err) != OK)
        return err_context(err, "option 'lora_targets'");
    return OK;
}

uint64_t lora_hash(const LoraOptions *o)
{
    Str text = {0};
    ModelLora lora;
    uint64_t hash = 0;
    if (lora_read(o, &lora, NULL) == OK && lora.rank > 0) {
        str_printf(&text, "%d %.17g %d ", lora.rank, lora.alpha, lora.rslora);
        model_lora_names(lora.targets, &text);
        hash = rng_hash(str_c(&text), text.len, 2);
    }
    str_release(&text);
    return hash;
}

Status lora_open(Model **out, TensorOps *ops, const char *folder, const LoraOptions *o,
                 int64_t seed, ModelSpecials *specials, Err *err)
{
    ModelLora lora;
    Model *from;
    *out = NULL;
    TRY(lora_read(o, &lora, err));
    if (lora.rank == 0)
        return model_folder_load(out, ops, folder, true, specials, err);
    TRY(model_folder_open(&from, ops, folder, NULL, specials, err));
    Status status = model_adapter_new(out, from, &lora, from->shape.head, true,
                                      (uint64_t)seed, err);
    if (status != OK)
        err_context(err, "'%s'", folder);
    model_free(from); /* the adapter holds the base */
    return status;
}

void lora_plan(MemoryPlan *plan, const Model *model)
{
    if (model->base)
        memory_add_model(plan, &model->base->shape, false);
    memory_add_model(plan, &model->shape, tensor_present(model->grads));
}

void lora_tell(const char *stage, TensorOps *ops, const ModelShape *shape)
{
    const ModelLora *lora = &shape->lora;
    if (lora->rank == 0)
        return;
    ModelShape whole = *shape;
    whole.lora = (ModelLora){0};
    size_t mine = model_bytes(ops, shape, true).gradients + adamw_bytes(shape);
    size_t all = model_bytes(ops, &whole, true).gradients + adamw_bytes(&whole);
    Str names = {0};
    model_lora_names(lora->targets, &names);
    log_info(
        "%s: %s of %s parameters are trained: an adapter of rank %d, alpha %g%s, of "
        "%s; their gradients and moments take %s, those of all would take %s",
        stage, log_count((double)model_shape_own_params(shape)),
        log_count((double)model_shape_params(&whole)), lora->rank, lora->alpha,
        lora->rslora ? ", rslora" : "",
        lora->targets == LORA_ALL_LINEAR ? "all projections" : str_c(&names),
        log_bytes((double)mine), log_bytes((double)all));
    str_release(&names);
}
