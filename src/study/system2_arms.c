/* system2_arms.c - arms over the seeds of a run, and what tables and checks say of them. */
#include "base/file.h"
#include "study/system2_internal.h"

#include <stdio.h>

enum { ARM_SEED = 77 }; /* draws that no run has seen */

/* --- recipes ---------------------------------------------------------------------------- */

void put_questions(Str *y, const System2Scale *s, const char *name, const char *task,
                   const char *variants, int64_t examples, const char *more)
{
    int64_t rows = (int64_t)((double)examples * s->share);
    str_printf(y,
               "  - tasks: {name: %s, task: %s, variants: \"%s\", examples: %lld, "
               "tests: %lld%s}\n",
               name, task, variants, (long long)rows, (long long)s->tests, more);
}

void put_learners(Str *y, const System2Scale *s, int64_t seeds, const char *name,
                  const char *questions, Learning how)
{
    str_printf(
        y,
        "  - pretrain: {name: %s_base, data: $%s/text.jsonl, tokenizer: "
        "$tokenizer, depth: %lld, hidden: %lld, heads: %lld, context: %lld, "
        "tokens: %lld, batch_tokens: %lld, lr: %g, sample_every: 0, eval_every: 0, "
        "keep_checkpoints: 0}\n",
        name, questions, (long long)s->depth, (long long)s->hidden, (long long)s->heads,
        (long long)how.context, (long long)s->base_tokens, (long long)s->batch_tokens,
        how.lr);
    for (int64_t seed = 1; seed <= seeds; seed++)
        str_printf(y,
                   "  - sft: {name: %s_%lld, model: $%s_base, data: $%s/train.jsonl, "
                   "heldout_data: $%s/heldout.jsonl, overlong: drop, epochs: %g, "
                   "batch_tokens: %lld, lr: %g, seed: %lld, sample_every: 0, "
                   "keep_checkpoints: 0}\n",
                   name, (long long)seed, name, questions, questions, how.epochs,
                   (long long)s->batch_tokens, how.lr, (long long)seed);
}

/* --- arms ------------------------------------------------------------------------------- */

void arms_release(ArmSet *a)
{
    for (int64_t i = 0; i < SYSTEM2_SEEDS; i++)
        arm_release(&a->arms[i]);
    *a = (ArmSet){0};
}

static Status run_one(System2 *s, const char *model, const char *questions,
                      const char *variant, ArmHow how, Arm *out, Err *err)
{
    Str file = {0}, tests = {0};
    str_printf(&tests, "%s/tests/%s.jsonl", lab_folder(&s->lab, questions), variant);
    str_printf(&file, "%s/arms", s->lab.recipe.folder);
    Status status = file_make_folders(str_c(&file), err);
    str_printf(&file, "/%s-%s-%s-t%g-k%lld%s.jsonl", model, questions, variant,
               how.temperature, (long long)how.samples, how.calls > 0 ? "-tools" : "");
    ArmOptions o = {.file = str_c(&file),
                    .model = lab_folder(&s->lab, model),
                    .tests = str_c(&tests),
                    .temperature = how.temperature,
                    .questions = s->scale->tests,
                    .samples = how.samples,
                    .max_new = how.max_new,
                    .max_calls = how.calls,
                    .seed = ARM_SEED};
    if (status == OK)
        status = arm_run(&o, s->lab.ops, out, err);
    str_release(&file);
    str_release(&tests);
    return status;
}

static void summarise(ArmSet *a)
{
    double n = (double)a->n, hits = 0, answers = 0;
    for (int64_t i = 0; i < a->n; i++) {
        const ArmScore *s = &a->scores[i];
        a->all.n += s->n;
        a->all.right += s->right / n;
        a->all.invalid += s->invalid / n;
        a->all.tokens += s->tokens / n;
        a->all.entropy += s->entropy / n;
        a->all.seconds += s->seconds / n;
        hits += s->right * (double)s->n;
        answers += (double)s->n;
    }
    a->all.interval = a->n == 1 ? a->scores[0].interval : stats_wilson(hits, answers);
}

Status run_arms(System2 *s, const char *model, const char *questions,
                const char *variant, ArmHow how, ArmSet *out, Err *err)
{
    *out = (ArmSet){0};
    for (int64_t seed = 1; seed <= s->seeds; seed++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s_%lld", model, (long long)seed);
        TRY(run_one(s, name, questions, variant, how, &out->arms[out->n], err));
        TRY(arm_score(&out->arms[out->n], &out->scores[out->n], err));
        out->n++;
    }
    summarise(out);
    return OK;
}

/* --- what they say ---------------------------------------------------------------------- */

void put_arms_head(Str *out)
{
    str_puts(out,
             "| | right | 95 % | seeds | invalid | tokens | entropy | ms a question |\n"
             "|---|---|---|---|---|---|---|---|\n");
}

static double percent(double share)
{
    return 100 * share;
}

void put_arms_line(Str *out, const char *name, const ArmSet *a)
{
    const ArmScore *all = &a->all;
    double low = 1, high = 0;
    for (int64_t i = 0; i < a->n; i++) {
        low = a->scores[i].right < low ? a->scores[i].right : low;
        high = a->scores[i].right > high ? a->scores[i].right : high;
    }
    str_printf(out,
               "| %s | %.1f %% | %.1f to %.1f | %.1f to %.1f | %.1f %% | %.1f | "
               "%.3f | %.1f |\n",
               name, percent(all->right), percent(all->interval.low),
               percent(all->interval.high), percent(low), percent(high),
               percent(all->invalid), all->tokens, all->entropy, 1e3 * all->seconds);
}

static void add_pair(ArmPair *to, const ArmPair *from)
{
    to->n += from->n;
    to->only_a += from->only_a;
    to->only_b += from->only_b;
    to->both += from->both;
    to->neither += from->neither;
}

ArmPair pair_arms(const ArmSet *a, const ArmSet *b)
{
    ArmPair all = {0};
    for (int64_t i = 0; i < a->n && i < b->n; i++) {
        ArmPair p = arm_compare(&a->arms[i], &b->arms[i]);
        add_pair(&all, &p);
    }
    all.difference = stats_paired_shares(all.only_a, all.only_b, all.n, &all.interval);
    all.p = stats_mcnemar(all.only_a, all.only_b);
    return all;
}

void put_pair(Str *out, const ArmPair *p)
{
    str_printf(out,
               "%+.1f points (95 %% %+.1f to %+.1f; %lld to %lld, McNemar p %s%.2g)",
               percent(p->difference), percent(p->interval.low),
               percent(p->interval.high), (long long)p->only_a, (long long)p->only_b,
               p->p < 1e-99 ? "< " : "= ", p->p < 1e-99 ? 1e-99 : p->p);
}

void check_shares(Check *c, const char *what, const ArmSet *a, double least,
                  double most)
{
    Str shares = {0};
    bool holds = a->n > 0;
    for (int64_t i = 0; i < a->n; i++) {
        double x = a->scores[i].right;
        holds = holds && x >= least && x <= most;
        str_printf(&shares, "%s%.1f", i > 0 ? ", " : "", percent(x));
    }
    check_part(c, holds, "%s %s %% (95 %% of all %.1f to %.1f)", what, str_c(&shares),
               percent(a->all.interval.low), percent(a->all.interval.high));
    str_release(&shares);
}

void check_better(Check *c, const char *what, const ArmSet *a, const ArmSet *b)
{
    bool holds = a->n > 0;
    for (int64_t i = 0; i < a->n && i < b->n; i++)
        holds = holds && arm_compare(&a->arms[i], &b->arms[i]).interval.low > 0;
    ArmPair all = pair_arms(a, b);
    Str text = {0};
    put_pair(&text, &all);
    check_part(c, holds, "%s %s", what, str_c(&text));
    str_release(&text);
}
