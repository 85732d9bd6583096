/* system2_align.c - E8: what learning from preferences does to an assistant: the gold judge
 * likes its answers better, and they become more alike. Base, SFT and RL of one practice
 * world, a pipeline of its own for each seed; the comparisons that the reward model learns
 * from have one label in ten turned round. */
#include "base/file.h"
#include "study/beside.h"
#include "study/system2_internal.h"

#include <math.h>
#include <stdio.h>

enum { LEASHES = 3 };
/* Coefficients of the KL penalty. */
static const struct {
    const char *stem, *options, *name;
} leashes[LEASHES] = {
    {"free", "kl_coef: 0", "RL, KL coefficient 0"},
    {"loose", "kl_coef: 0.05", "RL, KL coefficient 0.05"},
    {"held", "kl_coef: 0.2", "RL, KL coefficient 0.2"},
};
enum { FREE, LOOSE, HELD };

void compose_alignment(Str *y, const System2Scale *s, int64_t seeds)
{
    const StudyScale *gold = &gold_scales[s->gold];
    char more[80], suffix[24], reward[40];
    /* Another world than the gold study's: its settings meet new people and prompts. */
    gold_put_world(y, gold, ", seed: 7");
    for (int64_t seed = 1; seed <= seeds; seed++) {
        RunName sft = run_name("sft", seed), pairs = run_name("pairs", seed);
        (void)snprintf(suffix, sizeof suffix, "_%lld", (long long)seed);
        (void)snprintf(more, sizeof more, ", seed: %lld", (long long)seed);
        gold_put_model(y, gold, &gold->policy, suffix, more);
        (void)snprintf(more, sizeof more,
                       ", labels: flipped, label_noise: 0.1, seed: %lld",
                       (long long)seed);
        gold_put_comparisons(y, gold, pairs.text, sft.text, 16 * gold->few, more);
        (void)snprintf(more, sizeof more, ", seed: %lld", (long long)seed);
        gold_put_reward(y, gold, run_name("reward", seed).text, sft.text, pairs.text,
                        pairs.text, more);
        (void)snprintf(reward, sizeof reward, "$reward_%lld", (long long)seed);
        for (int i = 0; i < LEASHES; i++) {
            (void)snprintf(more, sizeof more, "%s, seed: %lld", leashes[i].options,
                           (long long)seed);
            gold_put_ppo(y, gold, run_name(leashes[i].stem, seed).text, sft.text,
                         reward, more);
        }
    }
}

/* --- how many different things it says --------------------------------------------------- */

static Status ask_again(System2 *s, const char *run, VarietyReport *out, Err *err)
{
    VarietyOptions o;
    Str file = {0}, prompts = {0};
    const char *folder = lab_folder(&s->lab, run);
    TRY(opt_defaults(&variety_options, &o, err));
    o.answers = s->scale->same;
    o.limit = s->scale->prompts;
    o.max_new = s->lab.max_new;
    o.max_calls = 0;
    o.temperature = 1;
    file_join(&prompts, lab_folder(&s->lab, "world"), "prompts_heldout.jsonl");
    Status status = measure_variety(file_join(&file, folder, "variety.json"), folder,
                                    str_c(&prompts), &o, s->lab.ops, out, err);
    opt_release(&variety_options, &o);
    str_release(&file);
    str_release(&prompts);
    return status == OK ? OK : err_context(err, "asking '%s' again and again", run);
}

/* --- one pipeline ------------------------------------------------------------------------- */

typedef enum Stage { BASE, SFT, RL, STAGES = RL + LEASHES } Stage;
static const char *stage_stem(int i)
{
    return i == BASE ? "base" : i == SFT ? "sft" : leashes[i - RL].stem;
}
static const char *stage_name(int i)
{
    return i == BASE ? "base" : i == SFT ? "SFT" : leashes[i - RL].name;
}

typedef struct Pipeline {
    double accuracy;        /* of the reward model, on held-out pairs */
    double gold[STAGES];    /* mean; NAN: not asked */
    double bits[STAGES];    /* a byte of held-out pretraining text */
    Beside beside[LEASHES]; /* SFT */
    VarietyReport variety[STAGES];
} Pipeline;

static Status judge_all(System2 *s, int64_t seed, Pipeline *out, Err *err)
{
    RunName sft = run_name("sft", seed), reward = run_name("reward", seed);
    const char *const proxies[] = {reward.text, NULL};
    Measure before = {0};
    s->lab.reference = sft.text;
    Status status = lab_measure(&s->lab, sft.text, proxies, &before, err);
    if (status == OK)
        out->gold[SFT] =
            stats_mean(measure_column(&before, "gold"), measure_n(&before));
    for (int i = 0; status == OK && i < LEASHES; i++) {
        Measure after = {0};
        status = lab_measure(&s->lab, run_name(leashes[i].stem, seed).text, proxies,
                             &after, err);
        if (status == OK) {
            out->gold[RL + i] =
                stats_mean(measure_column(&after, "gold"), measure_n(&after));
            status = beside_of(&before, &after, reward.text, &out->beside[i], err);
        }
        measure_release(&after);
    }
    measure_release(&before);
    s->lab.reference = NULL;
    return status;
}

static Status measure_pipeline(System2 *s, int64_t seed, Pipeline *out, Err *err)
{
    out->gold[BASE] = (double)NAN;
    TRY(lab_final(&s->lab, run_name("reward", seed).text, "heldout/accuracy",
                  &out->accuracy, err));
    TRY(judge_all(s, seed, out, err));
    for (int i = 0; i < STAGES; i++) {
        RunName run = run_name(stage_stem(i), seed);
        TRY(ask_again(s, run.text, &out->variety[i], err));
        TRY(lab_bits(&s->lab, run.text, gold_scales[s->scale->gold].documents,
                     &out->bits[i], err));
    }
    return OK;
}

/* --- what comes of it ---------------------------------------------------------------------- */

/* A cell of the table; empty where there is nothing. */
static void put_number(Str *out, double x, int decimals, const char *unit)
{
    if (isfinite(x))
        str_printf(out, " %.*f%s", decimals, x, unit);
    str_puts(out, " |");
}

/* Means over the pipelines. */
static void put_stage(Str *out, int stage, const Pipeline *all, int64_t n)
{
    double gold = 0, wins = 0, kl = 0, entropy = 0, distinct = 0, bleu = 0, unique = 0;
    double bits = 0, k = 1 / (double)n;
    bool learned = stage >= RL;
    for (int64_t i = 0; i < n; i++) {
        const VarietyReport *v = &all[i].variety[stage];
        gold += k * all[i].gold[stage];
        wins += learned ? k * all[i].beside[stage - RL].wins.rate : (double)NAN;
        kl += learned ? k * all[i].beside[stage - RL].kl_exact : (double)NAN;
        entropy += k * v->entropy;
        distinct += k * v->texts.distinct[1];
        bleu += k * v->texts.self_bleu;
        unique += k * v->texts.unique;
        bits += k * all[i].bits[stage];
    }
    str_printf(out, "| %s |", stage_name(stage));
    put_number(out, gold, 2, "");
    put_number(out, 100 * wins, 1, " %");
    put_number(out, kl, 2, "");
    put_number(out, entropy, 3, "");
    put_number(out, distinct, 3, "");
    put_number(out, bleu, 3, "");
    put_number(out, 100 * unique, 0, "");
    put_number(out, bits, 3, "");
    str_putc(out, '\n');
}

static void check_gold(Section *out, const Pipeline *all, int64_t n)
{
    Check *c = section_check(out, "The reward model knows good from bad",
                             "at least 70 % of held-out pairs, of which one in ten is "
                             "turned round, on every seed");
    for (int64_t i = 0; i < n; i++)
        check_part(c, all[i].accuracy >= 0.7, "%.1f %%", 100 * all[i].accuracy);
    c = section_check(
        out, "The judge likes RL better",
        "KL coefficient 0.2 against SFT: wins 65 %, 95 % over 50, on every "
        "seed");
    for (int64_t i = 0; i < n; i++) {
        const Winrate *w = &all[i].beside[HELD].wins;
        check_part(c, w->rate >= 0.65 && w->interval.low > 0.5,
                   "%.1f %% (95 %% %.1f to %.1f)", 100 * w->rate, 100 * w->interval.low,
                   100 * w->interval.high);
    }
    c = section_check(out, "Without a leash it runs past its aim",
                      "KL coefficient 0 against 0.2: the reward model likes it better, "
                      "the judge less, on every seed");
    for (int64_t i = 0; i < n; i++) {
        const Pipeline *p = &all[i];
        check_part(c,
                   p->beside[FREE].proxy > p->beside[HELD].proxy &&
                       p->gold[RL + FREE] < p->gold[RL + HELD],
                   "reward model %+.2f, judge %+.2f",
                   p->beside[FREE].proxy - p->beside[HELD].proxy,
                   p->gold[RL + FREE] - p->gold[RL + HELD]);
    }
}

static void check_variety(Section *out, const Pipeline *all, int64_t n)
{
    Check *c = section_check(out, "Entropy falls from base over SFT to RL",
                             "base over SFT, and RL (0.2) at least 30 % under SFT, on "
                             "every seed");
    for (int64_t i = 0; i < n; i++) {
        const VarietyReport *v = all[i].variety;
        check_part(c,
                   v[BASE].entropy > v[SFT].entropy &&
                       v[RL + HELD].entropy <= 0.7 * v[SFT].entropy,
                   "%.3f, %.3f, %.3f nats a token", v[BASE].entropy, v[SFT].entropy,
                   v[RL + HELD].entropy);
    }
    check_why(c, "It falls at every stage; by how much RL lowers it hangs on how sure "
                 "fine-tuning has made the model, and on the coefficient.");
    c = section_check(out, "And with it the number of different answers",
                      "unique ones among those to one prompt: base over SFT over RL "
                      "(0.2), on every seed");
    for (int64_t i = 0; i < n; i++) {
        double base = all[i].variety[BASE].texts.unique,
               sft = all[i].variety[SFT].texts.unique,
               rl = all[i].variety[RL + HELD].texts.unique;
        check_part(c, base > sft && sft > rl, "%.0f, %.0f, %.0f of 100", 100 * base,
                   100 * sft, 100 * rl);
    }
}

static void put_section(System2 *s, Section *out, const Pipeline *all)
{
    str_printf(
        &out->text,
        "The practice world: a base model of its texts, an assistant tuned on "
        "demonstrations, a reward model of comparisons by the gold judge, and "
        "PPO against it, %lld episodes. Gold, wins against SFT and KL to it are of "
        "one answer to each of %lld held-out prompts, temperature 1; variety is "
        "of %lld answers to each of %lld prompts: nats a drawn token, the share "
        "of different pairs of words, self-BLEU (1: all alike), different "
        "answers of 100. Bits a byte are of held-out pretraining text, which "
        "people wrote, so to speak. Means over seeds.\n\n"
        "| | gold | wins | KL, nats | entropy | distinct-2 | self-BLEU | unique "
        "| bits a byte |\n|---|---|---|---|---|---|---|---|---|\n",
        (long long)gold_scales[s->scale->gold].episodes, (long long)s->lab.limit,
        (long long)s->scale->same, (long long)s->scale->prompts);
    for (int i = 0; i < STAGES; i++)
        put_stage(&out->text, i, all, s->seeds);
    str_putc(&out->text, '\n');
}

Status measure_alignment(System2 *s, Section *out, Err *err)
{
    Pipeline all[SYSTEM2_SEEDS] = {{0}};
    Status status = OK;
    s->lab.limit = gold_scales[s->scale->gold].measured;
    s->lab.max_new = gold_scales[s->scale->gold].max_new;
    for (int64_t seed = 1; status == OK && seed <= s->seeds; seed++)
        status = measure_pipeline(s, seed, &all[seed - 1], err);
    if (status == OK) {
        put_section(s, out, all);
        check_gold(out, all, s->seeds);
        check_variety(out, all, s->seeds);
    }
    return status;
}
