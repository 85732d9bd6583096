/* Specifications of strategies, and the plain one. */
#include "support/fake_lm.h"

#include "think/strategy/strategy.h"

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
    spec_fails("direct+direct", "--think: 'direct' is there twice");
}

static Outcome answer_with(FakeLm *fake, const char *spec, Status expected)
{
    Conversation talk = {0};
    Strategy *s;
    Run run;
    Budget budget = {0};
    Outcome out;
    CHECK_OK(conversation_add(&talk, ROLE_USER, SPAN("2+2?"), &err));
    CHECK_OK(strategy_parse(&s, span_of(spec), &err));
    CHECK_OK(run_init(&run, &fake->lm, &budget, fake_clock, "ask", &err));
    Question q = {.talk = &talk, .sample = sample_plain(1, 5, 3), .key = 9};
    assert_int_equal(strategy_answer(s, &run, &q, &out, &err), expected);
    run_release(&run);
    strategy_free(s);
    conversation_release(&talk);
    return out;
}

static void direct_takes_what_comes(void **state)
{
    (void)state;
    static const char *const texts[] = {"It is four.", NULL};
    FakeLm fake;
    fake_init(&fake, texts);
    Outcome out = answer_with(&fake, " direct ", OK);
    assert_string_equal(str_c(&out.text), "It is four.");
    assert_string_equal(str_c(&out.note), "");
    assert_false(out.cut);
    assert_int_equal(out.tokens, 3);
    assert_int_equal(fake.requests, 1);
    assert_string_equal(fake.prompts[0], "user: 2+2?");
    assert_int_equal(fake.keys[0], 9);
    outcome_release(&out);
    fake_release(&fake);
}

static void an_unfinished_answer_says_so(void **state)
{
    (void)state;
    static const char *const texts[] = {"It is, let me see, four.", NULL};
    FakeLm fake;
    fake_init(&fake, texts);
    Outcome out = answer_with(&fake, "direct", OK);
    assert_string_equal(str_c(&out.text), "It is, let me see, ");
    assert_true(out.cut);
    assert_string_equal(str_c(&out.note),
                        "cut: --max-new or a budget allows no more tokens");
    outcome_release(&out);
    fake_release(&fake);
}

static void a_call_that_is_not_made_is_mentioned(void **state)
{
    (void)state;
    static const char *const texts[] = {"CALL calculator {\"expression\":\"2+2\"}",
                                        NULL};
    FakeLm fake;
    fake_init(&fake, texts);
    Outcome out = answer_with(&fake, "direct", OK);
    assert_string_equal(str_c(&out.text), "");
    assert_string_equal(
        str_c(&out.note),
        "the model wanted to call calculator({\"expression\":\"2+2\"}), "
        "which this strategy does not");
    outcome_release(&out);
    fake_release(&fake);
}

static void an_error_of_the_model_is_the_answers(void **state)
{
    (void)state;
    FakeLm fake;
    fake_init(&fake, NULL);
    fake.status = ERR_IO;
    Outcome out = answer_with(&fake, "direct", ERR_IO);
    assert_string_equal(err.msg, "the fake fails");
    assert_null(out.text.ptr);
    fake_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_specification_says_what_is_wrong),
        cmocka_unit_test(direct_takes_what_comes),
        cmocka_unit_test(an_unfinished_answer_says_so),
        cmocka_unit_test(a_call_that_is_not_made_is_mentioned),
        cmocka_unit_test(an_error_of_the_model_is_the_answers),
    };
    return cmocka_run_group_tests_name("think/strategy", tests, NULL, NULL);
}
