/* test_agreement.c - Krippendorff's alpha against published figures, and agreement of
 * rankings against what one counts by hand. */
#include "support/check.h"

#include "data/agreement.h"

#include <math.h>

static Err err;
static const double none = -1;

/* Rows are observers. */
static double alpha_of(const double *table, int observers, int units,
                       AlphaMetric metric)
{
    AlphaValue values[64];
    int64_t n = 0;
    double alpha = 0;
    for (int o = 0; o < observers; o++) {
        for (int u = 0; u < units; u++) {
            if (table[o * units + u] > none)
                values[n++] = (AlphaValue){u, table[o * units + u]};
        }
    }
    CHECK_OK(agreement_alpha(values, n, metric, &alpha, &err));
    return alpha;
}

/* Krippendorff 2011, section C: four observers, 12 units, 5 values. He gives .743, .815
 * and .849. */
static void alpha_is_that_of_krippendorff_2011(void **state)
{
    (void)state;
    static const double table[] = {
        1,  2, 3, 3, 2, 1, 4, 1, 2, -1, -1, -1, 1, 2, 3, 3, 2, 2, 4, 1, 2, 5, -1, 3,
        -1, 3, 3, 3, 2, 3, 4, 2, 2, 5,  1,  -1, 1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1,  -1};
    CHECK_NEAR(alpha_of(table, 4, 12, ALPHA_NOMINAL), 0.743421, 1e-6);
    CHECK_NEAR(alpha_of(table, 4, 12, ALPHA_ORDINAL), 0.815388, 1e-6);
    CHECK_NEAR(alpha_of(table, 4, 12, ALPHA_INTERVAL), 0.849107, 1e-6);
}

/* The example of Wikipedia's article and of the Python package krippendorff, which give
 * .691 nominal, .807 ordinal and .811 interval. */
static void alpha_is_that_of_the_three_coders(void **state)
{
    (void)state;
    static const double table[] = {-1, -1, -1, -1, -1, 3,  4,  1,  2, 1, 1, 3,
                                   3,  -1, 3,  1,  -1, 2,  1,  3,  3, 4, 3, -1,
                                   -1, -1, -1, -1, -1, -1, -1, -1, 2, 1, 3, 4,
                                   4,  -1, 2,  1,  1,  3,  3,  -1, 4};
    CHECK_NEAR(alpha_of(table, 3, 15, ALPHA_NOMINAL), 0.691358, 1e-6);
    CHECK_NEAR(alpha_of(table, 3, 15, ALPHA_ORDINAL), 0.806721, 1e-6);
    CHECK_NEAR(alpha_of(table, 3, 15, ALPHA_INTERVAL), 0.810845, 1e-6);
}

static void
alpha_is_one_for_perfect_agreement_and_negative_for_its_contrary(void **state)
{
    (void)state;
    static const double same[] = {1, 2, 3, 1, 2, 3},
                        against[] = {1, 2, 1, 2, 2, 1, 2, 1};
    CHECK_NEAR(alpha_of(same, 2, 3, ALPHA_ORDINAL), 1, 1e-12);
    /* By hand: all 8 ordered pairs differ; by chance 32 of 56 do. */
    CHECK_NEAR(alpha_of(against, 2, 4, ALPHA_NOMINAL), 1 - 1.0 / (32.0 / 56), 1e-12);
}

static void alpha_of_what_says_nothing_is_undefined(void **state)
{
    (void)state;
    static const double alone[] = {1, 2, -1, -1}, constant[] = {2, 2, 2, 2};
    assert_true(isnan(alpha_of(alone, 2, 2, ALPHA_ORDINAL)));
    assert_true(isnan(alpha_of(constant, 2, 2, ALPHA_ORDINAL)));
    assert_true(isnan(alpha_of(alone, 0, 0, ALPHA_ORDINAL)));
}

static void rankings_agree_by_the_pairs_they_order_alike(void **state)
{
    (void)state;
    static const int32_t a[] = {1, 2, 3}, turned[] = {3, 2, 1}, swapped[] = {2, 1, 3},
                         tied[] = {1, 1, 2}, all[] = {1, 1, 1};
    CHECK_NEAR(agreement_of_ranks(a, a, 3), 1, 0);
    CHECK_NEAR(agreement_of_ranks(a, turned, 3), 0, 0);
    CHECK_NEAR(agreement_of_ranks(a, swapped, 3), 2.0 / 3, 1e-12);
    CHECK_NEAR(agreement_of_ranks(a, tied, 3), 2.5 / 3, 1e-12);
    CHECK_NEAR(agreement_of_ranks(a, all, 3), 0.5, 1e-12);
    CHECK_NEAR(agreement_of_ranks(all, all, 3), 1, 0);
}

static void ties_share_their_places(void **state)
{
    (void)state;
    static const int32_t ranks[] = {2, 1, 2, 3, 2};
    double places[5];
    agreement_mid_ranks(ranks, 5, places);
    CHECK_NEAR(places[0], 3, 0);
    CHECK_NEAR(places[1], 1, 0);
    CHECK_NEAR(places[3], 5, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpha_is_that_of_krippendorff_2011),
        cmocka_unit_test(alpha_is_that_of_the_three_coders),
        cmocka_unit_test(
            alpha_is_one_for_perfect_agreement_and_negative_for_its_contrary),
        cmocka_unit_test(alpha_of_what_says_nothing_is_undefined),
        cmocka_unit_test(rankings_agree_by_the_pairs_they_order_alike),
        cmocka_unit_test(ties_share_their_places),
    };
    return cmocka_run_group_tests_name("data/agreement", tests, NULL, NULL);
}
