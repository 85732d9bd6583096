/* test_loss_group.c - golden numbers worked out in double precision, finite differences of
 * every loss, and invariances of the advantages. */
#include "support/check.h"
#include "tensor/loss_group.h"

#include <math.h>

static void check_all(const float *got, const double *want, int64_t n, double tol)
{
    for (int64_t i = 0; i < n; i++)
        CHECK_NEAR(got[i], want[i], tol);
}

static void check_reals(const double *got, const double *want, int64_t n, double tol)
{
    for (int64_t i = 0; i < n; i++)
        CHECK_NEAR(got[i], want[i], tol);
}

static const float ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};

/* --- advantages ---------------------------------------------------------------------- */

static const double rewards[] = {1, 0.5, -0.25, 2};

static void the_baseline_is_the_mean_of_the_others(void **state)
{
    (void)state;
    const double want[] = {0.25, -0.4166667, -1.4166667, 1.5833333};
    double a[4], two[2];
    loss_leave_one_out(rewards, 4, a);
    check_reals(a, want, 4, 1e-7);
    loss_leave_one_out(rewards, 2, two);
    CHECK_NEAR(two[0], 0.5, 1e-15);
    CHECK_NEAR(two[1], -0.5, 1e-15);
}

static void group_advantages_are_the_golden_ones(void **state)
{
    (void)state;
    const double want[] = {0.1986588, -0.3310980, -1.1257332, 1.2581724};
    const double undivided[] = {0.1875, -0.3125, -1.0625, 1.1875};
    double a[4];
    loss_group_advantage(rewards, 4, true, a);
    check_reals(a, want, 4, 1e-7);
    loss_group_advantage(rewards, 4, false, a);
    check_reals(a, undivided, 4, 1e-12);
}

static void equal_answers_have_no_advantage(void **state)
{
    (void)state;
    const double same[] = {3, 3, 3};
    double a[3];
    loss_group_advantage(same, 3, true, a);
    for (int i = 0; i < 3; i++)
        CHECK_NEAR(a[i], 0, 0);
    loss_leave_one_out(same, 3, a);
    for (int i = 0; i < 3; i++)
        CHECK_NEAR(a[i], 0, 0);
}

/* What all answers of a prompt share is no merit of one. */
static void a_constant_on_all_rewards_changes_nothing(void **state)
{
    (void)state;
    double raised[4], a[4], b[4];
    for (int i = 0; i < 4; i++)
        raised[i] = rewards[i] + 7;
    loss_leave_one_out(rewards, 4, a);
    loss_leave_one_out(raised, 4, b);
    check_reals(a, b, 4, 1e-12);
    loss_group_advantage(rewards, 4, true, a);
    loss_group_advantage(raised, 4, true, b);
    check_reals(a, b, 4, 1e-12);
}

static void the_overlong_penalty_rises_within_its_buffer(void **state)
{
    (void)state;
    CHECK_NEAR(loss_overlong(80, 100, 20, 0.5), 0, 0);
    CHECK_NEAR(loss_overlong(81, 100, 20, 0.5), 0.025, 1e-15);
    CHECK_NEAR(loss_overlong(100, 100, 20, 0.5), 0.5, 1e-15);
    CHECK_NEAR(loss_overlong(130, 100, 20, 0.5), 0.5, 1e-15);
    CHECK_NEAR(loss_overlong(100, 100, 0, 0.5), 0, 0);
}

/* --- losses -------------------------------------------------------------------------- */

/* As in test_loss.c: entries 1 and 3 lie outside the clip range where it does not act. */
static const float new_logprob[] = {-1, -1.1F, -1.95F, -0.05F};
static const float old_logprob[] = {-1.2F, -0.7F, -2, -0.3F};
static const float ref_logprob[] = {-1.3F, -1.5F, -2, -0.05F};
static const float advantages[] = {1.147345F, 0.593982F, -0.232434F, -1.508893F};

static void without_kl_and_equal_bounds_grpo_has_ppos_loss(void **state)
{
    (void)state;
    const GrpoLoss how = {.low = 0.2, .high = 0.2};
    float d[4], want[4];
    PolicyLoss l = loss_grpo(&how, new_logprob, old_logprob, ref_logprob, advantages,
                             ones, 4, 4, d);
    PolicyLoss ppo =
        loss_policy(new_logprob, old_logprob, advantages, ones, 4, 0.2, 4, want);
    CHECK_NEAR(l.loss, 0.1017090, 1e-6);
    CHECK_NEAR(l.loss, ppo.loss, 1e-12);
    CHECK_NEAR(l.clip_fraction, ppo.clip_fraction, 1e-12);
    CHECK_NEAR(l.approx_kl, ppo.approx_kl, 1e-12);
    CHECK_NEAR(l.ratio_mean, ppo.ratio_mean, 1e-12);
    CHECK_NEAR(l.ratio_variance, ppo.ratio_variance, 1e-12);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(d[i], want[i], 1e-9);
}

static void the_grpo_loss_is_the_golden_one(void **state)
{
    (void)state;
    const GrpoLoss how = {.low = 0.2, .high = 0.28, .kl_coef = 0.04};
    const double want[] = {-0.3477508, -0.0962427, 0.0615755, 0.4843642};
    float d[4];
    PolicyLoss l = loss_grpo(&how, new_logprob, old_logprob, ref_logprob, advantages,
                             ones, 4, 4, d);
    CHECK_NEAR(l.loss, 0.0966936, 1e-6);
    CHECK_NEAR(l.clip_fraction, 0, 0); /* 1.2214 lies below the higher bound */
    CHECK_NEAR(l.weight, 4, 0);
    check_all(d, want, 4, 1e-6);
}

static void weights_scale_grpo_but_not_its_measures(void **state)
{
    (void)state;
    const GrpoLoss how = {.low = 0.2, .high = 0.2, .kl_coef = 0.04};
    const float w[] = {0.5F, 0.5F, 0, 0.5F};
    float d[4], whole[4], none[] = {0, 0, 0, 0};
    loss_grpo(&how, new_logprob, old_logprob, ref_logprob, advantages, ones, 4, 1,
              whole);
    PolicyLoss l =
        loss_grpo(&how, new_logprob, old_logprob, ref_logprob, advantages, w, 4, 2, d);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(d[i], whole[i] * w[i] / 2, 1e-7);
    CHECK_NEAR(l.weight, 3, 0);
    CHECK_NEAR(l.ratio_mean, (1.221403 + 0.670320 + 1.284025) / 3, 1e-6);
    l = loss_grpo(&how, new_logprob, old_logprob, ref_logprob, advantages, none, 4, 2,
                  d);
    assert_true(l.loss == 0 && l.weight == 0 && l.ratio_max == 0 && l.ratio_min == 0);
}

static void the_sequence_loss_is_the_golden_one(void **state)
{
    (void)state;
    const int64_t length[] = {2, 2};
    const float advantage[] = {0.7F, -1.2F};
    float d[4];
    PolicyLoss l = loss_policy_sequence(new_logprob, old_logprob, advantage, ones,
                                        length, 2, 0.2, 2, d);
    CHECK_NEAR(l.loss, 0.5233595, 1e-6);
    CHECK_NEAR(l.ratio_min, 0.8187308, 1e-6);
    CHECK_NEAR(l.ratio_max, 1.3498588, 1e-6);
    CHECK_NEAR(l.clip_fraction, 0, 0);
    CHECK_NEAR(l.weight, 4, 0);
    const double want[] = {-0.5731115 / 2, -0.5731115 / 2, 1.6198306 / 2,
                           1.6198306 / 2};
    check_all(d, want, 4, 1e-6);
    /* The other way round both are beyond the bound that acts. */
    const float other[] = {-0.7F, 1.2F};
    const int64_t whole[] = {3, 1};
    l = loss_policy_sequence(new_logprob, old_logprob, other, ones, whole, 2, 0.1, 2,
                             d);
    CHECK_NEAR(l.clip_fraction, 1, 0);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(d[i], 0, 0);
}

static void a_sequence_of_one_token_is_ppos_action(void **state)
{
    (void)state;
    const int64_t length[] = {1, 1, 1, 1};
    float d[4], want[4];
    PolicyLoss l = loss_policy_sequence(new_logprob, old_logprob, advantages, ones,
                                        length, 4, 0.2, 4, d);
    PolicyLoss ppo =
        loss_policy(new_logprob, old_logprob, advantages, ones, 4, 0.2, 4, want);
    CHECK_NEAR(l.loss, ppo.loss, 1e-12);
    CHECK_NEAR(l.clip_fraction, ppo.clip_fraction, 1e-12);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(d[i], want[i], 1e-9);
}

static void masked_sequences_have_no_loss_and_no_gradient(void **state)
{
    (void)state;
    const int64_t length[] = {2, 2};
    const float advantage[] = {0.7F, -1.2F}, w[] = {0, 1}, none[] = {0, 0};
    float d[4];
    PolicyLoss l = loss_policy_sequence(new_logprob, old_logprob, advantage, w, length,
                                        2, 0.2, 1, d);
    CHECK_NEAR(l.loss, 1.6198306, 1e-6);
    CHECK_NEAR(d[0], 0, 0);
    CHECK_NEAR(d[1], 0, 0);
    CHECK_NEAR(l.weight, 2, 0);
    l = loss_policy_sequence(new_logprob, old_logprob, advantage, none, length, 2, 0.2,
                             1, d);
    assert_true(l.loss == 0 && l.weight == 0 && l.ratio_max == 0 && l.ratio_min == 0);
}

/* --- finite differences -------------------------------------------------------------- */
enum { N = 9 };
typedef struct Example {
    float x[N], old[N], ref[N], advantage[N], w[N];
} Example;

static Example example(void)
{
    Example e;
    Rng rng = check_rng();
    for (int i = 0; i < N; i++) {
        e.x[i] = (float)rng_normal(&rng);
        e.old[i] = e.x[i] + (float)(0.2 * rng_normal(&rng));
        e.ref[i] = e.x[i] + (float)(0.4 * rng_normal(&rng));
        e.advantage[i] = (float)rng_normal(&rng);
        e.w[i] = i == 4 ? 0 : (float)rng_uniform(&rng);
    }
    return e;
}

static double grpo_of(const float *x, const Example *e, float *d)
{
    const GrpoLoss how = {.low = 0.2, .high = 0.3, .kl_coef = 0.5};
    return loss_grpo(&how, x, e->old, e->ref, e->advantage, e->w, N, 7, d).loss;
}
static double sequence_of(const float *x, const Example *e, float *d)
{
    const int64_t length[] = {2, 3, 0, 4};
    return loss_policy_sequence(x, e->old, e->advantage, e->w, length, 4, 0.5, 3, d)
        .loss;
}

static void check_differences(double (*loss)(const float *, const Example *, float *))
{
    Example e = example();
    float grad[N], unused[N], x[N];
    const float h = 1.0F / 1024; /* kinks closer than this are improbable */
    double size = 0;
    loss(e.x, &e, grad);
    for (int i = 0; i < N; i++) {
        memcpy(x, e.x, sizeof x);
        x[i] = e.x[i] + h;
        double above = loss(x, &e, unused), right = (double)x[i];
        x[i] = e.x[i] - h;
        double below = loss(x, &e, unused);
        CHECK_NEAR((above - below) / (right - (double)x[i]), grad[i], 1e-5);
        size += fabs((double)grad[i]);
    }
    assert_true(size > 0.1);
}

static void the_grpo_gradient_is_that_of_differences(void **state)
{
    (void)state;
    check_differences(grpo_of);
}
static void the_sequence_gradient_is_that_of_differences(void **state)
{
    (void)state;
    check_differences(sequence_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_baseline_is_the_mean_of_the_others),
        cmocka_unit_test(group_advantages_are_the_golden_ones),
        cmocka_unit_test(equal_answers_have_no_advantage),
        cmocka_unit_test(a_constant_on_all_rewards_changes_nothing),
        cmocka_unit_test(the_overlong_penalty_rises_within_its_buffer),
        cmocka_unit_test(without_kl_and_equal_bounds_grpo_has_ppos_loss),
        cmocka_unit_test(the_grpo_loss_is_the_golden_one),
        cmocka_unit_test(weights_scale_grpo_but_not_its_measures),
        cmocka_unit_test(the_sequence_loss_is_the_golden_one),
        cmocka_unit_test(a_sequence_of_one_token_is_ppos_action),
        cmocka_unit_test(masked_sequences_have_no_loss_and_no_gradient),
        cmocka_unit_test(the_grpo_gradient_is_that_of_differences),
        cmocka_unit_test(the_sequence_gradient_is_that_of_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
