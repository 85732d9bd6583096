/* A reward as the judge of texts. */
#include "support/chatter.h"

#include "eval/text_judge.h"

static double score(TextJudge *j, const char *question, const char *answer)
{
    Err err = {0};
    Conversation talk = {0};
    double out;
    Judging judge = text_judge_as(j);
    CHECK_OK(conversation_add(&talk, ROLE_USER, span_of(question), &err));
    CHECK_OK(judge.score(judge.self, &talk, span_of(answer), &out, &err));
    conversation_release(&talk);
    return out;
}

static void rules_judge_texts(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    TextJudge *j;
    chatter_init(&c, 64);
    Loaded asked = {.ops = c.ops, .model = c.model, .tok = c.tok, .chat = c.chat};
    CHECK_OK(
        text_judge_open(&j,
                        "[{regex: 'ye+s'}, {length: target, tokens: 4, weight: 2}, "
                        "{format: ended, weight: 8}]",
                        c.ops, &asked, &err));
    CHECK_NEAR(score(j, "2+2?", "yes"), 1 - 0 + 8, 1e-9); /* y e s and the end: 4 */
    CHECK_NEAR(score(j, "2+2?", "no"), 0 - 2 * 0.25 + 8, 1e-9);
    CHECK_NEAR(score(j, "2+2?", "yeeees!"), 1 - 2 * 1.0 + 8, 1e-9);
    text_judge_free(j);
    chatter_release(&c);
}

/* Of an endpoint's answers nobody knows the tokens: lengths are in bytes. */
static void rules_judge_an_endpoints_texts(void **state)
{
    (void)state;
    Err err = {0};
    TextJudge *j;
    CHECK_OK(
        text_judge_open(&j, "[{regex: 'ye+s'}, {length: target, tokens: 4, weight: 2}]",
                        NULL, NULL, &err));
    CHECK_NEAR(score(j, "2+2?", "yes"), 1, 1e-9);
    CHECK_NEAR(score(j, "2+2?", "no"), 0 - 2 * 0.25, 1e-9);
    CHECK_NEAR(score(j, "2+2?", "\xf0\x9f\x98\x80yes"), 1 - 2 * 1.0, 1e-9);
    text_judge_free(j);
}

static void what_cannot_judge_says_so(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    TextJudge *j;
    chatter_init(&c, 64);
    Loaded asked = {.ops = c.ops, .model = c.model, .tok = c.tok, .chat = c.chat};
    assert_int_equal(text_judge_open(&j, "[{exact: answer}]", c.ops, &asked, &err),
                     ERR_FORMAT);
    assert_non_null(strstr(err.msg, "judge: "));
    assert_null(j);
    asked.chat = NULL;
    CHECK_FAILS(text_judge_open(&j, "[{regex: x}]", c.ops, &asked, &err), ERR_OPTION,
                "judge: the model that is asked has no chat template");
    chatter_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_judge_texts),
        cmocka_unit_test(rules_judge_an_endpoints_texts),
        cmocka_unit_test(what_cannot_judge_says_so),
    };
    return cmocka_run_group_tests_name("eval/text_judge", tests, NULL, NULL);
}
