/* reward_curve.c - what more comparisons would bring: the accuracy of models trained on a
 * sixteenth and on a quarter of them, each as one run of the stage would be.
 *
 * They are trained before the model, one after the other, in its memory. There are no
 * checkpoints within them; the points are kept in the stage's folder. */
#include "stages/reward_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/system.h"
#include "stages/reward_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static Status curve_step(RewardStage *r, int64_t u, int64_t updates, Err *err)
{
    const TrainOptions *t = r->t;
    AdamwOptions adamw = {.lr = t->lr * train_schedule(t, u, updates),
                          .beta1 = t->beta1,
                          .beta2 = t->beta2,
                          .eps = t->eps,
                          .weight_decay = t->weight_decay,
                          .clip_norm = t->clip_norm};
    Metrics unused = {json_object()};
    const char *bad = NULL;
    double loss;
    bool skip[2] = {false, false};
    model_zero_grads(r->learner.model);
    Status status = reward_update(r, u, &unused, &loss, skip, err);
    json_decref(unused.row);
    TRY(status);
    double norm = adamw_update(&r->learner.adamw, r->learner.model, &adamw, &bad);
    return isfinite(norm)
               ? OK
               : err_set(err, ERR_NUMERIC, "the gradient of '%s' is not finite",
                         bad ? bad : "?");
}

/* Trains on n rankings, the learner made for that, and measures. */
static Status curve_point(RewardStage *r, int64_t n, json_t **out, Err *err)
{
    int64_t updates = reward_updates(r, n);
    char name[64];
    snprintf(name, sizeof name, "reward: on %lld of %zu rankings", (long long)n,
             r->train.n);
    log_progress_begin(name, (double)updates, "steps");
    Status status = OK;
    for (int64_t u = 0; status == OK && u < updates; u++) {
        status = curve_step(r, u, updates, err);
        if (status == OK && system_stop_requested())
            status =
                err_set(err, ERR_STOPPED,
                        "stopped in the learning curve; the same command begins it "
                        "again");
        log_progress((double)(u + 1), NULL);
    }
    log_progress_end();
    TRY(status);
    reward_score_heldout(r);
    return reward_curve_point(&r->heldout, r->heldout_score, n, out, err);
}

/* A sixteenth and a quarter of a shuffle of the rankings. */
static Status train_curve(RewardStage *r, TensorOps *ops, int32_t recomputed, Err *err)
{
    int64_t n = (int64_t)r->train.n;
    r->curve = json_array();
    TRY(MEM_ARRAY(&r->part, (size_t)n, err));
    for (int64_t i = 0; i < n; i++)
        r->part[i] = i;
    Rng rng = rng_make((uint64_t)r->t->seed, RNG_SPLIT, 0);
    rng_shuffle(&rng, r->part, n);
    for (int64_t divisor = 16; divisor > 1; divisor /= 4) {
        json_t *point = NULL;
        if (n / divisor < 1)
            continue;
        Status status = reward_make_learner(r, ops, recomputed, n / divisor, err);
        if (status == OK)
            status = curve_point(r, n / divisor, &point, err);
        reward_release_learner(r);
        TRY(status);
        json_array_append_new(r->curve, point);
    }
    mem_free(r->part);
    r->part = NULL;
    return OK;
}

static const char curve_name[] = "learning_curve.json";

/* The curve of this very run, if it was trained before the run was cut. */
static void read_curve(RewardStage *r, const char *path, const char *mark)
{
    json_t *saved = NULL;
    Err ignored;
    if (!file_exists(path) || json_read_file(path, &saved, &ignored) != OK)
        return;
    const char *is = json_string_value(json_object_get(saved, "run"));
    const json_t *points = json_object_get(saved, "points");
    if (is && strcmp(is, mark) == 0 && json_is_array(points))
        r->curve = json_deep_copy(points);
    json_decref(saved);
}

Status reward_learning_curve(RewardStage *r, TensorOps *ops, int32_t recomputed,
                             uint64_t run, Err *err)
{
    if (!r->o->learning_curve)
        return OK;
    if (r->heldout.n == 0)
        return err_set(err, ERR_OPTION,
                       "learning_curve is set, but no comparisons are held out");
    char mark[32];
    Str path = {0};
    snprintf(mark, sizeof mark, "%016llx", (unsigned long long)run);
    Status status = file_make_folders(r->folder, err);
    file_join(&path, r->folder, curve_name);
    if (status == OK)
        read_curve(r, str_c(&path), mark);
    if (status == OK && !r->curve) {
        status = train_curve(r, ops, recomputed, err);
        json_t *saved = json_pack("{s:s, s:O}", "run", mark, "points", r->curve);
        if (status == OK)
            status = json_write_file(str_c(&path), saved, err);
        json_decref(saved);
    }
    str_release(&path);
    return status;
}
