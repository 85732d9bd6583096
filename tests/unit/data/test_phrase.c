/* test_phrase.c - phrases expand as written, and a Chooser's bits are those of the
 * choices: compared with logarithms of libm and with the entropy of drawn samples. */
#include "support/check.h"

#include "data/world/phrase.h"

#include <math.h>

static const char *const fruits[] = {"fig", "plum", "pear", NULL};
static const char *const baskets[] = {"a <fruit>", "two <fruit>s", NULL};
static const PhraseRule rules[] = {
    {"fruit", fruits}, {"basket", baskets}, {NULL, NULL}};

static Span slot_name(void *self, Span name, Span phrase)
{
    Span *seen = self;
    *seen = phrase;
    return span_equal(name, SPAN("x")) ? SPAN("ann") : SPAN("bob");
}

static double put(Str *out, const char *phrase, uint64_t item)
{
    Chooser c = chooser_make(7, STREAM_TESTS, item);
    Span seen = {0};
    PhraseContext ctx = {&c, rules, slot_name, &seen};
    str_reset(out);
    phrase_put(out, &ctx, phrase);
    return chooser_bits(&c);
}

static void fixed_logarithm_agrees_with_libm(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 5000; n++)
        CHECK_NEAR((double)log2_q32(n) * 0x1p-32, log2(n), 0x1p-25);
    CHECK_NEAR((double)log2_q32(UINT32_MAX) * 0x1p-32, 32, 1e-7);
}

static void powers_of_two_have_whole_bits(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 32; i++)
        assert_true(log2_q32(UINT32_C(1) << i) == (uint64_t)i << 32);
}

static void text_without_choices_costs_nothing(void **state)
{
    (void)state;
    Str out = {0};
    assert_true(put(&out, "^{x} met {y.name}, ^once.", 0) == 0);
    assert_string_equal(str_c(&out), "Ann met bob, Once.");
    str_release(&out);
}

static void each_text_costs_its_own_choices(void **state)
{
    (void)state;
    Str out = {0};
    for (uint64_t i = 0; i < 200; i++) {
        double bits = put(&out, "[a|[b|c|d]]<fruit>[|!]", i);
        double want = 1 + (out.ptr[0] == 'a' ? 0 : log2(3)) + log2(3) + 1;
        CHECK_NEAR(bits, want, 1e-6);
    }
    str_release(&out);
}

static void weights_are_chances_and_bits(void **state)
{
    (void)state;
    static const int32_t weights[] = {1, 0, 5, 2};
    int32_t hits[4] = {0};
    for (uint64_t i = 0; i < 8000; i++) {
        Chooser c = chooser_make(3, STREAM_TESTS, i);
        int32_t k = choose_weighted(&c, weights, 4);
        hits[k]++;
        CHECK_NEAR(chooser_bits(&c), log2(8.0 / weights[k]), 1e-6);
    }
    for (int k = 0; k < 4; k++) /* 5 deviations of a count of 8000 */
        CHECK_NEAR(hits[k], 1000.0 * weights[k], 5 * sqrt(8000 * 0.25) + 1e-9);
    assert_int_equal(hits[1], 0);
}

/* The mean of the bits is the entropy of the texts themselves, estimated by counting. */
static void mean_bits_are_the_entropy_of_the_texts(void **state)
{
    (void)state;
    enum { N = 20000, KINDS = 12 };
    Str texts[KINDS] = {{0}}, out = {0};
    int counts[KINDS] = {0}, kinds = 0;
    double bits = 0;
    for (uint64_t i = 0; i < N; i++) {
        bits += put(&out, "<basket>[|, please]", i) / N;
        int k = 0;
        while (k < kinds && !span_equal(str_span(&texts[k]), str_span(&out)))
            k++;
        assert_true(k < KINDS);
        if (k == kinds)
            str_span_append(&texts[kinds++], str_span(&out));
        counts[k]++;
    }
    double entropy = 0;
    for (int k = 0; k < kinds; k++) {
        entropy -= counts[k] / (double)N * log2(counts[k] / (double)N);
        str_release(&texts[k]);
    }
    assert_int_equal(kinds, KINDS);
    CHECK_NEAR(bits, log2(12), 1e-6);
    CHECK_NEAR(entropy, bits, 0.002);
    str_release(&out);
}

static void slots_are_told_the_phrase_they_stand_in(void **state)
{
    (void)state;
    Chooser c = chooser_make(7, STREAM_TESTS, 0);
    Span seen = {0};
    PhraseContext ctx = {&c, rules, slot_name, &seen};
    Str out = {0};
    phrase_put(&out, &ctx, "so [{x} it is]");
    assert_true(span_equal(seen, SPAN("{x} it is")));
    str_release(&out);
}

static void items_of_a_stream_differ(void **state)
{
    (void)state;
    Chooser a = chooser_make(1, STREAM_TESTS, 0), b = chooser_make(1, STREAM_TESTS, 1);
    Chooser c = chooser_make(1, STREAM_PROMPTS, 0);
    uint32_t u = rng_u32(&a.rng);
    assert_true(u != rng_u32(&b.rng));
    assert_true(u != rng_u32(&c.rng));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_logarithm_agrees_with_libm),
        cmocka_unit_test(powers_of_two_have_whole_bits),
        cmocka_unit_test(text_without_choices_costs_nothing),
        cmocka_unit_test(each_text_costs_its_own_choices),
        cmocka_unit_test(weights_are_chances_and_bits),
        cmocka_unit_test(mean_bits_are_the_entropy_of_the_texts),
        cmocka_unit_test(slots_are_told_the_phrase_they_stand_in),
        cmocka_unit_test(items_of_a_stream_differ),
    };
    return cmocka_run_group_tests_name("data/phrase", tests, NULL, NULL);
}
