/* Mean scores and comparisons, with a judge that counts tokens. */
#include "support/chatter.h"

#include "eval/gold.h"

/* The score of an answer is its length, and its prompt's length / 100. */
static Status count_tokens(void *self, RewardItem *items, int64_t n, Err *err)
{
    (void)err;
    int64_t *seen = self;
    *seen += n;
    for (int64_t i = 0; i < n; i++)
        items[i].score = (double)items[i].n_answer + (double)items[i].n_prompt / 100;
    return OK;
}

static Status broken(void *self, RewardItem *items, int64_t n, Err *err)
{
    (void)self, (void)items, (void)n;
    return err_set(err, ERR_NUMERIC, "the score is NaN");
}

static void a_prompts_score_is_the_mean_of_its_answers(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    chatter_init(&c, 40);
    Record records[3] = {{.kind = RECORD_PROMPT}, {.kind = RECORD_PROMPT}};
    CHECK_OK(conversation_add(&records[0].chat, ROLE_USER, SPAN("hi"), &err));
    CHECK_OK(conversation_add(&records[1].chat, ROLE_USER, SPAN("hello"), &err));
    CHECK_OK(conversation_add(&records[2].chat, ROLE_USER, SPAN("left out"), &err));
    RecordList prompts = {records, 3, 3};
    int64_t seen = 0;
    Reward judge = {.self = &seen, .name = "counter", .score = count_tokens};
    GoldOptions o;
    GoldReport r;
    CHECK_OK(opt_defaults(&gold_options, &o, &err));
    o.answers = 4;
    o.limit = 2;
    o.max_new = 7;
    o.temperature = 0; /* a random model would end one answer in 38 by chance */
    CHECK_OK(
        gold_measure(c.engine, c.tok, c.chat, &judge, &prompts, &o, NULL, &r, &err));
    assert_int_equal(seen, 8);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.answers, 8);
    CHECK_NEAR(r.scores[1] - r.scores[0], 0.03, 1e-9); /* all have 7 tokens */
    CHECK_NEAR(r.scores[0], 7.06, 1e-9);
    CHECK_NEAR(r.mean, 7.075, 1e-9);
    CHECK_NEAR(r.tokens, 7, 0);
    CHECK_NEAR(r.ended, 0, 0);
    gold_release(&r);
    judge.score = broken;
    CHECK_FAILS(
        gold_measure(c.engine, c.tok, c.chat, &judge, &prompts, &o, NULL, &r, &err),
        ERR_NUMERIC, "counter: the score is NaN");
    assert_null(r.scores);
    for (int i = 0; i < 3; i++)
        conversation_release(&records[i].chat);
    chatter_release(&c);
}

static void pairs_are_compared_prompt_by_prompt(void **state)
{
    (void)state;
    double a[] = {1, 2, 3, 4}, b[] = {2, 2, 5, 3};
    GoldReport ra = {.scores = a, .n = 4, .mean = 2.5, .sd = 2};
    GoldReport rb = {.scores = b, .n = 4, .mean = 3};
    GoldComparison c = gold_compare(&ra, &rb);
    assert_int_equal(c.n, 4);
    CHECK_NEAR(c.difference, 0.5, 1e-12);
    CHECK_NEAR(c.in_deviations, 0.25, 1e-12);
    CHECK_NEAR(c.win_rate, 2.5 / 4, 1e-12);
    /* differences 1 0 2 -1: variance 5/3, so 1.96 * sqrt(5/12) each way */
    CHECK_NEAR(c.interval.low, 0.5 - 1.96 * 0.6454972244, 1e-6);
    CHECK_NEAR(c.interval.high, 0.5 + 1.96 * 0.6454972244, 1e-6);
    StatsInterval w = stats_wilson(2.5, 4);
    CHECK_NEAR(c.win_interval.low, w.low, 1e-12);
    CHECK_NEAR(c.win_interval.high, w.high, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompts_score_is_the_mean_of_its_answers),
        cmocka_unit_test(pairs_are_compared_prompt_by_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
