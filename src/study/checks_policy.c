/* checks_policy.c - checks 6 to 13 and 15 of the gold study: best of n, PPO, controls. */
#include "base/mem.h"
#include "study/beside.h"
#include "study/figures.h"
#include "study/overoptimization_internal.h"

#include <math.h>
#include <stdio.h>

/* proxy: one of the main reward models, or NULL. */
static Status beside_sft(const Study *s, const char *run, const char *proxy,
                         Beside *out, Err *err)
{
    Measure m;
    TRY(lab_measure(&s->lab, run, s->mains, &m, err));
    Status status = beside_of(&s->sft, &m, proxy, out, err);
    measure_release(&m);
    return status;
}

/* Of the main runs: ppo_SEED with reward_SEED. */
static Status beside_main(const Study *s, int64_t seed, Beside *out, Err *err)
{
    return beside_sft(s, run_name("ppo", seed).text, run_name("reward", seed).text, out,
                      err);
}

/* --- 6 ------------------------------------------------------------------------------- */

Status check_best_of_n(Study *s, Check *c, Err *err)
{
    const Measure *m = &s->best_of;
    const double *gold = measure_column(m, "gold"),
                 *proxy = measure_column(m, "reward_1");
    double rho = stats_correlation(proxy, gold, measure_n(m));
    double sd = stats_sd(gold, measure_n(m)), last = -HUGE_VAL;
    bool grows = true;
    for (int64_t n = 1; n <= m->answers; n *= 2) {
        double mean;
        StatsInterval interval;
        TRY(best_of_n(proxy, proxy, m->prompts, m->answers, n, &mean, &interval, err));
        grows = grows && mean > last;
        last = mean;
    }
    int64_t n = m->answers < 16 ? m->answers : 16;
    double one, best, *gain;
    StatsInterval interval;
    TRY(best_of_n(proxy, gold, m->prompts, m->answers, 1, &one, &interval, err));
    TRY(best_of_n(proxy, gold, m->prompts, m->answers, n, &best, &interval, err));
    /* The gain prompt by prompt: its interval is free of how hard prompts are. */
    TRY(MEM_ARRAY(&gain, (size_t)m->prompts, err));
    Status status = OK;
    for (int64_t p = 0; status == OK && p < m->prompts; p++) {
        const double *r = proxy + p * m->answers, *g = gold + p * m->answers;
        double of_one, of_n;
        status = best_of_n(r, g, 1, m->answers, 1, &of_one, &interval, err);
        if (status == OK)
            status = best_of_n(r, g, 1, m->answers, n, &of_n, &interval, err);
        if (status == OK)
            gain[p] = of_n - of_one;
    }
    mean_interval(gain, m->prompts, &interval);
    mem_free(gain);
    TRY(status);
    double wanted = .8 * rho * normal_maximum(n);
    double rho_within, share;
    TRY(within_prompts(proxy, gold, m->prompts, m->answers, &rho_within, &share, err));
    check_part(c, grows, "proxy %s up to n = %lld", grows ? "grows" : "does not grow",
               (long long)m->answers);
    check_part(c, (best - one) / sd >= wanted && interval.low > 0,
               "gold gain at n = %lld is %.2f deviations (95 %% %.2f to %.2f), 0.8 rho "
               "E[max] is %.2f with rho %.2f; %lld prompts, KL %.2f nats",
               (long long)n, (best - one) / sd, interval.low / sd, interval.high / sd,
               wanted, rho, (long long)m->prompts, best_of_n_kl(n));
    check_why(
        c,
        "The mark takes all answers to all prompts for one normal population. Within "
        "prompts gold's deviation is %.2f of the whole and rho %.2f, so that the "
        "same rule asks for %.2f: where that is much less, the spread between "
        "prompts is why; where it is not, gold is not normal.",
        share, rho_within, .8 * rho_within * share * normal_maximum(n));
    return OK;
}

/* --- 7 ------------------------------------------------------------------------------- */

static Status mechanics_of(const Study *s, int64_t seed, Check *c, Err *err)
{
    Series m;
    Beside b;
    RunName run = run_name("ppo", seed);
    TRY(lab_series(&s->lab, run.text, &m, err));
    double ratio = series_max(&m, "val/first_ratio_error");
    double explained = series_mean(&m, "val/var_explained", .2, .4);
    double clipped = series_max(&m, "policy/clipfrac_avg");
    double no_end = series_mean(&m, "response/missing_eos_frac", .8, 1.01);
    series_release(&m);
    TRY(beside_main(s, seed, &b, err));
    check_part(c, ratio < 1e-5, "seed %lld: ratio off by %.1e at most", (long long)seed,
               ratio);
    check_part(c, b.kl >= -3 * b.kl_error && fabs(b.kl_gap) <= 3 * b.kl_gap_error,
               "KL sampled %.3f, exact %.3f (difference %.1f deviations)", b.kl,
               b.kl_exact, b.kl_gap_error > 0 ? b.kl_gap / b.kl_gap_error : 0);
    check_part(c, explained > .5, "variance explained %.2f", explained);
    check_part(c, clipped < .1, "clipped %.1f %% at most", 100 * clipped);
    check_part(c, no_end < .05, "without an end %.1f %%", 100 * no_end);
    return OK;
}

Status check_mechanics(Study *s, Check *c, Err *err)
{
    for (int64_t seed = 1; seed <= s->scale->seeds; seed++)
        TRY(mechanics_of(s, seed, c, err));
    check_why(c,
              "The ratio and the two KLs are about correctness, the others about how "
              "far the critic and the policy came in so many episodes.");
    return OK;
}

/* --- 8 ------------------------------------------------------------------------------- */

Status check_outcome(Study *s, Check *c, Err *err)
{
    for (int64_t seed = 1; seed <= s->scale->seeds; seed++) {
        RunName name = run_name("reward", seed);
        Beside b;
        double one, eight;
        StatsInterval interval;
        const double *proxy = measure_column(&s->best_of, name.text);
        int64_t n = s->best_of.answers < 8 ? s->best_of.answers : 8;
        TRY(beside_main(s, seed, &b, err));
        TRY(best_of_n(proxy, proxy, s->best_of.prompts, s->best_of.answers, 1, &one,
                      &interval, err));
        TRY(best_of_n(proxy, proxy, s->best_of.prompts, s->best_of.answers, n, &eight,
                      &interval, err));
        check_part(
            c, b.in_deviations >= .5 && b.interval.low > 0,
            "seed %lld: gold %+.2f (95 %% %.2f to %.2f), %.2f deviations, on %lld "
            "prompts",
            (long long)seed, b.gain, b.interval.low, b.interval.high, b.in_deviations,
            (long long)b.prompts);
        check_part(c, b.proxy - b.sft >= eight - one,
                   "proxy %+.2f, best of %lld %+.2f, at KL %.1f", b.proxy - b.sft,
                   (long long)n, eight - one, b.kl);
    }
    check_why(c,
              "Compare with check 12: a smaller coefficient buys more proxy for more "
              "KL, and checks 2 and 11 say how much of that is gold.");
    return OK;
}

/* --- 9 ------------------------------------------------------------------------------- */

Status check_win_rate(Study *s, Check *c, Err *err)
{
    int64_t prompts = 0;
    for (int64_t seed = 1; seed <= s->scale->seeds; seed++) {
        Beside b;
        TRY(beside_main(s, seed, &b, err));
        prompts = b.prompts;
        check_part(c, b.wins.rate >= .7 && b.wins.interval.low > .6,
                   "seed %lld: %.1f %% (Wilson 95 %% %.1f to %.1f; %.0f %% ties); at "
                   "equal length %.1f %%",
                   (long long)seed, 100 * b.wins.rate, 100 * b.wins.interval.low,
                   100 * b.wins.interval.high,
                   100 * (double)b.wins.ties / (double)b.prompts,
                   100 * b.wins.controlled);
    }
    check_part(c, prompts >= 500, "on %lld held-out prompts", (long long)prompts);
    check_why(
        c, "Answers to many prompts of the practice world are equally good by the "
           "judge, and ties count half: the gain of check 8 says how much better the "
           "better ones are.");
    return OK;
}

/* --- 10 ------------------------------------------------------------------------------ */

Status check_adaptive_kl(Study *s, Check *c, Err *err)
{
    Series adaptive, fixed;
    TRY(lab_series(&s->lab, "adaptive", &adaptive, err));
    double kl = series_mean(&adaptive, "objective/kl", .66, 1.01);
    double coef = series_last(&adaptive, "objective/kl_coef");
    double from = series_first(&adaptive, "objective/kl_coef");
    series_release(&adaptive);
    TRY(lab_series(&s->lab, "ppo_1", &fixed, err));
    double first = series_first(&fixed, "objective/kl_coef");
    double most = series_max(&fixed, "objective/kl_coef");
    double last = series_last(&fixed, "objective/kl_coef");
    series_release(&fixed);
    double target = s->scale->kl_target;
    check_part(
        c, fabs(kl / target - 1) <= .1,
        "KL %.2f nats over the last third, target %.1f; coefficient %.3f to %.3f", kl,
        target, from, coef);
    check_part(c, fabs(most - first) < 1e-12 && fabs(last - first) < 1e-12,
               "fixed: %.3f to %.3f", first, last);
    check_why(
        c, "The controller may change the coefficient by a fifth of batch / horizon "
           "an iteration at most; a KL that is still on its way at the end needs more "
           "episodes or a shorter horizon.");
    return OK;
}

/* --- 11 ------------------------------------------------------------------------------ */

Status check_overoptimization(Study *s, Check *c, Err *err)
{
    for (int64_t seed = 1; seed <= s->scale->seeds; seed++) {
        Path p;
        double rho = 0, *gap = NULL, peak = -HUGE_VAL, at = 0;
        TRY(path_read(s, run_name("over_tiny", seed).text, &p, err));
        Status status = MEM_ARRAY(&gap, (size_t)p.n, err);
        for (int64_t i = 0; status == OK && i < p.n; i++) {
            gap[i] = p.proxy[i] - p.gold[i];
            if (p.gold[i] > peak) {
                peak = p.gold[i];
                at = p.root_kl[i];
            }
        }
        if (status == OK)
            status = rank_correlation(p.root_kl, gap, p.n, &rho, err);
        if (status == OK && p.n > 0)
            check_part(
                c, rho > 0,
                "seed %lld: rank correlation %.2f over %lld points; proxy ends at "
                "%+.2f, gold at %+.2f deviations, root of KL %.1f; gold was highest, "
                "%+.2f, at %.1f",
                (long long)seed, rho, (long long)p.n, p.proxy[p.n - 1], p.gold[p.n - 1],
                p.root_kl[p.n - 1], peak, at);
        mem_free(gap);
        path_release(&p);
        TRY(status);
    }
    check_why(c,
              "A gap that does not grow says that the smallest reward model is still "
              "right where the policy goes.");
    return OK;
}

/* --- 12 ------------------------------------------------------------------------------ */

Status check_frontier(Study *s, Check *c, Err *err)
{
    const struct {
        const char *run;
        double beta;
    } sweep[] = {{"beta_0", 0},
                 {"beta_02", .02},
                 {"beta_05", .05},
                 {"beta_10", .1},
                 {"ppo_1", .2}};
    double last = HUGE_VAL;
    for (size_t i = 0; i < sizeof sweep / sizeof *sweep; i++) {
        Beside b;
        TRY(beside_sft(s, sweep[i].run, "reward_1", &b, err));
        check_part(c, b.kl_exact < last,
                   "%g: KL %.2f, gold %+.2f deviations, proxy %+.2f, wins %.1f %%",
                   sweep[i].beta, b.kl_exact, b.in_deviations, b.proxy - b.sft,
                   100 * b.wins.rate);
        last = b.kl_exact;
    }
    check_why(c, "Neighbours in the sweep differ by less than the noise of one seed.");
    return OK;
}

/* --- 13 ------------------------------------------------------------------------------ */

Status check_ptx(Study *s, Check *c, Err *err)
{
    double before, without, with;
    Beside plain, mixed;
    TRY(lab_bits(&s->lab, "sft", s->scale->documents, &before, err));
    TRY(lab_bits(&s->lab, "ppo_1", s->scale->documents, &without, err));
    TRY(lab_bits(&s->lab, "ptx", s->scale->documents, &with, err));
    TRY(beside_sft(s, "ppo_1", "reward_1", &plain, err));
    TRY(beside_sft(s, "ptx", "reward_1", &mixed, err));
    check_part(c, with - before < (without - before) / 2,
               "bits a byte %.4f before, %.4f without (%+.4f), %.4f with (%+.4f)",
               before, without, without - before, with, with - before);
    check_part(c, fabs(mixed.gain - plain.gain) <= .2 * fabs(plain.gain),
               "gold gain %+.2f without, %+.2f with", plain.gain, mixed.gain);
    check_why(c,
              "A gain that is more than a fifth larger misses the mark as well as one "
              "that is smaller; without a rise there is nothing to halve.");
    return OK;
}

/* --- 15 ------------------------------------------------------------------------------ */

/* A random reward drives the policy somewhere, and the interval of one run over prompts does
 * not know that it would be elsewhere with other draws: the spread between seeds does. */
static Status check_random(const Study *s, Check *c, Err *err)
{
    double gain[MEASURE_PROXIES];
    int64_t n = s->scale->seeds;
    Beside b;
    StatsInterval interval;
    for (int64_t seed = 1; seed <= n; seed++) {
        TRY(beside_sft(s, run_name("random", seed).text, NULL, &b, err));
        gain[seed - 1] = b.gain;
        check_part(
            c, true, "random, seed %lld: gold %+.2f (95 %% %.2f to %.2f), KL %.2f",
            (long long)seed, b.gain, b.interval.low, b.interval.high, b.kl_exact);
    }
    double mean = mean_interval(gain, n, &interval);
    if (n == 1)
        interval = b.interval;
    check_part(c, interval.low <= 0, "mean of %lld: %+.2f (95 %% %.2f to %.2f)",
               (long long)n, mean, interval.low, interval.high);
    return OK;
}

Status check_nulls(Study *s, Check *c, Err *err)
{
    Beside constant;
    double accuracy, pairs;
    TRY(beside_sft(s, "constant", NULL, &constant, err));
    check_part(c,
               constant.kl_exact < .05 && constant.wins.interval.low <= .5 &&
                   constant.wins.interval.high >= .5,
               "constant: KL %.4f, wins %.1f %% (%.1f to %.1f)", constant.kl_exact,
               100 * constant.wins.rate, 100 * constant.wins.interval.low,
               100 * constant.wins.interval.high);
    TRY(check_random(s, c, err));
    TRY(lab_final(&s->lab, "reward_shuffled", "heldout/accuracy", &accuracy, err));
    TRY(lab_final(&s->lab, "reward_shuffled", "heldout/pairs", &pairs, err));
    /* Six pairs of a ranking of four share answers: half of them are independent. */
    StatsInterval chance = stats_wilson(accuracy * pairs / 2, pairs / 2);
    check_part(c, chance.low <= .5 && chance.high >= .5,
               "shuffled labels: %.1f %% (%.1f to %.1f) of %.0f pairs", 100 * accuracy,
               100 * chance.low, 100 * chance.high, pairs);
    check_why(c,
              "A control that moves says that something beside the reward teaches, or "
              "that what is held out was seen.");
    return OK;
}
