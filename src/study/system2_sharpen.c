/* system2_sharpen.c - E8V: E4's unsure model learns from right and wrong alone: GRPO (Shao et
 * al. 2024) with an exact reward, on questions of the demonstrations' side. Does it learn
 * to do what it could not, or to do always what it did now and then? */
#include "study/system2_internal.h"

enum { CHAIN_TOKENS = 96, EPISODES = 3968 };

static long long episodes(const System2Scale *s)
{
    return (long long)((double)EPISODES * s->share) / 128 * 128 + 128;
}

/* Its questions are new ones, none of a test. */
void compose_sharpening(Str *y, const System2Scale *s, int64_t seeds)
{
    compose_reflection(y, s, seeds);
    put_questions(y, s, "practice", "multiply", "orders", 4000, ", seed: 2");
    for (int64_t seed = 1; seed <= seeds; seed++)
        str_printf(y,
                   "  - grpo: {name: sharp_%lld, model: $unsure_%lld, prompts: "
                   "$practice/train.jsonl, reward: [{exact: expected, match: final, "
                   "after: \"#\"}], episodes: %lld, batch: 128, answers: 8, max_new: "
                   "%d, kl_coef: 0, missing_eos_penalty: 0, tools: false, seed: %lld, "
                   "eval_every: 0, sample_every: 0, guards: false, keep_checkpoints: "
                   "0}\n",
                   (long long)seed, (long long)seed, episodes(s), CHAIN_TOKENS,
                   (long long)seed);
}

typedef struct Asked {
    const char *model, *name;
    ArmSet greedy, drawn;
} Asked;

static Status ask(System2 *s, Asked *a, Err *err)
{
    ArmHow how = {.samples = 1, .max_new = CHAIN_TOKENS};
    TRY(run_arms(s, a->model, "orders", "orders", how, &a->greedy, err));
    how.temperature = 1;
    how.samples = s->scale->samples;
    how.questions = s->scale->votes;
    return run_arms(s, a->model, "orders", "orders", how, &a->drawn, err);
}

/* Shares over seeds: one drawn answer right, the vote, any. */
typedef struct Shares {
    double one, vote, any;
} Shares;

static Status shares_of(const ArmSet *a, Shares *out, Err *err)
{
    *out = (Shares){0};
    for (int64_t s = 0; s < a->n; s++) {
        ArmVotes one, all;
        TRY(arm_votes(&a->arms[s], 1, &one, err));
        TRY(arm_votes(&a->arms[s], a->arms[s].samples, &all, err));
        out->one += one.any / (double)a->n;
        out->vote += all.majority / (double)a->n;
        out->any += all.any / (double)a->n;
    }
    return OK;
}

static void put_line(Str *out, const Asked *a, const Shares *x)
{
    str_printf(out, "| %s | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %.3f |\n", a->name,
               100 * a->greedy.all.right, 100 * x->one, 100 * x->vote, 100 * x->any,
               a->drawn.all.entropy);
}

static Status check_sharper(Section *out, const Asked *before, const Asked *after,
                            const Shares x[2], Err *err)
{
    Check *c = section_check(out, "It gets better at one try",
                             "one answer drawn at temperature 1: at least 10 points "
                             "more, with 95 % confidence on every seed");
    check_part(c, x[1].one - x[0].one >= 0.1, "%.1f to %.1f %%", 100 * x[0].one,
               100 * x[1].one);
    check_better(c, "first answers after over before", &after->drawn, &before->drawn);
    c = section_check(out, "It gets surer", "entropy falls by 30 % on every seed");
    for (int64_t s = 0; s < after->drawn.n; s++) {
        double old = before->drawn.scores[s].entropy,
               new = after->drawn.scores[s].entropy;
        check_part(c, new <= 0.7 * old, "%.3f to %.3f nats a token", old, new);
    }
    c = section_check(
        out, "It sharpens what it could",
        "what any of its tries gets right changes by at most 3 points, on "
        "every seed");
    for (int64_t s = 0; s < after->drawn.n; s++) {
        ArmVotes old, new;
        int64_t all = after->drawn.arms[s].samples;
        TRY(arm_votes(&before->drawn.arms[s], all, &old, err));
        TRY(arm_votes(&after->drawn.arms[s], all, &new, err));
        check_part(c, new.any >= old.any - 0.03 && new.any <= old.any + 0.03,
                   "any of %lld: %.1f to %.1f %%", (long long)all, 100 * old.any,
                   100 * new.any);
    }
    check_why(c, "Practice did more than make it do always what it did now and then: "
                 "some questions that no try got right are right now, or the other "
                 "way round.");
    return OK;
}

Status measure_sharpening(System2 *s, Section *out, Err *err)
{
    enum { BEFORE, AFTER, MODELS };
    Asked models[MODELS] = {{.model = "unsure", .name = "E4's unsure model"},
                            {.model = "sharp", .name = "after practice"}};
    Shares x[MODELS] = {{0}};
    Status status = OK;
    for (int i = 0; status == OK && i < MODELS; i++) {
        status = ask(s, &models[i], err);
        if (status == OK)
            status = shares_of(&models[i].drawn, &x[i], err);
    }
    if (status == OK) {
        str_printf(
            &out->text,
            "The unsure model of E4 answers questions of the demonstrations' "
            "side, eight times each, and learns by GRPO from which of its "
            "answers were right: %lld episodes, no demonstration, no penalty for "
            "going far. Tests are those of E4.\n\n"
            "| | greedy | one, temperature 1 | vote of %lld | any of %lld | "
            "entropy |\n|---|---|---|---|---|---|\n",
            episodes(s->scale), (long long)s->scale->samples,
            (long long)s->scale->samples);
        for (int i = 0; i < MODELS; i++)
            put_line(&out->text, &models[i], &x[i]);
        str_putc(&out->text, '\n');
        status = check_sharper(out, &models[BEFORE], &models[AFTER], x, err);
    }
    for (int i = 0; i < MODELS; i++) {
        arms_release(&models[i].greedy);
        arms_release(&models[i].drawn);
    }
    return status;
}
