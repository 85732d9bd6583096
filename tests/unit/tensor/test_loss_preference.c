/* test_loss_preference.c - golden numbers in double precision (published ones, and those of
 * tests/golden/preferences/make.py), finite differences of every loss, and what must not
 * change it. */
#include "support/check.h"
#include "tensor/loss_preference.h"

#include <math.h>

static const double log_two = 0.6931471805599453;

static const RankingLoss bradley_terry = {.kind = RANKING_SIGMOID, .beta = 1};

static void check_ranking(const RankingLoss *how, const float *value,
                          const float *margin, const int32_t *rank, int64_t K,
                          double loss, const double *grad)
{
    float d[16];
    CHECK_NEAR(loss_ranking(how, value, margin, rank, K, d), loss, 1e-6);
    for (int64_t i = 0; i < K; i++)
        CHECK_NEAR(d[i], grad[i], 1e-7);
}

/* --- a reward model ------------------------------------------------------------------ */

static void the_ranking_loss_is_the_golden_one(void **state)
{
    (void)state;
    const float score[] = {1.3F, 0.4F, 0.1F, -0.9F};
    const int32_t rank[] = {1, 2, 3, 4};
    const double want[] = {-0.1033794, -0.0584453, 0.0646819, 0.0971428};
    check_ranking(&bradley_terry, score, NULL, rank, 4, 0.3030242, want);
}

static void a_margin_is_the_golden_one(void **state)
{
    (void)state;
    const float score[] = {0.8F, 0.2F}, margin[] = {1.0F / 3, 0};
    const int32_t rank[] = {1, 2};
    float d[2];
    CHECK_NEAR(loss_ranking(&bradley_terry, score, margin, rank, 2, d), 0.5686765,
               1e-7);
}

static void the_centre_is_the_golden_one(void **state)
{
    (void)state;
    const RankingLoss centred = {.beta = 1, .centre = 0.01};
    const float score[] = {0.8F, 0.2F};
    const int32_t rank[] = {1, 2};
    float d[2];
    CHECK_NEAR(loss_ranking(&centred, score, NULL, rank, 2, d), 0.447488, 1e-6);
}

static void tied_answers_leave_the_ranking_loss(void **state)
{
    (void)state;
    const float score[] = {0.5F, -2, 1};
    const int32_t tied[] = {1, 1, 1}, half[] = {1, 2, 1};
    float d[3] = {9, 9, 9};
    CHECK_NEAR(loss_ranking(&bradley_terry, score, NULL, tied, 3, d), 0, 0);
    CHECK_NEAR(d[0] + d[1] + d[2], 0, 0);
    /* pairs (0,1) and (2,1) */
    double want = (log1p(exp(-2.5)) + log1p(exp(-3.0))) / 2;
    CHECK_NEAR(loss_ranking(&bradley_terry, score, NULL, half, 3, d), want, 1e-7);
}

static void equal_scores_lose_log_two_a_pair(void **state)
{
    (void)state;
    const float score[] = {0.3F, 0.3F, 0.3F};
    const int32_t rank[] = {3, 1, 2};
    float d[3];
    CHECK_NEAR(loss_ranking(&bradley_terry, score, NULL, rank, 3, d), log_two, 1e-12);
}

static void huge_values_do_not_overflow(void **state)
{
    (void)state;
    const RankingLoss smoothed = {.beta = 1, .label_smoothing = 0.25};
    const float value[] = {-3e4F, 3e4F};
    const int32_t rank[] = {1, 2};
    float d[2];
    CHECK_NEAR(loss_ranking(&bradley_terry, value, NULL, rank, 2, d), 6e4, 1e-6);
    CHECK_NEAR(d[0], -1, 0);
    CHECK_NEAR(d[1], 1, 0);
    CHECK_NEAR(loss_ranking(&smoothed, value, NULL, rank, 2, d), 4.5e4, 1e-6);
    CHECK_NEAR(d[0], -0.75, 0);
    const KtoLoss kto = {1, 1, 1};
    const bool good[] = {true, true};
    CHECK_NEAR(loss_kto(&kto, value, good, 2, 0, 1, d), 1, 0);
    CHECK_NEAR(d[0], 0, 0);
    CHECK_NEAR(d[1], 0, 0);
}

static void pairs_are_counted_with_ties_as_half(void **state)
{
    (void)state;
    const float score[] = {2, 1, 1, 3};
    const int32_t rank[] = {1, 2, 3, 3};
    int64_t pairs;
    double right;
    loss_ranking_pairs(score, rank, 4, &pairs, &right);
    /* 0>1, 0>2, 0<3 wrong, 1=2 half, 1<3 wrong; 2 and 3 tie */
    assert_int_equal(pairs, 5);
    CHECK_NEAR(right, 2.5, 0);
}

/* --- a policy ------------------------------------------------------------------------ */

/* log pi - log ref of lp_c = -20, ref_c = -22, lp_r = -30, ref_r = -29. */
static const float chosen_and_rejected[] = {2, -1};
static const int32_t first_is_better[] = {1, 2};

static void dpo_is_the_golden_one(void **state)
{
    (void)state;
    const RankingLoss dpo = {.beta = 0.1};
    const double want[] = {-0.0425557483, 0.0425557483};
    check_ranking(&dpo, chosen_and_rejected, NULL, first_is_better, 2, 0.5543552445,
                  want);
}

static void conservative_dpo_is_the_golden_one(void **state)
{
    (void)state;
    const RankingLoss conservative = {.beta = 0.1, .label_smoothing = 0.1};
    const double want[] = {-0.0325557483, 0.0325557483};
    check_ranking(&conservative, chosen_and_rejected, NULL, first_is_better, 2,
                  0.5843552445, want);
}

static void ipo_is_the_golden_one(void **state)
{
    (void)state;
    const RankingLoss ipo = {.kind = RANKING_IPO, .beta = 0.1};
    const double want[] = {-4, 4};
    check_ranking(&ipo, chosen_and_rejected, NULL, first_is_better, 2, 4, want);
}

static const float five[] = {0.75F, -1.5F, 0.25F, 2, -0.5F};
static const float five_margins[] = {1, 0.5F, 1.5F, 1, 0};
static const int32_t five_ranks[] = {2, 3, 1, 2, 4}; /* nine pairs */

static void rankings_of_five_are_the_golden_ones(void **state)
{
    (void)state;
    const struct {
        RankingLoss how;
        const float *margin;
        double loss, grad[5];
    } cases[] = {
        {{.beta = 0.3},
         NULL,
         0.5875890429,
         {-0.0069093906, 0.0131281520, -0.0660471985, 0.0016089929, 0.0582194442}},
        {{.beta = 0.3, .label_smoothing = 0.1},
         NULL,
         0.6167557096,
         {-0.0035760573, 0.0064614853, -0.0527138652, 0.0049423262, 0.0448861109}},
        {{.kind = RANKING_IPO, .beta = 0.3},
         NULL,
         3.2106481481,
         {0.5185185185, -1.1481481481, -1.4259259259, 1.3518518519, 0.7037037037}},
        {{.beta = 1, .centre = 0.01},
         five_margins,
         0.8914347485,
         {0.0172430979, -0.0412533449, -0.2889676793, 0.0844221265, 0.2341113554}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_ranking(&cases[i].how, five, cases[i].margin, five_ranks, 5,
                      cases[i].loss, cases[i].grad);
}

/* --- ratings ------------------------------------------------------------------------- */

static const float rated[] = {1.5F, -2, 0.25F, 3};
static const bool is_good[] = {true, true, false, false};

static void kto_is_the_golden_one(void **state)
{
    (void)state;
    const float mismatched[] = {0.5F, -0.25F, 1, 0.75F};
    const KtoLoss how = {.beta = 0.1, .weight_good = 1, .weight_bad = 1.25};
    const double want[] = {-0.0062344010, -0.0061533521, 0.0078112794, 0.0076916901};
    float d[4];
    double kl = loss_kto_kl(mismatched, 4);
    CHECK_NEAR(kl, 0.5, 0);
    CHECK_NEAR(loss_kto(&how, rated, is_good, 4, kl, 4, d), 0.5892764616, 1e-9);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(d[i], want[i], 1e-9);
}

static void the_reference_point_is_never_below_zero(void **state)
{
    (void)state;
    const float below[] = {1, -3};
    CHECK_NEAR(loss_kto_kl(below, 2), 0, 0);
    CHECK_NEAR(loss_kto_kl(NULL, 0), 0, 0);
}

/* --- what must not change it --------------------------------------------------------- */

static const RankingLoss kinds[] = {
    {.beta = 0.3},
    {.beta = 0.3, .label_smoothing = 0.2},
    {.kind = RANKING_IPO, .beta = 0.3},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void the_order_of_the_answers_does_not_matter(void **state)
{
    (void)state;
    const int order[] = {3, 0, 4, 1, 2};
    float value[5], d[5], moved[5];
    int32_t rank[5];
    for (int i = 0; i < 5; i++) {
        value[i] = five[order[i]];
        rank[i] = five_ranks[order[i]];
    }
    for (int k = 0; k < KINDS; k++) {
        double loss = loss_ranking(&kinds[k], five, NULL, five_ranks, 5, d);
        CHECK_NEAR(loss_ranking(&kinds[k], value, NULL, rank, 5, moved), loss, 1e-12);
        for (int i = 0; i < 5; i++)
            CHECK_NEAR(moved[i], d[order[i]], 1e-7);
    }
}

/* Differences alone count: so the gradient sums to 0, and a prompt's own difficulty, which
 * is in the log-ratio of all its answers, cancels. */
static void what_all_answers_share_cancels(void **state)
{
    (void)state;
    float value[5], d[5], moved[5];
    for (int i = 0; i < 5; i++)
        value[i] = five[i] + 8;
    for (int k = 0; k < KINDS; k++) {
        double sum = 0;
        double loss = loss_ranking(&kinds[k], five, NULL, five_ranks, 5, d);
        CHECK_NEAR(loss_ranking(&kinds[k], value, NULL, five_ranks, 5, moved), loss,
                   1e-12);
        for (int i = 0; i < 5; i++)
            sum += (double)d[i];
        CHECK_NEAR(sum, 0, 1e-6);
    }
}

static void dpo_before_the_first_step_is_log_two_whatever_beta(void **state)
{
    (void)state;
    const float zeros[3] = {0};
    const int32_t rank[] = {1, 3, 2};
    float d[3];
    for (int i = 1; i < 4; i++) {
        const RankingLoss how = {.beta = 0.2 * i, .label_smoothing = 0.1 * i};
        CHECK_NEAR(loss_ranking(&how, zeros, NULL, rank, 3, d), log_two, 1e-15);
    }
}

/* A batch in parts that are divided by the whole is the batch. */
static void kto_in_parts_is_kto(void **state)
{
    (void)state;
    const KtoLoss how = {.beta = 0.5, .weight_good = 1, .weight_bad = 2};
    float whole[4], part[4];
    double loss = loss_kto(&how, rated, is_good, 4, 0.3, 4, whole);
    double sum = loss_kto(&how, rated, is_good, 1, 0.3, 4, part) +
                 loss_kto(&how, rated + 1, is_good + 1, 3, 0.3, 4, part + 1);
    CHECK_NEAR(sum, loss, 1e-15);
    assert_memory_equal(part, whole, sizeof whole);
}

/* At the reference point both kinds pull with the same strength, in opposite ways. */
static void good_and_bad_mirror_each_other(void **state)
{
    (void)state;
    const KtoLoss how = {.beta = 0.5, .weight_good = 1, .weight_bad = 1};
    const float value[] = {0.7F, 0.3F};
    const bool good[] = {true, false};
    float d[2];
    CHECK_NEAR(loss_kto(&how, value, good, 2, 0.5, 1, d), 2 / (1 + exp(0.5 * 0.2)),
               1e-8);
    CHECK_NEAR(d[0], -d[1], 1e-8);
}

/* --- finite differences -------------------------------------------------------------- */
enum { N = 9 };
typedef struct Example {
    float x[N], margin[N];
    int32_t rank[N];
    bool good[N];
} Example;

static Example example(void)
{
    Example e;
    Rng rng = check_rng();
    for (int i = 0; i < N; i++) {
        e.x[i] = (float)rng_normal(&rng);
        e.margin[i] = (float)rng_uniform(&rng);
        e.rank[i] = 1 + (int32_t)rng_below(&rng, 4);
        e.good[i] = rng_below(&rng, 2) == 0;
    }
    return e;
}

static double reward_of(const float *x, const Example *e, float *d)
{
    const RankingLoss how = {.beta = 1, .centre = 0.05};
    return loss_ranking(&how, x, e->margin, e->rank, N, d);
}
static double dpo_of(const float *x, const Example *e, float *d)
{
    return loss_ranking(&kinds[0], x, NULL, e->rank, N, d);
}
static double conservative_of(const float *x, const Example *e, float *d)
{
    return loss_ranking(&kinds[1], x, NULL, e->rank, N, d);
}
static double ipo_of(const float *x, const Example *e, float *d)
{
    return loss_ranking(&kinds[2], x, NULL, e->rank, N, d);
}
static double kto_of(const float *x, const Example *e, float *d)
{
    const KtoLoss how = {.beta = 0.7, .weight_good = 1, .weight_bad = 1.5};
    return loss_kto(&how, x, e->good, N, 0.2, 7, d);
}

static void gradients_are_those_of_differences(void **state)
{
    (void)state;
    double (*const losses[])(const float *, const Example *, float *) = {
        reward_of, dpo_of, conservative_of, ipo_of, kto_of};
    Example e = example();
    float grad[N], unused[N], x[N];
    const float h = 1.0F / 1024;
    for (size_t l = 0; l < sizeof losses / sizeof *losses; l++) {
        losses[l](e.x, &e, grad);
        for (int i = 0; i < N; i++) {
            memcpy(x, e.x, sizeof x);
            x[i] = e.x[i] + h;
            double above = losses[l](x, &e, unused), right = (double)x[i];
            x[i] = e.x[i] - h;
            double below = losses[l](x, &e, unused);
            CHECK_NEAR((above - below) / (right - (double)x[i]), grad[i], 1e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ranking_loss_is_the_golden_one),
        cmocka_unit_test(a_margin_is_the_golden_one),
        cmocka_unit_test(the_centre_is_the_golden_one),
        cmocka_unit_test(tied_answers_leave_the_ranking_loss),
        cmocka_unit_test(equal_scores_lose_log_two_a_pair),
        cmocka_unit_test(huge_values_do_not_overflow),
        cmocka_unit_test(pairs_are_counted_with_ties_as_half),
        cmocka_unit_test(dpo_is_the_golden_one),
        cmocka_unit_test(conservative_dpo_is_the_golden_one),
        cmocka_unit_test(ipo_is_the_golden_one),
        cmocka_unit_test(rankings_of_five_are_the_golden_ones),
        cmocka_unit_test(kto_is_the_golden_one),
        cmocka_unit_test(the_reference_point_is_never_below_zero),
        cmocka_unit_test(the_order_of_the_answers_does_not_matter),
        cmocka_unit_test(what_all_answers_share_cancels),
        cmocka_unit_test(dpo_before_the_first_step_is_log_two_whatever_beta),
        cmocka_unit_test(kto_in_parts_is_kto),
        cmocka_unit_test(good_and_bad_mirror_each_other),
        cmocka_unit_test(gradients_are_those_of_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
