/* test_winrate.c - rates counted by hand, and what is left when length is taken out. */
#include "support/check.h"

#include "base/mem.h"
#include "eval/winrate.h"

#include <math.h>

static Err err;

static void a_tie_is_half_a_win(void **state)
{
    (void)state;
    static const double outcome[] = {1, 1, 0.5, 0}, longer[] = {1, -1, 2, -2};
    Winrate w = {0};
    CHECK_OK(winrate_of(outcome, longer, 4, &w, &err));
    assert_int_equal(w.wins, 2);
    assert_int_equal(w.ties, 1);
    assert_int_equal(w.losses, 1);
    CHECK_NEAR(w.rate, 0.625, 1e-12);
    StatsInterval i = stats_wilson(2.5, 4);
    CHECK_NEAR(w.interval.low, i.low, 1e-12);
    CHECK_NEAR(w.interval.high, i.high, 1e-12);
}

/* Figures of an independent program, which searches each coefficient by golden section. */
static void the_fit_is_that_of_another_program(void **state)
{
    (void)state;
    static const double outcome[] = {1,   1, 1, 0, 0.5, 1, 0, 1,
                                     0.5, 0, 1, 1, 0,   0, 1, 1};
    static const double longer[] = {30, 55, 12, -40, 3,   80, -22, 41,
                                    0,  -9, 5,  -14, -60, 18, 33,  7};
    Winrate w = {0};
    CHECK_OK(winrate_of(outcome, longer, 16, &w, &err));
    CHECK_NEAR(w.length_effect, 3.231431645376444, 1e-5);
    CHECK_NEAR(w.controlled, 0.5733171057175153, 1e-6);
    CHECK_NEAR(w.controlled_interval.low, 0.2599723751447443, 1e-5);
    CHECK_NEAR(w.controlled_interval.high, 0.8371137545171524, 1e-5);
}

/* A judge that only looks at the length, b longer by 2 deviations on average: it nearly
 * always wins, and at equal length does not. */
static void a_rate_by_length_alone_vanishes_at_equal_length(void **state)
{
    (void)state;
    enum { N = 4000 };
    static double outcome[N], longer[N];
    Rng r = check_rng();
    for (int i = 0; i < N; i++) {
        longer[i] = 20 * (1.5 + rng_normal(&r));
        outcome[i] = rng_uniform(&r) < 1 / (1 + exp(-4 * tanh(longer[i] / 20))) ? 1 : 0;
    }
    Winrate w = {0};
    CHECK_OK(winrate_of(outcome, longer, N, &w, &err));
    assert_true(w.interval.low > 0.85);
    CHECK_NEAR(w.controlled, 0.5, 0.06);
    assert_true(w.controlled_interval.low < 0.5 && w.controlled_interval.high > 0.5);
    CHECK_NEAR(w.length_effect, 4, 0.6);
}

/* And one that does not look at it: the rate stays. */
static void a_rate_that_length_does_not_explain_stays(void **state)
{
    (void)state;
    enum { N = 4000 };
    static double outcome[N], longer[N];
    Rng r = check_rng();
    for (int i = 0; i < N; i++) {
        longer[i] = 20 * (1.5 + rng_normal(&r));
        outcome[i] = rng_uniform(&r) < 0.7 ? 1 : 0;
    }
    Winrate w = {0};
    CHECK_OK(winrate_of(outcome, longer, N, &w, &err));
    assert_true(w.controlled_interval.low < 0.7 && w.controlled_interval.high > 0.7);
    CHECK_NEAR(w.length_effect, 0, 0.4);
}

static void edges_have_rates(void **state)
{
    (void)state;
    static const double ones[] = {1, 1, 1, 1}, same[] = {5, 5, 5, 5},
                        different[] = {1, 2, 3, 4}, halves[] = {0.5, 0.5, 0.5, 0.5};
    Winrate w = {0};
    CHECK_OK(winrate_of(ones, different, 4, &w, &err)); /* no largest likelihood */
    assert_true(w.rate == 1 && w.controlled > 0.9 && w.controlled <= 1);
    CHECK_OK(winrate_of(halves, same, 4, &w, &err));
    CHECK_NEAR(w.controlled, 0.5, 1e-9);
    CHECK_NEAR(w.length_effect, 0, 0);
    CHECK_OK(winrate_of(ones, same, 1, &w, &err));
    assert_true(w.controlled > 0.5);
    CHECK_OK(winrate_of(NULL, NULL, 0, &w, &err));
    CHECK_NEAR(w.rate, 0.5, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tie_is_half_a_win),
        cmocka_unit_test(the_fit_is_that_of_another_program),
        cmocka_unit_test(a_rate_by_length_alone_vanishes_at_equal_length),
        cmocka_unit_test(a_rate_that_length_does_not_explain_stays),
        cmocka_unit_test(edges_have_rates),
    };
    return cmocka_run_group_tests_name("eval/winrate", tests, NULL, NULL);
}
