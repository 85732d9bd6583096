/* test_loss.c - golden numbers worked out in double precision, and finite differences of
 * every loss. */
#include "support/check.h"
#include "tensor/loss.h"

#include <math.h>

static void check_all(const float *got, const double *want, int64_t n, double tol)
{
    for (int64_t i = 0; i < n; i++)
        CHECK_NEAR(got[i], want[i], tol);
}

static const float ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};

static void advantages_are_the_golden_ones(void **state)
{
    (void)state;
    const float reward[] = {-0.01F, 0.02F, -0.03F, 0.995F};
    const float value[] = {0.5F, 0.6F, 0.7F, 0.9F};
    const double want_a[] = {0.4388756, 0.3672375, 0.26025, 0.095};
    const double want_r[] = {0.9388756, 0.9672375, 0.96025, 0.995};
    float advantage[4], returns[4];
    loss_gae(reward, value, 4, 1, 0.95, advantage, returns);
    check_all(advantage, want_a, 4, 1e-6);
    check_all(returns, want_r, 4, 1e-6);
}

static void with_lambda_one_the_advantage_is_return_minus_value(void **state)
{
    (void)state;
    const float reward[] = {0.5F, -1, 2}, value[] = {0.1F, 0.2F, 0.3F};
    float advantage[3], returns[3];
    loss_gae(reward, value, 3, 0.9, 1, advantage, returns);
    const double want[] = {0.5 - 0.9 + 0.81 * 2, -1 + 0.9 * 2, 2};
    check_all(returns, want, 3, 1e-6);
}

static void whitening_gives_the_golden_advantages(void **state)
{
    (void)state;
    float a[] = {0.4388756F, 0.3672375F, 0.26025F, 0.095F};
    const double want[] = {1.147345, 0.593982, -0.232434, -1.508893};
    loss_whiten(a, ones, 4, true);
    check_all(a, want, 4, 2e-6);
}

static void whitening_can_keep_the_mean(void **state)
{
    (void)state;
    float a[] = {1.2F, 1.3F, 1.4F, 1.5F, 1.6F, 1.7F, 1.8F, 1.9F, 2.0F};
    const double want[] = {0.0508, 0.4381, 0.8254, 1.2127, 1.6,
                           1.9873, 2.3746, 2.7619, 3.1492};
    loss_whiten(a, ones, 9, false);
    check_all(a, want, 9, 5e-5);
}

static void whitening_passes_over_masked_entries(void **state)
{
    (void)state;
    float a[] = {1, 1e6F, 3}, none[] = {5, 6};
    const float w[] = {1, 0, 2}, nothing[] = {0, 0};
    const double want[] = {-1, 0, 1}, zeros[] = {0, 0};
    loss_whiten(a, w, 3, true);
    check_all(a, want, 3, 1e-6);
    loss_whiten(none, nothing, 2, false);
    check_all(none, zeros, 2, 0);
}

/* The golden policy example: entries 1 and 3 lie outside the clip range on the side where
 * the clip does not act, so a swap of min and max shows. */
static const float new_logprob[] = {-1, -1.1F, -1.95F, -0.05F};
static const float old_logprob[] = {-1.2F, -0.7F, -2, -0.3F};
static const float advantages[] = {1.147345F, 0.593982F, -0.232434F, -1.508893F};

static void the_policy_loss_is_the_golden_one(void **state)
{
    (void)state;
    float d[4];
    PolicyLoss l =
        loss_policy(new_logprob, old_logprob, advantages, ones, 4, 0.2, 4, d);
    CHECK_NEAR(l.loss, 0.1017090, 1e-6);
    CHECK_NEAR(l.clip_fraction, 0.25, 0);
    CHECK_NEAR(l.approx_kl, 0.033125, 1e-7);
    CHECK_NEAR(l.ratio_mean, (1.221403 + 0.670320 + 1.051271 + 1.284025) / 4, 1e-6);
    CHECK_NEAR(l.ratio_max, 1.284025, 1e-6);
    CHECK_NEAR(l.ratio_min, 0.670320, 1e-6);
    CHECK_NEAR(l.ratio_variance, 0.0570307, 1e-6);
    CHECK_NEAR(l.weight, 4, 0);
    const double want[] = {0, -0.398158 / 4, 0.244351 / 4, 1.937457 / 4};
    check_all(d, want, 4, 1e-6);
}

static void equal_policies_have_ratio_one_and_no_clipping(void **state)
{
    (void)state;
    float d[4];
    PolicyLoss l =
        loss_policy(old_logprob, old_logprob, advantages, ones, 4, 0.2, 4, d);
    CHECK_NEAR(l.ratio_min, 1, 0);
    CHECK_NEAR(l.ratio_max, 1, 0);
    CHECK_NEAR(l.ratio_variance, 0, 1e-15);
    CHECK_NEAR(l.approx_kl, 0, 0);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(d[i], -advantages[i] / 4, 1e-7);
}

static void masked_tokens_have_no_loss_and_no_gradient(void **state)
{
    (void)state;
    float d[4], dv[4];
    const float w[] = {0, 1, 0, 0}, none[] = {0, 0, 0, 0};
    PolicyLoss l = loss_policy(new_logprob, old_logprob, advantages, w, 4, 0.2, 2, d);
    CHECK_NEAR(l.loss, -0.398158 / 2, 1e-6);
    CHECK_NEAR(l.ratio_max, 0.670320, 1e-6);
    const double want[] = {0, -0.398158 / 2, 0, 0}, zeros[] = {0, 0, 0, 0};
    check_all(d, want, 4, 1e-6);
    l = loss_policy(new_logprob, old_logprob, advantages, none, 4, 0.2, 1, d);
    assert_true(l.loss == 0 && l.weight == 0 && l.ratio_max == 0 && l.ratio_min == 0);
    check_all(d, zeros, 4, 0);
    ValueLoss v = loss_value(new_logprob, old_logprob, advantages, none, 4, 0.2, 1, dv);
    assert_true(v.loss == 0 && v.weight == 0 && v.clip_fraction == 0);
    check_all(dv, zeros, 4, 0);
}

static const float new_value[] = {0.9F, 0.55F, 0.72F, 0.6F};
static const float old_value[] = {0.5F, 0.6F, 0.7F, 0.9F};
static const float returns_of[] = {0.9388756F, 0.9672375F, 0.96025F, 0.995F};

static void the_value_loss_is_the_golden_one(void **state)
{
    (void)state;
    float d[4];
    ValueLoss l = loss_value(new_value, old_value, returns_of, ones, 4, 0.2, 4, d);
    CHECK_NEAR(l.loss, 0.0556117, 1e-6);
    CHECK_NEAR(l.clip_fraction, 0.25, 0);
    CHECK_NEAR(l.weight, 4, 0);
    CHECK_NEAR(d[0], 0, 0); /* the clipped branch is flat */
    CHECK_NEAR(d[1], (0.55 - 0.9672375) / 4, 1e-6);
}

static void a_value_clip_of_zero_is_the_plain_square(void **state)
{
    (void)state;
    float d[4];
    double want = 0;
    ValueLoss l = loss_value(new_value, old_value, returns_of, ones, 4, 0, 4, d);
    for (int i = 0; i < 4; i++) {
        double e = (double)new_value[i] - (double)returns_of[i];
        want += e * e / 8;
        CHECK_NEAR(d[i], e / 4, 1e-7);
    }
    CHECK_NEAR(l.loss, want, 1e-9);
    CHECK_NEAR(l.clip_fraction, 0, 0);
}

static void kl_estimators_are_the_golden_ones(void **state)
{
    (void)state;
    const double d[] = {0.3, -0.5, 0}, k2[] = {0.045, 0.125, 0};
    const double k3[] = {0.040818, 0.148721, 0};
    for (int i = 0; i < 3; i++) {
        CHECK_NEAR(loss_kl1(d[i]), d[i], 0);
        CHECK_NEAR(loss_kl2(d[i]), k2[i], 1e-12);
        CHECK_NEAR(loss_kl3(d[i]), k3[i], 1e-6);
    }
}

static void the_adaptive_coefficient_follows_the_golden_path(void **state)
{
    (void)state;
    const double kl[] = {0, 3, 9, 6.3};
    const double want[] = {0.148464, 0.14694373, 0.14844843, 0.14882846};
    double beta = 0.15;
    for (int i = 0; i < 4; i++) {
        beta = loss_adaptive_kl(beta, kl[i], 6, 10000, 512);
        CHECK_NEAR(beta, want[i], 1e-8);
    }
}

/* --- finite differences -------------------------------------------------------------- */
enum { N = 9 };
typedef struct Example {
    float x[N], old[N], other[N], w[N];
} Example;

static Example example(void)
{
    Example e;
    Rng rng = check_rng();
    for (int i = 0; i < N; i++) {
        e.x[i] = (float)rng_normal(&rng);
        e.old[i] = e.x[i] + (float)(0.3 * rng_normal(&rng));
        e.other[i] = (float)rng_normal(&rng);
        e.w[i] = i == 4 ? 0 : (float)rng_uniform(&rng);
    }
    return e;
}

static double policy_of(const float *x, const Example *e, float *d)
{
    return loss_policy(x, e->old, e->other, e->w, N, 0.2, 7, d).loss;
}
static double value_of(const float *x, const Example *e, float *d)
{
    return loss_value(x, e->old, e->other, e->w, N, 0.2, 7, d).loss;
}

static void check_differences(double (*loss)(const float *, const Example *, float *))
{
    Example e = example();
    float grad[N], unused[N], x[N];
    const float h = 1.0F / 1024; /* kinks closer than this are improbable */
    loss(e.x, &e, grad);
    for (int i = 0; i < N; i++) {
        memcpy(x, e.x, sizeof x);
        x[i] = e.x[i] + h;
        double above = loss(x, &e, unused), right = (double)x[i];
        x[i] = e.x[i] - h;
        double below = loss(x, &e, unused);
        CHECK_NEAR((above - below) / (right - (double)x[i]), grad[i], 1e-5);
    }
}

static void the_policy_gradient_is_that_of_differences(void **state)
{
    (void)state;
    check_differences(policy_of);
}
static void the_value_gradient_is_that_of_differences(void **state)
{
    (void)state;
    check_differences(value_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advantages_are_the_golden_ones),
        cmocka_unit_test(with_lambda_one_the_advantage_is_return_minus_value),
        cmocka_unit_test(whitening_gives_the_golden_advantages),
        cmocka_unit_test(whitening_can_keep_the_mean),
        cmocka_unit_test(whitening_passes_over_masked_entries),
        cmocka_unit_test(the_policy_loss_is_the_golden_one),
        cmocka_unit_test(equal_policies_have_ratio_one_and_no_clipping),
        cmocka_unit_test(masked_tokens_have_no_loss_and_no_gradient),
        cmocka_unit_test(the_value_loss_is_the_golden_one),
        cmocka_unit_test(a_value_clip_of_zero_is_the_plain_square),
        cmocka_unit_test(kl_estimators_are_the_golden_ones),
        cmocka_unit_test(the_adaptive_coefficient_follows_the_golden_path),
        cmocka_unit_test(the_policy_gradient_is_that_of_differences),
        cmocka_unit_test(the_value_gradient_is_that_of_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
