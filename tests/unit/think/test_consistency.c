/* Self-consistency: votes, ties, invalid answers, when it stops. */
#include "support/thinking.h"

#include "think/strategy/votes.h"

#include <math.h>

static void most_votes_win_and_ties_go_to_the_first(void **state)
{
    (void)state;
    static const char *const texts[] = {"Five: answer is 5",   "No idea.",
                                        "Well: answer is 4",   "So: answer is 4.0.",
                                        "Hm: the answer is 5", NULL};
    Thinking t;
    thinking_init(&t, texts, "answer");
    t.o.vote_stop = 1;
    t.o.vote_round = 8;
    assert_int_equal(thinking_ask(&t, "consistency:5"), OK);
    assert_int_equal(t.fake.requests, 1);
    assert_int_equal(t.fake.n[0], 5);
    assert_string_equal(str_c(&t.out.answer), "5");
    assert_string_equal(str_c(&t.out.text), "Five: answer is 5");
    assert_string_equal(str_c(&t.out.note), "2 of 4 votes, 1 invalid");
    CHECK_NEAR(t.out.confidence, 0.5, 0);
    assert_int_equal(t.out.tokens, 4 + 2 + 4 + 4 + 5);
    assert_non_null(strstr(str_c(&t.trace), "\"votes\":{\"5\":2,\"4\":2},"
                                            "\"attempts\":5,\"invalid\":1"));
    thinking_release(&t);
}

static void nothing_valid_is_no_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {"Hm.", "No idea.", NULL};
    Thinking t;
    thinking_init(&t, texts, "answer");
    assert_int_equal(thinking_ask(&t, "consistency:2"), OK);
    assert_string_equal(str_c(&t.out.answer), "");
    assert_string_equal(str_c(&t.out.text), "Hm.");
    assert_string_equal(str_c(&t.out.note), "none of 2 attempts has an answer");
    thinking_release(&t);
}

static void it_stops_when_the_vote_is_settled(void **state)
{
    (void)state;
    static const char *const alike[] = {"4", "4", "4", "4", NULL};
    static const char *const mixed[] = {"4", "4", "5", "4", "4", "4", "4", "4", NULL};
    Thinking t;
    thinking_init(&t, alike, "number");
    assert_int_equal(thinking_ask(&t, "consistency:16"), OK);
    assert_int_equal(t.fake.requests, 1);
    assert_string_equal(str_c(&t.out.note), "4 of 4 votes");
    thinking_release(&t);
    thinking_init(&t, mixed, "number");
    assert_int_equal(thinking_ask(&t, "consistency:16"), OK);
    assert_int_equal(t.fake.requests, 2);
    assert_int_equal(t.fake.first[1], 4);
    assert_int_equal(t.fake.keys[1], t.fake.keys[0]);
    assert_string_equal(str_c(&t.out.note), "7 of 8 votes");
    thinking_release(&t);
}

/* What an answer to (key, k) is does not depend on when it was asked for. */
static void say_by_number(void *self, const LmRequest *r, int32_t k, Str *out)
{
    (void)self;
    uint64_t words[2] = {r->key, (uint64_t)k};
    str_printf(out, "%d", (int)(rng_hash(words, sizeof words, 0) % 3));
}

static void rounds_change_nothing_and_a_seed_gives_a_trace(void **state)
{
    (void)state;
    Str first = {0};
    for (int trial = 0; trial < 4; trial++) {
        Thinking t;
        thinking_init(&t, NULL, "number");
        t.fake.say = say_by_number;
        t.o.vote_stop = 1;
        t.o.vote_round = trial < 2 ? 4 : trial;
        assert_int_equal(thinking_ask(&t, "consistency:12"), OK);
        const char *votes = strstr(str_c(&t.trace), "\"votes\"");
        assert_non_null(votes);
        if (trial == 0)
            str_puts(&first, str_c(&t.trace));
        else if (trial == 1)
            assert_string_equal(str_c(&t.trace), str_c(&first));
        else
            assert_memory_equal(votes, strstr(str_c(&first), "\"votes\""), 24);
        thinking_release(&t);
    }
    str_release(&first);
}

static void a_budget_gives_the_votes_there_are(void **state)
{
    (void)state;
    static const char *const texts[] = {"4", "5", "4", "6", "5", "5", "4", NULL};
    Thinking t;
    thinking_init(&t, texts, "number");
    t.budget.calls = 6;
    assert_int_equal(thinking_ask(&t, "consistency:16"), OK);
    assert_int_equal(t.fake.requests, 2);
    assert_int_equal(t.fake.n[1], 2);
    assert_string_equal(str_c(&t.out.note), "3 of 6 votes");
    assert_true(t.out.cut);
    assert_string_equal(str_c(&t.out.answer), "5");
    thinking_release(&t);
    thinking_init(&t, texts, "number");
    t.budget.seconds = 1e-9;
    t.budget.calls = 1;
    assert_int_equal(thinking_ask(&t, "consistency:16"), OK);
    assert_string_equal(str_c(&t.out.note), "1 of 1 votes");
    thinking_release(&t);
}

static void samples_without_chance_are_refused(void **state)
{
    (void)state;
    Thinking t;
    thinking_init(&t, NULL, "number");
    t.q.sample.temperature = 0;
    assert_int_equal(thinking_ask(&t, "consistency"), ERR_OPTION);
    assert_string_equal(t.err.msg, "consistency needs a --temperature above 0: without "
                                   "chance all samples are the same");
    thinking_release(&t);
}

static void chains_vote_by_their_answers(void **state)
{
    (void)state;
    static const char *const texts[] = {"a: answer is 4", "b", "c: answer is 5",
                                        "The answer is 5", NULL};
    Thinking t;
    thinking_init(&t, texts, "answer");
    assert_int_equal(thinking_ask(&t, "consistency:3+cot"), OK);
    assert_int_equal(t.fake.requests, 2);
    assert_string_equal(t.fake.prompts[0], "user: 2+2?>Let's think step by step.");
    assert_string_equal(str_c(&t.out.text), "The answer is 5");
    assert_string_equal(str_c(&t.out.thinking), "b");
    assert_non_null(strstr(str_c(&t.trace), "\"think\":\"direct+cot+consistency:3\""));
    thinking_release(&t);
}

/* The integral of x^v1 (1-x)^v2 over [1/2, 1], of that over [0, 1], by Simpson's rule. */
static double lead_by_integration(int v1, int v2)
{
    enum { STEPS = 4000 };
    double upper = 0, all = 0;
    for (int i = 0; i <= STEPS; i++) {
        double x = (double)i / STEPS;
        double w = i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2;
        double y = pow(x, v1) * pow(1 - x, v2);
        all += w * y;
        double wu = i == STEPS / 2 || i == STEPS ? 1 : i % 2 ? 4 : 2;
        if (i >= STEPS / 2)
            upper += wu * y;
    }
    return upper / all;
}

static void the_lead_is_what_integration_gives(void **state)
{
    (void)state;
    Err err = {0};
    for (int v1 = 0; v1 <= 12; v1++) {
        for (int v2 = 0; v2 <= v1; v2++) {
            Votes v;
            CHECK_OK(votes_init(&v, 30, &err));
            for (int i = 0; i < v1 + v2; i++)
                votes_add(&v, i, i < v2 ? SPAN("b") : SPAN("a"));
            CHECK_NEAR(votes_lead(&v), lead_by_integration(v1, v2), 1e-9);
            votes_release(&v);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_votes_win_and_ties_go_to_the_first),
        cmocka_unit_test(nothing_valid_is_no_answer),
        cmocka_unit_test(it_stops_when_the_vote_is_settled),
        cmocka_unit_test(rounds_change_nothing_and_a_seed_gives_a_trace),
        cmocka_unit_test(a_budget_gives_the_votes_there_are),
        cmocka_unit_test(samples_without_chance_are_refused),
        cmocka_unit_test(chains_vote_by_their_answers),
        cmocka_unit_test(the_lead_is_what_integration_gives),
    };
    return cmocka_run_group_tests_name("think/consistency", tests, NULL, NULL);
}
