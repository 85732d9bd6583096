/* reward_sum.c - weighted sums of rewards, see reward_sum.h. */
#include "eval/reward_sum.h"

#include "base/mem.h"
#include "eval/reward_program.h"
#include "eval/reward_rules.h"
#include "model/folder.h"

#include <math.h>

typedef struct Part {
    Reward reward;
    Model *model; /* REWARD_MODEL */
    World *world; /* REWARD_GOLD, REWARD_SKILL */
    /* since reward_sum_begin; sums of squares about the running mean (Welford 1962) */
    int64_t n;
    double mean, squares;
} Part;

struct RewardSum {
    RewardSpec spec;
    RewardEnv env;
    Part *parts; /* [spec.n] */
    /* of a batch; grown to the largest */
    RewardItem *asked; /* the items that a part is asked about */
    double *total;
    int64_t *which; /* their numbers */
    int64_t cap;
};

/* --- opening ------------------------------------------------------------------------- */

static Status open_part(RewardSum *s, size_t i, Err *err)
{
    const RewardPart *spec = &s->spec.parts[i];
    const RewardEnv *env = &s->env;
    Part *p = &s->parts[i];
    switch (spec->kind) {
    case REWARD_MODEL:
        TRY(env->beside
                ? model_folder_open(&p->model, env->ops, spec->what, env->beside, NULL,
                                    err)
                : model_folder_load(&p->model, env->ops, spec->what, false, NULL, err));
        return reward_model_check(p->model, spec->what, "reward model", env->policy,
                                  err);
    case REWARD_GOLD:
        TRY(world_open(&p->world, spec->what, err));
        return reward_from_judge(&p->reward, p->world, env->tok, env->chat, err);
    case REWARD_SKILL:
        TRY(world_open(&p->world, spec->what, err));
        return reward_from_skill(&p->reward, p->world, env->tok, env->chat, err);
    case REWARD_PROGRAM:
        return reward_from_program(&p->reward, spec, env->tok, env->chat, env->hurries,
                                   err);
    default:
        return reward_from_rule(&p->reward, spec, env->tok, env->chat, err);
    }
}

/* One model alone is what most rewards are: the message needs no part. */
static Status in_part(const RewardSum *s, size_t i, Err *err)
{
    return s->spec.n > 1 || s->spec.parts[i].kind != REWARD_MODEL
               ? err_context(err, "reward '%s'", s->spec.parts[i].o.name)
               : err->code;
}

Status reward_sum_open(RewardSum **out, RewardSpec *spec, const RewardEnv *env,
                       Err *err)
{
    *out = NULL;
    RewardSum *s;
    if (MEM_ARRAY(&s, 1, err) != OK) {
        reward_spec_release(spec);
        return ERR_NOMEM;
    }
    *s = (RewardSum){.spec = *spec, .env = *env};
    *spec = (RewardSpec){0};
    Status status = MEM_ARRAY(&s->parts, s->spec.n, err);
    for (size_t i = 0; status == OK && i < s->spec.n; i++) {
        status = open_part(s, i, err);
        if (status != OK)
            in_part(s, i, err);
    }
    if (status != OK) {
        reward_sum_free(s);
        return status;
    }
    *out = s;
    return OK;
}

void reward_sum_free(RewardSum *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->parts && i < s->spec.n; i++) {
        reward_release(&s->parts[i].reward);
        model_free(s->parts[i].model);
        world_free(s->parts[i].world);
    }
    mem_free(s->parts);
    mem_free(s->asked);
    mem_free(s->total);
    mem_free(s->which);
    reward_spec_release(&s->spec);
    mem_free(s);
}

Status reward_sum_check(const RewardSum *s, const json_t *row, Err *err)
{
    for (size_t i = 0; i < s->spec.n; i++) {
        if (reward_rule_check(&s->spec.parts[i], row, err) != OK)
            return in_part(s, i, err);
    }
    return OK;
}

Model *reward_sum_model(const RewardSum *s, size_t i, const char **folder)
{
    for (size_t k = 0; k < s->spec.n; k++) {
        if (!s->parts[k].model || i-- > 0)
            continue;
        if (folder)
            *folder = s->spec.parts[k].what;
        return s->parts[k].model;
    }
    return NULL;
}

const RewardSpec *reward_sum_spec(const RewardSum *s)
{
    return &s->spec;
}

/* --- scoring ------------------------------------------------------------------------- */

static Status make_room(RewardSum *s, int64_t n, Err *err)
{
    if (n <= s->cap)
        return OK;
    s->cap = 0;
    mem_free(s->asked);
    mem_free(s->total);
    mem_free(s->which);
    s->asked = NULL;
    s->total = NULL;
    s->which = NULL;
    TRY(MEM_ARRAY(&s->asked, (size_t)n, err));
    TRY(MEM_ARRAY(&s->total, (size_t)n, err));
    TRY(MEM_ARRAY(&s->which, (size_t)n, err));
    s->cap = n;
    return OK;
}

static void count(Part *p, double score)
{
    double before = score - p->mean;
    p->mean += before / (double)++p->n;
    p->squares += before * (score - p->mean);
}

void reward_sum_begin(RewardSum *s)
{
    for (size_t i = 0; i < s->spec.n; i++) {
        s->parts[i].n = 0;
        s->parts[i].mean = s->parts[i].squares = 0;
    }
}

/* Adds weight * score of part i to the totals of the items that it is asked about. */
static Status add_part(RewardSum *s, size_t i, const RewardItem *items, int64_t n,
                       Err *err)
{
    const RewardPart *spec = &s->spec.parts[i];
    Part *p = &s->parts[i];
    int64_t asked = 0;
    for (int64_t k = 0; k < n; k++) {
        if (!reward_part_applies(spec, items[k].row))
            continue;
        s->which[asked] = k;
        s->asked[asked++] = items[k];
    }
    if (asked > 0)
        TRY(p->reward.score(p->reward.self, s->asked, asked, err));
    for (int64_t k = 0; k < asked; k++) {
        s->total[s->which[k]] += spec->o.weight * s->asked[k].score;
        count(p, s->asked[k].score);
    }
    return OK;
}

static Status sum_score(void *self, RewardItem *items, int64_t n, Err *err)
{
    RewardSum *s = self;
    TRY(make_room(s, n, err));
    for (int64_t k = 0; k < n; k++)
        s->total[k] = 0;
    for (size_t i = 0; i < s->spec.n; i++) {
        if (add_part(s, i, items, n, err) != OK)
            return err_context(err, "'%s'", s->spec.parts[i].o.name);
    }
    for (int64_t k = 0; k < n; k++)
        items[k].score = s->total[k];
    return OK;
}

Status reward_sum_prepare(RewardSum *s, Reward *out, Err *err)
{
    *out = (Reward){0};
    for (size_t i = 0; i < s->spec.n; i++) {
        Part *p = &s->parts[i];
        if (p->model && reward_from_model(&p->reward, p->model, err) != OK)
            return in_part(s, i, err);
    }
    *out = (Reward){.self = s, .name = "reward", .score = sum_score};
    return OK;
}

void reward_sum_part(const RewardSum *s, size_t i, RewardPartStats *out)
{
    const Part *p = &s->parts[i];
    *out = (RewardPartStats){.name = s->spec.parts[i].o.name,
                             .mean = p->mean,
                             .sd = p->n > 1 ? sqrt(p->squares / (double)(p->n - 1)) : 0,
                             .n = p->n};
}
