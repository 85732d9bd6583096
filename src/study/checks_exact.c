/* checks_exact.c - checks 14 and 16 of the gold study: what must be the same to the byte,
 * and what to rounding. */
#include "base/file.h"
#include "base/system.h"
#include "study/overoptimization_internal.h"
#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- 14 ------------------------------------------------------------------------------ */

/* What a kill leaves behind some time after a checkpoint: that checkpoint, and logs that
 * are longer than it and end in the middle of a line. */
static Status cut_run(const char *whole, const char *cut, int64_t step, Err *err)
{
    static const char *const logs[] = {"metrics.jsonl", "timings.jsonl",
                                       "samples.jsonl"};
    char name[64];
    Str from = {0}, to = {0}, text = {0};
    snprintf(name, sizeof name, "checkpoints/step-%lld", (long long)step);
    Status status =
        lab_copy_tree(file_join(&from, whole, name), file_join(&to, cut, name), err);
    for (size_t i = 0; status == OK && i < sizeof logs / sizeof *logs; i++) {
        file_join(&from, whole, logs[i]);
        if (!file_exists(str_c(&from)))
            continue;
        str_release(&text);
        status = file_read(str_c(&from), (size_t)1 << 28, &text, err);
        if (status != OK)
            break;
        str_puts(&text, "{\"step\": 99");
        status =
            file_write_atomic(file_join(&to, cut, logs[i]), text.ptr, text.len, err);
    }
    str_release(&from);
    str_release(&to);
    str_release(&text);
    return status;
}

/* The newest checkpoints' moments and critic, byte for byte; state.json tells the time. */
static Status same_training(const char *a, const char *b, bool *same, Str *difference,
                            Err *err)
{
    static const char *const parts[] = {"policy.safetensors", "critic.safetensors",
                                        "critic/model.safetensors"};
    Str x = {0}, y = {0}, in_x = {0}, in_y = {0};
    *same = true;
    checkpoint_newest(a, &x);
    checkpoint_newest(b, &y);
    str_puts(&x, "/training");
    str_puts(&y, "/training");
    Status status = OK;
    for (size_t i = 0; status == OK && *same && i < sizeof parts / sizeof *parts; i++)
        status = lab_same_bytes(file_join(&in_x, str_c(&x), parts[i]),
                                file_join(&in_y, str_c(&y), parts[i]), same, difference,
                                err);
    str_release(&x);
    str_release(&y);
    str_release(&in_x);
    str_release(&in_y);
    return status;
}

/* Two finished runs: weights, metrics, and what a next update would need. */
static Status same_runs(const char *a, const char *b, bool *same, Str *difference,
                        Err *err)
{
    static const char *const parts[] = {"model.safetensors", "metrics.jsonl"};
    Str x = {0}, y = {0};
    Status status = OK;
    *same = true;
    for (size_t i = 0; status == OK && *same && i < sizeof parts / sizeof *parts; i++)
        status = lab_same_bytes(file_join(&x, a, parts[i]), file_join(&y, b, parts[i]),
                                same, difference, err);
    if (status == OK && *same)
        status = same_training(a, b, same, difference, err);
    str_release(&x);
    str_release(&y);
    return status;
}

Status check_resume(Study *s, Check *c, Err *err)
{
    const RecipeStage *run = lab_stage(&s->lab, "resume");
    Series m;
    TRY(lab_series(&s->lab, "resume", &m, err));
    double last = series_last(&m, "step");
    series_release(&m);
    /* After the first, the second and the third of its four iterations. */
    for (int64_t part = 1; part <= 3; part++) {
        char name[32];
        Str cut = {0}, difference = {0};
        bool same = false;
        int64_t step = (int64_t)last * part / 4;
        snprintf(name, sizeof name, "resume_cut_%lld", (long long)part);
        file_join(&cut, s->lab.recipe.folder, name);
        Status status = OK;
        if (!file_exists(str_c(&cut)))
            status = cut_run(run->folder, str_c(&cut), step, err);
        if (status == OK)
            status = lab_run_again(&s->lab, "resume", name, s->lab.ops, 0, err);
        if (status == OK)
            status = same_runs(run->folder, str_c(&cut), &same, &difference, err);
        if (status == OK)
            check_part(c, same, "cut after update %lld of %.0f: %s%s", (long long)step,
                       last, same ? "the same bytes" : "differs in ",
                       str_c(&difference));
        str_release(&cut);
        str_release(&difference);
        TRY(status);
    }
    check_why(c, "Some state of the run is not in its checkpoints.");
    return OK;
}

/* --- 16 ------------------------------------------------------------------------------ */

/* The stage `steps` in f32 with so many threads. */
static Status run_steps(Study *s, const char *folder, int threads, int64_t micro_batch,
                        Series *out, Err *err)
{
    TensorOps *ops = NULL;
    TensorCpuOptions o = {.threads = threads, .compute = COMPUTE_F32};
    Str path = {0};
    TRY(tensor_cpu_new(&ops, &o, err));
    Status status = lab_run_again(&s->lab, "steps", folder, ops, micro_batch, err);
    tensor_free(ops);
    if (status == OK)
        status = series_read(out, file_join(&path, s->lab.recipe.folder, folder), err);
    str_release(&path);
    return status;
}

/* Of the first update's loss, where the weights are still the same. */
static double loss_difference(const Series *a, const Series *b)
{
    return fabs(series_first(a, "loss") - series_first(b, "loss"));
}

Status check_determinism(Study *s, Check *c, Err *err)
{
    Series one = {0}, many = {0}, split = {0};
    Str difference = {0};
    bool same;
    int threads = system_cpus() > 1 ? system_cpus() : 2;
    Status status = same_runs(lab_folder(&s->lab, "resume"),
                              lab_folder(&s->lab, "again"), &same, &difference, err);
    if (status == OK)
        status = run_steps(s, "steps_one_thread", 1, 0, &one, err);
    if (status == OK)
        status = run_steps(s, "steps_threads", threads, 0, &many, err);
    if (status == OK)
        status = run_steps(s, "steps_split", 1, s->scale->context, &split, err);
    if (status == OK) {
        double by_threads = loss_difference(&one, &many);
        double by_passes = loss_difference(&one, &split);
        check_part(c, same, "PPO twice with one seed: %s%s",
                   same ? "the same bytes" : "differs in ", str_c(&difference));
        check_part(c, by_threads <= 1e-5, "one thread and %d: losses %.1e apart",
                   threads, by_threads);
        check_part(c, by_passes <= 1e-5, "passes of 1024 and %lld tokens: %.1e apart",
                   (long long)s->scale->context, by_passes);
    }
    series_release(&one);
    series_release(&many);
    series_release(&split);
    str_release(&difference);
    return status;
}
