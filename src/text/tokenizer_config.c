/* tokenizer_config.c - reads tokenizer_config.json: which tokens begin and end a text,
 * the chat template, the longest text. Everything else in it is transformers' own. */
#include "format/json.h"

#include "text/tokenizer_json_internal.h"

/* Files without a limit say 10^30, which is no 64-bit integer: then all are reals. */
static Status parse(Span config, json_t **out, Err *err)
{
    Status status = json_parse(config, out, err);
    if (status == ERR_FORMAT) {
        size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;
        *out = json_loadb(config.ptr, config.len, flags, NULL);
    }
    return *out ? OK : status;
}

/* A role's token is a name, {"content": name} or null. transformers would add one that
 * the vocabulary has not, which no model knows. */
static Status read_role(Tokenizer *tok, const json_t *root, const char *key,
                        int32_t *id, Err *err)
{
    const json_t *v = json_object_get(root, key);
    if (!v || json_is_null(v))
        return OK;
    Span name;
    if (json_is_object(v))
        TRY(json_get_text(v, "content", &name, err));
    else
        TRY(json_get_text(root, key, &name, err));
    *id = tokenizer_special(tok, name.ptr);
    if (*id < 0)
        *id = tokenizer_find(tok, name);
    return *id >= 0 ? OK
                    : tokenizer_json_fault(err, key, name, "is not in the vocabulary");
}

/* A string, or a list of {"name", "template"}, of which "default" is for chats. */
static Status read_template(Tokenizer *tok, const json_t *root, Err *err)
{
    const json_t *v = json_object_get(root, "chat_template");
    if (!v || json_is_null(v))
        return OK;
    Span jinja = {0};
    if (!json_is_array(v)) {
        TRY(json_get_text(root, "chat_template", &jinja, err));
        return tokenizer_set_template(tok, jinja, err);
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        Span name;
        const json_t *one = json_array_get(v, i);
        TRY(json_get_text(one, "name", &name, err));
        if (span_equal(name, SPAN("default")))
            TRY(json_get_text(one, "template", &jinja, err));
    }
    return tokenizer_set_template(tok, jinja, err);
}

static Status read_config(Tokenizer *tok, const json_t *root, Err *err)
{
    double length = 0;
    TRY(read_role(tok, root, "bos_token", &tok->bos, err));
    TRY(read_role(tok, root, "eos_token", &tok->eos, err));
    TRY(read_role(tok, root, "pad_token", &tok->pad, err));
    TRY(read_template(tok, root, err));
    const json_t *v = json_object_get(root, "model_max_length");
    if (v && !json_is_null(v))
        TRY(json_get_real_or(root, "model_max_length", 0, &length, err));
    if (length >= 1 && length < 1e12)
        tok->max_length = (int64_t)length;
    return OK;
}

Status tokenizer_config_read(Tokenizer *tok, Span config, Err *err)
{
    if (config.len == 0)
        return OK;
    json_t *root;
    Status status = parse(config, &root, err);
    if (status == OK)
        status = read_config(tok, root, err);
    json_decref(root);
    return status == OK ? OK : err_context(err, "tokenizer_config.json");
}
