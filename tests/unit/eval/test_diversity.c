/* test_diversity.c - against an independent implementation in Python (counters of tuples). */
#include "support/check.h"

#include "eval/diversity.h"

#include <math.h>

static const int32_t a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 2, 3, 4, 7},
                     c[] = {9, 8, 7, 6, 5, 4, 3, 2}, d[] = {1, 2, 3, 4, 5, 6},
                     e[] = {1, 2};
static const DiverseText texts[] = {{a, 6}, {b, 5}, {c, 8}, {d, 6}, {e, 2}};

static void distinct_n_counts_different_grams(void **state)
{
    (void)state;
    Err err;
    double x;
    CHECK_OK(diversity_distinct(texts, 5, 1, &x, &err));
    CHECK_NEAR(x, 0.3333333333333333, 1e-12);
    CHECK_OK(diversity_distinct(texts, 5, 2, &x, &err));
    CHECK_NEAR(x, 0.5909090909090909, 1e-12);
    CHECK_OK(diversity_distinct(texts, 5, 3, &x, &err));
    CHECK_NEAR(x, 0.6470588235294118, 1e-12);
    CHECK_OK(diversity_distinct(texts + 4, 1, 3, &x, &err));
    assert_true(isnan(x));
}

static void self_bleu_is_the_mean_over_texts(void **state)
{
    (void)state;
    Err err;
    double x;
    CHECK_OK(diversity_self_bleu(texts, 5, &x, &err));
    CHECK_NEAR(x, 0.5691064629620678, 1e-12);
    const DiverseText same[] = {{a, 6}, {d, 6}};
    CHECK_OK(diversity_self_bleu(same, 2, &x, &err));
    CHECK_NEAR(x, 1, 1e-12);
    CHECK_OK(diversity_self_bleu(texts, 1, &x, &err));
    assert_true(isnan(x));
}

static void equal_texts_count_once(void **state)
{
    (void)state;
    const DiverseText empty[] = {{NULL, 0}, {NULL, 0}, {a, 6}};
    assert_int_equal(diversity_unique(texts, 5), 4);
    assert_int_equal(diversity_unique(empty, 3), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_n_counts_different_grams),
        cmocka_unit_test(self_bleu_is_the_mean_over_texts),
        cmocka_unit_test(equal_texts_count_once),
    };
    return cmocka_run_group_tests_name("eval/diversity", tests, NULL, NULL);
}
