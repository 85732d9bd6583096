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
        "the model wanted to call calculator({\"expression\":\"2+2\"}), "
        "which this strategy does not");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_specification_says_what_is_wrong),
        cmocka_unit_test(parts_find_their_places),
        cmocka_unit_test(direct_takes_what_comes),
        cmocka_unit_test(an_unfinished_answer_says_so),
        cmocka_unit_test(a_call_that_is_not_made_is_mentioned),
        cmocka_unit_test(an_error_of_the_model_is_the_answers),
    };
    return cmocka_run_group_tests_name("think/strategy", tests, NULL, NULL);
}
