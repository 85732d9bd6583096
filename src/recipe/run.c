/* run.c - runs a recipe: lock, skip what is finished, resume what was cut, write the
 * ledger and the report. */
#include "recipe/recipe.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "format/yaml.h"
#include "recipe/ledger.h"
#include "recipe/report.h"

#include <string.h>

static Status write_record(const Recipe *r, Err *err)
{
    json_t *record = recipe_record(r);
    Str text = {0}, path = {0};
    yaml_append(&text, record);
    json_decref(record);
    Status status = str_check(&text, err);
    if (status == OK)
        status = file_write_atomic(file_join(&path, r->folder, "recipe.yaml"), text.ptr,
                                   text.len, err);
    str_release(&text);
    str_release(&path);
    return status;
}

static bool is_finished(const RecipeStage *s, const json_t *line)
{
    StageEnv env = {.folder = s->folder};
    return line && stage_is_finished(&env);
}

/* Refuses a finished stage whose line has other options, or is of another kind. */
static Status check_same_options(const RecipeStage *s, const json_t *line, Err *err)
{
    const json_t *then = json_object_get(line, "options");
    const char *kind = json_string_value(json_object_get(line, "kind"));
    if (kind && strcmp(kind, s->kind->name) != 0)
        return err_set(err, ERR_OPTION,
                       "stage '%s' was finished as '%s', but the recipe now says '%s'; "
                       "give the run another name or remove '%s'",
                       s->name, kind, s->kind->name, s->folder);
    json_t *now = stage_options_record(&s->options);
    Status status = OK;
    const char *key;
    json_t *value;
    json_object_foreach(now, key, value)
    {
        const json_t *old = json_object_get(then, key);
        if (!old || json_equal(old, value))
            continue;
        Str a = {0}, b = {0};
        json_append(&a, old);
        json_append(&b, value);
        status =
            err_set(err, ERR_OPTION,
                    "stage '%s' was finished with %s = %s, but the recipe now says "
                    "%s; give the run another name or remove '%s'",
                    s->name, key, str_c(&a), str_c(&b), s->folder);
        str_release(&a);
        str_release(&b);
        break;
    }
    json_decref(now);
    return status;
}

/* Before anything is written, so that a recipe that is refused changes nothing. */
static Status check_finished(const Recipe *r, const json_t *ledger, Err *err)
{
    for (size_t i = 0; i < r->n; i++) {
        const json_t *line = ledger_find(ledger, r->stages[i].name);
        if (is_finished(&r->stages[i], line))
            TRY(check_same_options(&r->stages[i], line, err));
    }
    return OK;
}

/* The stage's folder is locked too: the stage's own command may be at work there. */
static Status run_locked(const RecipeStage *s, const StageEnv *env, StageReport *report,
                         Err *err)
{
    FileLock lock;
    TRY(file_make_folders(s->folder, err));
    TRY(file_lock(&lock, s->folder, err));
    Status status = s->kind->run(env, s->options.own, &s->options.train, report, err);
    file_unlock(&lock);
    return status;
}

static Status run_stage(const Recipe *r, RecipeStage *s, size_t number, TensorOps *ops,
                        const char *data, json_t *ledger, Err *err)
{
    StageEnv env = {.ops = ops,
                    .folder = s->folder,
                    .data = data,
                    .corpus = s->options.corpus,
                    .lora = s->options.lora};
    if (is_finished(s, ledger_find(ledger, s->name))) {
        log_info("[%zu/%zu] %s: finished already", number, r->n, s->name);
        return OK;
    }
    log_info("[%zu/%zu] %s: %s", number, r->n, s->name, s->kind->help);
    StageReport report = {0};
    Status status = run_locked(s, &env, &report, err);
    if (status == OK) {
        json_t *options = stage_options_record(&s->options);
        status = ledger_put(ledger, r->folder, s->name, s->kind->name, options, &report,
                            err);
        json_decref(options);
    }
    if (status == OK)
        log_info("%s: %s", s->name, log_seconds(report.seconds));
    else
        err_context(err, "stage '%s'", s->name);
    stage_report_release(&report);
    return status;
}

Status recipe_run(Recipe *r, TensorOps *ops, Err *err)
{
    FileLock lock = {-1};
    Str data = {0};
    json_t *ledger = NULL;
    file_join(&data, r->folder, "data");
    Status status = file_make_folders(str_c(&data), err);
    if (status == OK)
        status = file_lock(&lock, r->folder, err);
    if (status == OK)
        status = ledger_open(r->folder, &ledger, err);
    if (status == OK)
        status = check_finished(r, ledger, err);
    if (status == OK)
        status = write_record(r, err);
    for (size_t i = 0; status == OK && i < r->n; i++) {
        status = run_stage(r, &r->stages[i], i + 1, ops, str_c(&data), ledger, err);
        if (status == OK)
            status = report_write(r->folder, err);
    }
    json_decref(ledger);
    str_release(&data);
    if (lock.fd >= 0)
        file_unlock(&lock);
    return status;
}
