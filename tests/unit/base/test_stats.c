/* test_stats.c - against values worked out by hand or with R. */
#include "support/check.h"

#include "base/stats.h"

static void mean_and_deviation(void **state)
{
    (void)state;
    const double x[] = {2, 4, 4, 4, 5, 5, 7, 9};
    CHECK_NEAR(stats_mean(x, 8), 5, 1e-12);
    CHECK_NEAR(stats_sd(x, 8), 2.138089935299395, 1e-12); /* sqrt(32/7) */
    CHECK_NEAR(stats_sd(x, 1), 0, 0);
    CHECK_NEAR(stats_mean(x, 0), 0, 0);
}

static void correlation_is_pearsons(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, y[] = {10, 8, 6, 4}, z[] = {1, 3, 2, 4};
    const double flat[] = {5, 5, 5, 5};
    CHECK_NEAR(stats_correlation(x, y, 4), -1, 1e-12);
    CHECK_NEAR(stats_correlation(x, z, 4), 0.8, 1e-12);
    CHECK_NEAR(stats_correlation(x, flat, 4), 0, 0);
}

static void quantiles_lie_between_ranks(void **state)
{
    (void)state;
    double x[] = {9, 1, 5, 3};
    CHECK_NEAR(stats_quantile(x, 4, 0), 1, 0);
    CHECK_NEAR(stats_quantile(x, 4, 0.5), 4, 1e-12);
    CHECK_NEAR(stats_quantile(x, 4, 0.9), 7.8, 1e-12);
    CHECK_NEAR(stats_quantile(x, 4, 1), 9, 0);
    CHECK_NEAR(stats_quantile(x, 0, 0.5), 0, 0);
}

/* R: binom::binom.confint(7, 10, method = "wilson") with z = 1.96 */
static void wilson_knows_its_limits(void **state)
{
    (void)state;
    StatsInterval i = stats_wilson(7, 10);
    CHECK_NEAR(i.low, 0.39677, 1e-4);
    CHECK_NEAR(i.high, 0.89221, 1e-4);
    i = stats_wilson(0, 10);
    CHECK_NEAR(i.low, 0, 1e-12);
    CHECK_NEAR(i.high, 0.27754, 1e-4);
    i = stats_wilson(10, 10);
    CHECK_NEAR(i.high, 1, 1e-12);
    i = stats_wilson(0, 0);
    assert_true(i.low == 0 && i.high == 1);
}

/* scipy.stats.t.ppf(.975, df) */
static void student_is_wide_for_few_values(void **state)
{
    (void)state;
    CHECK_NEAR(stats_student(1), 12.7062047364, 1e-5);
    CHECK_NEAR(stats_student(2), 4.3026527297, 1e-5);
    CHECK_NEAR(stats_student(10), 2.2281388520, 1e-5);
    CHECK_NEAR(stats_student(11), 2.2009851601, 1e-5);
    CHECK_NEAR(stats_student(29), 2.0452296421, 1e-5);
    CHECK_NEAR(stats_student(1000000), 1.9599663, 1e-5);
}

static void paired_uses_the_differences(void **state)
{
    (void)state;
    const double a[] = {11, 22, 33}, b[] = {10, 20, 30};
    StatsInterval i;
    CHECK_NEAR(stats_paired(a, b, 3, &i), 2, 1e-12);
    CHECK_NEAR(i.high - 2, 1.96 * 0.5773502691896258, 1e-12); /* 1 / sqrt(3) */
    CHECK_NEAR(2 - i.low, 1.96 * 0.5773502691896258, 1e-12);
}

static void calibration_error_weighs_bins(void **state)
{
    (void)state;
    /* two bins: .6 .6 hit 1 of 2 (gap .1), .9 .9 hit 2 of 2 (gap .1) */
    const double p[] = {0.6, 0.9, 0.6, 0.9}, hit[] = {1, 1, 0, 1};
    CHECK_NEAR(stats_ece(p, hit, 4, 2), 0.1, 1e-12);
    const double sure[] = {1, 1}, right[] = {1, 1}, wrong[] = {0, 0};
    CHECK_NEAR(stats_ece(sure, right, 2, 10), 0, 1e-12);
    CHECK_NEAR(stats_ece(sure, wrong, 2, 10), 1, 1e-12);
    CHECK_NEAR(stats_ece(p, hit, 0, 2), 0, 0);
}

/* The mean of the largest over all choices of n, one by one. */
static void the_best_of_n_is_the_mean_over_all_choices(void **state)
{
    (void)state;
    const double x[] = {-2, 0.5, 1, 7, 8};
    for (int n = 1; n <= 5; n++) {
        double sum = 0;
        int choices = 0;
        for (int set = 1; set < 32; set++) {
            int size = 0, largest = 0;
            for (int i = 0; i < 5; i++) {
                size += set >> i & 1;
                largest = set >> i & 1 ? i : largest;
            }
            if (size == n) {
                sum += x[largest];
                choices++;
            }
        }
        CHECK_NEAR(stats_best_of(x, 5, n), sum / choices, 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_of_n_is_the_mean_over_all_choices),
        cmocka_unit_test(mean_and_deviation),
        cmocka_unit_test(correlation_is_pearsons),
        cmocka_unit_test(quantiles_lie_between_ranks),
        cmocka_unit_test(wilson_knows_its_limits),
        cmocka_unit_test(student_is_wide_for_few_values),
        cmocka_unit_test(paired_uses_the_differences),
        cmocka_unit_test(calibration_error_weighs_bins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
