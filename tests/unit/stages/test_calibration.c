/* test_calibration.c - accuracy and calibration of a reward model on made-up scores. */
#include "support/check.h"

#include "stages/calibration.h"

#include <math.h>

static void ties_in_rank_make_no_pair_and_ties_in_score_count_half(void **state)
{
    (void)state;
    Err err;
    Pairs p;
    Calibration c;
    const float score[] = {1, 1, 0};
    const int32_t rank[] = {1, 2, 2};
    const int64_t length[] = {5, 5, 9};
    CHECK_OK(pairs_reserve(&p, 3, &err));
    pairs_add(&p, score, rank, length, 3);
    assert_int_equal(p.n, 2);
    CHECK_OK(calibration_of(&p, &c, &err));
    CHECK_NEAR(c.accuracy, 0.75, 1e-12);        /* one tie, one right */
    CHECK_NEAR(c.length_accuracy, 0.75, 1e-12); /* "shorter wins": the better rule */
    CHECK_NEAR(c.margin, 0.5, 1e-12);
    pairs_release(&p);
}

/* Pairs that win as often as sigma(gap / 3) says, gaps spread from 0 to 6. */
static void fill_overconfident(Pairs *p, int64_t n, double temperature)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t level = i / 100, levels = n / 100;
        double gap = 6.0 * (double)level / (double)levels;
        double wins = 1 / (1 + exp(-gap / temperature));
        p->gap[i] = (double)(i % 100) < 100 * wins ? gap : -gap;
        p->length[i] = i % 2 ? 1 : -1;
    }
    p->n = n;
}

static void the_temperature_of_overconfident_scores_is_found(void **state)
{
    (void)state;
    Err err;
    Pairs p;
    Calibration c;
    CHECK_OK(pairs_reserve(&p, 10000, &err));
    fill_overconfident(&p, 10000, 3);
    CHECK_OK(calibration_of(&p, &c, &err));
    CHECK_NEAR(c.temperature, 3, 0.1);
    assert_true(c.ece > 0.1);
    assert_true(c.ece_fitted < 0.02);
    CHECK_NEAR(c.length_accuracy, 0.5, 1e-12);
    pairs_release(&p);
}

static void no_pairs_give_no_numbers(void **state)
{
    (void)state;
    Err err;
    Pairs p;
    Calibration c;
    CHECK_OK(pairs_reserve(&p, 0, &err));
    CHECK_OK(calibration_of(&p, &c, &err));
    CHECK_NEAR(c.accuracy, 0, 0);
    CHECK_NEAR(c.temperature, 1, 0);
    pairs_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_in_rank_make_no_pair_and_ties_in_score_count_half),
        cmocka_unit_test(the_temperature_of_overconfident_scores_is_found),
        cmocka_unit_test(no_pairs_give_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
