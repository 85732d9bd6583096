/* Many answers to many prompts, and what a person reads of one. */
#include "support/chatter.h"

#include "think/answer.h"

enum { PROMPTS = 5 };

static void ask(Chatter *c, const Record *talks, const AskOptions *o, Answers *out)
{
    Err err = {0};
    CHECK_OK(
        answers_sample(c->engine, c->tok, c->chat, talks, PROMPTS, o, NULL, out, &err));
}

static void make_talks(Record *talks)
{
    Err err = {0};
    for (int i = 0; i < PROMPTS; i++)
        CHECK_OK(conversation_add(&talks[i].chat, ROLE_USER,
                                  (Span){"who are you today?", (size_t)(4 * i + 2)},
                                  &err));
}

static const AskOptions twice = {.sample = {.temperature = 1,
                                            .top_p = 1,
                                            .repetition_penalty = 1,
                                            .max_new = 6,
                                            .seed = 2},
                                 .per_prompt = 2,
                                 .max_calls = 1};

static void more_answers_leave_the_first_ones_as_they_are(void **state)
{
    (void)state;
    Chatter c;
    Record talks[PROMPTS] = {0};
    Answers two, three;
    AskOptions more = twice;
    more.per_prompt = 3;
    chatter_init(&c, 64);
    make_talks(talks);
    ask(&c, talks, &twice, &two);
    ask(&c, talks, &more, &three);
    for (int p = 0; p < PROMPTS; p++) {
        const EngineResult *a = &two.results[2 * p], *b = &three.results[3 * p];
        assert_memory_equal(a[0].ids, b[0].ids, 6 * sizeof(int32_t));
        assert_memory_equal(a[1].ids, b[1].ids, 6 * sizeof(int32_t));
        assert_memory_not_equal(a[0].ids, a[1].ids, 6 * sizeof(int32_t));
        assert_false(answer_ended(c.chat, &a[0]));
        assert_false(answer_called(c.chat, &a[0]));
        conversation_release(&talks[p].chat);
    }
    assert_int_equal(two.prompts[1].len, 1 + 1 + 6 + 1 + 1);
    assert_int_equal(two.prompts[1].ptr[9], template_id(c.chat, ROLE_ASSISTANT));
    answers_release(&two);
    answers_release(&three);
    chatter_release(&c);
}

static void a_prompt_without_room_is_refused(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    Record talks[PROMPTS] = {0};
    chatter_init(&c, 16);
    make_talks(talks);
    Answers out;
    CHECK_FAILS(answers_sample(c.engine, c.tok, c.chat, talks, PROMPTS, &twice, NULL,
                               &out, &err),
                ERR_LIMIT, "the prompt has 18 tokens, the limit is 16");
    assert_null(out.results);
    for (int i = 0; i < PROMPTS; i++)
        conversation_release(&talks[i].chat);
    chatter_release(&c);
}

static void reads(const char *ids, const char *expected)
{
    Err err = {0};
    Chatter c;
    Ids answer = {0};
    Str text = {0};
    chatter_init(&c, 16);
    chatter_ids(&c, ids, &answer);
    CHECK_OK(answer_text(c.tok, c.chat, answer.ptr, (int64_t)answer.len, &text, &err));
    assert_string_equal(str_c(&text), expected);
    str_release(&text);
    ids_release(&answer);
    chatter_release(&c);
}

static void the_text_is_that_of_the_last_message(void **state)
{
    (void)state;
    reads("Hello.<|im_end|>", "Hello.");
    reads("Hello", "Hello");
    reads("", "");
    reads("<|call|>calculator(1)<|im_end|><|tool|>1<|im_end|><|assistant|>"
          "One.<|im_end|>",
          "One.");
    reads("<|call|>calculator(1)<|im_end|>", "");
    reads("<|call|>calculator(1)<|im_end|><|tool|>1<|im_end|><|assistant|>", "");
}

/* The answer as a row has it, which record_parse must be able to read. */
static void completes(const char *ids, const char *expected)
{
    Err err = {0};
    Chatter c;
    Ids answer = {0};
    Str text = {0};
    json_t *completion;
    chatter_init(&c, 16);
    chatter_ids(&c, ids, &answer);
    CHECK_OK(answer_completion(c.tok, c.chat, answer.ptr, (int64_t)answer.len,
                               &completion, &err));
    json_append(&text, completion);
    assert_string_equal(str_c(&text), expected);
    json_decref(completion);
    str_release(&text);
    ids_release(&answer);
    chatter_release(&c);
}

static void a_call_with_text_beside_it_is_text(void **state)
{
    (void)state;
    completes("Hello.<|im_end|>", "\"Hello.\"");
    completes("Well <|call|>calculator(1)<|im_end|><|tool|>1<|im_end|><|assistant|>"
              "One.<|im_end|>",
              "\"Well calculator(1)1One.\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_answers_leave_the_first_ones_as_they_are),
        cmocka_unit_test(a_prompt_without_room_is_refused),
        cmocka_unit_test(the_text_is_that_of_the_last_message),
        cmocka_unit_test(a_call_with_text_beside_it_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
