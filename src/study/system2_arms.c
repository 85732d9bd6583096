/* system2_arms.c - arms over the seeds of a run, and what tables and checks say of them. */
#include "base/file.h"
#include "base/mem.h"
#include "eval/majority.h"
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
               "texts: %lld, tests: %lld%s}\n",
               name, task, variants, (long long)rows, (long long)rows,
               (long long)s->tests, more);
}

void put_base(Str *y, const System2Scale *s, int64_t seed, const char *name,
              const char *questions, Learning how)
{
    str_printf(
        y,
        "  - pretrain: {name: %s_base_%lld, data: $%s/text.jsonl, tokenizer: "
        "$tokenizer, depth: %lld, hidden: %lld, heads: %lld, context: %lld, "
        "rope_theta: 100, tokens: %lld, batch_tokens: %lld, optimizer: muon, lr: "
        "%g, seed: %lld, sample_every: 0, keep_checkpoints: 0, max_loss_spike: 0}\n",
        name, (long long)seed, questions, (long long)s->depth, (long long)s->hidden,
        (long long)s->heads, (long long)how.context,
        (long long)((double)how.tokens * s->share), (long long)s->batch_tokens, how.lr,
        (long long)seed);
}

void put_tuned(Str *y, const System2Scale *s, int64_t seed, const char *name,
               const char *base, const char *questions, Learning how)
{
    str_printf(y,
               "  - sft: {name: %s_%lld, model: $%s_base_%lld, data: $%s/train.jsonl, "
               "heldout_data: $%s/heldout.jsonl, overlong: drop, epochs: %g, "
               "batch_tokens: %lld, lr: %g, seed: %lld, sample_every: 0, "
               "keep_checkpoints: 0, max_loss_spike: 0}\n",
               name, (long long)seed, base, (long long)seed, questions, questions,
               how.epochs, (long long)s->batch_tokens, how.lr / 2, (long long)seed);
}

void put_learners(Str *y, const System2Scale *s, int64_t seeds, const char *name,
                  const char *questions, Learning how)
{
    for (int64_t seed = 1; seed <= seeds; seed++) {
        put_base(y, s, seed, name, questions, how);
        put_tuned(y, s, seed, name, name, questions, how);
    }
}

/* --- arms ------------------------------------------------------------------------------- */

void arms_release(ArmSet *a)
{
    for (int64_t i = 0; i < SYSTEM2_SEEDS; i++)
        arm_release(&a->arms[i]);
    *a = (ArmSet){0};
}

void arm_file(const System2 *s, const char *model, const char *label, ArmHow how,
              Str *out)
{
    str_reset(out);
    str_printf(out, "%s/arms/%s-%s-t%g-k%lld%s.jsonl", s->lab.recipe.folder, model,
               label, how.temperature, (long long)how.samples,
               how.calls > 0 ? "-tools" : "");
}

Status run_arm(System2 *s, const char *model, const char *tests, const char *label,
               ArmHow how, Arm *out, Err *err)
{
    Str file = {0}, folder = {0};
    arm_file(s, model, label, how, &file);
    ArmOptions o = {.file = str_c(&file),
                    .model = lab_folder(&s->lab, model),
                    .tests = tests,
                    .temperature = how.temperature,
                    .questions = how.questions > 0 ? how.questions : s->scale->tests,
                    .samples = how.samples,
                    .max_new = how.max_new,
                    .max_calls = how.calls,
                    .tools = how.tools,
                    .judge = how.judge,
                    .valid = how.valid,
                    .whole = how.whole,
                    .thinking = how.thinking,
                    .seed = ARM_SEED};
    Status status =
        file_make_folders(file_join(&folder, s->lab.recipe.folder, "arms"), err);
    if (status == OK)
        status = arm_run(&o, s->lab.ops, out, err);
    str_release(&file);
    str_release(&folder);
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
        a->all.forced += s->forced / n;
        a->all.kept += s->kept / n;
        a->all.seconds += s->seconds / n;
        hits += s->right * (double)s->n;
        answers += (double)s->n;
    }
    a->all.interval = a->n == 1 ? a->scores[0].interval : stats_wilson(hits, answers);
}

Status run_arms_of(System2 *s, const char *model, const char *tests, const char *label,
                   ArmHow how, ArmSet *out, Err *err)
{
    char name[64];
    *out = (ArmSet){0};
    for (int64_t seed = 1; seed <= s->seeds; seed++) {
        Arm *arm = &out->arms[out->n];
        (void)snprintf(name, sizeof name, "%s_%lld", model, (long long)seed);
        TRY(run_arm(s, name, tests, label, how, arm, err));
        TRY(arm_score(arm, &out->scores[out->n++], err));
    }
    summarise(out);
    return OK;
}

Status run_arms(System2 *s, const char *model, const char *questions,
                const char *variant, ArmHow how, ArmSet *out, Err *err)
{
    Str tests = {0};
    char label[96];
    str_printf(&tests, "%s/tests/%s.jsonl", lab_folder(&s->lab, questions), variant);
    (void)snprintf(label, sizeof label, "%s-%s", questions, variant);
    Status status = run_arms_of(s, model, str_c(&tests), label, how, out, err);
    str_release(&tests);
    return status;
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

ArmPair pair_sum(const ArmPair *pairs, int64_t n)
{
    ArmPair all = {0};
    for (int64_t i = 0; i < n; i++) {
        all.n += pairs[i].n;
        all.only_a += pairs[i].only_a;
        all.only_b += pairs[i].only_b;
        all.both += pairs[i].both;
        all.neither += pairs[i].neither;
    }
    all.difference = stats_paired_shares(all.only_a, all.only_b, all.n, &all.interval);
    all.p = stats_mcnemar(all.only_a, all.only_b);
    return all;
}

ArmPair pair_arms(const ArmSet *a, const ArmSet *b)
{
    ArmPair pairs[SYSTEM2_SEEDS];
    int64_t n = 0;
    for (; n < a->n && n < b->n; n++)
        pairs[n] = arm_compare(&a->arms[n], &b->arms[n]);
    return pair_sum(pairs, n);
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

void check_pair(Check *c, bool holds, const char *what, const ArmPair *p)
{
    Str text = {0};
    put_pair(&text, p);
    check_part(c, holds, "%s %s", what, str_c(&text));
    str_release(&text);
}

void check_better(Check *c, const char *what, const ArmSet *a, const ArmSet *b)
{
    bool holds = a->n > 0;
    for (int64_t i = 0; i < a->n && i < b->n; i++)
        holds = holds && arm_compare(&a->arms[i], &b->arms[i]).interval.low > 0;
    ArmPair all = pair_arms(a, b);
    check_pair(c, holds, what, &all);
}

/* --- policies over answers -------------------------------------------------------------- */

Status outcomes_new(Outcomes *out, int64_t questions, int64_t seeds, Err *err)
{
    *out = (Outcomes){.n = questions * seeds, .seeds = seeds};
    return MEM_ARRAY(&out->right, (size_t)out->n, err);
}

void outcomes_release(Outcomes *o)
{
    mem_free(o->right);
    *o = (Outcomes){0};
}

static double count_right(const Outcomes *o)
{
    double right = 0;
    for (int64_t i = 0; i < o->n; i++)
        right += o->right[i];
    return right;
}

double outcomes_share(const Outcomes *o)
{
    return o->n > 0 ? count_right(o) / (double)o->n : 0;
}

StatsInterval outcomes_interval(const Outcomes *o)
{
    return stats_wilson(count_right(o), (double)o->n);
}

ArmPair outcomes_pair(const Outcomes *a, const Outcomes *b)
{
    return arm_compare_right(a->right, b->right, a->n < b->n ? a->n : b->n);
}

static Status take_votes(Outcomes *out, const ArmSet *a, int64_t questions, int64_t k,
                         Err *err)
{
    TRY(outcomes_new(out, questions, a->n, err));
    for (int64_t s = 0; s < a->n; s++) {
        const Arm *arm = &a->arms[s];
        for (int64_t i = 0; i < questions; i++) {
            int64_t first = i * arm->samples;
            out->right[s * questions + i] = majority_of(arm->said + first, k) == 0;
            for (int64_t j = 0; j < k; j++)
                out->tokens += (double)arm->tokens[first + j] / (double)out->n;
        }
    }
    return OK;
}

Status outcomes_first(Outcomes *out, const ArmSet *a, Err *err)
{
    return outcomes_vote(out, a, 1, err);
}

Status outcomes_first_of(Outcomes *out, const ArmSet *a, int64_t questions, Err *err)
{
    return take_votes(out, a, questions, 1, err);
}

Status outcomes_vote(Outcomes *out, const ArmSet *a, int64_t k, Err *err)
{
    return take_votes(out, a, a->n > 0 ? a->arms[0].questions : 0, k, err);
}

void put_outcomes_line(Str *out, const char *name, const Outcomes *o)
{
    StatsInterval i = outcomes_interval(o);
    str_printf(out, "| %s | %.1f %% | %.1f to %.1f | %.1f |\n", name,
               percent(outcomes_share(o)), percent(i.low), percent(i.high), o->tokens);
}
