/* test_arm.c - the figures of arms, counted by hand. */
#include "support/check.h"

#include "study/arm.h"

/* Three questions with four answers each: 0 is right, -1 invalid. */
static int64_t said[] = {0, 0, 1, 0, 1, 1, 0, 2, -1, -1, 1, 0};
static int64_t tokens[] = {3, 3, 3, 3, 5, 5, 5, 5, 1, 1, 1, 1};
static int64_t forced[] = {1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1};
static double kept[] = {1, 1, 1, 1, .5, .5, .5, .5, .9, .9, .9, .9};
static double logprob[12];
static double entropy[] = {.5, .5, .5, .5, 1, 1, 1, 1, 0, 0, 0, 0};
static const Arm four = {.questions = 3,
                         .samples = 4,
                         .said = said,
                         .tokens = tokens,
                         .forced = forced,
                         .kept = kept,
                         .logprob = logprob,
                         .entropy = entropy,
                         .seconds = 6};

static void a_score_counts_all_answers(void **state)
{
    (void)state;
    Err err;
    ArmScore s;
    CHECK_OK(arm_score(&four, &s, &err));
    assert_int_equal(s.n, 12);
    CHECK_NEAR(s.right, 5.0 / 12, 1e-12);
    CHECK_NEAR(s.invalid, 2.0 / 12, 1e-12);
    CHECK_NEAR(s.tokens, 3, 1e-12);
    CHECK_NEAR(s.entropy, 0.5, 1e-12);
    CHECK_NEAR(s.forced, 8.0 / 36, 1e-12);
    CHECK_NEAR(s.kept, 0.8, 1e-12);
    CHECK_NEAR(s.seconds, 2, 1e-12);
    /* Clusters: sums of deviations 3-5/3, 1-5/3, 1-5/3; 1.96 sqrt(sum of squares) / 12 */
    CHECK_NEAR(s.interval.high - s.right, 1.96 * 1.632993161855452 / 12, 1e-9);
}

static void arms_are_compared_by_first_answers(void **state)
{
    (void)state;
    int64_t one[] = {0, 0, 0};
    const Arm b = {.questions = 3, .samples = 1, .said = one};
    ArmPair p = arm_compare(&four, &b); /* right, wrong, invalid against all right */
    assert_int_equal(p.n, 3);
    assert_int_equal(p.both, 1);
    assert_int_equal(p.only_a, 0);
    assert_int_equal(p.only_b, 2);
    CHECK_NEAR(p.difference, -2.0 / 3, 1e-12);
    CHECK_NEAR(p.p, 0.5, 1e-12);
}

static void votes_of_all_and_of_one(void **state)
{
    (void)state;
    Err err;
    ArmVotes v;
    CHECK_OK(arm_votes(&four, 4, &v, &err));
    /* right; 1 with two votes; a tie of 1 and 0, of which 1 came first */
    CHECK_NEAR(v.majority, 1.0 / 3, 1e-12);
    CHECK_NEAR(v.any, 1, 1e-12);
    CHECK_OK(arm_votes(&four, 1, &v, &err));
    CHECK_NEAR(v.any, 5.0 / 12, 1e-12);
    CHECK_NEAR(v.majority, 5.0 / 12, 0.06); /* random choices of one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_score_counts_all_answers),
        cmocka_unit_test(arms_are_compared_by_first_answers),
        cmocka_unit_test(votes_of_all_and_of_one),
    };
    return cmocka_run_group_tests_name("study/arm", tests, NULL, NULL);
}
