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

/* --- the runs ------------------------------------------------------------------------ */

static void put_rewards(Str *y, const StudyScale *s)
{
    char more[64];
    gold_put_comparisons(y, s, "pairs", "sft", 16 * s->few, "");
    gold_put_comparisons(y, s, "pairs_4n", "sft", 4 * s->few, "");
    gold_put_comparisons(y, s, "pairs_n", "sft", s->few, "");
    gold_put_comparisons(y, s, "pairs_sampled", "sft", 16 * s->few,
                         ", labels: sampled");
    gold_put_comparisons(y, s, "pairs_flipped", "sft", 16 * s->few,
                         ", labels: flipped, label_noise: 0.25");
    gold_put_comparisons(y, s, "pairs_shuffled", "sft", 16 * s->few,
                         ", labels: shuffled");
    for (int64_t seed = 1; seed <= s->seeds; seed++) {
        snprintf(more, sizeof more, ", seed: %lld", (long long)seed);
        gold_put_reward(y, s, run_name("reward", seed).text, "sft", "pairs", "pairs",
                        more);
    }
    gold_put_reward(y, s, "reward_4n", "sft", "pairs_4n", "pairs", "");
    gold_put_reward(y, s, "reward_n", "sft", "pairs_n", "pairs", "");
    gold_put_reward(y, s, "reward_n_4epochs", "sft", "pairs_n", "pairs", ", epochs: 4");
    gold_put_reward(y, s, "reward_small", "sft_small", "pairs", "pairs", "");
    gold_put_reward(y, s, "reward_tiny", "sft_tiny", "pairs", "pairs", "");
    gold_put_reward(y, s, "reward_sampled", "sft", "pairs_sampled", "pairs_sampled",
                    "");
    gold_put_reward(y, s, "reward_flipped", "sft", "pairs_flipped", "pairs_flipped",
                    "");
    gold_put_reward(y, s, "reward_shuffled", "sft", "pairs_shuffled", "pairs_shuffled",
                    "");
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
        gold_put_ppo(y, s, run_name("ppo", seed).text, "sft", reward, options);
        snprintf(options, sizeof options, "kl_coef: 0, seed: %lld", (long long)seed);
        gold_put_ppo(y, s, run_name("over_tiny", seed).text, "sft", "$reward_tiny",
                     options);
        snprintf(options, sizeof options, "%s, missing_eos_penalty: 0, seed: %lld",
                 penalty, (long long)seed);
        gold_put_ppo(y, s, run_name("random", seed).text, "sft", "[{random: 1}]",
                     options);
    }
}

static void put_policies(Str *y, const StudyScale *s, const char *constant)
{
    char options[256];
    put_seeds(y, s);
    gold_put_ppo(y, s, "over_small", "sft", "$reward_small", "kl_coef: 0");
    gold_put_ppo(y, s, "over_n", "sft", "$reward_n", "kl_coef: 0");
    gold_put_ppo(y, s, "beta_0", "sft", "$reward_1", "kl_coef: 0");
    gold_put_ppo(y, s, "beta_02", "sft", "$reward_1", "kl_coef: 0.02");
    gold_put_ppo(y, s, "beta_05", "sft", "$reward_1", "kl_coef: 0.05");
    gold_put_ppo(y, s, "beta_10", "sft", "$reward_1", "kl_coef: 0.1");
    snprintf(options, sizeof options,
             "%s, ptx_data: $world/pretrain.jsonl, ptx_coef: 1", penalty);
    gold_put_ppo(y, s, "ptx", "sft", "$reward_1", options);
    snprintf(options, sizeof options, "%s, missing_eos_penalty: 0", penalty);
    gold_put_ppo(y, s, "constant", "sft", constant, options);
    gold_put_ppo(y, s, "shuffled", "sft", "$reward_shuffled", penalty);
    /* The coefficient moves by a twentieth an iteration at most, and KL follows some ten
     * iterations behind: it takes twice the episodes to come to rest. */
    snprintf(options, sizeof options,
             "episodes: %lld, checkpoint_every: %lld, keep_checkpoints: 0, %s, "
             "kl_target: %g, kl_horizon: %lld, schedule: constant",
             2 * (long long)s->episodes, (long long)s->checkpoint_every, penalty,
             s->kl_target, 4 * (long long)s->batch);
    gold_put_ppo_stage(y, s, "adaptive", "sft", "$reward_1", options);
}

/* Short runs that are compared with themselves. */
static void put_repeats(Str *y, const StudyScale *s)
{
    char options[200];
    snprintf(options, sizeof options,
             "episodes: %lld, checkpoint_every: 1, keep_checkpoints: 100",
             4 * (long long)s->batch);
    gold_put_ppo_stage(y, s, "resume", "sft", "$reward_1", options);
    gold_put_ppo_stage(y, s, "again", "sft", "$reward_1", options);
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
    gold_put_world(y, s, "");
    gold_put_model(y, s, &s->policy, "", "");
    gold_put_model(y, s, &s->small, "_small", "");
    gold_put_model(y, s, &s->tiny, "_tiny", "");
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
    const StudyScale *scale = &gold_scales[o->smoke   ? GOLD_SMOKE
                                           : o->quick ? GOLD_QUICK
                                                      : GOLD_FULL];
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
