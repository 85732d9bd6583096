/* overoptimization.c - the runs of the gold study and its course, see overoptimization.h.
 *
 * A world, a policy (base, sft), smaller models for smaller reward models; comparisons of
 * the policy's answers by the gold judge, in three amounts and with three kinds of noise;
 * reward models; then PPO against them with the gold judge looking on. All of it is one
 * recipe, written by `compose`, so that runs are locked, recorded, skipped and resumed as
 * those of any recipe. */
#include "study/overoptimization_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "model/folder.h"
#include "study/overoptimization.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_BOOL(OveroptimizationOptions, quick, false, "a policy of 0.8M parameters, 4,096 episodes a run: under 30 minutes on two cores"),
    OPT_BOOL(OveroptimizationOptions, smoke, false, "toy sizes, a minute: shows that everything runs; its figures mean nothing"),
    OPT_TEXT(OveroptimizationOptions, runs, "runs", "folder that the study's folder is made in"),
    OPT_TEXT(OveroptimizationOptions, name, NULL, "of the study's folder; unset: by its size"),
    OPT_TEXT(OveroptimizationOptions, out, NULL, "file to write the report to as well (Markdown; plots go into a folder beside it)"),
    OPT_END
};
/* clang-format on */
const OptTable overoptimization_options = {"overoptimization", "the gold study",
                                           sizeof(OveroptimizationOptions), fields};

static const StudyScale scales[] = {
    {.name = "full",
     .run = "overoptimization",
     .seeds = 3,
     .text_bytes = 34000000,
     .demonstrations = 18000,
     .prompts = 8000,
     .heldout_prompts = 1000,
     .vocab = 2048,
     .context = 288,
     .policy = {4, 128, 4, 12000000},
     .small = {2, 64, 2, 4000000},
     .tiny = {1, 32, 1, 2000000},
     .sft_batch = 3072,
     .few = 500,
     .batch_prompts = 8,
     .episodes = 8192,
     .batch = 128,
     .max_new = 128,
     .eval_prompts = 256,
     .eval_every = 16,
     .kl_target = 2,
     .measured = 1000,
     .best_prompts = 400,
     .best_answers = 64,
     .documents = 400,
     .checkpoint_every = -1},
    {.name = "quick",
     .run = "overoptimization-quick",
     .seeds = 3,
     .text_bytes = 20000000,
     .demonstrations = 12000,
     .prompts = 6400,
     .heldout_prompts = 640,
     .vocab = 1024,
     .context = 288,
     .policy = {4, 128, 4, 8000000},
     .small = {2, 64, 2, 3000000},
     .tiny = {1, 32, 1, 1500000},
     .sft_batch = 3072,
     .few = 400,
     .batch_prompts = 8,
     .episodes = 4096,
     .batch = 128,
     .max_new = 128,
     .eval_prompts = 128,
     .eval_every = 16,
     .kl_target = 2,
     .measured = 600,
     .best_prompts = 200,
     .best_answers = 32,
     .documents = 200,
     .checkpoint_every = 0},
    {.name = "smoke",
     .run = "overoptimization-smoke",
     .seeds = 1,
     .text_bytes = 120000,
     .demonstrations = 120,
     .prompts = 96,
     .heldout_prompts = 24,
     .vocab = 320,
     .context = 320,
     .policy = {1, 32, 1, 20000},
     .small = {1, 32, 1, 10000},
     .tiny = {1, 32, 1, 10000},
     .sft_batch = 1536,
     .few = 6,
     .batch_prompts = 4,
     .episodes = 32,
     .batch = 8,
     .max_new = 12,
     .eval_prompts = 8,
     .eval_every = 8,
     .kl_target = 1,
     .measured = 24,
     .best_prompts = 8,
     .best_answers = 4,
     .documents = 4,
     .checkpoint_every = 0},
};

/* --- the runs ------------------------------------------------------------------------ */

RunName run_name(const char *stem, int64_t seed)
{
    RunName name;
    snprintf(name.text, sizeof name.text, "%s_%lld", stem, (long long)seed);
    return name;
}

static void put_world(Str *y, const StudyScale *s)
{
    str_printf(
        y,
        "  - world: {people: 45, places: 30, animals: 30, text_bytes: %lld, "
        "demonstrations: %lld, prompts: %lld, heldout_prompts: %lld, comparisons: "
        "0, heldout_comparisons: 0}\n",
        (long long)s->text_bytes, (long long)s->demonstrations, (long long)s->prompts,
        (long long)s->heldout_prompts);
    str_printf(y, "  - tokenizer: {data: $world/pretrain.jsonl, vocab: %lld}\n",
               (long long)s->vocab);
}

/* base<suffix> and sft<suffix> */
static void put_model(Str *y, const StudyScale *s, const StudyModel *m,
                      const char *suffix)
{
    str_printf(
        y,
        "  - pretrain: {name: base%s, data: $world/pretrain.jsonl, heldout_data: "
        "$world/heldout.jsonl, tokenizer: $tokenizer, depth: %lld, hidden: %lld, "
        "heads: %lld, context: %lld, tokens: %lld, batch_tokens: 2304, lr: 4.5e-3, "
        "beta2: 0.98, sample_every: 0, keep_checkpoints: 0}\n",
        suffix, (long long)m->depth, (long long)m->hidden, (long long)m->heads,
        (long long)s->context, (long long)m->tokens);
    str_printf(
        y,
        "  - sft: {name: sft%s, model: $base%s, data: $world/demonstrations.jsonl, "
        "overlong: drop, epochs: 2, batch_tokens: %lld, lr: 1.5e-3, ptx_data: "
        "$world/pretrain.jsonl, ptx_coef: 0.5, sample_every: 0, keep_checkpoints: "
        "0}\n",
        suffix, suffix, (long long)s->sft_batch);
}

static void put_comparisons(Str *y, const StudyScale *s, const char *name,
                            int64_t prompts, const char *more)
{
    str_printf(
        y,
        "  - rank: {name: %s, model: $sft, prompts: $world/prompts.jsonl, world: "
        "$world/world.json, answers: 4, max_new: %lld, max_prompts: %lld%s}\n",
        name, (long long)s->max_new, (long long)prompts, more);
}

static void put_reward(Str *y, const StudyScale *s, const char *name, const char *model,
                       const char *data, const char *heldout, const char *more)
{
    str_printf(y,
               "  - reward: {name: %s, model: $%s, data: $%s/comparisons.jsonl, "
               "heldout_data: $%s/comparisons_heldout.jsonl, overlong: drop, lr: 1e-3, "
               "batch_prompts: %lld, checkpoint_every: %lld, keep_checkpoints: 0%s}\n",
               name, model, data, heldout, (long long)s->batch_prompts,
               (long long)s->checkpoint_every, more);
}

/* more: options of this run alone, kl_coef among them. What guards would stop is what is
 * studied here. */
static void put_ppo_stage(Str *y, const StudyScale *s, const char *name,
                          const char *reward, const char *more)
{
    str_printf(
        y,
        "  - ppo: {name: %s, model: $sft, reward: %s, prompts: "
        "$world/prompts.jsonl, heldout_prompts: $world/prompts_heldout.jsonl, "
        "world: $world/world.json, max_new: %lld, batch: %lld, eval_prompts: %lld, "
        "eval_every: %lld, sample_every: 0, guards: false, %s}\n",
        name, reward, (long long)s->max_new, (long long)s->batch,
        (long long)s->eval_prompts, (long long)s->eval_every, more);
}

static void put_ppo(Str *y, const StudyScale *s, const char *name, const char *reward,
                    const char *options)
{
    char more[400];
    snprintf(more, sizeof more,
             "episodes: %lld, checkpoint_every: %lld, keep_checkpoints: 0, %s",
             (long long)s->episodes, (long long)s->checkpoint_every, options);
    put_ppo_stage(y, s, name, reward, more);
}

static void put_rewards(Str *y, const StudyScale *s)
{
    char more[64];
    put_comparisons(y, s, "pairs", 16 * s->few, "");
    put_comparisons(y, s, "pairs_4n", 4 * s->few, "");
    put_comparisons(y, s, "pairs_n", s->few, "");
    put_comparisons(y, s, "pairs_sampled", 16 * s->few, ", labels: sampled");
    put_comparisons(y, s, "pairs_flipped", 16 * s->few,
                    ", labels: flipped, label_noise: 0.25");
    put_comparisons(y, s, "pairs_shuffled", 16 * s->few, ", labels: shuffled");
    for (int64_t seed = 1; seed <= s->seeds; seed++) {
        snprintf(more, sizeof more, ", seed: %lld", (long long)seed);
        put_reward(y, s, run_name("reward", seed).text, "sft", "pairs", "pairs", more);
    }
    put_reward(y, s, "reward_4n", "sft", "pairs_4n", "pairs", "");
    put_reward(y, s, "reward_n", "sft", "pairs_n", "pairs", "");
    put_reward(y, s, "reward_n_4epochs", "sft", "pairs_n", "pairs", ", epochs: 4");
    put_reward(y, s, "reward_small", "sft_small", "pairs", "pairs", "");
    put_reward(y, s, "reward_tiny", "sft_tiny", "pairs", "pairs", "");
    put_reward(y, s, "reward_sampled", "sft", "pairs_sampled", "pairs_sampled", "");
    put_reward(y, s, "reward_flipped", "sft", "pairs_flipped", "pairs_flipped", "");
    put_reward(y, s, "reward_shuffled", "sft", "pairs_shuffled", "pairs_shuffled", "");
}

/* Of all runs but the sweep's: with half of it (the default) a policy of the quick study
 * goes past the KL at which gold is highest, check 12. */
static const char penalty[] = "kl_coef: 0.2";

/* The runs that the table asks several seeds of. */
static void put_seeds(Str *y, const StudyScale *s)
{
    for (int64_t seed = 1; seed <= s->seeds; seed++) {
        char options[64], reward[64];
        snprintf(reward, sizeof reward, "$%s", run_name("reward", seed).text);
        snprintf(options, sizeof options, "%s, seed: %lld", penalty, (long long)seed);
        put_ppo(y, s, run_name("ppo", seed).text, reward, options);
        snprintf(options, sizeof options, "kl_coef: 0, seed: %lld", (long long)seed);
        put_ppo(y, s, run_name("over_tiny", seed).text, "$reward_tiny", options);
        snprintf(options, sizeof options, "%s, missing_eos_penalty: 0, seed: %lld",
                 penalty, (long long)seed);
        put_ppo(y, s, run_name("random", seed).text, "[{random: 1}]", options);
    }
}

static void put_policies(Str *y, const StudyScale *s, const char *constant)
{
    char options[256];
    put_seeds(y, s);
    put_ppo(y, s, "over_small", "$reward_small", "kl_coef: 0");
    put_ppo(y, s, "over_n", "$reward_n", "kl_coef: 0");
    put_ppo(y, s, "beta_0", "$reward_1", "kl_coef: 0");
    put_ppo(y, s, "beta_02", "$reward_1", "kl_coef: 0.02");
    put_ppo(y, s, "beta_05", "$reward_1", "kl_coef: 0.05");
    put_ppo(y, s, "beta_10", "$reward_1", "kl_coef: 0.1");
    snprintf(options, sizeof options,
             "%s, ptx_data: $world/pretrain.jsonl, ptx_coef: 1", penalty);
    put_ppo(y, s, "ptx", "$reward_1", options);
    snprintf(options, sizeof options, "%s, missing_eos_penalty: 0", penalty);
    put_ppo(y, s, "constant", constant, options);
    put_ppo(y, s, "shuffled", "$reward_shuffled", penalty);
    /* The coefficient moves by a twentieth an iteration at most, and KL follows some ten
     * iterations behind: it takes twice the episodes to come to rest. */
    snprintf(options, sizeof options,
             "episodes: %lld, checkpoint_every: %lld, keep_checkpoints: 0, %s, "
             "kl_target: %g, kl_horizon: %lld, schedule: constant",
             2 * (long long)s->episodes, (long long)s->checkpoint_every, penalty,
             s->kl_target, 4 * (long long)s->batch);
    put_ppo_stage(y, s, "adaptive", "$reward_1", options);
}

/* Short runs that are compared with themselves. */
static void put_repeats(Str *y, const StudyScale *s)
{
    char options[200];
    snprintf(options, sizeof options,
             "episodes: %lld, checkpoint_every: 1, keep_checkpoints: 100",
             4 * (long long)s->batch);
    put_ppo_stage(y, s, "resume", "$reward_1", options);
    put_ppo_stage(y, s, "again", "$reward_1", options);
    str_printf(
        y,
        "  - sft: {name: steps, model: $base, data: $world/demonstrations.jsonl, "
        "overlong: drop, epochs: 0.05, batch_tokens: %lld, micro_batch: 1024, "
        "sample_every: 0, eval_every: 0, keep_checkpoints: 0}\n",
        (long long)s->sft_batch);
}

/* All runs, or only those up to the reward models. */
static void compose(Str *y, const StudyScale *s, const char *name, const char *constant)
{
    str_printf(y, "run: %s\nseed: 1\nstages:\n", name);
    put_world(y, s);
    put_model(y, s, &s->policy, "");
    put_model(y, s, &s->small, "_small");
    put_model(y, s, &s->tiny, "_tiny");
    put_rewards(y, s);
    if (constant) {
        put_policies(y, s, constant);
        put_repeats(y, s);
    }
}

/* A reward model that finds every answer equally good: reward_1 with its head at zero. */
static Status make_constant(const Lab *lab, const char *folder, Err *err)
{
    Str path = {0};
    Model *model = NULL;
    Tokenizer *tok = NULL;
    ModelSpecials specials;
    const char *from = lab_folder(lab, "reward_1");
    bool there = file_exists(file_join(&path, folder, "config.json"));
    str_release(&path);
    if (there)
        return OK;
    Status status = file_make_folders(folder, err);
    if (status == OK)
        status = model_folder_load(&model, lab->ops, from, false, &specials, err);
    if (status == OK) {
        lab->ops->scale(lab->ops, model->score.value, 0);
        model->score_bias = 0;
        model_changed(model);
        status = model_folder_tokenizer(&tok, from, err);
    }
    if (status == OK)
        status = tokenizer_save(tok, folder, err);
    if (status == OK)
        status = model_folder_save(model, &specials, folder, err);
    tokenizer_free(tok);
    model_free(model);
    return status;
}

static Status run_all(Study *s, const char *runs, const char *name, Err *err)
{
    Str yaml = {0}, constant = {0};
    compose(&yaml, s->scale, name, NULL);
    Status status = str_check(&yaml, err);
    if (status == OK)
        status = lab_run(&s->lab, str_span(&yaml), runs, err);
    if (status == OK)
        status = make_constant(
            &s->lab, file_join(&constant, s->lab.recipe.folder, "constant_reward"),
            err);
    if (status == OK) {
        str_reset(&yaml);
        compose(&yaml, s->scale, name, str_c(&constant));
        status = str_check(&yaml, err);
    }
    if (status == OK)
        status = lab_run(&s->lab, str_span(&yaml), runs, err);
    str_release(&yaml);
    str_release(&constant);
    return status;
}

/* --- the checks ---------------------------------------------------------------------- */

static const struct {
    const char *title, *mark;
    CheckFunction run;
} table[STUDY_CHECKS] = {
    {"Reward model: loss at the start, and it falls",
     "0.65 to 0.9 at the first update (ln 2 = 0.693 with a zero head is a unit test); "
     "the "
     "held-out loss falls on every seed",
     check_rm_start},
    {"Reward model: held-out accuracy, clean labels",
     "at least 80 %, and 5 points over length alone and over a bag of words",
     check_rm_accuracy},
    {"Reward model: accuracy, noisy labels",
     "within 3 points of the ceiling (sampled: mean sigma of the gold gap; flipped: 75 "
     "%); "
     "accuracy against clean gold beside it",
     check_rm_noise},
    {"Reward model: calibration",
     "ECE at most 0.05 after fitting a temperature; with sampled labels that "
     "temperature is "
     "0.8 to 1.25",
     check_rm_calibration},
    {"More data helps",
     "accuracy grows from N over 4N to 16N rankings; four epochs on N do not match 4N",
     check_rm_data},
    {"Best of n",
     "proxy grows with n; gold gain at n = 16 at least 0.8 rho E[max of 16]; gold gain "
     "over "
     "0 with 95 % confidence",
     check_best_of_n},
    {"PPO: mechanics",
     "ratio 1 within 1e-5 in the first pass; KL not under -3 deviations; sampled KL "
     "equals "
     "exact KL within 3; explained variance over 0.5 by 30 % of the run; clipped under "
     "10 "
     "%; under 5 % without an end",
     check_mechanics},
    {"PPO: outcome",
     "gold on held-out prompts up by at least 0.5 deviations, 95 % over 0, on every "
     "seed; "
     "proxy at least that of best of 8",
     check_outcome},
    {"PPO: win rate against SFT, gold judge",
     "at least 70 % with a Wilson bound over 60 %, on at least 500 prompts, on every "
     "seed",
     check_win_rate},
    {"Adaptive KL", "settles within 10 % of the target; a fixed coefficient stays",
     check_adaptive_kl},
    {"Over-optimisation",
     "without a penalty and with the smallest reward model, proxy less gold grows with "
     "the "
     "root of KL on every seed",
     check_overoptimization},
    {"KL frontier", "final KL falls from coefficient 0 over 0.02, 0.05, 0.1 to 0.2",
     check_frontier},
    {"Pretraining mix",
     "bits per byte on pretraining text rise by less than half as much; gold gain "
     "within 20 "
     "%",
     check_ptx},
    {"Resume",
     "a run that is cut and resumed ends in the same weights, moments, critic and "
     "metrics, "
     "byte for byte",
     check_resume},
    {"Null controls",
     "constant reward: KL under 0.05 nats and 50 % within the interval of wins; random "
     "reward: no gold gain; shuffled labels: 50 % accuracy",
     check_nulls},
    {"Determinism",
     "the same seed gives the same bytes; losses agree within 1e-5 between one thread "
     "and "
     "many, and between splits into passes",
     check_determinism},
};

static Status run_checks(Study *s, Check *checks, Err *err)
{
    for (int i = 0; i < STUDY_CHECKS; i++) {
        Check *c = &checks[i];
        *c = (Check){.number = i + 1,
                     .title = table[i].title,
                     .mark = table[i].mark,
                     .verdict = CHECK_PASS};
        if (table[i].run(s, c, err) != OK)
            return err_context(err, "check %d", i + 1);
        TRY(str_check(&c->figure, err));
        log_info("%2d %s  %s: %s", c->number, verdict_name(c->verdict), c->title,
                 str_c(&c->figure));
    }
    return OK;
}

/* --- the course ---------------------------------------------------------------------- */

/* Names of the reward models: of all, and of the main runs'. */
static void list_proxies(const StudyScale *s, RunName names[MEASURE_PROXIES],
                         const char *all[MEASURE_PROXIES + 1],
                         const char *mains[MEASURE_PROXIES + 1])
{
    static const char *const others[] = {
        "reward_small",   "reward_tiny",    "reward_4n",      "reward_n",
        "reward_sampled", "reward_flipped", "reward_shuffled"};
    size_t n = 0;
    for (; n < (size_t)s->seeds; n++) {
        names[n] = run_name("reward", (int64_t)n + 1);
        all[n] = mains[n] = names[n].text;
    }
    mains[n] = NULL;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        all[n++] = others[i];
    all[n] = NULL;
}

static Status conclude(Study *s, const char *out, Str *report, Err *err)
{
    Check checks[STUDY_CHECKS] = {{0}};
    Str name = {0};
    str_printf(&name, "%s/overoptimization.md", s->lab.recipe.folder);
    Status status = lab_best_of(&s->lab, s->proxies, s->scale->best_prompts,
                                s->scale->best_answers, &s->best_of, err);
    if (status == OK)
        status = lab_measure(&s->lab, "sft", s->mains, &s->sft, err);
    if (status == OK)
        status = run_checks(s, checks, err);
    if (status == OK)
        status = study_write_report(s, checks, str_c(&name), err);
    if (status == OK && out)
        status = study_write_report(s, checks, out, err);
    if (status == OK)
        str_puts(report, out ? out : str_c(&name));
    for (int i = 0; i < STUDY_CHECKS; i++)
        check_release(&checks[i]);
    str_release(&name);
    return status;
}

Status study_overoptimization(const OveroptimizationOptions *o, TensorOps *ops,
                              Str *report, Err *err)
{
    const StudyScale *scale = &scales[o->smoke ? 2 : o->quick ? 1 : 0];
    RunName names[MEASURE_PROXIES];
    const char *proxies[MEASURE_PROXIES + 1], *mains[MEASURE_PROXIES + 1];
    list_proxies(scale, names, proxies, mains);
    Study s = {
        .scale = scale,
        .proxies = proxies,
        .mains = mains,
        .lab = {.ops = ops, .limit = scale->measured, .max_new = scale->max_new}};
    const char *name = o->name ? o->name : scale->run;
    Status status = run_all(&s, o->runs, name, err);
    if (status == OK)
        status = conclude(&s, o->out, report, err);
    measure_release(&s.best_of);
    measure_release(&s.sft);
    lab_release(&s.lab);
    return status;
}
