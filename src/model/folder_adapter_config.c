/* folder_adapter_config.c - adapter_config.json, PEFT's description of an adapter.
 *
 * What is written is what PEFT 0.21 writes for the same adapter, defaults included. What
 * the reader meets and the model cannot do (DoRA, ranks by layer, other modules saved in
 * full) is an error, never ignored; what only matters to training (dropout) is passed
 * over. Absent keys have PEFT's defaults. */
#include "model/folder_internal.h"

#include <math.h>
#include <string.h>

static bool is_empty(const json_t *value)
{
    return !value || json_is_false(value) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

/* Keys that must not say anything. */
static Status refuse_unsupported(const json_t *o, Err *err)
{
    static const char *const keys[] = {
        "use_dora",          "fan_in_fan_out",    "lora_bias",
        "use_qalora",        "use_bdlora",        "rank_pattern",
        "alpha_pattern",     "layer_replication", "layers_to_transform",
        "target_parameters", "arrow_config",      "trainable_token_indices",
        "kasa_config",       "velora_config",     "alora_invocation_tokens",
        "monteclora_config"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!is_empty(json_object_get(o, keys[i])))
            return err_set(err, ERR_FORMAT, "'%s' is not supported", keys[i]);
    }
    const json_t *bias = json_object_get(o, "bias");
    const char *text = json_string_value(bias);
    if (bias && !(text && strcmp(text, "none") == 0))
        return err_set(err, ERR_FORMAT, "'bias' is not 'none': biases are not adapted");
    return OK;
}

/* Those that only choose A and B; the others change the base's weights too. */
static Status check_start(const json_t *o, Err *err)
{
    static const char *const harmless[] = {"gaussian", "eva", "orthogonal"};
    const char *text = json_string_value(json_object_get(o, "init_lora_weights"));
    for (size_t i = 0; text && i < sizeof harmless / sizeof *harmless; i++) {
        if (strcmp(text, harmless[i]) == 0)
            return OK;
    }
    return text ? err_set(err, ERR_FORMAT,
                          "'init_lora_weights' is '%.40s', which changes the base "
                          "model; convert the adapter to a plain one",
                          text)
                : OK;
}

static Status read_task(const json_t *o, AdapterConfig *out, Err *err)
{
    const json_t *saved = json_object_get(o, "modules_to_save");
    const char *task = json_string_value(json_object_get(o, "task_type"));
    out->classifies = task && strcmp(task, "SEQ_CLS") == 0;
    if (json_object_get(o, "task_type") && !out->classifies &&
        !(task && strcmp(task, "CAUSAL_LM") == 0))
        return err_set(err, ERR_FORMAT, "'task_type' is not CAUSAL_LM or SEQ_CLS");
    if (saved && !json_is_array(saved))
        return err_set(err, ERR_FORMAT, "'modules_to_save' is not a list");
    for (size_t i = 0; i < json_array_size(saved); i++) {
        const char *name = json_string_value(json_array_get(saved, i));
        bool is_score =
            name && (strcmp(name, "score") == 0 || strcmp(name, "classifier") == 0);
        if (!is_score || !out->classifies)
            return err_set(err, ERR_FORMAT,
                           "'modules_to_save' has '%.40s'; a model of one score saves "
                           "its 'score', others nothing",
                           name ? name : "?");
    }
    return OK;
}

/* A list of names; PEFT matches the ends of modules' names. A text is a regular expression
 * or "all-linear": then the tensors say what is adapted. */
static Status read_targets(const json_t *o, ModelLora *lora, Err *err)
{
    const json_t *list = json_object_get(o, "target_modules");
    if (list && !json_is_array(list) && !json_is_string(list))
        return err_set(err, ERR_FORMAT, "'target_modules' is not a list of names");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        const char *dot = name ? strrchr(name, '.') : NULL;
        uint32_t bits = 0;
        const char *last = dot ? dot + 1 : name;
        if (!last || strchr(last, ',') || model_lora_parse(last, &bits, NULL) != OK)
            return err_set(err, ERR_FORMAT,
                           "'target_modules' has '%.40s'; only the projections of "
                           "attention and MLP can be adapted",
                           name ? name : "?");
        lora->targets |= bits;
    }
    return OK;
}

static Status read_numbers(const json_t *o, ModelLora *lora, Err *err)
{
    int64_t rank;
    TRY(json_get_int_or(o, "r", 8, &rank, err));
    if (rank < 1 || rank > ADAPTER_MAX_RANK)
        return err_set(err, ERR_FORMAT, "'r' is %lld, not in 1 to %d", (long long)rank,
                       ADAPTER_MAX_RANK);
    lora->rank = (int32_t)rank;
    TRY(json_get_real_or(o, "lora_alpha", 8, &lora->alpha, err));
    if (!isfinite(lora->alpha) || lora->alpha <= 0)
        return err_set(err, ERR_FORMAT, "'lora_alpha' is %g, not a positive number",
                       lora->alpha);
    return json_get_bool_or(o, "use_rslora", false, &lora->rslora, err);
}

static Status read_base(const json_t *o, AdapterConfig *out, Err *err)
{
    Span base;
    TRY(json_get_text(o, "base_model_name_or_path", &base, err));
    if (base.len == 0 || base.len >= sizeof out->base || memchr(base.ptr, 0, base.len))
        return err_set(err, ERR_FORMAT,
                       "'base_model_name_or_path' is not the path of a folder");
    memcpy(out->base, base.ptr, base.len);
    return OK;
}

Status adapter_config_from_json(json_t *tree, AdapterConfig *out, Err *err)
{
    *out = (AdapterConfig){0};
    if (!json_is_object(tree))
        return err_set(err, ERR_FORMAT, "not an object");
    folder_drop_nulls(tree);
    const char *type = json_string_value(json_object_get(tree, "peft_type"));
    if (!type || strcmp(type, "LORA") != 0)
        return err_set(err, ERR_FORMAT, "'peft_type' is '%.40s', not LORA",
                       type ? type : "?");
    TRY(refuse_unsupported(tree, err));
    TRY(check_start(tree, err));
    TRY(read_numbers(tree, &out->lora, err));
    TRY(read_task(tree, out, err));
    TRY(read_targets(tree, &out->lora, err));
    return read_base(tree, out, err);
}

/* --- writing ---------------------------------------------------------------------- */

static json_t *list_targets(uint32_t targets)
{
    Str names = {0};
    json_t *list = json_array();
    model_lora_names(targets, &names);
    int failed = names.failed || !list;
    for (const char *at = str_c(&names); !failed && *at;) {
        size_t len = strcspn(at, ",");
        failed = json_array_append_new(list, json_stringn(at, len));
        at += at[len] ? len + 1 : len;
    }
    str_release(&names);
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

/* Whole numbers as such: PEFT calls it an int. */
static json_t *number(double x)
{
    return fabs(x) < 1e15 && floor(x) >= x ? json_integer((json_int_t)x) : json_real(x);
}

json_t *adapter_config_to_json(const AdapterConfig *config)
{
    const ModelLora *lora = &config->lora;
    return json_pack(
        "{ss, ss, ss, si, so, so, sb, sf, ss, sb, sb, so, sb, s{}, s{}, sb}",
        "peft_type", "LORA", "task_type", config->classifies ? "SEQ_CLS" : "CAUSAL_LM",
        "base_model_name_or_path", config->base, "r", lora->rank, "target_modules",
        list_targets(lora->targets), "lora_alpha", number(lora->alpha), "use_rslora",
        lora->rslora, "lora_dropout", 0.0, "bias", "none", "fan_in_fan_out", 0,
        "init_lora_weights", 1, "modules_to_save",
        config->classifies ? json_pack("[s]", "score") : json_null(), "use_dora", 0,
        "rank_pattern", "alpha_pattern", "inference_mode", 1);
}
