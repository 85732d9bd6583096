/* checkpoint.c - writing, finding, loading and removing checkpoints, see checkpoint.h.
 *
 * The order of writes is the whole point: data, fsync of each file (base/file's writers
 * do that), fsync of each folder, rename, fsync of the folder that holds the name. A
 * removal renames first, so that half a checkpoint never has a checkpoint's name. */
#include "train/checkpoint.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "train/moments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void train_state_release(TrainState *s)
{
    if (!s)
        return;
    json_decref(s->evaluation);
    json_decref(s->objective);
    *s = (TrainState){0};
}

/* --- names ----------------------------------------------------------------------- */

static void checkpoint_path(Str *out, const char *folder, int64_t step,
                            const char *suffix)
{
    str_reset(out);
    str_printf(out, "%s/checkpoints/step-%" PRId64 "%s", folder, step, suffix);
}

/* The step of a whole checkpoint's name, or -1: also for step-007 and for numbers too
 * large, which no checkpoint has. */
static int64_t name_step(const char *name)
{
    if (strncmp(name, "step-", 5) != 0)
        return -1;
    char same[32];
    int64_t step = strtoll(name + 5, NULL, 10);
    (void)snprintf(same, sizeof same, "step-%" PRId64, step);
    return strcmp(name, same) == 0 ? step : -1;
}

static int descending(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x < *y) - (*x > *y);
}

/* The steps of all checkpoints, newest first; mem_free them. remove_cut: what a cut write
 * or removal left behind is removed on the way. */
static Status list_steps(const char *folder, bool remove_cut, int64_t **steps,
                         size_t *n, Err *err)
{
    *steps = NULL;
    *n = 0;
    Str path = {0};
    file_join(&path, folder, "checkpoints");
    char **names = NULL;
    size_t n_names = 0;
    Status status = OK;
    if (file_is_folder(str_c(&path)))
        status = file_list(str_c(&path), &names, &n_names, err);
    if (status == OK)
        status = MEM_ARRAY(steps, n_names, err);
    Str cut = {0};
    for (size_t i = 0; status == OK && i < n_names; i++) {
        size_t len = strlen(names[i]);
        int64_t step = name_step(names[i]);
        if (step >= 0)
            (*steps)[(*n)++] = step;
        else if (remove_cut && len > 4 && strcmp(names[i] + len - 4, ".tmp") == 0)
            status = file_remove_tree(file_join(&cut, str_c(&path), names[i]), err);
    }
    if (status == OK && *n > 0)
        qsort(*steps, *n, sizeof **steps, descending);
    str_release(&cut);
    str_release(&path);
    file_list_free(names, n_names);
    return status;
}

void checkpoint_newest(const char *folder, Str *out)
{
    int64_t *steps;
    size_t n;
    str_reset(out);
    if (list_steps(folder, false, &steps, &n, NULL) == OK && n > 0)
        checkpoint_path(out, folder, steps[0], "");
    mem_free(steps);
}

/* --- state.json ------------------------------------------------------------------ */

static void put_real(json_t *o, const char *key, double value)
{
    json_object_set_new(o, key, json_real(value));
}

static void put_int(json_t *o, const char *key, int64_t value)
{
    json_object_set_new(o, key, json_integer(value));
}

static const char *compute_of(const CheckpointParts *parts)
{
    return parts->learners[0]->model->ops->compute == COMPUTE_BF16 ? "bf16" : "f32";
}

static Status write_state(const char *path, const CheckpointParts *parts,
                          const TrainState *s, Err *err)
{
    json_t *o = json_object();
    char hash[20];
    snprintf(hash, sizeof hash, "%016" PRIx64, s->fingerprint);
    put_int(o, "step", s->step);
    json_object_set_new(o, "fingerprint", json_string(hash));
    json_object_set_new(o, "compute", json_string(compute_of(parts)));
    json_t *counts = json_object();
    for (int i = 0; i < parts->n_learners; i++)
        put_int(counts, parts->learners[i]->name, parts->learners[i]->adamw.t);
    json_object_set_new(o, "optimizer_steps", counts);
    put_real(o, "guard_mean", s->guard.mean);
    put_real(o, "guard_variance", s->guard.variance);
    put_int(o, "guard_n", s->guard.n);
    put_real(o, "first_loss", s->first_loss);
    put_real(o, "last_loss", s->last_loss);
    put_real(o, "seconds", s->seconds);
    put_real(o, "tokens", s->tokens);
    put_real(o, "flops", s->flops);
    put_int(o, "metrics_bytes", s->journal[JOURNAL_METRICS]);
    put_int(o, "samples_bytes", s->journal[JOURNAL_SAMPLES]);
    put_int(o, "timings_bytes", s->journal[JOURNAL_TIMINGS]);
    if (s->evaluation)
        json_object_set(o, "evaluation", s->evaluation);
    if (s->objective)
        json_object_set(o, "objective", s->objective);
    Status status = o ? json_write_file(path, o, err)
                      : err_set(err, ERR_NOMEM, "no memory for '%s'", path);
    json_decref(o);
    return status;
}

static Status parse_state(const json_t *o, TrainState *s, Err *err)
{
    Span hash;
    TRY(json_get_int(o, "step", &s->step, err));
    TRY(json_get_text(o, "fingerprint", &hash, err));
    s->fingerprint = strtoull(hash.ptr, NULL, 16);
    TRY(json_get_real_or(o, "guard_mean", 0, &s->guard.mean, err));
    TRY(json_get_real_or(o, "guard_variance", 0, &s->guard.variance, err));
    TRY(json_get_int(o, "guard_n", &s->guard.n, err));
    TRY(json_get_real_or(o, "first_loss", 0, &s->first_loss, err));
    TRY(json_get_real_or(o, "last_loss", 0, &s->last_loss, err));
    TRY(json_get_real_or(o, "seconds", 0, &s->seconds, err));
    TRY(json_get_real_or(o, "tokens", 0, &s->tokens, err));
    TRY(json_get_real_or(o, "flops", 0, &s->flops, err));
    TRY(json_get_int(o, "metrics_bytes", &s->journal[JOURNAL_METRICS], err));
    TRY(json_get_int(o, "samples_bytes", &s->journal[JOURNAL_SAMPLES], err));
    TRY(json_get_int(o, "timings_bytes", &s->journal[JOURNAL_TIMINGS], err));
    s->evaluation = json_incref(json_object_get(o, "evaluation"));
    s->objective = json_incref(json_object_get(o, "objective"));
    return OK;
}

/* --- saving ---------------------------------------------------------------------- */

static Status save_model(const Learner *l, const CheckpointParts *parts,
                         const char *folder, Err *err)
{
    TRY(file_make_folders(folder, err));
    TRY(model_folder_save(l->model, parts->specials, folder, err));
    return tokenizer_save(parts->tok, folder, err);
}

/* All of it under `path`, which does not exist. */
static Status save_parts(const char *path, const CheckpointParts *parts,
                         const TrainState *state, Err *err)
{
    Str training = {0}, at = {0};
    file_join(&training, path, "training");
    Status status = save_model(parts->learners[0], parts, path, err);
    if (status == OK)
        status = file_make_folders(str_c(&training), err);
    for (int i = 0; status == OK && i < parts->n_learners; i++) {
        const Learner *l = parts->learners[i];
        str_reset(&at);
        str_printf(&at, "%s/%s.safetensors", str_c(&training), l->name);
        status = moments_write(&l->adamw, l->model->ops, str_c(&at), err);
        if (status != OK || i == 0)
            continue;
        status = save_model(l, parts, file_join(&at, str_c(&training), l->name), err);
        if (status == OK)
            status = file_sync_folder(str_c(&at), err);
    }
    if (status == OK)
        status = write_state(file_join(&at, str_c(&training), "state.json"), parts,
                             state, err);
    if (status == OK)
        status = file_sync_folder(str_c(&training), err);
    if (status == OK)
        status = file_sync_folder(path, err);
    str_release(&training);
    str_release(&at);
    return status;
}

Status checkpoint_save(const char *folder, const CheckpointParts *parts,
                       const TrainState *state, Err *err)
{
    Str path = {0}, tmp = {0}, parent = {0};
    checkpoint_path(&path, folder, state->step, "");
    checkpoint_path(&tmp, folder, state->step, ".tmp");
    file_join(&parent, folder, "checkpoints");
    Status status = OK;
    if (file_exists(str_c(&path)))
        goto done;
    status = file_make_folders(str_c(&parent), err);
    if (status == OK)
        status = file_remove_tree(str_c(&tmp), err);
    if (status == OK)
        status = save_parts(str_c(&tmp), parts, state, err);
    if (status == OK)
        status = file_rename(str_c(&tmp), str_c(&path), err);
    if (status == OK)
        status = file_sync_folder(str_c(&parent), err);
    if (status != OK)
        err_context(err, "checkpoint '%s'", str_c(&path));
done:
    str_release(&path);
    str_release(&tmp);
    str_release(&parent);
    return status;
}

Status checkpoint_prune(const char *folder, int64_t keep, Err *err)
{
    int64_t *steps;
    size_t n;
    Status status = list_steps(folder, false, &steps, &n, err);
    Str path = {0}, tmp = {0};
    for (size_t i = (size_t)keep; status == OK && i < n; i++) {
        checkpoint_path(&path, folder, steps[i], "");
        checkpoint_path(&tmp, folder, steps[i], ".old.tmp");
        status = file_rename(str_c(&path), str_c(&tmp), err);
        if (status == OK)
            status = file_remove_tree(str_c(&tmp), err);
    }
    str_release(&path);
    str_release(&tmp);
    mem_free(steps);
    return status;
}

Status checkpoint_publish(const char *folder, const CheckpointParts *parts, Err *err)
{
    Str tmp = {0}, from = {0}, to = {0};
    file_join(&tmp, folder, "result.tmp");
    char **names = NULL;
    size_t n = 0;
    Status status = file_remove_tree(str_c(&tmp), err);
    if (status == OK)
        status = save_model(parts->learners[0], parts, str_c(&tmp), err);
    if (status == OK)
        status = file_list(str_c(&tmp), &names, &n, err);
    for (int last = 0; status == OK && last < 2; last++) {
        for (size_t i = 0; status == OK && i < n; i++) {
            if ((strcmp(names[i], "config.json") == 0) != (last == 1))
                continue;
            file_join(&from, str_c(&tmp), names[i]);
            file_join(&to, folder, names[i]);
            status = file_rename(str_c(&from), str_c(&to), err);
        }
        if (status == OK)
            status = file_sync_folder(folder, err);
    }
    if (status == OK)
        status = file_remove_tree(str_c(&tmp), err);
    file_list_free(names, n);
    str_release(&tmp);
    str_release(&from);
    str_release(&to);
    return status;
}

/* --- loading --------------------------------------------------------------------- */

static Status load_learner(const char *path, int number, Learner *l,
                           const json_t *counts, Err *err)
{
    Str at = {0};
    int64_t t = 0;
    Status status = json_get_int(counts, l->name, &t, err);
    if (number == 0)
        str_puts(&at, path);
    else
        str_printf(&at, "%s/training/%s", path, l->name);
    if (status == OK)
        status = model_folder_restore(l->model, str_c(&at), err);
    str_reset(&at);
    str_printf(&at, "%s/training/%s.safetensors", path, l->name);
    if (status == OK)
        status = moments_read(&l->adamw, l->model->ops, str_c(&at), err);
    l->adamw.t = t;
    str_release(&at);
    return status;
}

/* Products of another type end in other bits: a resume would not be exact. */
static Status check_compute(const json_t *o, const char *path,
                            const CheckpointParts *parts, Err *err)
{
    Span was = span_of("f32"); /* what there was before bf16 */
    if (json_object_get(o, "compute"))
        TRY(json_get_text(o, "compute", &was, err));
    if (span_equal(was, span_of(compute_of(parts))))
        return OK;
    return err_set(
        err, ERR_OPTION,
        "'%s' was trained with products in %.*s, and this run computes in %s; "
        "set TAME_COMPUTE=%.*s to go on",
        path, (int)was.len, was.ptr, compute_of(parts), (int)was.len, was.ptr);
}

static Status load_parts(const char *path, const CheckpointParts *parts,
                         uint64_t fingerprint, TrainState *state, Err *err)
{
    Str at = {0};
    str_printf(&at, "%s/training/state.json", path);
    json_t *o = NULL;
    Status status = json_read_file(str_c(&at), &o, err);
    if (status == OK)
        status = parse_state(o, state, err);
    if (status == OK && state->fingerprint != fingerprint)
        status = err_set(err, ERR_OPTION,
                         "'%s' was trained with other options or data; use those, or "
                         "another folder, or remove its checkpoints to start anew",
                         path);
    if (status == OK)
        status = check_compute(o, path, parts, err);
    for (int i = 0; status == OK && i < parts->n_learners; i++)
        status = load_learner(path, i, parts->learners[i],
                              json_object_get(o, "optimizer_steps"), err);
    json_decref(o);
    str_release(&at);
    if (status != OK)
        train_state_release(state);
    return status;
}

/* Out of the way, so that the step can be saved again, and not lost. */
static Status set_aside(const char *folder, int64_t step, Err *err)
{
    Str path = {0}, broken = {0};
    checkpoint_path(&path, folder, step, "");
    checkpoint_path(&broken, folder, step, ".broken");
    Status status = file_remove_tree(str_c(&broken), err);
    if (status == OK)
        status = file_rename(str_c(&path), str_c(&broken), err);
    str_release(&path);
    str_release(&broken);
    return status;
}

Status checkpoint_resume(const char *folder, const CheckpointParts *parts,
                         uint64_t fingerprint, TrainState *state, bool *found, Err *err)
{
    *found = false;
    *state = (TrainState){0};
    int64_t *steps;
    size_t n;
    Status status = list_steps(folder, true, &steps, &n, err);
    Str path = {0};
    for (size_t i = 0; status == OK && !*found && i < n; i++) {
        Err why = {0};
        checkpoint_path(&path, folder, steps[i], "");
        Status loaded = load_parts(str_c(&path), parts, fingerprint, state, &why);
        *found = loaded == OK;
        if (loaded == OK)
            break;
        bool is_broken = loaded == ERR_FORMAT || loaded == ERR_IO;
        if (!is_broken || i + 1 == n) {
            status = err_set(err, loaded, "checkpoint '%s': %s", str_c(&path), why.msg);
            break;
        }
        log_warn("checkpoint '%s' cannot be read (%s); falling back to step %" PRId64,
                 str_c(&path), why.msg, steps[i + 1]);
        status = set_aside(folder, steps[i], err);
    }
    str_release(&path);
    mem_free(steps);
    return status;
}
