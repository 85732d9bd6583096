/* test_dpo.c - DPO reaches the optimum that its paper promises, and IPO its own, in a world
 * where both are known (support/oracle.h); and what must not be wrong in them shows. */
#include "support/oracle.h"

#include "tensor/loss_preference.h"

/* Ways to get it wrong. */
typedef enum Mutant {
    CORRECT,
    NO_REFERENCE,   /* the policy's log-probabilities alone */
    NO_LAST_SYMBOL, /* left out of the sum, as an end of turn may be */
    PER_SYMBOL,     /* means instead of sums */
    FLIPPED,        /* the worse answer for the better one */
} Mutant;

typedef struct Trial {
    RankingLoss how;
    double lr;
    int updates, pairs; /* pairs an update */
    Mutant mutant;
} Trial;

static double slope_of(const Trial *t, int step, double slope)
{
    if (t->mutant == PER_SYMBOL)
        return slope / ORACLE_STEPS;
    return t->mutant == NO_LAST_SYMBOL && step == ORACLE_STEPS - 1 ? 0 : slope;
}

static double value_of(const Trial *t, const OracleWorld *w, const double *probs, int i)
{
    int symbol[ORACLE_STEPS], state[ORACLE_STEPS];
    double sum = 0;
    oracle_walk(i, symbol, state);
    for (int k = 0; k < ORACLE_STEPS; k++) {
        int at = state[k] * ORACLE_SYMBOLS + symbol[k];
        double ref = t->mutant == NO_REFERENCE ? 0 : log(w->ref_probs[at]);
        sum += slope_of(t, k, 1) * (log(probs[at]) - ref);
    }
    return sum;
}

/* Two answers of the reference, of which one is preferred with chance sigma(difference of
 * their rewards): Bradley-Terry. */
static void draw_pair(const OracleWorld *w, Rng *rng, int pair[2])
{
    int a = oracle_draw(w->ref_probs, rng), b = oracle_draw(w->ref_probs, rng);
    bool first = rng_uniform(rng) < 1 / (1 + exp(w->reward[b] - w->reward[a]));
    pair[0] = first ? a : b;
    pair[1] = first ? b : a;
}

static void learn_pair(const Trial *t, const OracleWorld *w, OraclePolicy *p,
                       const int pair[2])
{
    const int32_t ranks[2][2] = {{1, 2}, {2, 1}};
    float value[2], slope[2];
    for (int k = 0; k < 2; k++)
        value[k] = (float)value_of(t, w, p->probs, pair[k]);
    loss_ranking(&t->how, value, NULL, ranks[t->mutant == FLIPPED], 2, slope);
    for (int k = 0; k < 2; k++) {
        double slopes[ORACLE_STEPS];
        for (int s = 0; s < ORACLE_STEPS; s++)
            slopes[s] = slope_of(t, s, (double)slope[k]) / t->pairs;
        oracle_learn(p, pair[k], slopes);
    }
}

/* J/J* after training, at `reward`. */
static double run(const Trial *t, const OracleWorld *w, uint64_t seed,
                  const double *reward)
{
    OraclePolicy p;
    Rng rng = rng_make(seed, RNG_TEST, 2);
    oracle_policy_make(&p, w);
    for (int u = 0; u < t->updates; u++) {
        for (int i = 0; i < t->pairs; i++) {
            int pair[2];
            draw_pair(w, &rng, pair);
            learn_pair(t, w, &p, pair);
        }
        oracle_step(&p, t->lr * (1 - (double)u / t->updates));
    }
    double beta = t->how.beta, best = oracle_best(w, reward, beta);
    OracleScore s = oracle_score(w, p.probs, reward, beta);
    print_message("beta %g: reward %.3f, KL %.3f, J/J* %.4f\n", beta, s.reward, s.kl,
                  s.objective / best);
    oracle_policy_release(&p);
    return s.objective / best;
}

/* --- the world itself ---------------------------------------------------------------- */

static void the_world_is_what_it_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        OracleWorld w;
        oracle_world_make(&w, seed);
        double sum = 0, square = 0;
        for (int i = 0; i < ORACLE_ANSWERS; i++) {
            sum += exp(w.ref_logprob[i]);
            square += exp(w.ref_logprob[i]) * w.reward[i] * w.reward[i];
        }
        OracleScore ref = oracle_score(&w, w.ref_probs, w.reward, 1);
        CHECK_NEAR(sum, 1, 1e-12);
        CHECK_NEAR(square, 1, 1e-12);
        CHECK_NEAR(ref.reward, 0, 1e-12);
        CHECK_NEAR(ref.kl, 0, 1e-12);
    }
}

/* Exact ascent on J from any start ends at J*: enumeration and formula agree. */
static void the_best_objective_can_be_reached(void **state)
{
    (void)state;
    OracleWorld w;
    OraclePolicy p;
    oracle_world_make(&w, 1);
    oracle_policy_make(&p, &w);
    double best = oracle_best(&w, w.reward, 1);
    for (int u = 0; u < 800; u++) {
        OracleScore s = oracle_score(&w, p.probs, w.reward, 1);
        assert_true(s.objective < best + 1e-9);
        for (int i = 0; i < ORACLE_ANSWERS; i++) {
            double logprob = oracle_logprob(p.probs, i), slopes[ORACLE_STEPS];
            double gain = w.reward[i] - (logprob - w.ref_logprob[i]) - s.objective;
            for (int t = 0; t < ORACLE_STEPS; t++)
                slopes[t] = -exp(logprob) * gain;
            oracle_learn(&p, i, slopes);
        }
        oracle_step(&p, 0.05 * (1 - u / 800.0));
    }
    CHECK_NEAR(oracle_score(&w, p.probs, w.reward, 1).objective, best, 1e-4);
    oracle_policy_release(&p);
}

static void draws_have_the_probabilities_of_the_table(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    OracleWorld w;
    Rng rng = check_rng();
    double mean = 0, kl = 0;
    oracle_world_make(&w, 1);
    for (int i = 0; i < DRAWS; i++) {
        int answer = oracle_draw(w.ref_probs, &rng);
        mean += w.reward[answer] / DRAWS;
        kl += (oracle_logprob(w.ref_probs, answer) - w.ref_logprob[answer]) / DRAWS;
    }
    CHECK_NEAR(mean, 0, 4 / sqrt(DRAWS)); /* deviation 1 */
    CHECK_NEAR(kl, 0, 1e-12);
}

/* --- DPO ----------------------------------------------------------------------------- */

static const Trial dpo = {
    .how = {.beta = 1}, .lr = 0.02, .updates = 1600, .pairs = 512};

static void dpo_reaches_the_optimum(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        OracleWorld w;
        oracle_world_make(&w, seed);
        assert_true(run(&dpo, &w, seed, w.reward) >= 0.99);
    }
}

/* Far from the reference, what it would hardly say is seldom compared, so there more pairs
 * are needed for the last hundredths. */
static void dpo_comes_near_the_optimum_far_from_the_reference(void **state)
{
    (void)state;
    Trial far = dpo;
    far.how.beta = 0.3;
    far.lr = 0.1;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        OracleWorld w;
        oracle_world_make(&w, seed);
        assert_true(run(&far, &w, seed, w.reward) >= 0.97);
    }
}

static void wrong_dpo_does_not(void **state)
{
    (void)state;
    OracleWorld w;
    oracle_world_make(&w, 1);
    for (Mutant m = NO_REFERENCE; m <= FLIPPED; m++) {
        Trial wrong = dpo;
        wrong.updates = 400;
        wrong.mutant = m;
        assert_true(run(&wrong, &w, 1, w.reward) < 0.95);
    }
    Trial right = dpo; /* as long */
    right.updates = 400;
    assert_true(run(&right, &w, 1, w.reward) > 0.97);
}

/* --- IPO ----------------------------------------------------------------------------- */

/* What IPO's optimum is the best policy for (Azar et al. 2023, section 4): the chance to be
 * preferred to an answer of the reference. */
static void win_rates(const OracleWorld *w, double *rate)
{
    for (int i = 0; i < ORACLE_ANSWERS; i++) {
        rate[i] = 0;
        for (int j = 0; j < ORACLE_ANSWERS; j++)
            rate[i] += exp(w->ref_logprob[j]) / (1 + exp(w->reward[j] - w->reward[i]));
        rate[i] -= 0.5; /* so that J(ref) = 0 here too */
    }
}

static void ipo_reaches_its_optimum(void **state)
{
    (void)state;
    OracleWorld w;
    double rate[ORACLE_ANSWERS];
    Trial ipo = dpo;
    ipo.how = (RankingLoss){.kind = RANKING_IPO, .beta = 0.2};
    oracle_world_make(&w, 1);
    win_rates(&w, rate);
    assert_true(run(&ipo, &w, 1, rate) >= 0.99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_world_is_what_it_says),
        cmocka_unit_test(the_best_objective_can_be_reached),
        cmocka_unit_test(draws_have_the_probabilities_of_the_table),
        cmocka_unit_test(dpo_reaches_the_optimum),
        cmocka_unit_test(dpo_comes_near_the_optimum_far_from_the_reference),
        cmocka_unit_test(wrong_dpo_does_not),
        cmocka_unit_test(ipo_reaches_its_optimum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
