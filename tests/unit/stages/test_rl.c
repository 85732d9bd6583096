/* test_rl.c - the mechanics of RLOO and GRPO, and of what the core does for groups: what
 * must hold whatever is learned. */
#include "unit/stages/tiny.h"

#include <math.h>

#define COMMON                                                                         \
    "model=@sft reward=@reward prompts=@prompts.jsonl batch=8 answers=4 max_new=8 "    \
    "sample_every=0 eval_every=0 micro_batch=90 "

static void make(void)
{
    tiny_make_sft_and_reward();
}

static const char *const kinds[] = {"rloo", "grpo"};

static void the_ratio_is_exactly_one_before_the_first_step(void **state)
{
    (void)state;
    make();
    for (int k = 0; k < 2; k++) {
        tiny_run(kinds[k], kinds[k],
                 COMMON "episodes=24 minibatches=2 epochs=2 lr=0.01");
        for (int line = 0; line < 3; line++) {
            CHECK_NEAR(tiny_metric(kinds[k], line, "val/first_ratio_error"), 0, 0);
            assert_true(tiny_metric(kinds[k], line, "val/ratio_var") > 0);
        }
        CHECK_NEAR(tiny_metric(kinds[k], 0, "objective/kl"), 0, 1e-6);
        assert_true(fabs(tiny_metric(kinds[k], 1, "objective/kl")) > 1e-4);
        assert_true(tiny_metric(kinds[k], 0, "val/engine_gap") < 1e-5);
    }
}

/* Advantages of a group sum to nothing, and with one update an iteration the policy is the
 * old one: what is left of the loss is GRPO's KL. */
static void at_the_old_policy_the_loss_is_zero(void **state)
{
    (void)state;
    make();
    tiny_run("rloo", "rloo", COMMON "episodes=16 minibatches=1 epochs=1 lr=0.01");
    CHECK_NEAR(tiny_metric("rloo", 1, "loss/policy_avg"), 0, 1e-6);
    tiny_run("grpo", "grpo",
             COMMON "episodes=16 minibatches=1 epochs=1 lr=0.01 kl_coef=0");
    CHECK_NEAR(tiny_metric("grpo", 1, "loss/policy_avg"), 0, 1e-6);
    /* Of one token, so that the mean of answers' means is the mean. */
    tiny_run("grpo", "kl",
             COMMON "episodes=16 minibatches=1 epochs=1 lr=0.01 kl_coef=3 max_new=1");
    double kl3 = tiny_metric("kl", 1, "objective/kl3");
    assert_true(kl3 > 1e-4);
    CHECK_NEAR(tiny_metric("kl", 1, "loss/policy_avg"), 3 * kl3, 1e-5);
}

static void micro_batches_hardly_change_the_policy(void **state)
{
    (void)state;
    make();
    const char *const ways[] = {"loss=answer", "loss=token", "loss=constant"};
    for (int k = 0; k < 4; k++) {
        char small[400], large[440];
        const char *kind = k < 3 ? "grpo" : "rloo", *way = k < 3 ? ways[k] : "clip=0.2";
        snprintf(small, sizeof small, COMMON "episodes=16 minibatches=2 epochs=2 %s",
                 way);
        snprintf(large, sizeof large, "%s micro_batch=4096", small);
        tiny_run(kind, "small", small);
        tiny_run(kind, "large", large);
        CHECK_NEAR(tiny_metric("small", 1, "objective/kl"),
                   tiny_metric("large", 1, "objective/kl"), 1e-4);
        CHECK_NEAR(tiny_metric("small", 1, "loss/policy_avg"),
                   tiny_metric("large", 1, "loss/policy_avg"), 1e-4);
        Err err;
        CHECK_OK(file_remove_tree(temp_path("small"), &err));
        CHECK_OK(file_remove_tree(temp_path("large"), &err));
    }
}

/* No answer may differ in score: a limit of nearly nothing makes all of one sign equal. */
#define EQUAL                                                                          \
    COMMON "episodes=16 minibatches=2 epochs=1 score_clip=1e-9 "                       \
           "missing_eos_penalty=0 lr=0.01 kl_coef=0 "

static void equal_groups_are_counted_and_may_be_dropped(void **state)
{
    (void)state;
    make();
    tiny_run("grpo", "keep", EQUAL "answers=2");
    double equal = tiny_metric("keep", 0, "frac_reward_zero_std");
    tiny_run("grpo", "drop", EQUAL "answers=2 equal_groups=drop");
    CHECK_NEAR(tiny_metric("drop", 0, "frac_reward_zero_std"), equal, 0);
    tiny_run("grpo", "again",
             EQUAL "answers=2 equal_groups=resample resample_rounds=40");
    print_message("equal: %.2f, resampled %.0f groups\n", equal,
                  tiny_metric("again", 0, "groups_resampled"));
    assert_true(equal > 0 && equal < 1);
    assert_true(tiny_metric("again", 0, "groups_resampled") > 0);
    CHECK_NEAR(tiny_metric("again", 0, "frac_reward_zero_std"), 0, 0);
}

/* When every score is the same nothing is learned, and the run ends all the same. */
static void where_nothing_differs_nothing_is_learned(void **state)
{
    (void)state;
    Err err;
    make();
    Model *model;
    ModelSpecials specials;
    CHECK_OK(model_folder_load(&model, tiny_ops, temp_path("reward"), false, &specials,
                               &err));
    model->score_bias += 1e6; /* so that the limit makes all of them one */
    CHECK_OK(model_folder_save(model, &specials, temp_path("reward"), &err));
    model_free(model);
    for (int k = 0; k < 2; k++) {
        char settings[400];
        snprintf(settings, sizeof settings, EQUAL "%s",
                 k == 0 ? "equal_groups=drop" : "equal_groups=resample");
        tiny_run("grpo", k == 0 ? "drop" : "again", settings);
    }
    CHECK_NEAR(tiny_metric("drop", 1, "frac_reward_zero_std"), 1, 0);
    CHECK_NEAR(tiny_metric("drop", 1, "policy/updates_skipped"), 2, 0);
    CHECK_NEAR(tiny_metric("drop", 1, "objective/kl"), 0, 1e-6);
    CHECK_NEAR(tiny_metric("again", 1, "groups_resampled"), 6,
               0); /* 2 each of 3 rounds */
    CHECK_NEAR(tiny_metric("again", 1, "objective/kl"), 0, 1e-6);
}

static void what_does_not_end_can_be_left_out_or_punished(void **state)
{
    (void)state;
    make();
    tiny_run("grpo", "plain", COMMON "episodes=8 minibatches=1 missing_eos_penalty=0");
    tiny_run("grpo", "long",
             COMMON "episodes=8 minibatches=1 missing_eos_penalty=0 overlong_buffer=4 "
                    "overlong_penalty=3");
    double gap = tiny_metric("plain", 0, "objective/rlhf_reward") -
                 tiny_metric("long", 0, "objective/rlhf_reward");
    double missing = tiny_metric("plain", 0, "response/missing_eos_frac");
    assert_true(missing > 0.5);
    assert_true(gap >= 3 * missing - 1e-6 && gap <= 3 + 1e-6);
    tiny_run("grpo", "mask",
             COMMON "episodes=8 minibatches=8 lr=0.01 mask_truncated=true kl_coef=0");
    CHECK_NEAR(tiny_metric("mask", 0, "policy/updates_skipped"), 8 * missing, 1e-9);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    make();
    CHECK_FAILS(tiny_stage("rloo", "no", COMMON "answers=1", &report, &err), ERR_OPTION,
                "one answer a prompt has nothing to be compared with: set 'answers' to "
                "2 or more");
    CHECK_FAILS(tiny_stage("grpo", "no", COMMON "answers=3", &report, &err), ERR_OPTION,
                "a batch of 8 episodes is not so many prompts with 3 answers each: "
                "make it a multiple");
    CHECK_FAILS(tiny_stage("grpo", "no", COMMON "overlong_buffer=9", &report, &err),
                ERR_OPTION, "overlong_buffer is more than max_new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(the_ratio_is_exactly_one_before_the_first_step),
        TEMP_TEST(at_the_old_policy_the_loss_is_zero),
        TEMP_TEST(micro_batches_hardly_change_the_policy),
        TEMP_TEST(equal_groups_are_counted_and_may_be_dropped),
        TEMP_TEST(where_nothing_differs_nothing_is_learned),
        TEMP_TEST(what_does_not_end_can_be_left_out_or_punished),
        TEMP_TEST(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
