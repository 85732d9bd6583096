/* test_majority.c - majorities over answers, against all choices one by one. */
#include "support/check.h"

#include "eval/majority.h"

static void most_votes_win_and_ties_go_to_the_first(void **state)
{
    (void)state;
    const int64_t clear[] = {7, 3, 3, 9}, tied[] = {9, 3, 3, 9};
    const int64_t invalid[] = {-1, -1, -1, 4}, none[] = {-1, -1};
    assert_int_equal(majority_of(clear, 4), 3);
    assert_int_equal(majority_of(tied, 4), 9);
    assert_int_equal(majority_of(invalid, 4), 4);
    assert_int_equal(majority_of(none, 2), -1);
    assert_int_equal(majority_of(none, 0), -1);
}

/* The share of all choices of k, one by one, whose majority is right. */
static double all_choices(const int64_t *answers, int n, int k, int64_t right)
{
    int hits = 0, choices = 0;
    for (int set = 1; set < 1 << n; set++) {
        int64_t chosen[16];
        int size = 0;
        for (int i = 0; i < n; i++) {
            if (set >> i & 1)
                chosen[size++] = answers[i];
        }
        if (size == k) {
            hits += majority_of(chosen, k) == right;
            choices++;
        }
    }
    return (double)hits / choices;
}

static void a_smaller_vote_is_the_mean_over_its_choices(void **state)
{
    (void)state;
    Err err;
    const int64_t answers[] = {1, 2, 1, -1, 3, 2, 1, 2, 2, 1};
    Rng rng = check_rng();
    for (int k = 1; k <= 10; k++) {
        double got;
        CHECK_OK(majority_at(answers, 10, k, 1, 20000, rng, &got, &err));
        CHECK_NEAR(got, all_choices(answers, 10, k, 1), k == 10 ? 0 : 0.015);
    }
}

/* 1 - I_{1/2}(v1+1, v2+1), as sums of binomials in Python: 3:0 0.9375, 4:0 0.96875,
 * 4:1 0.890625, 5:1 0.9375, 6:1 0.96484375 */
static void a_lead_settles_a_vote(void **state)
{
    (void)state;
    const int64_t votes[] = {5, 5, 5, 5, 2, 5, 5, -1};
    assert_false(majority_settled(votes, 0, 0.5));
    assert_false(majority_settled(votes, 3, 0.95)); /* 3:0 */
    assert_true(majority_settled(votes, 3, 0.93));
    assert_true(majority_settled(votes, 4, 0.95));  /* 4:0 */
    assert_false(majority_settled(votes, 5, 0.95)); /* 4:1 */
    assert_false(majority_settled(votes, 6, 0.95)); /* 5:1 */
    assert_true(majority_settled(votes, 7, 0.95));  /* 6:1 */
    assert_true(majority_settled(votes, 8, 0.95));  /* an invalid one has no vote */
    assert_false(majority_settled(votes + 7, 1, 0.5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_votes_win_and_ties_go_to_the_first),
        cmocka_unit_test(a_smaller_vote_is_the_mean_over_its_choices),
        cmocka_unit_test(a_lead_settles_a_vote),
    };
    return cmocka_run_group_tests_name("eval/majority", tests, NULL, NULL);
}
