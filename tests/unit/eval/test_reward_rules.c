/* test_reward_rules.c - each rule on answers whose score is plain to see. */
#include "support/chatter.h"

#include "base/stats.h"
#include "eval/reward_rules.h"

#include <math.h>

typedef struct Case {
    const char *rule;   /* one part, YAML */
    const char *row;    /* JSON; NULL: none */
    const char *answer; /* <|special|> tokens as such */
    double score;
} Case;

static const char call[] =
    "<|call|>calculator(12*7)<|im_end|><|tool|>84<|im_end|><|assistant|>12 * 7 = "
    "84.<|im_end|>";

static const Case cases[] = {
    /* exact, whole */
    {"{exact: a}", "{\"a\":\"Paris\"}", " Paris\n<|im_end|>", 1},
    {"{exact: a}", "{\"a\":\"Paris\"}", "Paris.<|im_end|>", 0},
    {"{exact: a}", "{\"a\":\"Paris\"}", "paris<|im_end|>", 0},
    {"{exact: a, ignore_case: true}", "{\"a\":\"Paris\"}", "pARIS<|im_end|>", 1},
    {"{exact: a}", "{\"a\":[\"no\",\"yes\"]}", "yes<|im_end|>", 1},
    {"{exact: a}", "{\"a\":42}", "42<|im_end|>", 1},
    /* the last message alone is read */
    {"{exact: a}", "{\"a\":\"12 * 7 = 84.\"}", call, 1},
    /* exact, final */
    {"{exact: a, match: final}", "{\"a\":\"4\"}", "2 + 2.\nAnswer: 4.<|im_end|>", 1},
    {"{exact: a, match: final}", "{\"a\":\"4\"}", "Answer: 3\nAnswer: 4\nOh", 1},
    {"{exact: a, match: final}", "{\"a\":\"4\"}", "Answer: 4\nAnswer: 3", 0},
    {"{exact: a, match: final}", "{\"a\":\"4\"}", "4", 0},
    {"{exact: a, match: final, after: '=> '}", "{\"a\":\"4\"}", "so => 4", 1},
    /* exact, number */
    {"{exact: a, match: number}", "{\"a\":\"84\"}", "12 * 7 = 84.", 1},
    {"{exact: a, match: number}", "{\"a\":84}", "84, since 12 * 7 = 84", 1},
    {"{exact: a, match: number}", "{\"a\":84}", "84 is not 85", 0},
    {"{exact: a, match: number}", "{\"a\":\"5 * 3 = 15 #### 15\"}", "15", 1},
    {"{exact: a, match: number}", "{\"a\":\"1234567\"}", "It is 1,234,567.", 1},
    {"{exact: a, match: number}", "{\"a\":\"3\"}", "1,2,3", 1},
    {"{exact: a, match: number}", "{\"a\":\"-4\"}", "It is -4", 1},
    {"{exact: a, match: number}", "{\"a\":\"4\"}", "It is -4", 0},
    {"{exact: a, match: number}", "{\"a\":\"4\"}", "10-4", 1},
    {"{exact: a, match: number}", "{\"a\":\"2.50\"}", "02.5", 1},
    {"{exact: a, match: number}", "{\"a\":\"25\"}", "2.5", 0},
    {"{exact: a, match: number}", "{\"a\":\"0\"}", "-0.00", 1},
    {"{exact: a, match: number}", "{\"a\":\"100\"}", "10", 0},
    {"{exact: a, match: number}", "{\"a\":\"4\"}", "four", 0},
    {"{exact: a, match: number}", "{\"a\":\"none\"}", "none", 0},
    {"{exact: a, match: number, after: 'So'}", "{\"a\":\"4\"}", "4. No 5", 0},
    {"{exact: a, match: number, after: 'So'}", "{\"a\":\"4\"}", "5. So 4", 1},
    /* exact, contains */
    {"{exact: a, match: contains}", "{\"a\":\"red\"}", "It is red.", 1},
    {"{exact: a, match: contains}", "{\"a\":\"red\"}", "It is bored.", 0},
    {"{exact: a, match: contains}", "{\"a\":\"\"}", "It is bored.", 0},
    /* regex */
    {"{regex: '^So'}", NULL, "So it is", 1},
    {"{regex: '^So'}", NULL, "And so", 0},
    {"{regex: '^$'}", NULL, "<|im_end|>", 1},
    {"{regex: '(?i)\\bSO\\b.$'}", NULL, "it is so.", 1},
    {"{regex: '(a|aa)+$'}", NULL,
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 0}, /* gives up */
    /* length, in tokens: here bytes and one for the end */
    {"{length: target, tokens: 4}", NULL, "abc<|im_end|>", 0},
    {"{length: target, tokens: 4}", NULL, "abcdef", -0.5},
    {"{length: target, tokens: 4}", NULL, "ab", -0.5},
    {"{length: penalty, tokens: 4}", NULL, "ab", -0.5},
    {"{length: over, tokens: 6, buffer: 2}", NULL, "abcd", 0},
    {"{length: over, tokens: 6, buffer: 2}", NULL, "abcde", -0.5},
    {"{length: over, tokens: 6, buffer: 2}", NULL, "abcdefgh", -1},
    /* format */
    {"{format: ended}", NULL, "abc<|im_end|>", 1},
    {"{format: ended}", NULL, "abc", 0},
    {"{format: answer}", NULL, "So.\nAnswer: 4\n", 1},
    {"{format: answer}", NULL, "Answer: 4", 1},
    {"{format: answer}", NULL, "Answer: 4\nor so", 0},
    {"{format: answer}", NULL, "Answer:", 0},
    {"{format: answer}", NULL, "My Answer: 4", 0},
    {"{format: answer}", NULL, "Answer: 3\nAnswer: 4", 0},
    {"{format: answer, after: 'A: '}", NULL, "A: 4", 1},
    {"{format: json}", NULL, " {\"a\": [1]} ", 1},
    {"{format: json}", NULL, "{\"a\": 1,}", 0},
    {"{format: json}", NULL, "4", 0},
    {"{format: call}", NULL, call, 1},
    {"{format: no_call}", NULL, call, 0},
    {"{format: call}", NULL, "84", 0},
    {"{format: no_call}", NULL, "84", 1},
    {"{format: call}", NULL, "<|call|>calculator(12*7)<|im_end|>", 0},
    {"{format: call}", NULL,
     "<|call|>calculator<|im_end|><|tool|>error: no call<|im_end|><|assistant|>84", 0},
    {"{format: call}", NULL,
     "<|call|>calculator(2*)<|im_end|><|tool|>error: it ends<|im_end|><|assistant|>84",
     0},
};

static void every_rule_scores_what_it_says(void **state)
{
    (void)state;
    Chatter c;
    chatter_init(&c, 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Case *t = &cases[i];
        Err err = {0};
        RewardSpec spec;
        Reward reward;
        Ids ids = {0};
        json_t *row = NULL;
        CHECK_OK(reward_spec_parse(span_of(t->rule), &spec, &err));
        CHECK_OK(reward_from_rule(&reward, &spec.parts[0], c.tok, c.chat, &err));
        if (t->row)
            CHECK_OK(json_parse(span_of(t->row), &row, &err));
        chatter_ids(&c, t->answer, &ids);
        int32_t end = template_end(c.chat);
        RewardItem item = {.row = row,
                           .answer = ids.ptr,
                           .n_answer = (int64_t)ids.len,
                           .ended = ids.len > 0 && ids.ptr[ids.len - 1] == end};
        CHECK_OK(reward_score(&reward, &item, 1, &err));
        if (item.score != t->score)
            fail_msg("%s of '%s' is %g, not %g", t->rule, t->answer, item.score,
                     t->score);
        reward_release(&reward);
        reward_spec_release(&spec);
        ids_release(&ids);
        json_decref(row);
    }
    chatter_release(&c);
}

static void a_row_without_the_field_is_an_error(void **state)
{
    (void)state;
    Err err = {0};
    RewardSpec spec;
    json_t *row, *good, *nested;
    CHECK_OK(reward_spec_parse(SPAN("{exact: answer, when: {x: 1}}"), &spec, &err));
    CHECK_OK(json_parse(SPAN("{\"prompt\": \"a\", \"x\": 1}"), &row, &err));
    CHECK_OK(json_parse(SPAN("{\"answer\": true, \"x\": 1}"), &good, &err));
    CHECK_OK(json_parse(SPAN("{\"answer\": {}, \"x\": 1}"), &nested, &err));
    CHECK_OK(reward_rule_check(&spec.parts[0], good, &err));
    CHECK_OK(reward_rule_check(&spec.parts[0], NULL, &err)); /* not asked */
    CHECK_FAILS(reward_rule_check(&spec.parts[0], row, &err), ERR_FORMAT,
                "a prompt's row has no field 'answer' with a text or a number (it has: "
                "prompt, x); `when` says which rows are meant");
    assert_int_equal(reward_rule_check(&spec.parts[0], nested, &err), ERR_FORMAT);
    reward_spec_release(&spec);
    json_decref(row);
    json_decref(good);
    json_decref(nested);
}

static void a_broken_expression_is_told_at_once(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    RewardSpec spec;
    Reward reward;
    chatter_init(&c, 16);
    CHECK_OK(reward_spec_parse(SPAN("{regex: 'a(b'}"), &spec, &err));
    CHECK_FAILS(reward_from_rule(&reward, &spec.parts[0], c.tok, c.chat, &err),
                ERR_FORMAT, "missing closing parenthesis, at byte 3");
    reward_spec_release(&spec);
    chatter_release(&c);
}

static double drawn(const char *rule, const int32_t *prompt, int64_t n_prompt,
                    const int32_t *answer, int64_t n_answer)
{
    Err err = {0};
    Chatter c;
    RewardSpec spec;
    Reward reward;
    chatter_init(&c, 16);
    CHECK_OK(reward_spec_parse(span_of(rule), &spec, &err));
    CHECK_OK(reward_from_rule(&reward, &spec.parts[0], c.tok, c.chat, &err));
    RewardItem item = {.prompt_ids = prompt,
                       .n_prompt = n_prompt,
                       .answer = answer,
                       .n_answer = n_answer};
    CHECK_OK(reward_score(&reward, &item, 1, &err));
    reward_release(&reward);
    reward_spec_release(&spec);
    chatter_release(&c);
    return item.score;
}

static void a_drawn_reward_is_of_seed_prompt_and_answer(void **state)
{
    (void)state;
    static const int32_t ids[] = {65, 66, 67, 65};
    double here = drawn("{random: 1}", ids, 2, ids + 2, 2);
    assert_true(here == drawn("{random: 1}", ids, 2, ids + 2, 2));
    assert_true(here != drawn("{random: 2}", ids, 2, ids + 2, 2));     /* seed */
    assert_true(here != drawn("{random: 1}", ids, 2, ids, 2));         /* answer */
    assert_true(here != drawn("{random: 1}", ids + 1, 2, ids + 2, 2)); /* prompt */
    assert_true(here != drawn("{random: 1}", ids, 3, ids + 3, 1)); /* where they meet */
}

/* Mean 0, deviation 1 and nothing to do with how long the answer is, each within four
 * standard errors. */
static void drawn_rewards_are_normal_and_blind(void **state)
{
    (void)state;
    enum { N = 4000, LONGEST = 8 };
    static int32_t ids[N][LONGEST];
    static RewardItem items[N];
    double score[N], length[N], product = 0;
    Err err = {0};
    Chatter c;
    RewardSpec spec;
    Reward reward;
    chatter_init(&c, 16);
    CHECK_OK(reward_spec_parse(SPAN("{random: 1}"), &spec, &err));
    CHECK_OK(reward_from_rule(&reward, &spec.parts[0], c.tok, c.chat, &err));
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < LONGEST; k++)
            ids[i][k] = 'a' + (i >> 3 * k) % 8;
        items[i] = (RewardItem){.answer = ids[i], .n_answer = 4 + i % 5};
    }
    CHECK_OK(reward_score(&reward, items, N, &err));
    for (int i = 0; i < N; i++) {
        score[i] = items[i].score;
        length[i] = (double)items[i].n_answer;
    }
    double mean = stats_mean(score, N), sd = stats_sd(score, N), root = sqrt(N);
    double mean_length = stats_mean(length, N), sd_length = stats_sd(length, N);
    for (int i = 0; i < N; i++)
        product += (score[i] - mean) * (length[i] - mean_length);
    assert_true(fabs(mean) < 4 / root);
    assert_true(fabs(sd - 1) < 4 / (sqrt(2) * root));
    assert_true(fabs(product / (N * sd * sd_length)) < 4 / root);
    reward_release(&reward);
    reward_spec_release(&spec);
    chatter_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_scores_what_it_says),
        cmocka_unit_test(a_row_without_the_field_is_an_error),
        cmocka_unit_test(a_broken_expression_is_told_at_once),
        cmocka_unit_test(a_drawn_reward_is_of_seed_prompt_and_answer),
        cmocka_unit_test(drawn_rewards_are_normal_and_blind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
