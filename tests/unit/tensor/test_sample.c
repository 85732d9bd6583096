/* test_sample.c - drawing ids, on both backends. Logits are set by hand: the input is 1
 * and the weight's only column holds them. */
#include "support/tensors.h"

#include <math.h>

enum { V = 6 };

static void on_both(void (*check)(TensorOps *t))
{
    TensorOps *ref = NULL, *cpu = NULL;
    Err err;
    CHECK_OK(tensor_ref_new(&ref, &err));
    CHECK_OK(tensor_cpu_new(&cpu, &(TensorCpuOptions){.threads = 2}, &err));
    check(ref);
    check(cpu);
    tensor_free(ref);
    tensor_free(cpu);
}

static SampleRow plain(double u)
{
    return (SampleRow){.u = u, .temperature = 1, .top_p = 1, .repetition_penalty = 1};
}

static SampleOut draw(TensorOps *t, const float logits[V], SampleRow row)
{
    const float one = 1;
    SampleOut out;
    Bench b = bench_make(t, 1);
    Weight w = {.value = bench_floats(&b, logits, V), .rows = V, .cols = 1};
    t->head_sample(t, &out, bench_floats(&b, &one, 1), &w, &row, 1);
    bench_release(&b);
    return out;
}

/* The ids that a sweep over u gives, as bits; asserts that they come in rising order. */
static uint32_t ids_drawn(TensorOps *t, const float logits[V], SampleRow row)
{
    uint32_t seen = 0;
    int32_t last = 0;
    for (int i = 0; i < 200; i++) {
        row.u = i / 200.0;
        int32_t id = draw(t, logits, row).id;
        assert_true(id >= last && id < V);
        last = id;
        seen |= 1U << id;
    }
    return seen;
}

/* Probabilities .05 .1 .2 .4 .15 .1 */
static const float ladder[V] = {-2.9957323F, -2.3025851F, -1.6094379F,
                                -0.9162907F, -1.8971200F, -2.3025851F};

static void draws_follow_the_inverse_cdf_on(TensorOps *t)
{
    const struct {
        double u;
        int32_t id;
    } cases[] = {{0, 0},    {0.049, 0}, {0.051, 1}, {0.149, 1}, {0.151, 2},
                 {0.36, 3}, {0.749, 3}, {0.751, 4}, {0.91, 5},  {0.999999, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(draw(t, ladder, plain(cases[i].u)).id, cases[i].id);
}
static void draws_follow_the_inverse_cdf(void **state)
{
    (void)state;
    on_both(draws_follow_the_inverse_cdf_on);
}

static void the_report_is_of_the_whole_vocabulary_on(TensorOps *t)
{
    const double p[V] = {0.05, 0.1, 0.2, 0.4, 0.15, 0.1};
    double entropy = 0;
    for (int v = 0; v < V; v++)
        entropy -= p[v] * log(p[v]);
    const uint32_t allowed = 1U << 2 | 1U << 3;
    const int32_t recent[] = {3};
    SampleRow row = plain(0.1);
    row.allowed = &allowed;
    row.top_k = 2;
    row.recent = recent;
    row.n_recent = 1;
    row.repetition_penalty = 1.5F;
    SampleOut out = draw(t, ladder, row);
    assert_int_equal(out.id, 2);
    CHECK_NEAR(out.logprob, log(0.2), 1e-6);
    CHECK_NEAR(out.entropy, entropy, 1e-6);
    CHECK_NEAR(out.log_kept, log(0.6), 1e-6);
    assert_true(draw(t, ladder, plain(0.1)).log_kept == 0);
}
static void the_report_is_of_the_whole_vocabulary(void **state)
{
    (void)state;
    on_both(the_report_is_of_the_whole_vocabulary_on);
}

/* What is allowed may be far less likely than a float can say. */
static void the_kept_share_does_not_underflow_on(TensorOps *t)
{
    const float z[V] = {0, -400, -401, 3, 1, 2};
    const uint32_t allowed = 1U << 1 | 1U << 2;
    SampleRow row = plain(0.1);
    row.allowed = &allowed;
    row.temperature = 0.5F;
    double sum = 1 + exp(6.0) + exp(2.0) + exp(4.0);
    CHECK_NEAR(draw(t, z, row).log_kept, -800 + log(1 + exp(-2.0)) - log(sum), 1e-4);
}
static void the_kept_share_does_not_underflow(void **state)
{
    (void)state;
    on_both(the_kept_share_does_not_underflow_on);
}

static void temperature_scales_what_is_drawn_and_reported_on(TensorOps *t)
{
    const float z[V] = {0, 1, 2, 3, -1, -2};
    SampleRow row = plain(0.5);
    row.temperature = 0.5F;
    double sum = 0, entropy = 0;
    for (int v = 0; v < V; v++)
        sum += exp(2 * (double)z[v]);
    for (int v = 0; v < V; v++)
        entropy -= exp(2 * (double)z[v]) / sum * (2 * (double)z[v] - log(sum));
    SampleOut out = draw(t, z, row);
    assert_int_equal(out.id, 3);
    CHECK_NEAR(out.logprob, 6 - log(sum), 1e-6);
    CHECK_NEAR(out.entropy, entropy, 1e-6);
}
static void temperature_scales_what_is_drawn_and_reported(void **state)
{
    (void)state;
    on_both(temperature_scales_what_is_drawn_and_reported_on);
}

static void greedy_takes_the_lowest_of_equal_ids_on(TensorOps *t)
{
    const float z[V] = {1, 3, 2, 3, 3, -5};
    const uint32_t allowed = 1U << 5 | 1U << 0;
    SampleRow row = plain(0.99);
    row.temperature = 0;
    SampleOut out = draw(t, z, row);
    assert_int_equal(out.id, 1);
    double sum = exp(1.0) + 3 * exp(3.0) + exp(2.0) + exp(-5.0);
    CHECK_NEAR(out.logprob, 3 - log(sum), 1e-6);
    row.allowed = &allowed;
    assert_int_equal(draw(t, z, row).id, 0);
}
static void greedy_takes_the_lowest_of_equal_ids(void **state)
{
    (void)state;
    on_both(greedy_takes_the_lowest_of_equal_ids_on);
}

static void filters_keep_a_prefix_of_the_ranking_on(TensorOps *t)
{
    SampleRow k2 = plain(0), k5 = plain(0), p = plain(0), p_tiny = plain(0);
    SampleRow p_tie = plain(0), min = plain(0), both = plain(0), wide = plain(0);
    k2.top_k = 2;
    assert_int_equal(ids_drawn(t, ladder, k2), 1U << 3 | 1U << 2);
    k5.top_k = 5; /* ids 1 and 5 are equal and both stay */
    assert_int_equal(ids_drawn(t, ladder, k5), 0x3eU);
    k5.top_k = 4; /* of the equal ids the lower stays */
    assert_int_equal(ids_drawn(t, ladder, k5), 0x1eU);
    p.top_p = 0.7F; /* .4 + .2 < .7 <= .4 + .2 + .15 */
    assert_int_equal(ids_drawn(t, ladder, p), 0x1cU);
    p_tiny.top_p = 1e-6F;
    assert_int_equal(ids_drawn(t, ladder, p_tiny), 1U << 3);
    p_tiny.top_p = 0; /* the most likely stays */
    assert_int_equal(ids_drawn(t, ladder, p_tiny), 1U << 3);
    p_tie.top_p = 0.8F;
    assert_int_equal(ids_drawn(t, ladder, p_tie), 0x1eU);
    min.min_p = 0.3F; /* of .4: .12 */
    assert_int_equal(ids_drawn(t, ladder, min), 0x1cU);
    both.top_k = 3; /* .4 .2 .15: of their .75, .6 needs two */
    both.top_p = 0.75F;
    assert_int_equal(ids_drawn(t, ladder, both), 0x0cU);
    wide.top_k = 100;
    assert_int_equal(ids_drawn(t, ladder, wide), 0x3fU);
}
static void filters_keep_a_prefix_of_the_ranking(void **state)
{
    (void)state;
    on_both(filters_keep_a_prefix_of_the_ranking_on);
}

static void forbidden_ids_are_never_drawn_on(TensorOps *t)
{
    const uint32_t allowed = 1U << 0 | 1U << 5;
    SampleRow row = plain(0);
    row.allowed = &allowed;
    assert_int_equal(ids_drawn(t, ladder, row), allowed);
    row.top_p = 0.5F;
    assert_int_equal(ids_drawn(t, ladder, row), 1U << 5);
}
static void forbidden_ids_are_never_drawn(void **state)
{
    (void)state;
    on_both(forbidden_ids_are_never_drawn_on);
}

static void a_repeated_id_is_punished_once_on(TensorOps *t)
{
    /* 4/2 falls below 3, and -1*2 below -1.5, however often the id is named. */
    const float z[V] = {4, 3, -9, -9, -9, -9},
                negative[V] = {-1, -1.5F, -9, -9, -9, -9};
    const int32_t recent[] = {0, 0, 0};
    SampleRow row = plain(0);
    row.temperature = 0;
    row.recent = recent;
    row.n_recent = 3;
    row.repetition_penalty = 1.25F;
    assert_int_equal(draw(t, z, row).id, 0); /* 3.2 > 3, but 4/1.25^3 is not */
    row.repetition_penalty = 2;
    assert_int_equal(draw(t, z, row).id, 1);
    assert_int_equal(draw(t, negative, row).id, 1);
}
static void a_repeated_id_is_punished_once(void **state)
{
    (void)state;
    on_both(a_repeated_id_is_punished_once_on);
}

static void huge_logits_are_drawn_without_overflow_on(TensorOps *t)
{
    const float z[V] = {-3e4F, 3e4F, 2.9e4F, -1e4F, 0, 1};
    SampleOut out = draw(t, z, plain(0.5));
    assert_int_equal(out.id, 1);
    CHECK_NEAR(out.logprob, 0, 0);
    CHECK_NEAR(out.entropy, 0, 0);
}
static void huge_logits_are_drawn_without_overflow(void **state)
{
    (void)state;
    on_both(huge_logits_are_drawn_without_overflow_on);
}

/* Settings of all kinds, over a vocabulary that is no multiple of a vector. */
static void backends_draw_the_same_ids(void **state)
{
    (void)state;
    enum { ROWS = 90, WORDS = 301, C = 9 };
    TensorOps *t[2] = {NULL, NULL};
    Err err;
    CHECK_OK(tensor_ref_new(&t[0], &err));
    CHECK_OK(tensor_cpu_new(&t[1], &(TensorCpuOptions){.threads = 2}, &err));
    SampleOut out[2][ROWS];
    const int32_t recent[] = {3, 77, 300, 3};
    uint32_t allowed[(WORDS + 31) / 32];
    for (int k = 0; k < 2; k++) {
        Bench b = bench_make(t[k], 5);
        for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
            allowed[i] = rng_u32(&b.rng) | 1U;
        SampleRow rows[ROWS];
        for (int i = 0; i < ROWS; i++) {
            rows[i] = plain(rng_uniform(&b.rng));
            rows[i].temperature = i % 5 == 0 ? 0 : 0.5F + (float)rng_uniform(&b.rng);
            rows[i].top_k = i % 2 ? (int32_t)rng_below(&b.rng, 40) : 0;
            rows[i].top_p = i % 3 ? 1 : (float)rng_uniform(&b.rng);
            rows[i].min_p = i % 4 ? 0 : 0.1F;
            rows[i].recent = recent;
            rows[i].n_recent = i % 7 ? 0 : 4;
            rows[i].repetition_penalty = 1.3F;
            rows[i].allowed = i % 6 ? NULL : allowed;
        }
        Weight w = bench_weight(&b, WORDS, C, 0.5);
        Tensor x = bench_normal(&b, ROWS * C, 1);
        t[k]->head_sample(t[k], out[k], x, &w, rows, ROWS);
        bench_release(&b);
    }
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(out[0][i].id, out[1][i].id);
        CHECK_NEAR(out[1][i].logprob, out[0][i].logprob, 1e-5);
        CHECK_NEAR(out[1][i].entropy, out[0][i].entropy, 1e-5);
    }
    tensor_free(t[0]);
    tensor_free(t[1]);
}

/* PPO's ratio starts at one because the sampler and the scorer agree. */
static void the_scorer_agrees_with_the_sampler_on(TensorOps *t)
{
    enum { ROWS = 20, WORDS = 83, C = 7 };
    Bench b = bench_make(t, 6);
    SampleOut out[ROWS];
    SampleRow rows[ROWS];
    int32_t ids[ROWS];
    float logprob[ROWS], entropy[ROWS];
    for (int i = 0; i < ROWS; i++) {
        rows[i] = plain(rng_uniform(&b.rng));
        rows[i].temperature = 0.8F;
    }
    Weight w = bench_weight(&b, WORDS, C, 0.5);
    Tensor x = bench_normal(&b, ROWS * C, 1);
    t->head_sample(t, out, x, &w, rows, ROWS);
    for (int i = 0; i < ROWS; i++)
        ids[i] = out[i].id;
    Tensor lp = bench_zeros(&b, TENSOR_F32, ROWS),
           lse = bench_zeros(&b, TENSOR_F32, ROWS);
    Tensor h = bench_zeros(&b, TENSOR_F32, ROWS);
    t->head_logprob(t, lp, lse, h, x, &w, bench_ids(&b, ids, ROWS), ROWS, 1 / 0.8F);
    t->read(t, logprob, lp);
    t->read(t, entropy, h);
    for (int i = 0; i < ROWS; i++) {
        CHECK_NEAR(out[i].logprob, logprob[i], 1e-5);
        CHECK_NEAR(out[i].entropy, entropy[i], 1e-5);
    }
    bench_release(&b);
}
static void the_scorer_agrees_with_the_sampler(void **state)
{
    (void)state;
    on_both(the_scorer_agrees_with_the_sampler_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_follow_the_inverse_cdf),
        cmocka_unit_test(the_report_is_of_the_whole_vocabulary),
        cmocka_unit_test(the_kept_share_does_not_underflow),
        cmocka_unit_test(temperature_scales_what_is_drawn_and_reported),
        cmocka_unit_test(greedy_takes_the_lowest_of_equal_ids),
        cmocka_unit_test(filters_keep_a_prefix_of_the_ranking),
        cmocka_unit_test(forbidden_ids_are_never_drawn),
        cmocka_unit_test(a_repeated_id_is_punished_once),
        cmocka_unit_test(huge_logits_are_drawn_without_overflow),
        cmocka_unit_test(backends_draw_the_same_ids),
        cmocka_unit_test(the_scorer_agrees_with_the_sampler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
