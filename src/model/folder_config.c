/* folder_config.c - config.json and generation_config.json of a model folder.
 *
 * Written so that transformers 4.4x, 4.5x and 5 read them: `rope_theta` stands alone
 * and in `rope_parameters`, the type of the weights is `torch_dtype` and `dtype`. What
 * the reader meets and the model cannot do (scaled RoPE, sliding windows, biases that
 * no family here has) is an error, never ignored. Absent keys have the defaults of
 * transformers. */
#include "model/folder_internal.h"

#include <math.h>
#include <string.h>

typedef struct ModelClass {
    const char *causal, *classifier, *type;
    ModelFamily family;
} ModelClass;

static const ModelClass classes[] = {
    {"LlamaForCausalLM", "LlamaForSequenceClassification", "llama", MODEL_LLAMA},
    {"Qwen2ForCausalLM", "Qwen2ForSequenceClassification", "qwen2", MODEL_QWEN2},
    {"Qwen3ForCausalLM", "Qwen3ForSequenceClassification", "qwen3", MODEL_QWEN3},
};
enum { N_CLASSES = sizeof classes / sizeof classes[0] };

/* --- reading ---------------------------------------------------------------------- */
void folder_drop_nulls(json_t *o)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(o, next, key, value) if (json_is_null(value))(void)
        json_object_del(o, key);
}

/* Which class: sets family (still to be derived) and head. */
static Status read_class(const json_t *o, ModelShape *s, Err *err)
{
    const json_t *list = json_object_get(o, "architectures");
    const char *name = json_string_value(json_array_get(list, 0));
    if (!name || json_array_size(list) != 1)
        return err_set(err, ERR_FORMAT, "'architectures' is not a list of one name");
    for (int i = 0; i < N_CLASSES; i++) {
        bool causal = strcmp(name, classes[i].causal) == 0;
        if (!causal && strcmp(name, classes[i].classifier) != 0)
            continue;
        s->head = causal ? HEAD_LM : HEAD_SCALAR;
        s->family = classes[i].family;
        s->qkv_bias = s->family == MODEL_QWEN2;
        s->qk_norm = s->family == MODEL_QWEN3;
        return OK;
    }
    Str shown = {0};
    str_quote(&shown, span_of(name), 80);
    Status status = err_set(err, ERR_FORMAT,
                            "architecture '%s' is not LlamaForCausalLM, "
                            "Qwen2ForCausalLM, Qwen3ForCausalLM or one of their "
                            "...ForSequenceClassification",
                            str_c(&shown));
    str_release(&shown);
    return status;
}

typedef struct IntKey {
    const char *key;
    int64_t def; /* REQUIRED: none */
    int32_t *out;
} IntKey;
enum { REQUIRED = -1 };

static Status read_int(const json_t *o, IntKey k, Err *err)
{
    int64_t value;
    if (k.def == REQUIRED)
        TRY(json_get_int(o, k.key, &value, err));
    else
        TRY(json_get_int_or(o, k.key, k.def, &value, err));
    if (value < 0 || value > INT32_MAX)
        return err_set(err, ERR_FORMAT, "'%s' is %lld, not in 0 to %d", k.key,
                       (long long)value, INT32_MAX);
    *k.out = (int32_t)value;
    return OK;
}

static Status read_sizes(const json_t *o, ModelShape *s, Err *err)
{
    const IntKey keys[] = {
        {"vocab_size", REQUIRED, &s->vocab},
        {"hidden_size", REQUIRED, &s->hidden},
        {"intermediate_size", REQUIRED, &s->intermediate},
        {"num_hidden_layers", REQUIRED, &s->layers},
        {"num_attention_heads", REQUIRED, &s->heads},
        {"max_position_embeddings", REQUIRED, &s->context},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        TRY(read_int(o, keys[i], err));
    TRY(read_int(o, (IntKey){"num_key_value_heads", s->heads, &s->kv_heads}, err));
    int64_t head_dim = s->family == MODEL_QWEN3 ? 128 : 0; /* 0: hidden / heads */
    TRY(read_int(o, (IntKey){"head_dim", head_dim, &s->head_dim}, err));
    TRY(json_get_real_or(o, "rms_norm_eps", 1e-6, &s->norm_eps, err));
    return json_get_bool_or(o, "tie_word_embeddings", false, &s->tied, err);
}

/* The kind of scaled RoPE that an object asks for: NULL if none. */
static const char *rope_kind(const json_t *o)
{
    const char *kind = json_string_value(json_object_get(o, "rope_type"));
    if (!kind)
        kind = json_string_value(json_object_get(o, "type"));
    return kind && strcmp(kind, "default") == 0 ? NULL : kind;
}

static Status read_rope(const json_t *o, ModelShape *s, Err *err)
{
    static const char *const objects[] = {"rope_scaling", "rope_parameters"};
    double theta = 10000;
    for (int i = 0; i < 2; i++) {
        const json_t *rope = json_object_get(o, objects[i]);
        if (!rope)
            continue;
        if (!json_is_object(rope))
            return err_set(err, ERR_FORMAT, "'%s' is not an object", objects[i]);
        if (rope_kind(rope) || json_object_get(rope, "factor"))
            return err_set(err, ERR_FORMAT, "'%s' of type '%.40s' is not supported",
                           objects[i], rope_kind(rope) ? rope_kind(rope) : "linear");
        TRY(json_get_real_or(rope, "rope_theta", theta, &theta, err));
    }
    TRY(json_get_real_or(o, "rope_theta", theta, &s->rope_theta, err));
    if (json_object_get(o, "rope_parameters") && fabs(s->rope_theta - theta) > 0 &&
        json_object_get(json_object_get(o, "rope_parameters"), "rope_theta"))
        return err_set(err, ERR_FORMAT,
                       "'rope_theta' is %g, but %g in 'rope_parameters'", s->rope_theta,
                       theta);
    double part;
    TRY(json_get_real_or(o, "partial_rotary_factor", 1, &part, err));
    if (part < 1 || part > 1)
        return err_set(err, ERR_FORMAT, "'partial_rotary_factor' %g is not supported",
                       part);
    return OK;
}

/* A key that must be false (or absent), since no family here has what it says. */
static Status refuse(const json_t *o, const char *key, Err *err)
{
    bool on;
    TRY(json_get_bool_or(o, key, false, &on, err));
    return on ? err_set(err, ERR_FORMAT, "'%s' true is not supported", key) : OK;
}

static Status refuse_windows(const json_t *o, ModelFamily family, Err *err)
{
    bool used; /* Qwen names a window that is not in use */
    TRY(json_get_bool_or(o, "use_sliding_window", family == MODEL_LLAMA, &used, err));
    if (used && json_object_get(o, "sliding_window"))
        return err_set(err, ERR_FORMAT, "'sliding_window' is not supported");
    const json_t *types = json_object_get(o, "layer_types");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *type = json_string_value(json_array_get(types, i));
        if (!type || strcmp(type, "full_attention") != 0)
            return err_set(err, ERR_FORMAT, "layer type '%.40s' is not supported",
                           type ? type : "?");
    }
    return OK;
}

static Status refuse_unsupported(const json_t *o, const ModelShape *s, Err *err)
{
    TRY(refuse(o, "attention_bias", err)); /* Qwen2's bias of q, k, v has no key */
    TRY(refuse(o, "mlp_bias", err));
    TRY(refuse_windows(o, s->family, err));
    if (json_object_get(o, "quantization_config"))
        return err_set(err, ERR_FORMAT, "quantised weights are not supported");
    if (json_object_get(o, "hidden_act")) {
        Span act;
        TRY(json_get_text(o, "hidden_act", &act, err));
        if (!span_equal(act, SPAN("silu")))
            return err_set(err, ERR_FORMAT, "'hidden_act' is '%.40s', not 'silu'",
                           act.ptr);
    }
    return OK;
}

static Status read_labels(const json_t *o, FolderConfig *out, Err *err)
{
    const json_t *names = json_object_get(o, "id2label");
    int64_t labels, def = names ? (int64_t)json_object_size(names) : 2;
    TRY(json_get_int_or(o, "num_labels", def, &labels, err));
    if (labels != 1)
        return err_set(err, ERR_FORMAT, "a classifier of %lld labels, not of 1",
                       (long long)labels);
    return json_get_real_or(o, "tame_reward_bias", 0, &out->score_bias, err);
}

static Status read_value_head(const json_t *o, ModelShape *s, Err *err)
{
    bool beside;
    TRY(json_get_bool_or(o, "tame_value_head", false, &beside, err));
    s->head = beside ? HEAD_BOTH : HEAD_LM;
    return OK;
}

/* One id; a negative one means none (Llama 2's pad_token_id is -1). */
static Status check_id(const char *key, const json_t *value, int32_t vocab,
                       int32_t *out, Err *err)
{
    if (!json_is_integer(value))
        return err_set(err, ERR_FORMAT, "'%s' is not a token id", key);
    json_int_t id = json_integer_value(value);
    if (id >= vocab)
        return err_set(err, ERR_FORMAT, "'%s' is %lld, not below the vocabulary's %d",
                       key, (long long)id, vocab);
    *out = id < 0 ? -1 : (int32_t)id;
    return OK;
}

/* `key` if o has it; *out stays otherwise. */
static Status read_id(const json_t *o, const char *key, int32_t vocab, int32_t *out,
                      Err *err)
{
    const json_t *value = json_object_get(o, key);
    return value ? check_id(key, value, vocab, out, err) : OK;
}

static Status read_eos(const json_t *o, int32_t vocab, ModelSpecials *specials,
                       Err *err)
{
    enum { MAX = sizeof specials->eos / sizeof specials->eos[0] };
    const json_t *value = json_object_get(o, "eos_token_id");
    if (!value)
        return OK;
    bool is_list = json_is_array(value);
    size_t n = is_list ? json_array_size(value) : 1;
    if (n > MAX)
        return err_set(err, ERR_FORMAT, "'eos_token_id' has %zu ids, more than %d", n,
                       MAX);
    specials->n_eos = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t id = -1;
        const json_t *item = is_list ? json_array_get(value, i) : value;
        TRY(check_id("eos_token_id", item, vocab, &id, err));
        if (id >= 0)
            specials->eos[specials->n_eos++] = id;
    }
    return OK;
}

static Status read_specials(const json_t *o, int32_t vocab, ModelSpecials *specials,
                            Err *err)
{
    TRY(read_id(o, "bos_token_id", vocab, &specials->bos, err));
    TRY(read_id(o, "pad_token_id", vocab, &specials->pad, err));
    return read_eos(o, vocab, specials, err);
}

/* Sixteen hexadecimal digits. */
static Status read_base_hash(const json_t *o, FolderConfig *out, Err *err)
{
    Span hash;
    if (!json_object_get(o, "tame_base_hash"))
        return OK;
    TRY(json_get_text(o, "tame_base_hash", &hash, err));
    if (hash.len != 16 || strspn(hash.ptr, "0123456789abcdef") != 16)
        return err_set(err, ERR_FORMAT, "'tame_base_hash' is no hash");
    memcpy(out->base_hash, hash.ptr, 16);
    return OK;
}

Status folder_config_from_json(json_t *config, FolderConfig *out, Err *err)
{
    if (!json_is_object(config))
        return err_set(err, ERR_FORMAT, "not an object");
    folder_drop_nulls(config);
    *out = (FolderConfig){.specials = {.bos = -1, .pad = -1, .eos = {-1, -1, -1, -1}}};
    ModelShape *s = &out->shape;
    TRY(read_class(config, s, err));
    TRY(read_sizes(config, s, err));
    TRY(read_rope(config, s, err));
    TRY(refuse_unsupported(config, s, err));
    if (s->head == HEAD_SCALAR)
        TRY(read_labels(config, out, err));
    else
        TRY(read_value_head(config, s, err));
    TRY(read_base_hash(config, out, err));
    if (model_shape_check(s, err) != OK) {
        if (err)
            err->code = ERR_FORMAT; /* no legal option is, in a file, a wrong format */
        return ERR_FORMAT;
    }
    return read_specials(config, s->vocab, &out->specials, err);
}

Status folder_generation_from_json(json_t *generation, FolderConfig *config, Err *err)
{
    if (!json_is_object(generation))
        return err_set(err, ERR_FORMAT, "not an object");
    folder_drop_nulls(generation);
    return read_specials(generation, config->shape.vocab, &config->specials, err);
}

/* --- writing ---------------------------------------------------------------------- */
static json_t *id_or_null(int32_t id)
{
    return id < 0 ? json_null() : json_integer(id);
}

/* Adds all of `extra` (taken) to o. */
static int add(json_t *o, json_t *extra)
{
    int failed = !extra || json_object_update(o, extra) != 0;
    json_decref(extra);
    return failed;
}

static json_t *classifier_keys(double score_bias)
{
    return json_pack("{s{ss}, s{si}, si, ss, sf}", "id2label", "0", "score", "label2id",
                     "score", 0, "num_labels", 1, "problem_type", "regression",
                     "tame_reward_bias", score_bias);
}

static json_t *family_keys(ModelFamily family)
{
    if (family == MODEL_LLAMA)
        return json_pack("{sb, sb}", "attention_bias", 0, "mlp_bias", 0);
    if (family == MODEL_QWEN2)
        return json_pack("{sb}", "use_sliding_window", 0);
    return json_pack("{sb, sb}", "attention_bias", 0, "use_sliding_window", 0);
}

static json_t *shape_keys(const ModelShape *s)
{
    return json_pack("{si, si, si, si, si, si, si, si, sf, sf, s{sf, ss}, sb}", /**/
                     "vocab_size", s->vocab, "hidden_size", s->hidden,
                     "intermediate_size", s->intermediate, "num_hidden_layers",
                     s->layers, "num_attention_heads", s->heads, "num_key_value_heads",
                     s->kv_heads, "head_dim", s->head_dim, "max_position_embeddings",
                     s->context, "rms_norm_eps", s->norm_eps, "rope_theta",
                     s->rope_theta, "rope_parameters", "rope_theta", s->rope_theta,
                     "rope_type", "default", "tie_word_embeddings", s->tied);
}

json_t *folder_config_to_json(const FolderConfig *config)
{
    const ModelShape *s = &config->shape;
    const ModelSpecials *ids = &config->specials;
    const ModelClass *class = &classes[s->family];
    bool classifier = s->head == HEAD_SCALAR;
    json_t *o = json_pack("{s[s], ss}", "architectures",
                          classifier ? class->classifier : class->causal, "model_type",
                          class->type);
    if (!o)
        return NULL;
    int failed = add(o, shape_keys(s)) || add(o, family_keys(s->family));
    failed =
        failed ||
        add(o, json_pack("{ss, sf, sf, sb, ss, ss, so, so, so}", "hidden_act", "silu",
                         "initializer_range", 0.02, "attention_dropout", 0.0,
                         "use_cache", 1, "torch_dtype", "float32", "dtype", "float32",
                         "bos_token_id", id_or_null(ids->bos), "eos_token_id",
                         id_or_null(ids->n_eos > 0 ? ids->eos[0] : -1), "pad_token_id",
                         id_or_null(ids->pad)));
    if (classifier)
        failed = failed || add(o, classifier_keys(config->score_bias));
    if (s->head == HEAD_BOTH)
        failed = failed || add(o, json_pack("{sb}", "tame_value_head", 1));
    if (config->base_hash[0])
        failed = failed || json_object_set_new(o, "tame_base_hash",
                                               json_string(config->base_hash));
    if (!failed)
        return o;
    json_decref(o);
    return NULL;
}

json_t *folder_generation_to_json(const ModelSpecials *specials)
{
    json_t *o = json_pack("{sb}", "_from_model_config", 1);
    int failed = !o;
    if (specials->bos >= 0)
        failed |= json_object_set_new(o, "bos_token_id", json_integer(specials->bos));
    if (specials->n_eos == 1)
        failed |=
            json_object_set_new(o, "eos_token_id", json_integer(specials->eos[0]));
    if (specials->n_eos > 1) {
        json_t *list = json_array();
        for (int32_t i = 0; i < specials->n_eos; i++)
            failed |= json_array_append_new(list, json_integer(specials->eos[i]));
        failed |= json_object_set_new(o, "eos_token_id", list);
    }
    if (specials->pad >= 0)
        failed |= json_object_set_new(o, "pad_token_id", json_integer(specials->pad));
    if (!failed)
        return o;
    json_decref(o);
    return NULL;
}
