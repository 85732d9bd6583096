/* test_guard.c - the running mean and deviation of the loss. */
#include "support/check.h"

#include "train/guard.h"

static LossGuard seen(int n, double loss, double wave)
{
    LossGuard g = {0};
    for (int i = 0; i < n; i++)
        guard_add(&g, loss + (i % 2 ? wave : -wave));
    return g;
}

static void nothing_is_a_spike_at_first(void **state)
{
    (void)state;
    LossGuard g = seen(19, 2, 0.1);
    CHECK_NEAR(guard_deviations(&g, 1000), 0, 0);
}

static void deviations_are_counted_from_the_mean(void **state)
{
    (void)state;
    LossGuard g = seen(400, 2, 0.5);
    CHECK_NEAR(g.mean, 2, 0.02);
    CHECK_NEAR(guard_deviations(&g, 4.5), 5, 0.2);
    assert_true(guard_deviations(&g, 1) < 0);
}

static void a_still_loss_has_a_floor_of_two_percent(void **state)
{
    (void)state;
    LossGuard g = seen(100, 4, 0);
    CHECK_NEAR(guard_deviations(&g, 4.08), 1, 1e-6);
}

static void the_mean_follows_a_falling_loss(void **state)
{
    (void)state;
    LossGuard g = {0};
    for (int i = 0; i < 500; i++)
        guard_add(&g, 10 - 0.01 * i);
    CHECK_NEAR(g.mean, 5.01 + 0.49, 0.05); /* lags by about 49 steps */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_a_spike_at_first),
        cmocka_unit_test(deviations_are_counted_from_the_mean),
        cmocka_unit_test(a_still_loss_has_a_floor_of_two_percent),
        cmocka_unit_test(the_mean_follows_a_falling_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
