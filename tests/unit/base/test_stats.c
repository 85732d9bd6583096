/* test_stats.c - against values worked out by hand or with R. */
#include "support/check.h"

#include "base/stats.h"

#include <math.h>

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

/* Python: 2*sum(comb(b+c, i) for i in range(min(b, c)+1)) / 2**(b+c) */
static void mcnemar_counts_uneven_splits(void **state)
{
    (void)state;
    CHECK_NEAR(stats_mcnemar(10, 2), 0.03857421875, 1e-12);
    CHECK_NEAR(stats_mcnemar(2, 10), 0.03857421875, 1e-12);
    CHECK_NEAR(stats_mcnemar(0, 8), 0.0078125, 1e-12);
    CHECK_NEAR(stats_mcnemar(37, 61), 0.019690184799846844, 1e-12);
    CHECK_NEAR(stats_mcnemar(900, 1100), 8.457089535503927e-06, 1e-14);
    CHECK_NEAR(stats_mcnemar(5, 5), 1, 0);
    CHECK_NEAR(stats_mcnemar(0, 0), 1, 0);
}

static void paired_shares_are_paired_values_of_ones_and_zeros(void **state)
{
    (void)state;
    StatsInterval i;
    /* Python: (b-c)/n and 1.96*sqrt(b+c-(b-c)**2/n)/n */
    CHECK_NEAR(stats_paired_shares(37, 61, 1000, &i), -0.024, 1e-12);
    CHECK_NEAR(i.high - i.low, 2 * 0.019345904951694557, 1e-12);
    CHECK_NEAR(stats_paired_shares(10, 2, 100, &i), 0.08, 1e-12);
    CHECK_NEAR(i.high, 0.08 + 0.06606101422170264, 1e-12);
    CHECK_NEAR(stats_paired_shares(0, 0, 0, &i), 0, 0);
    assert_true(i.low == -1 && i.high == 1);
}

/* Python, cluster by cluster; each value a cluster of its own is the plain interval. */
static void clusters_widen_an_interval(void **state)
{
    (void)state;
    const double x[] = {1, 0, 1, 1, 0, 0, 1, 1};
    const int64_t cluster[] = {1, 1, 2, 2, 2, 5, 5, 9};
    const int64_t single[] = {1, 2, 3, 4, 5, 6, 7, 8}, one[8] = {0};
    StatsInterval i;
    CHECK_NEAR(stats_clustered(x, cluster, 8, &i), 0.625, 1e-12);
    CHECK_NEAR(i.high - 0.625, 0.12993087104302808, 1e-12);
    CHECK_NEAR(stats_clustered(x, single, 8, &i), 0.625, 1e-12);
    CHECK_NEAR(i.high - 0.625, 1.96 * stats_sd(x, 8) * sqrt(7.0 / 8) / sqrt(8), 1e-12);
    CHECK_NEAR(stats_clustered(x, one, 8, &i), 0.625, 1e-12);
    CHECK_NEAR(i.high, 0.625, 1e-12);
}

/* Python: 1 - comb(n-c, k)/comb(n, k) */
static void pass_at_k_is_without_bias(void **state)
{
    (void)state;
    CHECK_NEAR(stats_pass_at(10, 3, 1), 0.3, 1e-12);
    CHECK_NEAR(stats_pass_at(10, 3, 4), 0.8333333333333334, 1e-12);
    CHECK_NEAR(stats_pass_at(16, 1, 8), 0.5, 1e-12);
    CHECK_NEAR(stats_pass_at(32, 30, 4), 1, 0);
    CHECK_NEAR(stats_pass_at(5, 0, 3), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_of_n_is_the_mean_over_all_choices),
        cmocka_unit_test(mcnemar_counts_uneven_splits),
        cmocka_unit_test(paired_shares_are_paired_values_of_ones_and_zeros),
        cmocka_unit_test(clusters_widen_an_interval),
        cmocka_unit_test(pass_at_k_is_without_bias),
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
