/* Examples in front of a question, and choices by their probabilities. */
#include "support/thinking.h"

#include <math.h>

static void add_examples(Examples *e, bool steps)
{
    Err err = {0};
    CHECK_OK(examples_add(e, SPAN("1+1?"), steps ? SPAN("1, 2.") : SPAN(""), SPAN("2"),
                          &err));
    CHECK_OK(examples_add(e, SPAN("2+2?"), steps ? SPAN("2, 4.") : SPAN(""), SPAN("4"),
                          &err));
    CHECK_OK(examples_add(e, SPAN("3+3?"), steps ? SPAN("3, 6.") : SPAN(""), SPAN("6"),
                          &err));
}

static void examples_stand_behind_the_system_text(void **state)
{
    (void)state;
    Err err = {0};
    static const char *const texts[] = {"4", NULL};
    Thinking t;
    Examples e = {0};
    thinking_init(&t, texts, "number");
    add_examples(&e, false);
    t.q.examples = &e;
    t.o.pick = PICK_FIXED;
    conversation_reset(&t.talk);
    CHECK_OK(conversation_add(&t.talk, ROLE_SYSTEM, SPAN("Be brief."), &err));
    CHECK_OK(conversation_add(&t.talk, ROLE_USER, SPAN("2+2?"), &err));
    assert_int_equal(thinking_ask(&t, "few-shot:2"), OK);
    assert_string_equal(t.fake.prompts[0],
                        "system: Be brief.|user: 1+1?|assistant: 2|user: 3+3?|"
                        "assistant: 6|user: 2+2?");
    assert_non_null(strstr(str_c(&t.trace), "\"examples\":[1,3]"));
    examples_release(&e);
    thinking_release(&t);
}

static void under_a_chain_they_show_their_steps(void **state)
{
    (void)state;
    static const char *const texts[] = {"2, 4. The answer is 4.", NULL};
    Thinking t;
    Examples e = {0};
    thinking_init(&t, texts, "auto");
    add_examples(&e, true);
    t.q.examples = &e;
    t.o.pick = PICK_FIXED;
    assert_int_equal(thinking_ask(&t, "cot+few-shot:1"), OK);
    assert_string_equal(t.fake.prompts[0],
                        "user: 1+1?|assistant: 1, 2. The answer is 2.|user: 2+2?");
    assert_string_equal(str_c(&t.out.text), "4");
    examples_release(&e);
    thinking_release(&t);
}

static void without_examples_it_says_what_is_missing(void **state)
{
    (void)state;
    Thinking t;
    thinking_init(&t, NULL, "auto");
    assert_int_equal(thinking_ask(&t, "few-shot"), ERR_OPTION);
    assert_string_equal(t.err.msg, "few-shot needs --examples, a file of questions and "
                                   "answers");
    thinking_release(&t);
}

/* A model that says "A" to anything, a little less so when the question is for B. */
static double prefers_a(void *self, const LmRequest *r, Span text)
{
    (void)self;
    const Message *m = &r->talk->messages[r->talk->n - 1];
    bool about_b = strcmp(m->content, "N/A") != 0;
    if (text.ptr[0] == 'A')
        return about_b ? log(0.6) : log(0.9);
    return about_b ? log(0.4) : log(0.1);
}

static void calibration_takes_out_what_it_always_says(void **state)
{
    (void)state;
    Thinking t;
    thinking_init(&t, NULL, "choice:A,B");
    t.fake.value = prefers_a;
    assert_int_equal(thinking_ask(&t, "choose"), OK);
    assert_string_equal(str_c(&t.out.text), "A");
    CHECK_NEAR(t.out.confidence, 0.6, 1e-12);
    assert_int_equal(t.fake.requests, 1);
    t.o.calibrate = true;
    assert_int_equal(thinking_ask(&t, "choose"), OK);
    assert_string_equal(str_c(&t.out.text), "B");
    assert_string_equal(str_c(&t.out.answer), "b");
    CHECK_NEAR(t.out.confidence, 4 / (4 + 0.6 / 0.9), 1e-12);
    assert_string_equal(t.fake.prompts[2], "user: N/A");
    thinking_release(&t);
}

static void choices_need_choices_and_probabilities(void **state)
{
    (void)state;
    Thinking t;
    thinking_init(&t, NULL, "number");
    assert_int_equal(thinking_ask(&t, "choose"), ERR_OPTION);
    assert_string_equal(t.err.msg, "choose needs the choices: --extract choice:A,B,C");
    t.fake.lm.can.score = false;
    assert_int_equal(thinking_ask(&t, "choose"), ERR_OPTION);
    assert_string_equal(t.err.msg,
                        "strategy 'choose': 'fake' gives no probabilities of texts");
    thinking_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_stand_behind_the_system_text),
        cmocka_unit_test(under_a_chain_they_show_their_steps),
        cmocka_unit_test(without_examples_it_says_what_is_missing),
        cmocka_unit_test(calibration_takes_out_what_it_always_says),
        cmocka_unit_test(choices_need_choices_and_probabilities),
    };
    return cmocka_run_group_tests_name("think/few_shot", tests, NULL, NULL);
}
