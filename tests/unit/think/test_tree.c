/* Tree of thoughts over a toy: find the letters of "cab", a letter a line. */
#include "support/thinking.h"

#include <math.h>

/* The lines of the prefix so far. */
static int lines_of(Span prefix)
{
    int n = prefix.len > 0;
    for (size_t i = 0; i + 1 < prefix.len; i++)
        n += prefix.ptr[i] == '\n';
    return n;
}

/* Thought k is the k-th letter; the fourth line says the answer. */
static void say_letters(void *self, const LmRequest *r, int32_t k, Str *out)
{
    (void)self;
    if (lines_of(r->prefix) == 3)
        str_printf(out, "Answer: %c%c%c", r->prefix.ptr[0], r->prefix.ptr[2],
                   r->prefix.ptr[4]);
    else
        str_putc(out, (char)('a' + k));
}

/* How many letters are right from the beginning on. */
static Status right_letters(void *self, const Conversation *talk, Span answer,
                            double *out, Err *err)
{
    (void)talk;
    (void)err;
    ++*(int *)self;
    *out = 0;
    for (size_t i = 0; i < 3 && 2 * i < answer.len && answer.ptr[2 * i] == "cab"[i];
         i++)
        *out += 1;
    return OK;
}

static int judged;
static const Judging judge = {&judged, right_letters};

static void start(Thinking *t)
{
    thinking_init(t, NULL, "answer");
    t->fake.say = say_letters;
    t->q.judge = &judge;
    t->o.tree_thoughts_n = 3;
    judged = 0;
}

static void breadth_first_keeps_the_best_of_each_level(void **state)
{
    (void)state;
    Thinking t;
    start(&t);
    assert_int_equal(thinking_ask(&t, "tree:1"), OK);
    assert_string_equal(str_c(&t.out.text), "cab");
    assert_string_equal(str_c(&t.out.thinking), "c\na\nb\nAnswer: cab");
    assert_int_equal(t.fake.requests, 4);
    assert_string_equal(t.fake.prompts[2], "user: 2+2?>c\na\n");
    assert_int_equal(judged, 3 + 3 + 3 + 1); /* the last three are duplicates */
    assert_false(t.out.cut);
    thinking_release(&t);
    start(&t);
    assert_int_equal(thinking_ask(&t, "tree:2"), OK);
    assert_int_equal(t.fake.requests, 1 + 2 + 2 + 2);
    assert_string_equal(str_c(&t.out.answer), "cab");
    thinking_release(&t);
}

static void best_first_follows_the_best(void **state)
{
    (void)state;
    Thinking t;
    start(&t);
    t.o.tree_search = 1;
    assert_int_equal(thinking_ask(&t, "tree:5"), OK);
    assert_string_equal(str_c(&t.out.text), "cab");
    assert_int_equal(t.fake.requests, 4);
    thinking_release(&t);
}

static void no_whole_branch_says_so(void **state)
{
    (void)state;
    Thinking t;
    start(&t);
    t.o.tree_depth = 2;
    assert_int_equal(thinking_ask(&t, "tree:2"), OK);
    assert_true(t.out.cut);
    assert_string_equal(str_c(&t.out.note), "no branch came to an answer");
    assert_string_equal(str_c(&t.out.text), "c\na");
    assert_string_equal(str_c(&t.out.answer), "");
    thinking_release(&t);
}

static void a_budget_gives_the_best_so_far(void **state)
{
    (void)state;
    Thinking t;
    start(&t);
    t.budget.calls = 7;
    assert_int_equal(thinking_ask(&t, "tree:1"), OK);
    assert_true(t.out.cut);
    assert_string_equal(str_c(&t.out.note), "cut: a budget ended the search");
    assert_int_equal(t.fake.n[2], 1); /* what was left of three */
    thinking_release(&t);
}

/* Without a judge the model is asked; it likes what begins with b. */
static double likes_b(void *self, const LmRequest *r, Span text)
{
    (void)self;
    const char *asked = r->talk->messages[r->talk->n - 1].content;
    bool sure = strncmp(asked, "2+2?\n\nb", 7) == 0;
    return log((text.ptr[0] == 's') == sure ? 0.8 : 0.1);
}

static void the_model_rates_what_nobody_judges(void **state)
{
    (void)state;
    Thinking t;
    start(&t);
    t.q.judge = NULL;
    t.fake.value = likes_b;
    t.o.tree_depth = 1;
    assert_int_equal(thinking_ask(&t, "tree:1"), OK);
    assert_string_equal(str_c(&t.out.text), "b");
    CHECK_NEAR(t.out.confidence, 0.8 * 20 + 0.1 * 1 + 0.1 * 0.001, 1e-9);
    assert_int_equal(t.fake.requests, 1 + 3);
    assert_string_equal(t.fake.prompts[1],
                        "user: 2+2?\n\na\n\nCan this lead to the right answer? Say "
                        "sure, likely or impossible.");
    thinking_release(&t);
}

static void samples_rate_where_there_are_no_probabilities(void **state)
{
    (void)state;
    static const char *const texts[] = {"a",         "b",          "hm, sure",
                                        "likely",    "impossible", "sure",
                                        "it's sure", "well, sure", NULL};
    Thinking t;
    thinking_init(&t, texts, "answer");
    t.fake.lm.can.score = false;
    t.o.tree_thoughts_n = 2;
    t.o.tree_depth = 1;
    assert_int_equal(thinking_ask(&t, "tree:1"), OK);
    assert_string_equal(str_c(&t.out.text), "b");
    CHECK_NEAR(t.out.confidence, 60, 0);
    thinking_release(&t);
}

static void a_vote_decides(void **state)
{
    (void)state;
    static const char *const texts[] = {"a", "b",           "c", "I like answer 3",
                                        "2", "answer 1? 3", NULL};
    Thinking t;
    thinking_init(&t, texts, "answer");
    t.o.tree_thoughts_n = 3;
    t.o.tree_depth = 1;
    t.o.tree_value = 1;
    assert_int_equal(thinking_ask(&t, "tree:1"), OK);
    assert_string_equal(str_c(&t.out.text), "c");
    CHECK_NEAR(t.out.confidence, 2, 0);
    thinking_release(&t);
}

static void thoughts_may_be_listed(void **state)
{
    (void)state;
    static const char *const texts[] = {"x\n\n  c \nx\ny", NULL};
    Thinking t;
    thinking_init(&t, texts, "answer");
    t.q.judge = &judge;
    t.o.tree_thoughts = 1;
    t.o.tree_depth = 1;
    judged = 0;
    assert_int_equal(thinking_ask(&t, "tree:1"), OK);
    assert_string_equal(str_c(&t.out.text), "c");
    assert_int_equal(judged, 3);
    assert_string_equal(t.fake.prompts[0], "user: 2+2?\n\nSo far:\n\n\nList 5 possible "
                                           "next steps, one a line.");
    thinking_release(&t);
}

static void a_model_without_prefixes_cannot(void **state)
{
    (void)state;
    Thinking t;
    start(&t);
    t.fake.lm.can.prefixes = false;
    assert_int_equal(thinking_ask(&t, "tree"), ERR_OPTION);
    assert_string_equal(t.err.msg,
                        "strategy 'tree': 'fake' does not go on with an answer "
                        "that is begun");
    thinking_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breadth_first_keeps_the_best_of_each_level),
        cmocka_unit_test(best_first_follows_the_best),
        cmocka_unit_test(no_whole_branch_says_so),
        cmocka_unit_test(a_budget_gives_the_best_so_far),
        cmocka_unit_test(the_model_rates_what_nobody_judges),
        cmocka_unit_test(samples_rate_where_there_are_no_probabilities),
        cmocka_unit_test(a_vote_decides),
        cmocka_unit_test(thoughts_may_be_listed),
        cmocka_unit_test(a_model_without_prefixes_cannot),
    };
    return cmocka_run_group_tests_name("think/tree", tests, NULL, NULL);
}
