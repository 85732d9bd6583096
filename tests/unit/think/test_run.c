/* Budgets are kept whatever is asked, and the trace says what was done. */
#include "support/fake_lm.h"

#include "think/run.h"

static Conversation talk;

static int add_question(void **state)
{
    (void)state;
    Err err = {0};
    return conversation_add(&talk, ROLE_USER, SPAN("2+2?"), &err) == OK ? 0 : -1;
}

static int release_question(void **state)
{
    (void)state;
    conversation_release(&talk);
    return 0;
}

static LmRequest request_of(int32_t n, int64_t max_new)
{
    return (LmRequest){
        .talk = &talk, .sample = sample_plain(0, max_new, 3), .key = 0xabc, .n = n};
}

static Status ask(Run *run, int32_t n, int64_t max_new, Err *err)
{
    LmAnswer answers[64];
    LmRequest r = request_of(n, max_new);
    Status status = run_complete(run, "answer", &r, answers, err);
    for (int32_t i = 0; status == OK && i < n; i++)
        lm_answer_release(&answers[i]);
    return status;
}

static void the_trace_has_every_call(void **state)
{
    (void)state;
    Err err = {0};
    static const char *const texts[] = {"four \"4\"", "so 4", NULL};
    FakeLm fake;
    fake_init(&fake, texts);
    Run run;
    Budget none = {0};
    CHECK_OK(run_init(&run, &fake.lm, &none, fake_clock, "ask", &err));
    CHECK_OK(ask(&run, 2, 8, &err));
    fake.status = ERR_IO;
    assert_int_equal(ask(&run, 1, 8, &err), ERR_IO);
    run_end(&run);
    Str out = {0};
    CHECK_OK(trace_lines(run.trace, &out, &err));
    const char *sample =
        "\"sample\":{\"temperature\":0.0,\"top_k\":0,\"top_p\":1.0,\"min_p\":0.0,"
        "\"repetition_penalty\":1.0,\"max_new\":8,\"seed\":3}";
    const char *messages = "\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"}],"
                           "\"key\":\"0000000000000abc\"";
    char expected[2048];
    snprintf(expected, sizeof expected,
             "{\"span\":0,\"parent\":null,\"kind\":\"strategy\",\"name\":\"ask\","
             "\"begin\":0.000000,\"seconds\":0.000000}\n"
             "{\"span\":1,\"parent\":0,\"kind\":\"call\",\"name\":\"answer\",%s,%s,"
             "\"answers\":[{\"text\":\"four \\\"4\\\"\",\"tokens\":2,\"logprob\":-2.0,"
             "\"entropy\":0.0,\"finish\":\"stop\"},{\"text\":\"so 4\",\"tokens\":2,"
             "\"logprob\":-2.0,\"entropy\":0.0,\"finish\":\"stop\"}],"
             "\"prompt_tokens\":0,\"tokens\":4,\"says\":\"four \\\"4\\\"\","
             "\"begin\":0.000000,\"seconds\":0.000000}\n"
             "{\"span\":2,\"parent\":0,\"kind\":\"call\",\"name\":\"answer\",%s,%s,"
             "\"error\":\"the fake fails\",\"says\":\"the fake fails\","
             "\"begin\":0.000000,\"seconds\":0.000000}\n",
             messages, sample, messages, sample);
    assert_string_equal(str_c(&out), expected);
    str_reset(&out);
    trace_tree(run.trace, 44, &out);
    assert_string_equal(str_c(&out), "ask 4 tokens, 0 ms\n"
                                     "├─ answer [call] 4 tokens, 0 ms: four \"4\"\n"
                                     "└─ answer [call] 0 ms: the fake fails\n");
    str_reset(&out);
    trace_tree(run.trace, 20, &out);
    assert_string_equal(str_c(&out), "ask 4 tokens, 0 ms\n"
                                     "├─ answer [call] 4 …\n"
                                     "└─ answer [call] 0 …\n");
    str_release(&out);
    run_release(&run);
    fake_release(&fake);
}

static void a_budget_says_no_by_name(void **state)
{
    (void)state;
    Err err = {0};
    FakeLm fake;
    fake_init(&fake, NULL);
    Run run;
    Budget calls = {.calls = 5};
    CHECK_OK(run_init(&run, &fake.lm, &calls, fake_clock, "ask", &err));
    assert_int_equal(run_room(&run, 8, 10), 5);
    CHECK_OK(ask(&run, 4, 10, &err));
    CHECK_FAILS(ask(&run, 2, 10, &err), ERR_LIMIT, "the budget of 5 calls is used up");
    assert_true(run_spent(&run, ERR_LIMIT));
    assert_false(run_spent(&run, ERR_IO));
    assert_int_equal(run_room(&run, 8, 10), 1);
    CHECK_OK(ask(&run, 1, 10, &err));
    assert_int_equal(fake.requests, 2);
    run_release(&run);
    fake_release(&fake);
}

static void a_failure_that_is_not_the_budgets_is_none(void **state)
{
    (void)state;
    Err err = {0};
    FakeLm fake;
    fake_init(&fake, NULL);
    fake.status = ERR_LIMIT; /* a prompt that is too long */
    Run run;
    Budget budget = {.calls = 5};
    CHECK_OK(run_init(&run, &fake.lm, &budget, fake_clock, "ask", &err));
    assert_false(run_spent(&run, ask(&run, 1, 10, &err)));
    run_release(&run);
    fake_release(&fake);
}

static void answers_share_the_tokens_that_are_left(void **state)
{
    (void)state;
    Err err = {0};
    static const char *const texts[] = {"a b c d e f", "a b", "a b c d", NULL};
    FakeLm fake;
    fake_init(&fake, texts);
    Run run;
    Budget tokens = {.tokens = 10};
    CHECK_OK(run_init(&run, &fake.lm, &tokens, fake_clock, "ask", &err));
    CHECK_OK(ask(&run, 3, 8, &err));
    assert_int_equal(fake.max_new[0], 3); /* a b c | a b | a b c: 8 */
    assert_int_equal(run.tokens, 8);
    assert_int_equal(run_room(&run, 9, 1), 2);
    assert_int_equal(run_room(&run, 9, 3), 0);
    CHECK_FAILS(ask(&run, 3, 8, &err), ERR_LIMIT, "the budget of 10 tokens is used up");
    CHECK_OK(ask(&run, 2, 8, &err));
    assert_int_equal(fake.max_new[1], 1);
    run_release(&run);
    fake_release(&fake);
}

static double now; /* of a clock that moves by itself */
static double ticking(void)
{
    return now++;
}

static void time_ends_answers_and_forbids_more(void **state)
{
    (void)state;
    Err err = {0};
    FakeLm fake;
    fake_init(&fake, NULL);
    Run run;
    Budget seconds = {.seconds = 8};
    now = 100;
    CHECK_OK(run_init(&run, &fake.lm, &seconds, ticking, "ask", &err));
    int asked = 0;
    Status status;
    while ((status = ask(&run, 1, 8, &err)) == OK)
        asked++;
    assert_true(asked >= 1 && asked <= 8);
    assert_true(run_spent(&run, status));
    assert_string_equal(err.msg, "the budget of 8 seconds is used up");
    run_release(&run);
    fake_release(&fake);
}

static const FakeLm *watched;

/* Late once the model has been asked. */
static double late(void)
{
    return watched->requests > 0 ? 1000 : 100;
}

/* An answer without a word is none, where time ran out. */
static void time_that_ends_before_a_word_is_an_error(void **state)
{
    (void)state;
    Err err = {0};
    FakeLm fake;
    fake_init(&fake, NULL);
    Run run;
    Budget seconds = {.seconds = 2};
    watched = &fake;
    CHECK_OK(run_init(&run, &fake.lm, &seconds, late, "ask", &err));
    Status status = ask(&run, 1, 8, &err);
    assert_true(run_spent(&run, status));
    assert_int_equal(fake.requests, 1);
    run_release(&run);
    fake_release(&fake);
}

static void say_some_words(void *self, const LmRequest *r, int32_t k, Str *out)
{
    (void)r;
    (void)k;
    for (uint32_t n = rng_below(self, 12); n > 0; n--)
        str_puts(out, "word ");
}

/* Whatever is asked of whatever model, no budget is exceeded. */
static void no_budget_is_ever_exceeded(void **state)
{
    (void)state;
    Err err = {0};
    Rng rng = check_rng();
    for (int trial = 0; trial < 300; trial++) {
        FakeLm fake;
        fake_init(&fake, NULL);
        fake.say = say_some_words;
        fake.self = &rng;
        Run run;
        Budget budget = {.tokens = rng_below(&rng, 60), .calls = rng_below(&rng, 20)};
        CHECK_OK(run_init(&run, &fake.lm, &budget, fake_clock, "ask", &err));
        for (int i = 0; i < 30; i++) {
            int32_t n = 1 + (int32_t)rng_below(&rng, 6);
            Status status = ask(&run, n, 1 + rng_below(&rng, 10), &err);
            assert_true(status == OK || run_spent(&run, status));
        }
        assert_true(budget.tokens == 0 || run.tokens <= budget.tokens);
        assert_true(budget.calls == 0 || run.calls <= budget.calls);
        assert_int_equal(run.usage.answer_tokens, run.tokens);
        run_release(&run);
        fake_release(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_trace_has_every_call),
        cmocka_unit_test(a_budget_says_no_by_name),
        cmocka_unit_test(a_failure_that_is_not_the_budgets_is_none),
        cmocka_unit_test(answers_share_the_tokens_that_are_left),
        cmocka_unit_test(time_ends_answers_and_forbids_more),
        cmocka_unit_test(time_that_ends_before_a_word_is_an_error),
        cmocka_unit_test(no_budget_is_ever_exceeded),
    };
    return cmocka_run_group_tests_name("think/run", tests, add_question,
                                       release_question);
}
