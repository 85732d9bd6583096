/* loop.c - the loop that every stage shares, see trainer.h.
 *
 *     resume the newest checkpoint, or evaluate the start
 *     for each iteration (1 update; in PPO a batch of episodes and all updates on it):
 *         for each update: zero gradients, objective->update, clip, AdamW
 *         evaluate, sample when due; one line of metrics; checkpoint when due
 *     publish the model in the stage's folder
 *
 * Why a killed run ends in the same bytes: an update depends on its number, the
 * weights, the moments and the objective's state alone, all of which a checkpoint
 * holds; and the metrics file is cut back to its length at the checkpoint. What the
 * loop decides by itself (when to evaluate, whether a loss is a spike) depends on the
 * same numbers. Seconds are kept out of metrics.jsonl.
 *
 * The mark of a finished folder is config.json; training.json beside it, written just
 * before, is the report, so that asking again costs nothing. */
#include "train/trainer.h"

#include "base/file.h"
#include "base/log.h"
#include "base/system.h"
#include "train/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

typedef struct Loop {
    Objective *objective;
    const TrainOptions *o;
    const char *folder;
    CheckpointParts parts;
    Journal journal;
    TrainState state;     /* as of the last checkpoint, but for step, guard, losses */
    double tokens_before; /* of earlier runs; the objective counts this one's */
    double flops_before, seconds_before, began;
    double mark_seconds, mark_tokens, mark_waited; /* at the last line of timings */
} Loop;

void metrics_put(Metrics *m, const char *key, double value)
{
    json_t *number = isfinite(value) ? json_real(value) : json_null();
    json_object_set_new(m->row, key, number);
}

void train_report_release(TrainReport *r)
{
    if (!r)
        return;
    json_decref(r->final_metrics);
    *r = (TrainReport){0};
}

/* --- a few quantities -------------------------------------------------------------- */

static double tokens_now(const Loop *l)
{
    const Objective *obj = l->objective;
    return l->tokens_before + (obj->tokens ? obj->tokens(obj->self) : 0);
}

static double flops_now(const Loop *l)
{
    const Objective *obj = l->objective;
    return l->flops_before + (obj->flops ? obj->flops(obj->self) : 0);
}

static double seconds_now(const Loop *l)
{
    return l->seconds_before + system_seconds() - l->began;
}

/* Whether something that happens every `every` updates (-1: `times` times in the run)
 * is due when the updates done went from `before` to `now`. */
static bool is_due(const Loop *l, int64_t every, int64_t times, int64_t before,
                   int64_t now)
{
    if (every < 0) {
        every = l->objective->updates / times;
        every = every > 0 ? every : 1;
    }
    return every > 0 && now / every > before / every;
}

/* --- saving ------------------------------------------------------------------------ */

static Status save(Loop *l, Err *err)
{
    TrainState *s = &l->state;
    TRY(journal_sync(&l->journal, s->journal, err));
    s->fingerprint = l->objective->fingerprint;
    s->tokens = tokens_now(l);
    s->flops = flops_now(l);
    s->seconds = seconds_now(l);
    json_decref(s->objective);
    s->objective = l->objective->state ? l->objective->state(l->objective->self) : NULL;
    TRY(checkpoint_save(l->folder, &l->parts, s, err));
    int64_t keep = l->o->keep_checkpoints;
    return checkpoint_prune(l->folder, keep > 2 ? keep : 2, err);
}

/* --- one update -------------------------------------------------------------------- */

static Status numeric_error(const Loop *l, int64_t u, const char *what, Err *err)
{
    Str last = {0};
    checkpoint_newest(l->folder, &last);
    Status status =
        last.len > 0
            ? err_set(err, ERR_NUMERIC,
                      "step %" PRId64 ": %s; last good checkpoint '%s'", u + 1, what,
                      str_c(&last))
            : err_set(err, ERR_NUMERIC,
                      "step %" PRId64 ": %s; there is no checkpoint yet", u + 1, what);
    str_release(&last);
    return status;
}

static Status check_loss(Loop *l, int64_t u, double loss, Err *err)
{
    char what[200];
    LossGuard *guard = &l->state.guard;
    if (!isfinite(loss)) {
        snprintf(what, sizeof what, "the loss is %g", loss);
        return numeric_error(l, u, what, err);
    }
    double deviations = guard_deviations(guard, loss);
    if (l->o->max_loss_spike > 0 && deviations > l->o->max_loss_spike) {
        snprintf(what, sizeof what,
                 "the loss %.4g is %.1f deviations above its running mean %.4g", loss,
                 deviations, guard->mean);
        return numeric_error(l, u, what, err);
    }
    guard_add(guard, loss);
    return OK;
}

/* lr and grad_norm of a stage with one learner; <name>/lr ... with two. */
static void put_of_learner(const Loop *l, int i, Metrics *m, const char *key,
                           double value)
{
    char name[96];
    if (l->parts.n_learners == 1)
        snprintf(name, sizeof name, "%s", key);
    else
        snprintf(name, sizeof name, "%s/%s", l->parts.learners[i]->name, key);
    metrics_put(m, name, value);
}

static Status step_learner(Loop *l, int i, int64_t u, Metrics *m, Err *err)
{
    const TrainOptions *o = l->o;
    Learner *learner = l->parts.learners[i];
    double factor = train_schedule(o, u, l->objective->updates) * learner->lr_scale;
    AdamwOptions adamw = {
        .lr = o->lr * factor,
        .muon_lr = o->muon.lr * factor,
        .muon_momentum = o->muon.momentum,
        .beta1 = o->beta1,
        .beta2 = o->beta2,
        .eps = o->eps,
        .weight_decay = o->weight_decay,
        .clip_norm = o->clip_norm,
    };
    const char *bad = NULL;
    double norm = adamw_update(&learner->adamw, learner->model, &adamw, &bad);
    if (!isfinite(norm)) {
        char what[300];
        snprintf(what, sizeof what, "the gradient of '%s' of the %s is not finite",
                 bad ? bad : "?", learner->name);
        return numeric_error(l, u, what, err);
    }
    put_of_learner(l, i, m, "lr", adamw.lr);
    put_of_learner(l, i, m, "grad_norm", norm);
    return OK;
}

static Status one_update(Loop *l, int64_t u, Metrics *m, Err *err)
{
    Objective *obj = l->objective;
    double loss = (double)NAN; /* what an update must set */
    bool skip[2] = {false, false};
    for (int i = 0; i < l->parts.n_learners; i++)
        model_zero_grads(l->parts.learners[i]->model);
    TRY(obj->update(obj->self, u, m, &loss, skip, err));
    TRY(check_loss(l, u, loss, err));
    for (int i = 0; i < l->parts.n_learners; i++) {
        if (!skip[i])
            TRY(step_learner(l, i, u, m, err));
    }
    if (u == 0)
        l->state.first_loss = loss;
    l->state.last_loss = loss;
    l->state.step = u + 1;
    return OK;
}

/* --- evaluation, samples, lines ------------------------------------------------------ */

/* Held-out measures after update u go into row and are remembered. */
static Status evaluate(Loop *l, int64_t u, Metrics *row, Err *err)
{
    Objective *obj = l->objective;
    if (!obj->evaluate)
        return OK;
    Metrics m = {json_object()};
    Status status = obj->evaluate(obj->self, u, &m, err);
    if (status == OK) {
        json_object_update(row->row, m.row);
        json_decref(l->state.evaluation);
        l->state.evaluation = json_incref(m.row);
    }
    json_decref(m.row);
    return status;
}

static Status sample(Loop *l, int64_t u, Err *err)
{
    Objective *obj = l->objective;
    if (!obj->sample)
        return OK;
    json_t *samples = json_array();
    Status status = obj->sample(obj->self, u, samples, err);
    if (status == OK) {
        json_t *row = json_object();
        json_object_set_new(row, "step", json_integer(u + 1));
        json_object_set(row, "samples", samples);
        status = journal_put(&l->journal, JOURNAL_SAMPLES, row, err);
        json_decref(row);
    }
    json_decref(samples);
    return status;
}

static Metrics row_new(int64_t step)
{
    Metrics m = {json_object()};
    json_object_set_new(m.row, "step", json_integer(step));
    return m;
}

static Status put_timing(Loop *l, int64_t step, int64_t updates, Err *err)
{
    double now = seconds_now(l), tokens = tokens_now(l);
    double took = now - l->mark_seconds;
    Metrics m = row_new(step);
    metrics_put(&m, "seconds", now);
    metrics_put(&m, "seconds_per_update", took / (double)updates);
    if (took > 0)
        metrics_put(&m, "tokens_per_second", (tokens - l->mark_tokens) / took);
    if (l->objective->waited) {
        double waited = l->objective->waited(l->objective->self);
        metrics_put(&m, "seconds_waited_for_data", waited - l->mark_waited);
        l->mark_waited = waited;
    }
    if (l->objective->timings)
        l->objective->timings(l->objective->self, &m);
    l->mark_seconds = now;
    l->mark_tokens = tokens;
    Status status = journal_put(&l->journal, JOURNAL_TIMINGS, m.row, err);
    json_decref(m.row);
    return status;
}

/* The line of step 0: where training starts from. */
static Status begin(Loop *l, Err *err)
{
    Metrics m = row_new(0);
    Status status = OK;
    if (l->o->eval_every != 0)
        status = evaluate(l, -1, &m, err);
    if (status == OK && json_object_size(m.row) > 1)
        status = journal_put(&l->journal, JOURNAL_METRICS, m.row, err);
    json_decref(m.row);
    if (status == OK && l->o->sample_every != 0)
        status = sample(l, -1, err);
    return status;
}

/* All updates of one iteration, then whatever is due after it. */
static Status iteration(Loop *l, Err *err)
{
    const TrainOptions *o = l->o;
    int64_t before = l->state.step, n = l->objective->updates;
    int64_t end = before + l->objective->updates_per_iteration;
    end = end < n ? end : n;
    Metrics m = row_new(end);
    Status status = OK;
    for (int64_t u = before; status == OK && u < end; u++)
        status = one_update(l, u, &m, err);
    bool evals =
        end == n || (o->eval_every && is_due(l, o->eval_every, 10, before, end));
    if (status == OK && evals)
        status = evaluate(l, end - 1, &m, err);
    if (status == OK)
        status = journal_put(&l->journal, JOURNAL_METRICS, m.row, err);
    json_decref(m.row);
    if (status == OK)
        status = put_timing(l, end, end - before, err);
    bool samples =
        o->sample_every && (end == n || is_due(l, o->sample_every, 5, before, end));
    if (status == OK && samples)
        status = sample(l, end - 1, err);
    bool saves = end == n || (o->checkpoint_every &&
                              is_due(l, o->checkpoint_every, 10, before, end));
    if (status == OK && saves)
        status = save(l, err);
    return status;
}

static Status run_updates(Loop *l, bool resumed, Err *err)
{
    const Objective *obj = l->objective;
    int64_t first = l->state.step;
    char name[96];
    if (resumed)
        snprintf(name, sizeof name, "%s (after step %" PRId64 ")", obj->stage, first);
    else
        snprintf(name, sizeof name, "%s", obj->stage);
    log_progress_begin(name, (double)(obj->updates - first), "steps");
    Status status = OK;
    while (status == OK && l->state.step < obj->updates) {
        if (system_stop_requested()) {
            status = save(l, err);
            if (status == OK)
                status =
                    err_set(err, ERR_STOPPED,
                            "stopped at step %" PRId64 " of %" PRId64
                            "; a checkpoint was saved, and the same command goes on",
                            l->state.step, obj->updates);
            break;
        }
        status = iteration(l, err);
        char detail[64];
        snprintf(detail, sizeof detail, "loss %.4g", l->state.last_loss);
        log_progress((double)(l->state.step - first), detail);
    }
    log_progress_end();
    return status;
}

/* --- start and end ------------------------------------------------------------------- */

static Status resume(Loop *l, bool *resumed, Err *err)
{
    const Objective *obj = l->objective;
    TrainState *s = &l->state;
    TRY(checkpoint_resume(l->folder, &l->parts, obj->fingerprint, s, resumed, err));
    TRY(journal_open(&l->journal, l->folder, s->journal, err));
    l->tokens_before = l->mark_tokens = s->tokens;
    l->flops_before = s->flops;
    l->seconds_before = l->mark_seconds = s->seconds;
    if (*resumed && obj->restore)
        TRY(obj->restore(obj->self, s->objective, err));
    if (*resumed)
        log_info("%s: resumed at step %" PRId64 " of %" PRId64, obj->stage, s->step,
                 obj->updates);
    return OK;
}

/* The objective's last word: a line of its own after the last checkpoint, so that a kill
 * from here on repeats just this. */
static Status finish(Loop *l, Err *err)
{
    Objective *obj = l->objective;
    if (!obj->finish)
        return OK;
    Metrics m = {json_object()}, row = row_new(l->state.step);
    Status status = obj->finish(obj->self, &m, err);
    if (status == OK && json_object_size(m.row) > 0) {
        json_object_update(row.row, m.row);
        if (l->state.evaluation)
            json_object_update(l->state.evaluation, m.row);
        else
            l->state.evaluation = json_incref(m.row);
        status = journal_put(&l->journal, JOURNAL_METRICS, row.row, err);
    }
    json_decref(m.row);
    json_decref(row.row);
    return status;
}

static const char report_name[] = "training.json";

static Status write_report(const char *folder, const char *stage, const TrainReport *r,
                           Err *err)
{
    Metrics m = {json_object()};
    json_object_set_new(m.row, "stage", json_string(stage));
    json_object_set_new(m.row, "updates", json_integer(r->updates));
    metrics_put(&m, "seconds", r->seconds);
    metrics_put(&m, "tokens", r->tokens);
    metrics_put(&m, "flops", r->flops);
    metrics_put(&m, "first_loss", r->first_loss);
    metrics_put(&m, "last_loss", r->last_loss);
    if (r->final_metrics)
        json_object_set(m.row, "final_metrics", r->final_metrics);
    Str path = {0};
    Status status = json_write_file(file_join(&path, folder, report_name), m.row, err);
    json_decref(m.row);
    str_release(&path);
    return status;
}

static Status read_report(const char *folder, TrainReport *r, Err *err)
{
    Str path = {0};
    json_t *o = NULL;
    Status status = json_read_file(file_join(&path, folder, report_name), &o, err);
    if (status == OK)
        status = json_get_int(o, "updates", &r->updates, err);
    const struct {
        const char *key;
        double *value;
    } reals[] = {{"seconds", &r->seconds},
                 {"tokens", &r->tokens},
                 {"flops", &r->flops},
                 {"first_loss", &r->first_loss},
                 {"last_loss", &r->last_loss}};
    for (size_t i = 0; status == OK && i < sizeof reals / sizeof *reals; i++)
        status = json_get_real_or(o, reals[i].key, 0, reals[i].value, err);
    if (status == OK)
        r->final_metrics = json_incref(json_object_get(o, "final_metrics"));
    json_decref(o);
    str_release(&path);
    return status;
}

/* A folder with both marks: config.json and the report that precedes it. */
static bool is_finished(const char *folder)
{
    Str path = {0};
    bool finished = file_exists(file_join(&path, folder, "config.json")) &&
                    file_exists(file_join(&path, folder, report_name));
    str_release(&path);
    return finished;
}

static Status conclude(Loop *l, TrainReport *report, Err *err)
{
    TRY(finish(l, err));
    int64_t lengths[JOURNAL_FILES];
    TRY(journal_sync(&l->journal, lengths, err));
    report->updates = l->state.step;
    report->seconds = seconds_now(l);
    report->tokens = tokens_now(l);
    report->flops = flops_now(l);
    report->first_loss = l->state.first_loss;
    report->last_loss = l->state.last_loss;
    report->final_metrics = json_incref(l->state.evaluation);
    TRY(write_report(l->folder, l->objective->stage, report, err));
    TRY(checkpoint_publish(l->folder, &l->parts, err));
    return checkpoint_prune(l->folder, l->o->keep_checkpoints, err);
}

Status trainer_run(Objective *objective, const TrainOptions *o, const Tokenizer *tok,
                   const ModelSpecials *specials, const char *folder,
                   TrainReport *report, Err *err)
{
    ASSERT(objective->n_learners >= 1 && objective->n_learners <= 2);
    ASSERT(objective->updates_per_iteration >= 1 && o->schedule != SCHEDULE_AUTO);
    *report = (TrainReport){0};
    if (is_finished(folder)) {
        log_info("%s: '%s' is finished already", objective->stage, folder);
        return read_report(folder, report, err);
    }
    Loop l = {
        .objective = objective,
        .o = o,
        .folder = folder,
        .parts = {objective->learners, objective->n_learners, tok, specials},
        .began = system_seconds(),
    };
    Status status = file_make_folders(folder, err);
    if (status == OK)
        status = resume(&l, &report->resumed, err);
    if (status == OK && !report->resumed)
        status = begin(&l, err);
    if (status == OK)
        status = run_updates(&l, report->resumed, err);
    if (status == OK)
        status = conclude(&l, report, err);
    journal_close(&l.journal);
    train_state_release(&l.state);
    if (status != OK)
        train_report_release(report);
    return status;
}
