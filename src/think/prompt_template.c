/* prompt_template.c - see prompt_template.h. */
#include "think/prompt_template.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "format/json.h"
#include "format/schema_dsl.h"
#include "format/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20 };

void prompt_template_release(PromptTemplate *t)
{
    mem_free(t->prompt);
    mem_free(t->system);
    mem_free(t->model);
    mem_free(t->think);
    json_decref(t->defaults);
    json_decref(t->options);
    json_decref(t->schema);
    *t = (PromptTemplate){0};
}

/* --- reading ---------------------------------------------------------------------------- */
static Status take_text(const json_t *value, const char *key, char **out, Err *err)
{
    if (!json_is_string(value))
        return err_set(err, ERR_FORMAT, "`%s` is not a text", key);
    *out = mem_dup(json_string_value(value), json_string_length(value));
    return *out ? OK : err_set(err, ERR_NOMEM, "no memory for a template");
}

static Status take_object(json_t *value, const char *key, json_t **out, Err *err)
{
    const char *name;
    json_t *member;
    if (!json_is_object(value))
        return err_set(err, ERR_FORMAT, "`%s` is not a mapping", key);
    json_object_foreach(value, name, member)
    {
        if (json_is_object(member) || json_is_array(member) || json_is_null(member))
            return err_set(err, ERR_FORMAT, "`%s`: '%.60s' is not one value", key,
                           name);
    }
    *out = json_incref(value);
    return OK;
}

static Status take_schema(json_t *value, json_t **out, Err *err)
{
    if (json_is_object(value)) {
        *out = json_incref(value);
        return OK;
    }
    if (!json_is_string(value))
        return err_set(err, ERR_FORMAT, "`schema` is neither a text nor a mapping");
    return schema_dsl_parse((Span){json_string_value(value), json_string_length(value)},
                            false, out, err);
}

static Status take_extract(const json_t *value, TemplateExtract *out, Err *err)
{
    bool last = json_is_string(value) && strcmp(json_string_value(value), "last") == 0;
    if (!last && !json_is_boolean(value))
        return err_set(err, ERR_FORMAT, "`extract` is not true, false or last");
    *out = last ? EXTRACT_LAST : json_is_true(value) ? EXTRACT_FIRST : EXTRACT_NO;
    return OK;
}

static const char *const keys[] = {"prompt",   "system",  "model",  "think",
                                   "defaults", "options", "schema", "extract"};
enum { KEYS = sizeof keys / sizeof *keys };

static Status unknown_key(const char *key, Err *err)
{
    const char *near = opt_nearest(key, keys, KEYS);
    Str shown = {0};
    str_quote(&shown, span_of(key), 60);
    Status status =
        near ? err_set(err, ERR_OPTION, "no key '%s'; did you mean '%s'?",
                       str_c(&shown), near)
             : err_set(err, ERR_OPTION,
                       "no key '%s': there are prompt, system, model, think, defaults, "
                       "options, schema and extract",
                       str_c(&shown));
    str_release(&shown);
    return status;
}

static Status take_key(const char *key, json_t *value, PromptTemplate *t, Err *err)
{
    int k = 0;
    while (k < KEYS && strcmp(keys[k], key) != 0)
        k++;
    switch (k) {
    case 0:
        return take_text(value, key, &t->prompt, err);
    case 1:
        return take_text(value, key, &t->system, err);
    case 2:
        return take_text(value, key, &t->model, err);
    case 3:
        return take_text(value, key, &t->think, err);
    case 4:
        return take_object(value, key, &t->defaults, err);
    case 5:
        return take_object(value, key, &t->options, err);
    case 6:
        return take_schema(value, &t->schema, err);
    case 7:
        return take_extract(value, &t->extract, err);
    default:
        return unknown_key(key, err);
    }
}

/* A file that is a text alone is a prompt, as in simonw/llm. */
static Status take_tree(json_t *tree, PromptTemplate *t, Err *err)
{
    const char *key;
    json_t *value;
    if (json_is_string(tree))
        return take_text(tree, "prompt", &t->prompt, err);
    if (!json_is_object(tree) || json_object_size(tree) == 0)
        return err_set(err, ERR_FORMAT,
                       "a template is a mapping: `prompt: Sum up: $input`");
    json_object_foreach(tree, key, value)
    {
        TRY(take_key(key, value, t, err));
    }
    return OK;
}

Status prompt_template_parse(Span yaml, PromptTemplate *out, Err *err)
{
    json_t *tree = NULL;
    *out = (PromptTemplate){0};
    if (yaml.len > MAX_BYTES)
        return err_set(err, ERR_LIMIT, "a template of more than %d bytes", MAX_BYTES);
    TRY(yaml_parse(yaml, &tree, err));
    Status status = take_tree(tree, out, err);
    json_decref(tree);
    if (status != OK)
        prompt_template_release(out);
    return status;
}

/* --- writing ---------------------------------------------------------------------------- */
Status prompt_template_write(const PromptTemplate *t, Str *out, Err *err)
{
    const char *const texts[] = {t->prompt, t->system, t->model, t->think};
    json_t *const trees[] = {t->defaults, t->options, t->schema};
    json_t *root = json_object();
    bool fine = root != NULL;
    for (int k = 0; k < 4; k++) {
        if (texts[k])
            fine &= json_object_set_new(root, keys[k], json_string(texts[k])) == 0;
    }
    for (int k = 0; k < 3; k++) {
        if (trees[k])
            fine &= json_object_set(root, keys[4 + k], trees[k]) == 0;
    }
    if (t->extract != EXTRACT_NO)
        fine &= json_object_set_new(root, "extract",
                                    t->extract == EXTRACT_LAST ? json_string("last")
                                                               : json_true()) == 0;
    if (fine)
        yaml_append(out, root);
    json_decref(root);
    return fine ? str_check(out, err)
                : err_set(err, ERR_NOMEM, "no memory for a template");
}

/* --- filling ---------------------------------------------------------------------------- */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The name behind the dollar at `at`; *end: where the text goes on. Empty: none. */
static Span name_at(Span text, size_t at, size_t *end)
{
    bool braced = at + 1 < text.len && text.ptr[at + 1] == '{';
    size_t from = at + 1 + braced, to = from;
    while (to < text.len && (is_letter(text.ptr[to]) ||
                             (to > from && text.ptr[to] >= '0' && text.ptr[to] <= '9')))
        to++;
    bool closed = !braced || (to < text.len && text.ptr[to] == '}');
    *end = to + braced;
    return closed ? (Span){text.ptr + from, to - from} : (Span){0};
}

static Status put_default(const PromptTemplate *t, Span name, Str *out, Err *err)
{
    char *key = mem_dup(name.ptr, name.len);
    if (!key)
        return err_set(err, ERR_NOMEM, "no memory for a template");
    const json_t *value = json_object_get(t->defaults, key);
    Status status = OK;
    if (json_is_string(value))
        str_append(out, json_string_value(value), json_string_length(value));
    else if (value)
        json_append(out, value);
    else
        status =
            err_set(err, ERR_OPTION,
                    "the template's $%.60s is not given: -p %.60s VALUE", key, key);
    mem_free(key);
    return status;
}

static Status put_param(const PromptTemplate *t, Span name, const TemplateParam *params,
                        size_t n, Span input, Str *out, bool *used, Err *err)
{
    if (span_equal(name, SPAN("input"))) {
        *used = true;
        str_span_append(out, input);
        return OK;
    }
    for (size_t i = n; i > 0; i--) { /* the last of a name holds */
        if (span_equal(params[i - 1].name, name)) {
            str_span_append(out, params[i - 1].value);
            return OK;
        }
    }
    return put_default(t, name, out, err);
}

Status prompt_template_fill(const PromptTemplate *t, Span text,
                            const TemplateParam *params, size_t n, Span input, Str *out,
                            bool *used, Err *err)
{
    size_t at = 0, end;
    while (at < text.len) {
        if (text.ptr[at] != '$') {
            str_putc(out, text.ptr[at++]);
            continue;
        }
        Span name = name_at(text, at, &end);
        if (name.len > 0) {
            TRY(put_param(t, name, params, n, input, out, used, err));
            at = end;
        } else { /* $$ is one dollar; any other is itself */
            str_putc(out, '$');
            at += at + 1 < text.len && text.ptr[at + 1] == '$' ? 2 : 1;
        }
    }
    return str_check(out, err);
}

Status prompt_template_apply(const PromptTemplate *t, const TemplateParam *params,
                             size_t n, Span input, Str *prompt, Str *system, Err *err)
{
    bool used = false;
    if (t->system)
        TRY(prompt_template_fill(t, span_of(t->system), params, n, input, system, &used,
                                 err));
    if (t->prompt)
        TRY(prompt_template_fill(t, span_of(t->prompt), params, n, input, prompt, &used,
                                 err));
    if ((!used || !t->prompt) && input.len > 0) {
        str_puts(prompt, prompt->len > 0 ? "\n\n" : "");
        str_span_append(prompt, input);
    }
    return str_check(prompt, err);
}

/* --- files ------------------------------------------------------------------------------ */
static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        bool digit = (*c >= '0' && *c <= '9') || *c == '-';
        if (!is_letter(*c) && !digit && !(*c == '.' && c > name))
            return false;
    }
    return name[0] && strlen(name) <= 100;
}

static Status folder(Str *out, Err *err)
{
    const char *own = getenv("TAME_TEMPLATES"), *config = getenv("XDG_CONFIG_HOME"),
               *home = getenv("HOME");
    str_reset(out);
    if (own && *own)
        str_puts(out, own);
    else if (config && *config == '/')
        str_printf(out, "%s/tame/templates", config);
    else if (home && *home)
        str_printf(out, "%s/.config/tame/templates", home);
    else
        return err_set(err, ERR_OPTION,
                       "neither TAME_TEMPLATES nor XDG_CONFIG_HOME nor HOME says where "
                       "templates are");
    return str_check(out, err);
}

Status prompt_template_path(const char *name, Str *out, Err *err)
{
    if (!is_name(name)) {
        Str shown = {0};
        str_quote(&shown, span_of(name), 60);
        Status status = err_set(err, ERR_OPTION,
                                "'%s' is no name of a template: letters, digits, - _ .",
                                str_c(&shown));
        str_release(&shown);
        return status;
    }
    TRY(folder(out, err));
    str_printf(out, "/%s.yaml", name);
    return str_check(out, err);
}

static Status load(const char *path, PromptTemplate *out, Err *err)
{
    Str bytes = {0};
    Status status = file_read(path, MAX_BYTES, &bytes, err);
    if (status == OK) {
        status = prompt_template_parse(str_span(&bytes), out, err);
        if (status != OK)
            err_context(err, "template '%s'", path);
    }
    str_release(&bytes);
    return status;
}

Status prompt_template_load(const char *name, PromptTemplate *out, Err *err)
{
    Str path = {0};
    *out = (PromptTemplate){0};
    if (strchr(name, '/'))
        return load(name, out, err);
    Status status = prompt_template_path(name, &path, err);
    if (status == OK && !file_exists(str_c(&path)))
        status =
            err_set(err, ERR_IO, "there is no template '%s' (%s); --save %s makes one",
                    name, str_c(&path), name);
    if (status == OK)
        status = load(str_c(&path), out, err);
    str_release(&path);
    return status;
}

Status prompt_template_save(const char *name, const PromptTemplate *t, Err *err)
{
    Str path = {0}, where = {0}, yaml = {0};
    Status status = prompt_template_path(name, &path, err);
    if (status == OK)
        status = folder(&where, err);
    if (status == OK)
        status = file_make_folders(str_c(&where), err);
    if (status == OK)
        status = prompt_template_write(t, &yaml, err);
    if (status == OK)
        status = file_write_atomic(str_c(&path), yaml.ptr, yaml.len, err);
    str_release(&path);
    str_release(&where);
    str_release(&yaml);
    return status;
}
