/* watch.c - what the guards of reinforcement learning are told, and what is done when one
 * trips: the run ends before the next iteration with an error that says why, and the page
 * of guards_diagnose is in the stage's folder, as it is after a run that went well. */
#include "base/file.h"
#include "base/log.h"
#include "stages/rl/rl_internal.h"

#include <string.h>

GuardLimits rl_guard_limits(const RlOptions *o)
{
    return (GuardLimits){.kl = o->guard_kl,
                         .length = o->guard_length,
                         .repetition = o->guard_repetition,
                         .entropy = o->guard_entropy,
                         .gold = o->guard_gold};
}

void rl_watch_iteration(RlStage *s)
{
    const Experience *x = &s->experience;
    double n = (double)x->n, updates = s->sums.updates > 0 ? s->sums.updates : 1;
    Vitals v = {.entropy = rl_moments(x->entropy, x->actions).mean,
                .clip_fraction = s->sums.clip_fraction / updates,
                .explained = s->method->explained ? s->method->explained(s) : 1};
    for (int64_t i = 0; i < x->n; i++) {
        const Episode *e = &x->episodes[i];
        v.kl += e->kl / n;
        v.length += (double)e->actions / n;
        v.repetition += e->repetition / n;
        v.score += e->score / n;
        v.missing_eos += (double)!e->ended / n;
    }
    guards_add(&s->guards, &v);
}

static double number(const Metrics *m, const char *key)
{
    return json_number_value(json_object_get(m->row, key));
}

void rl_watch_heldout(RlStage *s, const Metrics *m)
{
    if (s->gold.self && json_object_get(m->row, "heldout/gold"))
        guards_add_heldout(&s->guards, number(m, "heldout/score"),
                           number(m, "heldout/gold"), number(m, "heldout/gold_std"));
}

/* --- the page ------------------------------------------------------------------------ */

static void print_page(const char *page)
{
    for (const char *line = page; *line;) {
        const char *end = strchr(line, '\n');
        int n = end ? (int)(end - line) : (int)strlen(line);
        log_warn("%.*s", n, line);
        line += end ? n + 1 : n;
    }
}

static Status write_page(RlStage *s, bool print, Err *err)
{
    Str page = {0}, path = {0};
    guards_diagnose(&s->guards, s->method->options->name, s->kl_coef, s->t->lr, &page);
    Status status = str_check(&page, err);
    file_join(&path, s->folder, "diagnosis.txt");
    if (status == OK)
        status = file_write_atomic(str_c(&path), page.ptr, page.len, err);
    if (status == OK && print)
        print_page(str_c(&page));
    str_release(&page);
    str_release(&path);
    return status;
}

Status rl_write_diagnosis(RlStage *s, Err *err)
{
    if (s->guards.iterations == 0) /* finished before */
        return OK;
    TRY(write_page(s, s->guards.tripped != GUARD_NONE && !s->warned, err));
    log_info("%s: the diagnosis is in '%s/diagnosis.txt'", s->method->options->name,
             s->folder);
    return OK;
}

Status rl_check_guards(RlStage *s, Err *err)
{
    if (s->guards.tripped == GUARD_NONE || (s->warned && !s->o->guards))
        return OK;
    TRY(write_page(s, true, err));
    s->warned = true;
    if (!s->o->guards)
        return OK;
    Str why = {0};
    guards_say(&s->guards, &why);
    err_set(err, ERR_NUMERIC,
            "after %lld iterations: %.250s; what to change is in "
            "'%.120s/diagnosis.txt'; --no-guards goes on",
            (long long)s->guards.iterations, str_c(&why), s->folder);
    str_release(&why);
    return ERR_NUMERIC;
}
