/* Chain of thought: the second question is asked exactly when it is needed. */
#include "support/thinking.h"

#include <math.h>

static void answer_is(const Thinking *t, const char *text, const char *thinking)
{
    assert_string_equal(str_c(&t->out.text), text);
    assert_string_equal(str_c(&t->out.thinking), thinking);
}

static void a_chain_without_an_answer_is_asked_for_it(void **state)
{
    (void)state;
    static const char *const texts[] = {"2 and 2 make 4 of them.", "four", NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    assert_int_equal(thinking_ask(&t, "cot"), OK);
    answer_is(&t, "four", "2 and 2 make 4 of them.");
    assert_string_equal(str_c(&t.out.answer), "four");
    assert_int_equal(t.fake.requests, 2);
    assert_string_equal(t.fake.prompts[0], "user: 2+2?>Let's think step by step.");
    assert_string_equal(t.fake.prompts[1],
                        "user: 2+2?>Let's think step by step.2 and 2 make 4 of them."
                        "\nTherefore, the answer is");
    CHECK_NEAR(t.fake.temperatures[0], 1, 0);
    CHECK_NEAR(t.fake.temperatures[1], 0, 0);
    assert_int_equal(t.fake.max_new[1], 32);
    assert_int_equal(t.out.tokens, 8);
    CHECK_NEAR(t.out.logprob, -8, 0);
    assert_false(t.out.cut);
    thinking_release(&t);
}

static void a_chain_that_says_its_answer_is_not_asked_again(void **state)
{
    (void)state;
    static const char *const texts[] = {"2 and 2. The answer is 4. Good.", NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    assert_int_equal(thinking_ask(&t, "cot"), OK);
    answer_is(&t, "4", "2 and 2. The answer is 4. Good.");
    assert_int_equal(t.fake.requests, 1);
    thinking_release(&t);
}

static void the_last_number_of_a_whole_chain_is_its_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {"2 + 2 = 4", NULL};
    Thinking t;
    thinking_init(&t, texts, "number");
    assert_int_equal(thinking_ask(&t, "cot"), OK);
    answer_is(&t, "4", "2 + 2 = 4");
    assert_int_equal(t.fake.requests, 1);
    thinking_release(&t);
}

static void a_chain_that_is_cut_is_made_to_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {"2 and 2 and so on", "4", NULL};
    Thinking t;
    thinking_init(&t, texts, "number");
    t.o.think_tokens = 3;
    assert_int_equal(thinking_ask(&t, "cot"), OK);
    assert_int_equal(t.fake.max_new[0], 3);
    assert_int_equal(t.fake.requests, 2);
    answer_is(&t, "4", "2 and 2 ");
    assert_string_equal(t.fake.prompts[1],
                        "user: 2+2?>Let's think step by step.2 and 2 \nTherefore, the "
                        "answer is");
    assert_false(t.out.cut);
    assert_string_equal(str_c(&t.out.note), "");
    thinking_release(&t);
}

static void a_model_without_prefixes_is_asked_in_turns(void **state)
{
    (void)state;
    static const char *const texts[] = {"2 and 2.", "4", NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    t.fake.lm.can.prefixes = false;
    assert_int_equal(thinking_ask(&t, "cot"), OK);
    assert_string_equal(t.fake.prompts[0], "user: 2+2?\n\nLet's think step by step.");
    assert_string_equal(t.fake.prompts[1],
                        "user: 2+2?\n\nLet's think step by step.|assistant: 2 and "
                        "2.|user: Therefore, the answer is? Write the answer alone.");
    answer_is(&t, "4", "2 and 2.");
    thinking_release(&t);
}

static void a_budget_that_ends_in_the_chain_leaves_no_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {"2 and 2 and so on", "4", NULL};
    Thinking t;
    thinking_init(&t, texts, "number");
    t.budget.tokens = 4;
    assert_int_equal(thinking_ask(&t, "cot"), OK);
    assert_int_equal(t.fake.requests, 1);
    assert_true(t.out.cut);
    assert_string_equal(str_c(&t.out.text), "2 and 2 and ");
    assert_string_equal(str_c(&t.out.answer), "");
    assert_string_equal(str_c(&t.out.note),
                        "cut: a budget ended it before it came to an answer");
    thinking_release(&t);
}

static void no_trigger_leaves_the_question_as_it_is(void **state)
{
    (void)state;
    Err err = {0};
    static const char *const texts[] = {"The answer is 4.", NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    CHECK_OK(opt_set(&think_options, &t.o, "steps", "", &err));
    assert_int_equal(thinking_ask(&t, "cot"), OK);
    assert_string_equal(t.fake.prompts[0], "user: 2+2?");
    thinking_release(&t);
}

static void it_thinks_freely_and_then_in_form(void **state)
{
    (void)state;
    static const char *const texts[] = {"The answer is 4.", "{4}", "The answer is 5.",
                                        NULL};
    Thinking t;
    LmConstraint form = {.kind = LM_REGEX, .text = SPAN("[{][0-9]+[}]")};
    thinking_init(&t, texts, "number");
    t.q.constraint = &form;
    assert_int_equal(thinking_ask(&t, "cot"), ERR_OPTION);
    assert_string_equal(t.err.msg, "'fake' cannot hold an answer to a form");
    t.fake.lm.can.constraints = true;
    assert_int_equal(thinking_ask(&t, "cot"), OK);
    assert_string_equal(str_c(&t.out.text), "{4}");
    assert_null(t.fake.constraints[0]);
    assert_ptr_equal(t.fake.constraints[1], &form);
    assert_int_equal(t.fake.max_new[1], 50);
    assert_int_equal(thinking_ask(&t, "tree"), ERR_OPTION);
    assert_string_equal(t.err.msg,
                        "'tree' cannot hold its answer to a form; 'cot' thinks "
                        "freely and then does");
    thinking_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_without_an_answer_is_asked_for_it),
        cmocka_unit_test(a_chain_that_says_its_answer_is_not_asked_again),
        cmocka_unit_test(the_last_number_of_a_whole_chain_is_its_answer),
        cmocka_unit_test(a_chain_that_is_cut_is_made_to_answer),
        cmocka_unit_test(a_model_without_prefixes_is_asked_in_turns),
        cmocka_unit_test(a_budget_that_ends_in_the_chain_leaves_no_answer),
        cmocka_unit_test(it_thinks_freely_and_then_in_form),
        cmocka_unit_test(no_trigger_leaves_the_question_as_it_is),
    };
    return cmocka_run_group_tests_name("think/cot", tests, NULL, NULL);
}
