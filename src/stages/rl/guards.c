/* guards.c - see guards.h. */
#include "stages/rl/guards.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

/* --- measures ------------------------------------------------------------------------ */

static int in_order(const void *a, const void *b)
{
    uint64_t x, y;
    x = *(const uint64_t *)a;
    y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

double guards_repetition(const int32_t *ids, int64_t n, uint64_t *scratch)
{
    enum { GRAM = 4 };
    int64_t grams = n - GRAM + 1, repeated = 0;
    if (grams < 2)
        return 0;
    for (int64_t i = 0; i < grams; i++)
        scratch[i] = rng_hash(ids + i, GRAM * sizeof *ids, 0);
    qsort(scratch, (size_t)grams, sizeof *scratch, in_order);
    for (int64_t i = 1; i < grams; i++)
        repeated += scratch[i] == scratch[i - 1];
    return (double)repeated / (double)grams;
}

/* --- verdicts ------------------------------------------------------------------------ */

static bool holds(const Guards *g, Guard which)
{
    const GuardLimits *limit = &g->limits;
    const Vitals *v = &g->last, *first = &g->first;
    switch (which) {
    case GUARD_KL:
        return limit->kl > 0 && v->kl > limit->kl;
    case GUARD_LONG:
        return limit->length > 0 && v->length > limit->length * first->length;
    case GUARD_SHORT:
        return limit->length > 0 && v->length < first->length / limit->length;
    case GUARD_REPETITION:
        return limit->repetition > 0 && v->repetition > limit->repetition &&
               v->repetition > first->repetition + limit->repetition / 2;
    case GUARD_ENTROPY:
        return limit->entropy > 0 && v->entropy < limit->entropy * first->entropy;
    case GUARD_GOLD:
        return limit->gold > 0 && g->evaluations > 1 &&
               g->last_gold < g->best_gold - limit->gold * g->gold_spread &&
               g->last_score > g->best_score;
    case GUARD_NONE:
    case GUARDS:
        break;
    }
    return false;
}

static void trip(Guards *g, Guard which)
{
    if (g->tripped == GUARD_NONE)
        g->tripped = which;
}

void guards_add(Guards *g, const Vitals *v)
{
    if (g->iterations++ == 0)
        g->first = *v;
    g->last = *v;
    for (int which = GUARD_KL; which < GUARD_GOLD; which++) {
        g->held[which] = holds(g, (Guard)which) ? g->held[which] + 1 : 0;
        if (g->held[which] >= GUARD_PATIENCE)
            trip(g, (Guard)which);
    }
}

void guards_add_heldout(Guards *g, double score, double gold, double gold_spread)
{
    if (g->evaluations++ == 0) {
        g->first_score = score;
        g->first_gold = gold;
        g->gold_spread = gold_spread;
    }
    g->last_score = score;
    g->last_gold = gold;
    if (g->evaluations == 1 || gold > g->best_gold) {
        g->best_gold = gold;
        g->best_score = score;
    }
    if (holds(g, GUARD_GOLD))
        trip(g, GUARD_GOLD);
}

/* --- words --------------------------------------------------------------------------- */

void guards_say(const Guards *g, Str *out)
{
    const Vitals *v = &g->last, *first = &g->first;
    switch (g->tripped) {
    case GUARD_KL:
        str_printf(out,
                   "the policy has left the reference: %.1f nats an answer, the limit "
                   "(guard_kl) is %.4g",
                   v->kl, g->limits.kl);
        break;
    case GUARD_LONG:
    case GUARD_SHORT:
        str_printf(out,
                   "answers have %s from %.1f tokens to %.1f, the limit "
                   "(guard_length) is a factor of %.4g",
                   g->tripped == GUARD_LONG ? "grown" : "shrunk", first->length,
                   v->length, g->limits.length);
        break;
    case GUARD_REPETITION:
        str_printf(
            out,
            "answers repeat themselves: %.0f %% of their 4-grams have been there "
            "before, at first %.0f %%; the limit (guard_repetition) is %.0f %%",
            100 * v->repetition, 100 * first->repetition, 100 * g->limits.repetition);
        break;
    case GUARD_ENTROPY:
        str_printf(out,
                   "the policy hardly chooses any more: the entropy of a token is %.3g "
                   "nats, at first %.3g; the limit (guard_entropy) is %.4g of that",
                   v->entropy, first->entropy, g->limits.entropy);
        break;
    case GUARD_GOLD:
        str_printf(
            out,
            "the reward is gamed: on held-out prompts its score rose from %.3f to "
            "%.3f while gold fell from %.3f to %.3f; the limit (guard_gold) is "
            "%.4g deviations of %.3g",
            g->best_score, g->last_score, g->best_gold, g->last_gold, g->limits.gold,
            g->gold_spread);
        break;
    case GUARD_NONE:
    case GUARDS:
        break;
    }
}

static const char *const change[GUARDS] = {
    [GUARD_KL] =
        "- Raise kl_coef two- to fourfold, or let it be steered: kl_target 6.\n"
        "- Lower lr by half, or make fewer epochs; target_kl 0.02 leaves an iteration "
        "early.\n"
        "- Limit what a single score can do: score_clip 5.\n"
        "- If KL was high from the first iteration on, model is not what the reference "
        "was made from.\n",
    [GUARD_LONG] =
        "- Look at len_reward_corr: near 1, the reward pays for length. Train it with "
        "lengths balanced, or take length from the score (overlong_buffer).\n"
        "- Raise missing_eos_penalty, so that an answer that is cut is no bargain.\n"
        "- Raise kl_coef.\n"
        "- In GRPO: loss constant and scale none (Dr. GRPO) do not pay for being long "
        "when wrong.\n",
    [GUARD_SHORT] =
        "- Look at len_reward_corr: near -1, the reward pays for brevity.\n"
        "- Lower missing_eos_penalty, or raise max_new if many answers are cut at "
        "first.\n"
        "- Raise kl_coef.\n",
    [GUARD_REPETITION] =
        "- Read samples.jsonl: the reward likes a phrase. Add such answers to the "
        "comparisons as losers and train the reward model again.\n"
        "- Raise kl_coef; lower lr.\n",
    [GUARD_ENTROPY] =
        "- Lower lr, or make fewer epochs.\n"
        "- Raise kl_coef, or give a bonus: entropy_coef 0.01.\n"
        "- If the score had its best long before, stop earlier: fewer episodes.\n",
    [GUARD_GOLD] =
        "- Stop earlier: the model of the checkpoint where gold was best is the better "
        "one. Fewer episodes end there.\n"
        "- Raise kl_coef: it moves the same turning point further out.\n"
        "- Give the reward model more data, and answers of this policy among them, "
        "ranked again; a larger one is gamed later.\n",
};

static void say_of_numbers(const Guards *g, double kl_coef, double lr, Str *out)
{
    const Vitals *v = &g->last;
    size_t before = out->len;
    if (v->clip_fraction > 0.3)
        str_printf(
            out,
            "- %.0f %% of the ratios are clipped: the updates are larger than they "
            "can use. Lower lr (now %.3g).\n",
            100 * v->clip_fraction, lr);
    if (v->explained < 0)
        str_printf(
            out,
            "- The critic explains nothing (%.2f of the variance): its advantages "
            "are noise. Raise value_coef_lr or epochs, or take rloo.\n",
            v->explained);
    if (v->missing_eos > 0.2)
        str_printf(out,
                   "- %.0f %% of the answers do not end: raise max_new, or "
                   "missing_eos_penalty.\n",
                   100 * v->missing_eos);
    double stride = v->kl / (double)(g->iterations > 0 ? g->iterations : 1);
    if (stride > 1 && g->iterations > GUARD_PATIENCE)
        str_printf(out,
                   "- The policy has moved %.1f nats an iteration; a healthy run moves "
                   "some tenths. Lower lr (now %.3g) or raise kl_coef (now %.3g).\n",
                   stride, lr, kl_coef);
    if (v->kl < 0.05 && g->iterations > GUARD_PATIENCE)
        str_printf(out,
                   "- The policy has hardly moved (%.3f nats): raise lr (now %.3g) or "
                   "lower kl_coef (now %.3g), or the reward tells no answers apart.\n",
                   v->kl, lr, kl_coef);
    if (g->evaluations == 0)
        str_puts(out, "- Nothing was held out: without heldout_prompts, and world or "
                      "gold_reward, a reward that is gamed looks like success.\n");
    if (out->len == before)
        str_puts(out, g->tripped != GUARD_NONE ? "- Nothing else stands out.\n"
                                               : "- Nothing stands out.\n");
}

static void put_row(Str *out, const char *name, double first, double last)
{
    str_printf(out, "%-36s %10.3f %10.3f\n", name, first, last);
}

void guards_diagnose(const Guards *g, const char *stage, double kl_coef, double lr,
                     Str *out)
{
    const Vitals *a = &g->first, *b = &g->last;
    str_printf(out, "Diagnosis of %s after %lld iterations: %s\n\n", stage,
               (long long)g->iterations,
               g->tripped == GUARD_NONE ? "no guard has tripped" : "stopped");
    if (g->tripped != GUARD_NONE) {
        ASSERT(g->tripped < GUARDS);
        guards_say(g, out);
        str_printf(out, "\n\nWhat to change (kl_coef was %.4g, lr %.3g):\n", kl_coef,
                   lr);
        str_puts(out, change[g->tripped]);
        str_putc(out, '\n');
    }
    str_printf(out, "%-36s %10s %10s\n", "", "at first", "at last");
    put_row(out, "score", a->score, b->score);
    put_row(out, "KL to the reference, nats an answer", a->kl, b->kl);
    put_row(out, "tokens an answer", a->length, b->length);
    put_row(out, "4-grams repeated in an answer", a->repetition, b->repetition);
    put_row(out, "entropy of a token, nats", a->entropy, b->entropy);
    put_row(out, "answers that do not end", a->missing_eos, b->missing_eos);
    put_row(out, "ratios clipped", a->clip_fraction, b->clip_fraction);
    if (b->explained != 1)
        put_row(out, "variance that the critic explains", a->explained, b->explained);
    if (g->evaluations > 0) {
        put_row(out, "held out: score", g->first_score, g->last_score);
        put_row(out, "held out: gold", g->first_gold, g->last_gold);
    }
    str_puts(out, "\nWhat the numbers say:\n");
    say_of_numbers(g, kl_coef, lr, out);
}

/* --- state --------------------------------------------------------------------------- */

/* All numbers, one after the other. */
enum { VITALS = 8, NUMBERS = 2 * VITALS + 7, COUNTS = 3 + GUARDS };

static void numbers_of(Guards *g, double *out[NUMBERS])
{
    int n = 0;
    Vitals *const both[] = {&g->first, &g->last};
    for (int i = 0; i < 2; i++) {
        Vitals *v = both[i];
        double *const all[VITALS] = {
            &v->kl,    &v->length,      &v->repetition,    &v->entropy,
            &v->score, &v->missing_eos, &v->clip_fraction, &v->explained};
        for (int k = 0; k < VITALS; k++)
            out[n++] = all[k];
    }
    double *const heldout[] = {&g->first_score, &g->last_score,  &g->first_gold,
                               &g->last_gold,   &g->gold_spread, &g->best_gold,
                               &g->best_score};
    for (int k = 0; k < 7; k++)
        out[n++] = heldout[k];
}

json_t *guards_state(const Guards *g)
{
    Guards copy = *g;
    double *numbers[NUMBERS] = {0};
    json_t *state = json_object(), *list = json_array(), *counts = json_array();
    numbers_of(&copy, numbers);
    for (int i = 0; i < NUMBERS; i++)
        json_array_append_new(list, json_real(isfinite(*numbers[i]) ? *numbers[i] : 0));
    json_array_append_new(counts, json_integer(g->iterations));
    json_array_append_new(counts, json_integer(g->evaluations));
    json_array_append_new(counts, json_integer(g->tripped));
    for (int i = 0; i < GUARDS; i++)
        json_array_append_new(counts, json_integer(g->held[i]));
    json_object_set_new(state, "numbers", list);
    json_object_set_new(state, "counts", counts);
    return state;
}

Status guards_restore(Guards *g, const json_t *state, Err *err)
{
    double *numbers[NUMBERS] = {0};
    const json_t *list = json_object_get(state, "numbers"),
                 *counts = json_object_get(state, "counts");
    numbers_of(g, numbers);
    if (json_array_size(counts) != COUNTS || json_array_size(list) != NUMBERS)
        return err_set(err, ERR_FORMAT, "the state of the guards is not whole");
    for (size_t i = 0; i < json_array_size(list); i++)
        *numbers[i] = json_number_value(json_array_get(list, i));
    g->iterations = json_integer_value(json_array_get(counts, 0));
    g->evaluations = json_integer_value(json_array_get(counts, 1));
    g->tripped = (Guard)json_integer_value(json_array_get(counts, 2));
    for (size_t i = 0; i < GUARDS; i++)
        g->held[i] = json_integer_value(json_array_get(counts, 3 + i));
    return OK;
}
