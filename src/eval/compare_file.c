/* compare_file.c - see compare_file.h. */
#include "eval/compare_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/yaml.h"

#include <string.h>

enum { MOST_BYTES = 64 << 20, MOST_ROWS = 1000000 };

void compare_file_release(CompareFile *f)
{
    for (size_t i = 0; i < f->n_tests; i++)
        mem_free(f->tests[i].asserts);
    for (size_t i = 0; i < f->n_providers; i++)
        opt_release(&think_options, &f->providers[i].thinking);
    mem_free(f->tests);
    mem_free(f->providers);
    mem_free(f->prompts);
    json_decref(f->tree);
    *f = (CompareFile){0};
}

/* ERR_OPTION for a key that is not among the names: what it has no effect on is not to be
 * thought done. */
static Status check_keys(const json_t *o, const char *what, const char *const *names,
                         size_t n, Err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(o), key, value)
    {
        size_t i = 0;
        while (i < n && strcmp(names[i], key) != 0)
            i++;
        if (i < n)
            continue;
        const char *near = opt_nearest(key, names, n);
        return err_set(err, ERR_OPTION, "%s: '%.40s' is not supported%s%s%s", what, key,
                       near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
    }
    return OK;
}
#define CHECK_KEYS(o, what, names, err)                                                \
    check_keys(o, what, names, sizeof(names) / sizeof *(names), err)

static const char *text_or(const json_t *o, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : otherwise;
}

/* --- prompts ---------------------------------------------------------------------------- */

static Status read_prompt(const json_t *tree, ComparePrompt *out, Err *err)
{
    static const char *const keys[] = {"label", "raw", "id"};
    if (json_is_string(tree)) {
        *out = (ComparePrompt){json_string_value(tree), json_string_value(tree)};
        return OK;
    }
    if (!json_is_object(tree))
        return err_set(err, ERR_FORMAT, "a prompt is a text, or has raw and label");
    TRY(CHECK_KEYS(tree, "a prompt", keys, err));
    out->text = text_or(tree, "raw", NULL);
    if (!out->text)
        return err_set(err, ERR_OPTION, "a prompt has no 'raw' text");
    out->label = text_or(tree, "label", text_or(tree, "id", out->text));
    return OK;
}

static Status read_prompts(CompareFile *f, Err *err)
{
    const json_t *list = json_object_get(f->tree, "prompts");
    size_t n = json_array_size(list);
    if (n == 0)
        return err_set(err, ERR_OPTION, "there are no 'prompts' (a list)");
    TRY(MEM_ARRAY(&f->prompts, n, err));
    for (; f->n_prompts < n; f->n_prompts++)
        TRY(read_prompt(json_array_get(list, f->n_prompts), &f->prompts[f->n_prompts],
                        err));
    return OK;
}

/* --- providers -------------------------------------------------------------------------- */

/* What strategies take goes into *thinking, the rest is named in `keys`. */
static Status split_config(const json_t *config, const char *const *keys, size_t n,
                           json_t *thinking, json_t *rest, Err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(config), key, value)
    {
        json_t *to = opt_find(&think_options, key) ? thinking : rest;
        if (json_object_set(to, key, value) != 0)
            return err_set(err, ERR_NOMEM, "no memory for a provider");
    }
    return check_keys(rest, "a provider's config", keys, n, err);
}

static Status read_thinking(const json_t *config, CompareProvider *out, Err *err)
{
    static const char *const keys[] = {"think", "system", "temperature", "max_tokens",
                                       "seed",  "top_p",  "top_k"};
    json_t *thinking = json_object(), *rest = json_object();
    Status status =
        split_config(config, keys, sizeof keys / sizeof *keys, thinking, rest, err);
    if (status == OK)
        status = json_to_options(thinking, &think_options, &out->thinking, err);
    json_decref(thinking);
    json_decref(rest);
    return status;
}

/* *out has the defaults of what strategies take. */
static Status read_config(const json_t *config, CompareProvider *out, Err *err)
{
    TRY(read_thinking(config, out, err));
    out->think = text_or(config, "think", "direct");
    out->system = text_or(config, "system", NULL);
    SampleOptions *s = &out->sample;
    TRY(json_get_real_or(config, "temperature", 0, &s->temperature, err));
    TRY(json_get_real_or(config, "top_p", 1, &s->top_p, err));
    TRY(json_get_int_or(config, "top_k", 0, &s->top_k, err));
    TRY(json_get_int_or(config, "seed", 0, &s->seed, err));
    TRY(json_get_int_or(config, "max_tokens", 256, &s->max_new, err));
    bool fits = s->temperature >= 0 && s->temperature <= 100 && s->top_p > 0 &&
                s->top_p <= 1 && s->top_k >= 0 && s->max_new >= 1 &&
                s->max_new <= 1000000000;
    return fits ? OK : err_set(err, ERR_OPTION, "a provider's config: out of range");
}

static Status read_provider(const json_t *tree, CompareProvider *out, Err *err)
{
    static const char *const keys[] = {"id", "label", "config"};
    json_t *none = json_object();
    *out = (CompareProvider){.sample = {.repetition_penalty = 1}};
    TRY(opt_defaults(&think_options, &out->thinking, err));
    Status status = none ? OK : err_set(err, ERR_NOMEM, "no memory for a provider");
    if (status == OK && json_is_string(tree)) {
        out->id = out->label = json_string_value(tree);
        status = read_config(none, out, err);
    } else if (status == OK && json_is_object(tree)) {
        const json_t *config = json_object_get(tree, "config");
        out->id = text_or(tree, "id", NULL);
        out->label = text_or(tree, "label", out->id);
        status = CHECK_KEYS(tree, "a provider", keys, err);
        if (status == OK && !out->id)
            status = err_set(err, ERR_OPTION,
                             "a provider has no 'id': a model's folder "
                             "or an endpoint");
        if (status == OK)
            status = read_config(config ? config : none, out, err);
    } else if (status == OK) {
        status = err_set(err, ERR_FORMAT, "a provider is a text, or has id and config");
    }
    json_decref(none);
    return status;
}

static Status read_providers(CompareFile *f, Err *err)
{
    const json_t *list = json_object_get(f->tree, "providers");
    size_t n = json_array_size(list);
    if (n == 0)
        return err_set(err, ERR_OPTION, "there are no 'providers' (a list)");
    TRY(MEM_ARRAY(&f->providers, n, err));
    for (size_t i = 0; i < n; i++) {
        f->n_providers++; /* also one that is half read is released */
        TRY(read_provider(json_array_get(list, i), &f->providers[i], err));
    }
    return OK;
}

/* --- tests ------------------------------------------------------------------------------ */

static Status add_asserts(CompareTest *t, const json_t *list, Err *err)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        TRY(assertion_parse(item, &t->asserts[t->n++], err));
    return OK;
}

/* "vars" and "assert"; without "vars", the row is the variables. */
static Status read_test(const CompareFile *f, const json_t *tree, bool is_row,
                        CompareTest *out, Err *err)
{
    static const char *const keys[] = {"vars", "assert", "description"};
    const json_t *vars = json_object_get(tree, "vars"), *own = NULL;
    const json_t *defaults =
        json_object_get(json_object_get(f->tree, "defaultTest"), "assert");
    if (!json_is_object(tree) || (vars && !json_is_object(vars)))
        return err_set(err, ERR_FORMAT, "a test is a mapping with vars");
    if (vars || !is_row) {
        TRY(CHECK_KEYS(tree, "a test", keys, err));
        own = json_object_get(tree, "assert");
    }
    out->vars = vars || !is_row ? vars : tree;
    TRY(MEM_ARRAY(&out->asserts, json_array_size(own) + json_array_size(defaults),
                  err));
    TRY(add_asserts(out, defaults, err));
    return add_asserts(out, own, err);
}

static Status add_tests(CompareFile *f, const json_t *list, bool are_rows, Err *err)
{
    size_t n = json_array_size(list);
    TRY(MEM_ARRAY(&f->tests, n, err));
    for (size_t i = 0; i < n; i++) {
        Status status = read_test(f, json_array_get(list, i), are_rows,
                                  &f->tests[f->n_tests++], err);
        if (status != OK)
            return err_context(err, "test %zu", i + 1);
    }
    return OK;
}

static Status read_tests(CompareFile *f, Err *err)
{
    const json_t *tests = json_object_get(f->tree, "tests");
    if (json_is_string(tests)) {
        f->tests_file = json_string_value(tests);
        return OK;
    }
    if (json_array_size(tests) == 0)
        return err_set(err, ERR_OPTION, "there are no 'tests' (a list, or a file)");
    return add_tests(f, tests, false, err);
}

static Status read_defaults(CompareFile *f, Err *err)
{
    static const char *const keys[] = {"assert", "options"};
    static const char *const options[] = {"extract"};
    const json_t *defaults = json_object_get(f->tree, "defaultTest");
    const json_t *o = json_object_get(defaults, "options");
    TRY(CHECK_KEYS(defaults, "defaultTest", keys, err));
    TRY(CHECK_KEYS(o, "defaultTest.options", options, err));
    Extractor check;
    f->extract = text_or(o, "extract", NULL);
    if (!f->extract)
        return OK;
    TRY(extractor_parse(&check, span_of(f->extract), err));
    extractor_release(&check);
    return OK;
}

/* --- all of it -------------------------------------------------------------------------- */

static Status read_tree(CompareFile *f, Err *err)
{
    static const char *const keys[] = {"description", "prompts", "providers",
                                       "defaultTest", "tests"};
    if (!json_is_object(f->tree))
        return err_set(err, ERR_FORMAT, "a comparison is a mapping");
    TRY(CHECK_KEYS(f->tree, "a comparison", keys, err));
    TRY(read_prompts(f, err));
    TRY(read_providers(f, err));
    TRY(read_defaults(f, err));
    return read_tests(f, err);
}

Status compare_file_parse(Span yaml, CompareFile *out, Err *err)
{
    *out = (CompareFile){0};
    Status status = yaml_parse(yaml, &out->tree, err);
    if (status == OK)
        status = read_tree(out, err);
    if (status != OK)
        compare_file_release(out);
    return status;
}

Status compare_file_add_tests(CompareFile *f, Span lines, Err *err)
{
    json_t *rows = json_array();
    Status status = OK;
    size_t line = 0;
    /* The rows live as long as the tree. */
    if (json_object_set_new(f->tree, "rows", rows) != 0)
        return err_set(err, ERR_NOMEM, "no memory for tests");
    while (status == OK && lines.len > 0 && line < MOST_ROWS) {
        ptrdiff_t end = span_find(lines, SPAN("\n"), 0);
        Span row = {lines.ptr, end < 0 ? lines.len : (size_t)end};
        json_t *tree = NULL;
        line++;
        lines.ptr += row.len + (end >= 0);
        lines.len -= row.len + (end >= 0);
        if (span_trim(row).len == 0)
            continue;
        status = json_parse(row, &tree, err);
        if (status != OK)
            err_context(err, "line %zu", line);
        else if (json_array_append_new(rows, tree) != 0)
            status = err_set(err, ERR_NOMEM, "no memory for tests");
    }
    if (status == OK && json_array_size(rows) == 0)
        status = err_set(err, ERR_FORMAT, "there are no tests");
    return status == OK ? add_tests(f, rows, true, err) : status;
}

/* "questions.jsonl" of "file://questions.jsonl", from the folder of `path`. */
static Status add_tests_of(CompareFile *f, const char *path, Err *err)
{
    Str name = {0}, lines = {0};
    const char *file = f->tests_file;
    if (strncmp(file, "file://", 7) == 0)
        file += 7;
    if (file[0] != '/')
        str_append(&name, path, (size_t)(file_base_name(path) - path));
    str_puts(&name, file);
    Status status = str_check(&name, err);
    if (status == OK)
        status = file_read(str_c(&name), MOST_BYTES, &lines, err);
    if (status == OK) {
        status = compare_file_add_tests(f, str_span(&lines), err);
        if (status != OK)
            err_context(err, "'%s'", str_c(&name));
    }
    str_release(&name);
    str_release(&lines);
    return status;
}

Status compare_file_read(const char *path, CompareFile *out, Err *err)
{
    Str yaml = {0};
    *out = (CompareFile){0};
    TRY(file_read(path, MOST_BYTES, &yaml, err));
    Status status = compare_file_parse(str_span(&yaml), out, err);
    if (status != OK)
        err_context(err, "'%s'", path);
    else if (out->tests_file)
        status = add_tests_of(out, path, err);
    str_release(&yaml);
    if (status != OK)
        compare_file_release(out);
    return status;
}
