/* The meter of mode collapse: words, and what they are counted into. */
#include "support/chatter.h"

#include "eval/variety.h"

#include <math.h>

static TextVariety measure(const char *const *texts, size_t n)
{
    Err err = {0};
    Span spans[16];
    TextVariety out;
    for (size_t i = 0; i < n; i++)
        spans[i] = span_of(texts[i]);
    CHECK_OK(variety_of_texts(spans, n, &out, &err));
    return out;
}

static void the_same_again_is_no_variety(void **state)
{
    (void)state;
    static const char *const texts[] = {"a b c d e f", "a b  c d e f ", "a b c d e f"};
    TextVariety v = measure(texts, 3);
    CHECK_NEAR(v.distinct[0], 6.0 / 18, 1e-12);
    CHECK_NEAR(v.distinct[1], 5.0 / 15, 1e-12);
    CHECK_NEAR(v.distinct[2], 4.0 / 12, 1e-12);
    CHECK_NEAR(v.self_bleu, 1, 1e-12);
    CHECK_NEAR(v.unique, 1.0 / 3, 1e-12);
}

static void words_are_letters_or_marks(void **state)
{
    (void)state;
    static const char *const texts[] = {"Hm... no, no!", "é-é"};
    TextVariety v = measure(texts, 1); /* Hm . . . no , no ! */
    CHECK_NEAR(v.distinct[0], 5.0 / 8, 1e-12);
    assert_true(isnan(v.self_bleu));
    v = measure(texts + 1, 1);
    CHECK_NEAR(v.distinct[0], 2.0 / 3, 1e-12);
    CHECK_NEAR(v.unique, 1, 0);
}

/* A model whose every draw is known: two prompts, two answers each. */
static void a_models_means_are_over_its_prompts(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    RecordList prompts = {0};
    Record records[2] = {{.kind = RECORD_PROMPT}, {.kind = RECORD_PROMPT}};
    VarietyReport r;
    VarietyOptions o = {.answers = 3, .temperature = 1, .max_new = 6};
    chatter_init(&c, 64);
    CHECK_OK(conversation_add(&records[0].chat, ROLE_USER, SPAN("2+2?"), &err));
    CHECK_OK(conversation_add(&records[1].chat, ROLE_USER, SPAN("3+3?"), &err));
    prompts.records = records;
    prompts.n = 2;
    CHECK_OK(variety_measure(c.engine, c.tok, c.chat, &prompts, &o, NULL, &r, &err));
    assert_int_equal(r.prompts, 2);
    assert_int_equal(r.answers, 6);
    assert_true(r.tokens > 1 && r.tokens <= 6);
    /* Hardly trained: all of the vocabulary is as likely. */
    CHECK_NEAR(r.entropy, log(tokenizer_vocab(c.tok)), 0.1);
    assert_true(r.interval.low <= r.entropy && r.entropy <= r.interval.high);
    o.temperature = 0; /* three times the same */
    CHECK_OK(variety_measure(c.engine, c.tok, c.chat, &prompts, &o, NULL, &r, &err));
    CHECK_NEAR(r.texts.unique, 1.0 / 3, 1e-12);
    conversation_release(&records[0].chat);
    conversation_release(&records[1].chat);
    chatter_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_again_is_no_variety),
        cmocka_unit_test(words_are_letters_or_marks),
        cmocka_unit_test(a_models_means_are_over_its_prompts),
    };
    return cmocka_run_group_tests_name("eval/variety", tests, NULL, NULL);
}
