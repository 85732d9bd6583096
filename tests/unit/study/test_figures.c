/* test_figures.c - the arithmetic of studies against slow references and known values. */
#include "support/check.h"

#include "study/figures.h"

#include <math.h>

/* The reference: every choice of n of N answers, equally likely. */
static double best_of_all_choices(const double *proxy, const double *value, int N,
                                  int n)
{
    double sum = 0, choices = 0;
    for (unsigned set = 0; set < 1U << N; set++) {
        double most = -HUGE_VAL, best = 0, ties = 0;
        int size = 0;
        for (int i = 0; i < N; i++) {
            if (!(set >> i & 1))
                continue;
            size++;
            if (proxy[i] > most) {
                most = proxy[i];
                best = ties = 0;
            }
            if (proxy[i] >= most) {
                best += value[i];
                ties++;
            }
        }
        if (size == n) {
            sum += best / ties;
            choices++;
        }
    }
    return sum / choices;
}

static void best_of_n_is_the_mean_over_all_choices(void **state)
{
    (void)state;
    Err err;
    Rng rng = check_rng();
    enum { PROMPTS = 5, N = 7 };
    double proxy[PROMPTS * N], value[PROMPTS * N];
    for (int i = 0; i < PROMPTS * N; i++) {
        proxy[i] = rng_normal(&rng);
        value[i] = rng_normal(&rng);
    }
    for (int n = 1; n <= N; n++) {
        double want = 0, got, own;
        StatsInterval interval;
        for (int p = 0; p < PROMPTS; p++)
            want += best_of_all_choices(proxy + p * N, value + p * N, N, n) / PROMPTS;
        CHECK_OK(best_of_n(proxy, value, PROMPTS, N, n, &got, &interval, &err));
        CHECK_NEAR(got, want, 1e-12);
        assert_true(interval.low <= got && got <= interval.high);
        CHECK_OK(best_of_n(proxy, proxy, PROMPTS, N, n, &own, &interval, &err));
        assert_true(n == 1 || own > got); /* the proxy likes its own choice best */
    }
}

static void equal_proxies_are_equally_often_chosen(void **state)
{
    (void)state;
    Err err;
    const double proxy[] = {1, 1, 1, 1}, value[] = {1, 2, 3, 6};
    double got;
    StatsInterval interval;
    CHECK_OK(best_of_n(proxy, value, 1, 4, 3, &got, &interval, &err));
    CHECK_NEAR(got, 3, 1e-12);
}

static void the_largest_of_n_normals_and_its_kl_are_known(void **state)
{
    (void)state;
    const struct {
        int64_t n;
        double most, kl;
    } known[] = {{1, 0, 0},          {2, .564, .193},    {4, 1.029, .636},
                 {8, 1.424, 1.204},  {16, 1.766, 1.835}, {64, 2.344, 3.175},
                 {256, 2.827, 4.549}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK_NEAR(normal_maximum(known[i].n), known[i].most, 5e-4);
        CHECK_NEAR(best_of_n_kl(known[i].n), known[i].kl, 5e-4);
    }
}

static void pairs_are_of_one_prompt_and_of_different_gold(void **state)
{
    (void)state;
    /*                     prompt 1   prompt 2 */
    const double gold[] = {0, 1, 1, 5, 4, 3}, proxy[] = {0, 2, 0, 1, 9, 0};
    int64_t pairs;
    /* 1: (1,0) right, (2,0) tie; 2: (0,1) wrong, (0,2) right, (1,2) right */
    CHECK_NEAR(pair_accuracy(proxy, gold, 2, 3, &pairs), 3.5 / 5, 1e-12);
    assert_int_equal(pairs, 5);
    assert_true(isnan(pair_accuracy(proxy, gold, 2, 1, &pairs)));
}

static void rank_correlation_knows_order_alone(void **state)
{
    (void)state;
    Err err;
    const double x[] = {1, 2, 3, 4, 5}, y[] = {1, 8, 27, 64, 125},
                 down[] = {5, 4, 3, 2, 1}, z[] = {1, 3, 2, 5, 4},
                 ties[] = {1, 1, 2, 2, 3};
    double rho;
    CHECK_OK(rank_correlation(x, y, 5, &rho, &err));
    CHECK_NEAR(rho, 1, 1e-12);
    CHECK_OK(rank_correlation(x, down, 5, &rho, &err));
    CHECK_NEAR(rho, -1, 1e-12);
    CHECK_OK(rank_correlation(x, z, 5, &rho, &err));
    CHECK_NEAR(rho, .8, 1e-12); /* 1 - 6 * 4 / (5 * 24) */
    CHECK_OK(rank_correlation(x, ties, 5, &rho, &err));
    CHECK_NEAR(rho, .948683298, 1e-9); /* scipy.stats.spearmanr */
}

/* gold = hardness of the prompt + u, proxy = another hardness + .6 u + .8 v: within prompts
 * they correlate by .6, and what lies between prompts does not matter. */
static void within_prompts_the_prompt_does_not_count(void **state)
{
    (void)state;
    Err err;
    Rng rng = check_rng();
    enum { PROMPTS = 4000, N = 4 };
    static double proxy[PROMPTS * N], gold[PROMPTS * N];
    for (int p = 0; p < PROMPTS; p++) {
        double hard = 3 * rng_normal(&rng), other = 5 * rng_normal(&rng);
        for (int k = 0; k < N; k++) {
            double u = rng_normal(&rng);
            gold[p * N + k] = hard + u;
            proxy[p * N + k] = other + .6 * u + .8 * rng_normal(&rng);
        }
    }
    double rho, share;
    CHECK_OK(within_prompts(proxy, gold, PROMPTS, N, &rho, &share, &err));
    CHECK_NEAR(rho, .6, .03);
    CHECK_NEAR(share, 1 / sqrt(10), .01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_prompts_the_prompt_does_not_count),
        cmocka_unit_test(best_of_n_is_the_mean_over_all_choices),
        cmocka_unit_test(equal_proxies_are_equally_often_chosen),
        cmocka_unit_test(the_largest_of_n_normals_and_its_kl_are_known),
        cmocka_unit_test(pairs_are_of_one_prompt_and_of_different_gold),
        cmocka_unit_test(rank_correlation_knows_order_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
