/* test_rng.c - Philox against the vectors of its authors' Random123 library; streams
 * that never meet; distributions within bounds that a right generator leaves with a
 * chance below 1e-6 (5 standard errors). */
#include "support/check.h"

#include <math.h>

static void philox_gives_the_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u},
         {~0u, ~0u},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < 3; i++) {
        uint32_t got[4];
        rng_philox(vectors[i].counter, vectors[i].key, got);
        assert_memory_equal(got, vectors[i].want, sizeof got);
    }
}

static void draws_depend_on_the_counter_alone(void **state)
{
    (void)state;
    Rng r = rng_make(7, RNG_TEST, 3);
    uint32_t drawn[23];
    for (int i = 0; i < 23; i++)
        drawn[i] = rng_u32(&r);
    for (uint64_t i = 0; i < 22; i++) {
        Rng resumed = rng_make(7, RNG_TEST, 3);
        resumed.counter = i;
        uint64_t both = rng_u64(&resumed);
        assert_true((uint32_t)both == drawn[i] && both >> 32 == drawn[i + 1]);
        assert_true(resumed.counter == i + 2);
    }
}

static void streams_differ_in_seed_purpose_index_and_child(void **state)
{
    (void)state;
    Rng r = rng_make(1, RNG_TEST, 0);
    Rng streams[] = {
        r,
        rng_make(2, RNG_TEST, 0),
        rng_make(1ull << 32, RNG_TEST, 0),
        rng_make(1, RNG_SAMPLE, 0),
        rng_make(1, RNG_TEST, 1),
        rng_make(1, RNG_TEST, 1ull << 32),
        rng_child(&r, 0),
        rng_child(&r, 1),
    };
    enum { N = sizeof streams / sizeof *streams };
    uint64_t first[N];
    for (int i = 0; i < N; i++) {
        first[i] = rng_u64(&streams[i]);
        for (int j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
    }
}

static void a_child_does_not_depend_on_draws_taken(void **state)
{
    (void)state;
    Rng r = rng_make(1, RNG_TEST, 0);
    Rng before = rng_child(&r, 5);
    rng_u64(&r);
    Rng after = rng_child(&r, 5);
    assert_memory_equal(&before, &after, sizeof before);
}

static void uniform_fills_its_interval(void **state)
{
    (void)state;
    Rng r = check_rng();
    enum { N = 40000 };
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += u * u;
    }
    CHECK_NEAR(sum / N, 0.5, 5 * sqrt(1.0 / 12 / N));
    CHECK_NEAR(squares / N, 1.0 / 3, 5 * sqrt(4.0 / 45 / N));
}

static void normal_has_its_four_moments(void **state)
{
    (void)state;
    Rng r = check_rng();
    enum { N = 40000 };
    double m[5] = {0};
    for (int i = 0; i < N; i++) {
        double z = rng_normal(&r), power = z;
        for (int k = 1; k <= 4; k++, power *= z)
            m[k] += power / N;
    }
    /* Var z^k = E z^2k - (E z^k)^2: 1, 2, 15, 96. */
    CHECK_NEAR(m[1], 0, 5 * sqrt(1.0 / N));
    CHECK_NEAR(m[2], 1, 5 * sqrt(2.0 / N));
    CHECK_NEAR(m[3], 0, 5 * sqrt(15.0 / N));
    CHECK_NEAR(m[4], 3, 5 * sqrt(96.0 / N));
}

static void below_is_even_and_in_range(void **state)
{
    (void)state;
    Rng r = check_rng();
    enum { N = 30000, K = 7 };
    int seen[K] = {0};
    for (int i = 0; i < N; i++) {
        uint32_t v = rng_below(&r, K);
        assert_true(v < K);
        seen[v]++;
    }
    for (int i = 0; i < K; i++)
        CHECK_NEAR(seen[i], (double)N / K, 5 * sqrt((double)N / K));
    for (int i = 0; i < 100; i++)
        assert_int_equal(rng_below(&r, 1), 0);
    /* Of 3 * 2^30 values a plain modulo would give the first third twice as often. */
    int low = 0;
    for (int i = 0; i < N; i++)
        low += rng_below(&r, 3u << 30) < 1u << 30;
    CHECK_NEAR(low, N / 3.0, 5 * sqrt(N * 2.0 / 9));
}

static void pick_follows_weights_and_never_takes_zero(void **state)
{
    (void)state;
    Rng r = check_rng();
    const double w[] = {0, 1, 0, 3, 0};
    int seen[5] = {0};
    for (int i = 0; i < 20000; i++)
        seen[rng_pick(&r, w, 5)]++;
    assert_true(seen[0] == 0 && seen[2] == 0 && seen[4] == 0);
    CHECK_NEAR(seen[1], 5000, 5 * sqrt(20000 * 0.25 * 0.75));
}

static void shuffle_permutes_evenly(void **state)
{
    (void)state;
    Rng r = check_rng();
    int at[4][4] = {{0}};
    for (int i = 0; i < 12000; i++) {
        int64_t v[4] = {0, 1, 2, 3};
        rng_shuffle(&r, v, 4);
        assert_int_equal(1 << v[0] | 1 << v[1] | 1 << v[2] | 1 << v[3], 15);
        for (int k = 0; k < 4; k++)
            at[k][v[k]]++;
    }
    for (int k = 0; k < 4; k++) {
        for (int v = 0; v < 4; v++)
            CHECK_NEAR(at[k][v], 3000, 5 * sqrt(12000 * 0.25 * 0.75));
    }
    rng_shuffle(&r, NULL, 0);
}

static void hash_changes_with_every_bit_and_length(void **state)
{
    (void)state;
    unsigned char text[21] = {0};
    uint64_t seen[22 + 21 * 8];
    int n = 0;
    for (uint64_t len = 0; len <= 21; len++)
        seen[n++] = rng_hash(text, len, 0);
    for (int bit = 0; bit < 21 * 8; bit++) {
        text[bit / 8] ^= (unsigned char)(1u << bit % 8);
        seen[n++] = rng_hash(text, 21, 0);
        text[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
    assert_true(rng_hash("a", 1, 1) != rng_hash("a", 1, 2));
}

/* Documents are split by it: another value would move them between train and test. */
static void hash_is_stable(void **state)
{
    (void)state;
    assert_true(rng_hash("", 0, 0) == 0);
    assert_true(rng_hash("tame", 4, 1) == 0x66d0dab6136f6863u);
    assert_true(rng_hash("a document", 10, 0) == 0xcdf118691c2c084cu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(draws_depend_on_the_counter_alone),
        cmocka_unit_test(streams_differ_in_seed_purpose_index_and_child),
        cmocka_unit_test(a_child_does_not_depend_on_draws_taken),
        cmocka_unit_test(uniform_fills_its_interval),
        cmocka_unit_test(normal_has_its_four_moments),
        cmocka_unit_test(below_is_even_and_in_range),
        cmocka_unit_test(pick_follows_weights_and_never_takes_zero),
        cmocka_unit_test(shuffle_permutes_evenly),
        cmocka_unit_test(hash_changes_with_every_bit_and_length),
        cmocka_unit_test(hash_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
