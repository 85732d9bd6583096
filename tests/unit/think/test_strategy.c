/* Specifications of strategies, and the plain one. */
#include "support/thinking.h"

static Err err; /* of the last failure */

static void spec_fails(const char *spec, const char *message)
{
    Strategy *s;
    CHECK_FAILS(strategy_parse(&s, span_of(spec), &err), ERR_OPTION, message);
    assert_null(s);
}

static void a_wrong_specification_says_what_is_wrong(void **state)
{
    (void)state;
    spec_fails("dierct", "--think: no strategy 'dierct'; did you mean 'direct'?");
    spec_fails("xyzzy", "--think: no strategy 'xyzzy'; 'help' lists them");
    spec_fails("", "--think: no strategy ''; 'help' lists them");
    spec_fails("direct+", "--think: no strategy ''; 'help' lists them");
    spec_fails("direct:3", "--think: 'direct' takes nothing behind a colon");
    spec_fails("consistency:0",
               "--think: 'consistency:' is followed by samples, a number "
               "from 1 to 1024, not by '0'");
    spec_fails("consistency:",
               "--think: 'consistency:' is followed by samples, a number "
               "from 1 to 1024, not by ''");
    spec_fails("cot+cot", "--think: 'cot' is there twice");
    spec_fails("direct+direct", "--think: 'direct' is there twice");
}

static void direct_takes_what_comes(void **state)
{
    (void)state;
    static const char *const texts[] = {"It is four.", NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    assert_int_equal(thinking_ask(&t, " direct "), OK);
    assert_string_equal(str_c(&t.out.text), "It is four.");
    assert_string_equal(str_c(&t.out.answer), "it is four");
    assert_string_equal(str_c(&t.out.note), "");
    assert_false(t.out.cut);
    assert_int_equal(t.out.tokens, 3);
    assert_int_equal(t.fake.requests, 1);
    assert_string_equal(t.fake.prompts[0], "user: 2+2?");
    assert_int_equal(t.fake.keys[0], 9);
    thinking_release(&t);
}

static void an_unfinished_answer_says_so(void **state)
{
    (void)state;
    static const char *const texts[] = {"It is, let me see, four.", NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    t.q.sample.max_new = 5;
    assert_int_equal(thinking_ask(&t, "direct"), OK);
    assert_string_equal(str_c(&t.out.text), "It is, let me see, ");
    assert_true(t.out.cut);
    assert_string_equal(str_c(&t.out.note),
                        "cut: --max-new or a budget allows no more tokens");
    thinking_release(&t);
}

static void a_call_that_is_not_made_is_mentioned(void **state)
{
    (void)state;
    static const char *const texts[] = {"CALL calculator {\"expression\":\"2+2\"}",
                                        NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    assert_int_equal(thinking_ask(&t, "direct"), OK);
    assert_string_equal(str_c(&t.out.text), "");
    assert_string_equal(
        str_c(&t.out.note),
        "the model wanted to call calculator({\"expression\":\"2+2\"}): "
        "--think tools lets it");
    thinking_release(&t);
}

static void an_error_of_the_model_is_the_answers(void **state)
{
    (void)state;
    Thinking t;
    thinking_init(&t, NULL, "auto");
    t.fake.status = ERR_IO;
    assert_int_equal(thinking_ask(&t, "direct"), ERR_IO);
    assert_string_equal(t.err.msg, "the fake fails");
    assert_null(t.out.text.ptr);
    thinking_release(&t);
}

/* Unsure, but all that thinking about it brings is no answer: what was fast stands. */
static void auto_keeps_what_it_has(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "The answer is 4.", "well", "well", "well", "well", NULL};
    Thinking t;
    thinking_init(&t, texts, "answer");
    t.fake.entropy = 1;
    assert_int_equal(thinking_ask(&t, "auto+consistency:4"), OK);
    assert_true(t.fake.requests > 1);
    assert_string_equal(str_c(&t.out.text), "The answer is 4.");
    thinking_release(&t);
}

static void chain_is(const char *spec, const char *expected)
{
    Strategy *s;
    Str out = {0};
    CHECK_OK(strategy_parse(&s, span_of(spec), &err));
    strategy_spec(s, &out);
    assert_string_equal(str_c(&out), expected);
    str_release(&out);
    strategy_free(s);
}

static void parts_find_their_places(void **state)
{
    (void)state;
    chain_is("direct", "direct");
    chain_is("cot", "direct+cot");
    chain_is("consistency:3 + cot", "direct+cot+consistency:3");
    chain_is("consistency", "direct+consistency:8");
}

/* --- all of them, with a model that says anything --------------------------------------- */
static void say_anything(void *self, const LmRequest *r, int32_t k, Str *out)
{
    static const char *const words[] = {"the",        "answer", "is",   "4",
                                        "5.",         "\n",     "sure", "likely",
                                        "impossible", "So",     ""};
    (void)r;
    (void)k;
    for (uint32_t n = rng_below(self, 9); n > 0; n--) {
        str_puts(out, words[rng_below(self, 11)]);
        str_putc(out, ' ');
    }
}

static Status judge_anything(void *self, const Conversation *talk, Span answer,
                             double *out, Err *why)
{
    (void)talk;
    (void)answer;
    (void)why;
    *out = rng_uniform(self);
    return OK;
}

static const char *const specs[] = {"direct",         "cot",
                                    "consistency:5",  "cot+consistency:6",
                                    "best-of:3",      "reflect:2",
                                    "tree:2",         "auto",
                                    "tree:2+reflect", "cot+best-of:3+auto",
                                    "choose",         "few-shot:2"};
enum { N_SPECS = sizeof specs / sizeof *specs };

static void no_strategy_exceeds_a_budget(void **state)
{
    (void)state;
    Rng rng = check_rng();
    Judging judge = {&rng, judge_anything};
    Examples examples = {0};
    CHECK_OK(examples_add(&examples, SPAN("1+1?"), SPAN(""), SPAN("2"), &err));
    for (int trial = 0; trial < 600; trial++) {
        Thinking t;
        thinking_init(&t, NULL, trial % 2 ? "choice:4,5" : "answer");
        t.fake.say = say_anything;
        t.fake.self = &rng;
        t.fake.lm.can.prefixes = rng_below(&rng, 4) > 0;
        t.fake.lm.can.score = rng_below(&rng, 4) > 0;
        t.fake.entropy = rng_uniform(&rng);
        t.q.judge = &judge;
        t.q.examples = &examples;
        t.o.tree_search = (int)rng_below(&rng, 2);
        t.o.tree_thoughts = (int)rng_below(&rng, 2);
        t.o.tree_value = (int)rng_below(&rng, 2);
        if (rng_below(&rng, 3) == 0)
            t.q.judge = NULL;
        t.o.reflect_blind = !t.q.judge;
        t.q.sample.max_new = 1 + rng_below(&rng, 12);
        t.budget.tokens = 1 + rng_below(&rng, 80);
        t.budget.calls = 1 + rng_below(&rng, 25);
        const char *spec = specs[trial % N_SPECS];
        Status status = thinking_ask(&t, spec);
        if (status != OK && status != ERR_LIMIT && status != ERR_OPTION)
            fail_msg("%s: %s", spec, t.err.msg);
        assert_true(t.spent.answer_tokens <= t.budget.tokens);
        assert_true(t.calls <= t.budget.calls);
        assert_true(t.out.tokens <= t.spent.answer_tokens);
        thinking_release(&t);
    }
    examples_release(&examples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_specification_says_what_is_wrong),
        cmocka_unit_test(parts_find_their_places),
        cmocka_unit_test(direct_takes_what_comes),
        cmocka_unit_test(an_unfinished_answer_says_so),
        cmocka_unit_test(a_call_that_is_not_made_is_mentioned),
        cmocka_unit_test(an_error_of_the_model_is_the_answers),
        cmocka_unit_test(auto_keeps_what_it_has),
        cmocka_unit_test(no_strategy_exceeds_a_budget),
    };
    return cmocka_run_group_tests_name("think/strategy", tests, NULL, NULL);
}
