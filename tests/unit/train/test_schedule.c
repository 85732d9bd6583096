/* test_schedule.c - the learning rate over a run, and the options' "auto". */
#include "support/check.h"

#include "train/trainer.h"

static TrainOptions with(int schedule, double warmup, double end)
{
    return (TrainOptions){.schedule = schedule, .warmup = warmup, .lr_end = end};
}

static void warmup_rises_linearly_to_one(void **state)
{
    (void)state;
    TrainOptions o = with(SCHEDULE_CONSTANT, 0.1, 0);
    CHECK_NEAR(train_schedule(&o, 0, 100), 0.1, 1e-12);
    CHECK_NEAR(train_schedule(&o, 4, 100), 0.5, 1e-12);
    CHECK_NEAR(train_schedule(&o, 9, 100), 1, 1e-12);
    CHECK_NEAR(train_schedule(&o, 10, 100), 1, 1e-12);
}

static void cosine_is_half_way_at_half_time(void **state)
{
    (void)state;
    TrainOptions o = with(SCHEDULE_COSINE, 0.2, 0.1);
    CHECK_NEAR(train_schedule(&o, 20, 100), 1, 1e-12);
    CHECK_NEAR(train_schedule(&o, 60, 100), 0.55, 1e-12);
    CHECK_NEAR(train_schedule(&o, 100, 100), 0.1, 1e-12);
}

static void linear_falls_to_its_end(void **state)
{
    (void)state;
    TrainOptions o = with(SCHEDULE_LINEAR, 0, 0);
    CHECK_NEAR(train_schedule(&o, 0, 4), 1, 1e-12);
    CHECK_NEAR(train_schedule(&o, 1, 4), 0.75, 1e-12);
    CHECK_NEAR(train_schedule(&o, 3, 4), 0.25, 1e-12); /* the last update learns too */
}

static void a_warmup_of_less_than_an_update_does_nothing(void **state)
{
    (void)state;
    TrainOptions o = with(SCHEDULE_LINEAR, 0.03, 0);
    CHECK_NEAR(train_schedule(&o, 0, 10), 1, 1e-12);
}

static void every_default_is_auto_and_resolves_to_the_stage(void **state)
{
    (void)state;
    Err err;
    TrainOptions o, stage = {.lr = 0.5,
                             .lr_end = 0.25,
                             .schedule = SCHEDULE_LINEAR,
                             .warmup = 0.125,
                             .weight_decay = 0.75,
                             .beta2 = 0.9,
                             .eps = 1e-3};
    CHECK_OK(opt_defaults(&train_options, &o, &err));
    train_options_resolve(&o, &stage);
    CHECK_NEAR(o.lr, 0.5, 0);
    CHECK_NEAR(o.lr_end, 0.25, 0);
    assert_int_equal(o.schedule, SCHEDULE_LINEAR);
    CHECK_NEAR(o.warmup, 0.125, 0);
    CHECK_NEAR(o.weight_decay, 0.75, 0);
    CHECK_NEAR(o.beta2, 0.9, 0);
    CHECK_NEAR(o.eps, 1e-3, 0);
}

static void given_values_stay(void **state)
{
    (void)state;
    Err err;
    TrainOptions o, stage = {.lr = 0.5, .lr_end = 0.25, .weight_decay = 0.75};
    CHECK_OK(opt_defaults(&train_options, &o, &err));
    CHECK_OK(opt_set(&train_options, &o, "lr", "0.01", &err));
    CHECK_OK(opt_set(&train_options, &o, "lr_end", "0", &err));
    CHECK_OK(opt_set(&train_options, &o, "weight-decay", "0", &err));
    CHECK_OK(opt_set(&train_options, &o, "schedule", "constant", &err));
    train_options_resolve(&o, &stage);
    CHECK_NEAR(o.lr, 0.01, 0);
    CHECK_NEAR(o.lr_end, 0, 0);
    CHECK_NEAR(o.weight_decay, 0, 0);
    assert_int_equal(o.schedule, SCHEDULE_CONSTANT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warmup_rises_linearly_to_one),
        cmocka_unit_test(cosine_is_half_way_at_half_time),
        cmocka_unit_test(linear_falls_to_its_end),
        cmocka_unit_test(a_warmup_of_less_than_an_update_does_nothing),
        cmocka_unit_test(every_default_is_auto_and_resolves_to_the_stage),
        cmocka_unit_test(given_values_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
