/* Strategies that pick by a judge: best of n, reflection; and the one that thinks only
 * when it is not sure. */
#include "support/thinking.h"

#include <math.h>

/* Likes the answer with the most "good"s. */
static Status count_good(void *self, const Conversation *talk, Span answer, double *out,
                         Err *err)
{
    (void)talk;
    (void)err;
    *out = 0;
    ++*(int *)self;
    for (ptrdiff_t at = span_find(answer, SPAN("good"), 0); at >= 0;
         at = span_find(answer, SPAN("good"), (size_t)at + 1))
        *out += 1;
    return OK;
}

static int judged; /* answers so far */
static const Judging judge = {&judged, count_good};

/* --- best of n ----------------------------------------------------------------------- */
static void the_best_is_kept_and_of_equals_the_first(void **state)
{
    (void)state;
    static const char *const texts[] = {"bad", "good 1", "good 2", "so so", NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    t.q.judge = &judge;
    judged = 0;
    assert_int_equal(thinking_ask(&t, "best-of:4"), OK);
    assert_string_equal(str_c(&t.out.text), "good 1");
    assert_string_equal(str_c(&t.out.note), "the best of 4");
    assert_int_equal(t.fake.requests, 1);
    assert_int_equal(judged, 4);
    assert_int_equal(t.out.tokens, 7);
    assert_non_null(strstr(str_c(&t.trace), "\"scores\":[0.0,1.0,1.0,0.0],\"best\":2"));
    thinking_release(&t);
}

static void a_budget_gives_the_best_of_fewer(void **state)
{
    (void)state;
    static const char *const texts[] = {"bad", "good", "good good", NULL};
    Thinking t;
    thinking_init(&t, texts, "auto");
    t.q.judge = &judge;
    t.budget.calls = 2;
    assert_int_equal(thinking_ask(&t, "best-of:4"), OK);
    assert_string_equal(str_c(&t.out.text), "good");
    assert_string_equal(str_c(&t.out.note), "the best of 2");
    thinking_release(&t);
}

static void who_needs_a_judge_says_so(void **state)
{
    (void)state;
    Thinking t;
    thinking_init(&t, NULL, "auto");
    assert_int_equal(thinking_ask(&t, "best-of"), ERR_OPTION);
    assert_string_equal(t.err.msg, "best-of needs --judge, which says what is good");
    assert_int_equal(thinking_ask(&t, "reflect"), ERR_OPTION);
    assert_non_null(strstr(t.err.msg, "reflect needs --judge"));
    assert_int_equal(t.fake.requests, 0);
    thinking_release(&t);
}

/* --- reflection ---------------------------------------------------------------------- */
static void a_better_revision_is_accepted(void **state)
{
    (void)state;
    static const char *const texts[] = {"5", "It is too high.", "good 4", NULL};
    Thinking t;
    Flips flips = {0};
    thinking_init(&t, texts, "number");
    t.q.judge = &judge;
    t.q.gold = SPAN("4");
    t.q.flips = &flips;
    assert_int_equal(thinking_ask(&t, "reflect"), OK);
    assert_string_equal(str_c(&t.out.text), "good 4");
    assert_string_equal(str_c(&t.out.thinking), "It is too high.");
    assert_int_equal(t.fake.requests, 3);
    assert_string_equal(t.fake.prompts[1],
                        "user: 2+2?|assistant: 5|user: Review your previous answer and "
                        "find problems with your answer.");
    assert_string_equal(
        t.fake.prompts[2],
        "user: 2+2?|assistant: 5|user: Review your previous answer and find problems "
        "with your answer.|assistant: It is too high.|user: Based on the problems you "
        "found, improve your answer. Give all of the answer again.");
    assert_int_equal(flips.counts[1][0], 1);
    assert_int_equal(t.out.tokens, 1 + 4 + 2);
    assert_non_null(strstr(str_c(&t.trace), "\"flip\":\"WC\""));
    thinking_release(&t);
}

static void a_revision_that_is_no_better_is_not(void **state)
{
    (void)state;
    static const char *const texts[] = {"good 4", "Hm.",    "good 5",
                                        "Hm.",    "best 6", NULL};
    Thinking t;
    Flips flips = {0};
    thinking_init(&t, texts, "number");
    t.q.judge = &judge;
    t.q.gold = SPAN("4");
    t.q.flips = &flips;
    assert_int_equal(thinking_ask(&t, "reflect:2"), OK);
    assert_string_equal(str_c(&t.out.text), "good 4");
    assert_int_equal(t.fake.requests, 5);
    assert_int_equal(flips.counts[0][0], 1);
    assert_int_equal(t.out.tokens, 2 + 1 + 2 + 1 + 2);
    thinking_release(&t);
}

static void blind_reflection_takes_what_comes(void **state)
{
    (void)state;
    static const char *const texts[] = {"4", "Hm.", "5", NULL};
    Thinking t;
    Flips flips = {0};
    thinking_init(&t, texts, "number");
    t.o.reflect_blind = true;
    t.q.gold = SPAN("4");
    t.q.flips = &flips;
    assert_int_equal(thinking_ask(&t, "reflect"), OK);
    assert_string_equal(str_c(&t.out.text), "5");
    assert_int_equal(flips.counts[0][1], 1);
    thinking_release(&t);
}

static void a_budget_keeps_the_answer_there_is(void **state)
{
    (void)state;
    static const char *const texts[] = {"good 4", "Hm.", "good good 5", NULL};
    Thinking t;
    thinking_init(&t, texts, "number");
    t.q.judge = &judge;
    t.budget.calls = 2;
    assert_int_equal(thinking_ask(&t, "reflect"), OK);
    assert_string_equal(str_c(&t.out.text), "good 4");
    thinking_release(&t);
}

/* --- auto ---------------------------------------------------------------------------- */
static void who_is_sure_answers_at_once(void **state)
{
    (void)state;
    static const char *const texts[] = {"It is 4", NULL};
    Thinking t;
    thinking_init(&t, texts, "number");
    t.fake.entropy = 0.2;
    assert_int_equal(thinking_ask(&t, "auto"), OK);
    assert_string_equal(str_c(&t.out.text), "It is 4");
    assert_int_equal(t.fake.requests, 1);
    CHECK_NEAR(t.fake.temperatures[0], 0, 0);
    thinking_release(&t);
}

static void who_is_not_thinks(void **state)
{
    (void)state;
    static const char *const texts[] = {"It is 5", "a 4", "b 4", "c 4", "d 4", NULL};
    Thinking t;
    thinking_init(&t, texts, "number");
    t.fake.entropy = 0.9;
    assert_int_equal(thinking_ask(&t, "auto"), OK);
    assert_string_equal(str_c(&t.out.text), "4");
    assert_string_equal(str_c(&t.out.note), "4 of 4 votes; thought about it");
    assert_int_equal(t.fake.requests, 2);
    assert_int_equal(t.out.tokens, 3 + 8);
    assert_non_null(strstr(str_c(&t.trace), "direct+cot+consistency:8+auto"));
    thinking_release(&t);
}

static void without_entropy_samples_must_agree(void **state)
{
    (void)state;
    static const char *const agree[] = {"4", "4", "4.0", NULL};
    static const char *const differ[] = {"4", "4", "5", "The answer is 6", NULL};
    Thinking t;
    thinking_init(&t, agree, "number");
    t.fake.entropy = (double)NAN;
    assert_int_equal(thinking_ask(&t, "auto+cot"), OK);
    assert_string_equal(str_c(&t.out.text), "4");
    assert_int_equal(t.fake.requests, 2);
    assert_int_equal(t.out.tokens, 3);
    thinking_release(&t);
    thinking_init(&t, differ, "number");
    t.fake.entropy = (double)NAN;
    assert_int_equal(thinking_ask(&t, "auto+cot"), OK);
    assert_string_equal(str_c(&t.out.text), "6");
    thinking_release(&t);
}

static void a_budget_leaves_the_fast_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {"It is 5", NULL};
    Thinking t;
    thinking_init(&t, texts, "number");
    t.fake.entropy = 0.9;
    t.budget.calls = 1;
    assert_int_equal(thinking_ask(&t, "auto"), OK);
    assert_string_equal(str_c(&t.out.text), "It is 5");
    thinking_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_is_kept_and_of_equals_the_first),
        cmocka_unit_test(a_budget_gives_the_best_of_fewer),
        cmocka_unit_test(who_needs_a_judge_says_so),
        cmocka_unit_test(a_better_revision_is_accepted),
        cmocka_unit_test(a_revision_that_is_no_better_is_not),
        cmocka_unit_test(blind_reflection_takes_what_comes),
        cmocka_unit_test(a_budget_keeps_the_answer_there_is),
        cmocka_unit_test(who_is_sure_answers_at_once),
        cmocka_unit_test(who_is_not_thinks),
        cmocka_unit_test(without_entropy_samples_must_agree),
        cmocka_unit_test(a_budget_leaves_the_fast_answer),
    };
    return cmocka_run_group_tests_name("think/judged", tests, NULL, NULL);
}
