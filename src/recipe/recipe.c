/* recipe.c - reading recipes: YAML to a list of stages with all options resolved. */
#include "recipe/recipe.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/yaml.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { RECIPE_MAX_STAGES = 64, RECIPE_MAX_BYTES = 1 << 20 };

static bool is_name(const char *s)
{
    if (!*s || strlen(s) > 64)
        return false;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_')
            return false;
    }
    return true;
}

static Status dup_text(char **out, const char *text, Err *err)
{
    *out = mem_dup(text, strlen(text));
    return *out ? OK : err_set(err, ERR_NOMEM, "no memory for a recipe");
}

/* --- "$name/rest" ------------------------------------------------------------------ */
static const char *folder_of(const Recipe *r, const char *name, size_t len)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strlen(r->stages[i].name) == len &&
            memcmp(r->stages[i].name, name, len) == 0)
            return r->stages[i].folder;
    }
    return NULL;
}

static Status unknown_name(const Recipe *r, const char *name, size_t len, Err *err)
{
    const char *names[RECIPE_MAX_STAGES];
    for (size_t i = 0; i < r->n; i++)
        names[i] = r->stages[i].name;
    char wanted[65];
    snprintf(wanted, sizeof wanted, "%.*s", (int)(len < 64 ? len : 64), name);
    const char *near = opt_nearest(wanted, names, r->n);
    if (near)
        return err_set(err, ERR_OPTION,
                       "'$%s' names no earlier stage; did you mean '$%s'?", wanted,
                       near);
    return err_set(err, ERR_OPTION, "'$%s' names no earlier stage", wanted);
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* Each "$name" in text becomes the folder of that earlier stage. A "$" before no name is
 * an error, or, where texts are more than paths (regular expressions), itself. */
static Status expand(const Recipe *r, const char *text, bool paths, Str *out, Err *err)
{
    str_reset(out);
    for (const char *p = text; *p;) {
        if (*p != '$' || (!paths && !is_name_char(p[1]))) {
            str_putc(out, *p++);
            continue;
        }
        const char *name = ++p;
        while (is_name_char(*p))
            p++;
        const char *folder = folder_of(r, name, (size_t)(p - name));
        if (!folder)
            return unknown_name(r, name, (size_t)(p - name), err);
        str_puts(out, folder);
    }
    return str_check(out, err);
}

static Status expand_text(const Recipe *r, json_t *value, bool paths, Err *err)
{
    const char *text = json_string_value(value);
    if (!strchr(text, '$') || strlen(text) != json_string_length(value))
        return OK; /* a NUL is refused with the options */
    Str expanded = {0};
    Status status = expand(r, text, paths, &expanded, err);
    if (status == OK)
        json_string_set(value, str_c(&expanded));
    str_release(&expanded);
    return status;
}

/* All texts of a list or a mapping that is an option's value. YAML is not deep. */
static Status expand_tree(const Recipe *r, json_t *tree, Err *err)
{
    if (json_is_string(tree))
        return expand_text(r, tree, false, err);
    for (size_t i = 0; i < json_array_size(tree); i++)
        TRY(expand_tree(r, json_array_get(tree, i), err));
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(tree), key, value)
        TRY(expand_tree(r, value, err));
    return OK;
}

static Status expand_options(const Recipe *r, json_t *mapping, Err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(mapping), key, value)
    {
        Status status = json_is_string(value) ? expand_text(r, value, true, err)
                                              : expand_tree(r, value, err);
        if (status != OK)
            return err_context(err, "%s", key);
    }
    return OK;
}

/* --- one stage ---------------------------------------------------------------------- */
static Status find_kind(const char *name, const StageKind **out, Err *err)
{
    *out = stage_kind_find(name);
    if (*out)
        return OK;
    const char *names[64];
    size_t n = 0;
    for (const StageKind *k = stage_kinds; k->name; k++)
        names[n++] = k->name;
    const char *near = opt_nearest(name, names, n);
    if (near)
        return err_set(err, ERR_OPTION, "no stage '%s'; did you mean '%s'?", name,
                       near);
    return err_set(err, ERR_OPTION, "no stage '%s'", name);
}

/* Takes "name" and sets "seed" in the mapping; finds the stage's folder. */
static Status place_stage(const Recipe *r, RecipeStage *s, json_t *mapping,
                          int64_t seed, Err *err)
{
    const char *name = s->kind->default_name;
    json_t *given = json_object_get(mapping, "name");
    if (given) {
        if (!json_is_string(given) || !is_name(json_string_value(given)))
            return err_set(err, ERR_OPTION,
                           "name is not a word of letters, digits, '-' and '_'");
        name = json_string_value(given);
    }
    if (strcmp(name, "data") == 0 && !s->kind->makes_data)
        return err_set(err, ERR_OPTION,
                       "'data' is the run's folder of data sets; take another `name`");
    if (folder_of(r, name, strlen(name)))
        return err_set(err, ERR_OPTION,
                       "two stages are named '%s'; give one another `name`", name);
    TRY(dup_text(&s->name, name, err));
    json_object_del(mapping, "name");
    Str folder = {0};
    str_printf(&folder, "%s/%s%s", r->folder, s->kind->makes_data ? "data/" : "",
               s->name);
    Status status = str_check(&folder, err);
    if (status == OK)
        s->folder = str_take(&folder);
    str_release(&folder);
    bool has_seed = s->kind->trains || opt_find(s->kind->options, "seed");
    if (has_seed && !json_object_get(mapping, "seed"))
        json_object_set_new(mapping, "seed", json_integer(seed));
    return status;
}

static Status read_stage(Recipe *r, json_t *item, int64_t seed, Err *err)
{
    if (!json_is_object(item) || json_object_size(item) != 1)
        return err_set(err, ERR_OPTION,
                       "a stage is one key and its options: `- sft: {epochs: 2}`");
    const char *kind_name = json_object_iter_key(json_object_iter(item));
    json_t *given = json_object_get(item, kind_name);
    if (!json_is_null(given) && !json_is_object(given))
        return err_set(err, ERR_OPTION, "the options of '%s' are not a mapping",
                       kind_name);
    RecipeStage *s = &r->stages[r->n];
    TRY(find_kind(kind_name, &s->kind, err));
    json_t *mapping = json_is_object(given) ? json_deep_copy(given) : json_object();
    if (!mapping)
        return err_set(err, ERR_NOMEM, "no memory for a recipe");
    Status status = place_stage(r, s, mapping, seed, err);
    if (status == OK)
        status = expand_options(r, mapping, err);
    if (status == OK)
        status = stage_options_new(&s->options, s->kind, err);
    if (status == OK)
        status = stage_options_read(&s->options, mapping, err);
    json_decref(mapping);
    r->n++; /* also on an error: recipe_release frees what is there */
    if (status != OK)
        err_context(err, "stage '%s'", s->name ? s->name : kind_name);
    return status;
}

/* --- the whole recipe --------------------------------------------------------------- */
static Status check_keys(const json_t *root, Err *err)
{
    static const char *const known[] = {"run", "seed", "stages"};
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(root), key, value)
    {
        if (strcmp(key, "run") == 0 || strcmp(key, "seed") == 0 ||
            strcmp(key, "stages") == 0)
            continue;
        const char *near = opt_nearest(key, known, 3);
        return err_set(err, ERR_OPTION, "unknown key '%s'%s%s%s", key,
                       near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
    }
    return OK;
}

static Status read_root(Recipe *r, const json_t *root, const char *runs, Err *err)
{
    if (!json_is_object(root))
        return err_set(err, ERR_FORMAT,
                       "a recipe is a mapping with `run` and `stages`");
    TRY(check_keys(root, err));
    const json_t *run = json_object_get(root, "run");
    if (!json_is_string(run) || !is_name(json_string_value(run)))
        return err_set(err, ERR_OPTION,
                       "`run` is not a word of letters, digits, '-' and '_'");
    TRY(dup_text(&r->name, json_string_value(run), err));
    Str folder = {0};
    file_join(&folder, runs, r->name);
    Status status = str_check(&folder, err);
    if (status == OK)
        r->folder = str_take(&folder);
    str_release(&folder);
    TRY(status);
    int64_t seed;
    TRY(json_get_int_or(root, "seed", 1, &seed, err));
    const json_t *stages = json_object_get(root, "stages");
    size_t n = json_array_size(stages);
    if (n == 0)
        return err_set(err, ERR_OPTION,
                       "`stages` is not a list with at least one stage");
    if (n > RECIPE_MAX_STAGES)
        return err_set(err, ERR_LIMIT, "%zu stages; at most %d", n, RECIPE_MAX_STAGES);
    TRY(MEM_ARRAY(&r->stages, n, err));
    for (size_t i = 0; i < n; i++)
        TRY(read_stage(r, json_array_get(stages, i), seed, err));
    return OK;
}

Status recipe_parse(Span yaml, const char *runs, Recipe *out, Err *err)
{
    *out = (Recipe){0};
    json_t *root = NULL;
    TRY(yaml_parse(yaml, &root, err));
    Status status = read_root(out, root, runs, err);
    json_decref(root);
    if (status != OK)
        recipe_release(out);
    return status;
}

Status recipe_read(const char *path, const char *runs, Recipe *out, Err *err)
{
    *out = (Recipe){0};
    Str text = {0};
    Status status = file_read(path, RECIPE_MAX_BYTES, &text, err);
    if (status == OK)
        status = recipe_parse(str_span(&text), runs, out, err);
    str_release(&text);
    if (status != OK)
        err_context(err, "recipe '%s'", path);
    return status;
}

void recipe_release(Recipe *r)
{
    for (size_t i = 0; i < r->n; i++) {
        mem_free(r->stages[i].name);
        mem_free(r->stages[i].folder);
        stage_options_release(&r->stages[i].options);
    }
    mem_free(r->stages);
    mem_free(r->name);
    mem_free(r->folder);
    *r = (Recipe){0};
}

json_t *recipe_record(const Recipe *r)
{
    json_t *root = json_object(), *stages = json_array();
    json_object_set_new(root, "run", json_string(r->name));
    for (size_t i = 0; i < r->n; i++) {
        json_t *options = stage_options_record(&r->stages[i].options);
        json_t *item = json_object();
        json_object_set_new(options, "name", json_string(r->stages[i].name));
        json_object_set_new(item, r->stages[i].kind->name, options);
        json_array_append_new(stages, item);
    }
    json_object_set_new(root, "stages", stages);
    return root;
}
