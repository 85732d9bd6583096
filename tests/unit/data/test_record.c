/* test_record.c - every layout, and every way in which a row can be wrong. */
#include "support/check.h"

#include "base/mem.h"
#include "show.h"

static Err err;

/* The row parses and shows as `want`. */
static void check_row(const char *row, const char *want)
{
    Record r = {0};
    Str shown = {0};
    CHECK_OK(record_parse(span_of(row), &r, &err));
    assert_string_equal(show_record(&r, &shown), want);
    str_release(&shown);
    record_release(&r);
}

static void check_fault(const char *row, const char *message)
{
    Record r = {0};
    CHECK_FAILS(record_parse(span_of(row), &r, &err), ERR_FORMAT, message);
    record_release(&r);
}

static void text_is_taken_as_it_is(void **state)
{
    (void)state;
    check_row("{\"title\":\"t\",\"text\":\" a\\nb \"}", "text  a\nb ");
    check_row("{\"text\":\"\"}", "text ");
}

static void text_keeps_its_nuls(void **state)
{
    (void)state;
    Record r = {0};
    CHECK_OK(record_parse(SPAN("{\"text\":\"a\\u0000b\"}"), &r, &err));
    assert_int_equal(r.text.len, 3);
    assert_memory_equal(r.text.ptr, "a\0b", 3);
    record_release(&r);
}

static void messages_are_a_chat(void **state)
{
    (void)state;
    check_row("{\"messages\":[{\"role\":\"system\",\"content\":\"be\"},"
              "{\"role\":\"user\",\"content\":\"hi\"},"
              "{\"role\":\"assistant\",\"content\":\"yo\"}]}",
              "chat [system] be [user] hi [assistant] yo");
    check_row("{\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"},"
              "{\"from\":\"gpt\",\"value\":\"yo\"}],\"system\":\"be\"}",
              "chat [system] be [user] hi [assistant] yo");
}

static void content_may_come_in_parts(void **state)
{
    (void)state;
    check_row(
        "{\"messages\":[{\"role\":\"user\",\"content\":"
        "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
        "{\"role\":\"assistant\",\"content\":\"c\"}]}",
        "chat [user] ab [assistant] c");
    check_fault("{\"messages\":[{\"role\":\"user\",\"content\":"
                "[{\"type\":\"image_url\"}]}]}",
                "'messages': message 1: part 1 of a message is not text");
}

#define CALL_ROW(arguments)                                                            \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"12*7?\"},"                        \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\","          \
    "\"type\":\"function\",\"function\":{\"name\":\"calculator\"" arguments "}}]},"    \
    "{\"role\":\"tool\",\"content\":\"84\"},"                                          \
    "{\"role\":\"assistant\",\"content\":\"84.\"}]}"
#define CALL_SHOWN(args)                                                               \
    "chat [user] 12*7? [assistant] <calculator(" args ")> [tool] 84 [assistant] 84."

static void a_tool_call_has_its_argument_as_text(void **state)
{
    (void)state;
    check_row(CALL_ROW(",\"arguments\":{\"expression\":\"12*7\"}"), CALL_SHOWN("12*7"));
    check_row(CALL_ROW(",\"arguments\":\"{\\\"expression\\\":\\\"12*7\\\"}\""),
              CALL_SHOWN("12*7"));
    check_row(CALL_ROW(",\"arguments\":\"12*7\""), CALL_SHOWN("12*7"));
    check_row(CALL_ROW(",\"arguments\":{\"n\":7}"), CALL_SHOWN("7"));
    check_row(CALL_ROW(",\"arguments\":\"7\""), CALL_SHOWN("7"));
    check_row(CALL_ROW(",\"arguments\":{}"), CALL_SHOWN(""));
    check_row(CALL_ROW(",\"arguments\":null"), CALL_SHOWN(""));
    check_row(CALL_ROW(",\"arguments\":{\"a\":1,\"b\":\"x\"}"),
              CALL_SHOWN("{\"a\":1,\"b\":\"x\"}"));
}

/* As a model wrote it, and as it must be learned from or ranked. */
static void a_call_without_arguments_is_kept_as_its_text(void **state)
{
    (void)state;
    check_row(CALL_ROW(""), "chat [user] 12*7? [assistant] <calculator> [tool] 84 "
                            "[assistant] 84.");
}

static void sharegpt_calls_are_calls(void **state)
{
    (void)state;
    check_row("{\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"},"
              "{\"from\":\"function_call\",\"value\":\"{\\\"name\\\":\\\"look\\\","
              "\\\"arguments\\\":{\\\"q\\\":\\\"cat\\\"}}\"},"
              "{\"from\":\"observation\",\"value\":\"a cat\"},"
              "{\"from\":\"gpt\",\"value\":\"cat\"}]}",
              "chat [user] hi [assistant] <look(cat)> [tool] a cat [assistant] cat");
    check_fault("{\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"},"
                "{\"from\":\"function_call\",\"value\":\"look\"}]}",
                "'conversations': message 2: function_call: line 1, column 4: invalid "
                "token near 'look'");
}

static void calls_that_are_none_are_refused(void **state)
{
    (void)state;
    check_fault("{\"messages\":[{\"role\":\"user\",\"content\":\"x\","
                "\"tool_calls\":[{\"name\":\"f\"}]}]}",
                "'messages': message 1: only an assistant calls tools, not 'user'");
    check_fault(
        "{\"messages\":[{\"role\":\"assistant\",\"content\":\"\","
        "\"tool_calls\":[{\"name\":\"f\"},{\"name\":\"g\"}]}]}",
        "'messages': message 1: 'tool_calls' must be one call a message, not 2");
    check_fault("{\"messages\":[{\"role\":\"assistant\",\"content\":\"\","
                "\"tool_calls\":[{\"name\":\"\"}]}]}",
                "'messages': message 1: a tool call without a name");
    check_fault("{\"messages\":[{\"role\":\"assistant\",\"content\":\"\","
                "\"tool_calls\":[{\"arguments\":\"\"}]}]}",
                "'messages': message 1: 'name' is missing");
}

static void a_prompt_and_its_answer_are_a_chat(void **state)
{
    (void)state;
    check_row("{\"prompt\":\"q\",\"completion\":\" a\"}",
              "chat [user] q [assistant]  a");
    check_row("{\"question\":\"q\",\"answer\":\"a\"}", "chat [user] q [assistant] a");
    check_row("{\"instruction\":\"do\",\"input\":\"it\",\"output\":\"ok\"}",
              "chat [user] do\n\nit [assistant] ok");
    check_row("{\"instruction\":\"do\",\"input\":\"\",\"output\":\"ok\"}",
              "chat [user] do [assistant] ok");
    check_row("{\"instruction\":\"do\",\"output\":\"ok\",\"system\":\"be\"}",
              "chat [system] be [user] do [assistant] ok");
    check_row("{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],"
              "\"completion\":[{\"role\":\"assistant\",\"content\":\"a\"}]}",
              "chat [user] q [assistant] a");
    check_row("{\"prompt\":\"\\n\\nHuman: q\\n\\nAssistant:\",\"completion\":\" a\"}",
              "chat [user] q [assistant]  a");
}

static void a_prompt_alone_is_a_prompt(void **state)
{
    (void)state;
    check_row("{\"prompt\":\"q\"}", "prompt [user] q");
    check_row("{\"prompt\":[{\"role\":\"system\",\"content\":\"be\"},"
              "{\"role\":\"user\",\"content\":\"q\"}]}",
              "prompt [system] be [user] q");
    check_row("{\"prompt\":\"\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c"
              "\\n\\nAssistant:\"}",
              "prompt [user] a [assistant] b [user] c");
    check_fault("{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"},"
                "{\"role\":\"assistant\",\"content\":\"a\"}]}",
                "'prompt' does not end with the user's turn");
    check_fault("{\"prompt\":[]}", "'prompt' does not end with the user's turn");
    check_fault("{\"prompt\":7}", "'prompt' must be text or messages");
}

static void a_pair_is_a_ranking_of_two(void **state)
{
    (void)state;
    static const char want[] = "ranking [user] q | 1: [assistant] a | 2: [assistant] b";
    check_row("{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}", want);
    check_row("{\"question\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}", want);
    check_row("{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"}],"
              "\"chosen\":{\"from\":\"gpt\",\"value\":\"a\"},"
              "\"rejected\":{\"from\":\"gpt\",\"value\":\"b\"}}",
              want);
    check_row("{\"prompt\":\"q\","
              "\"chosen\":[{\"role\":\"assistant\",\"content\":\"a\"}],"
              "\"rejected\":[{\"role\":\"user\",\"content\":\"q\"},"
              "{\"role\":\"assistant\",\"content\":\"b\"}]}",
              want); /* answers may repeat the prompt */
    check_row("{\"chosen\":[{\"role\":\"user\",\"content\":\"q\"},"
              "{\"role\":\"assistant\",\"content\":\"a\"}],"
              "\"rejected\":[{\"role\":\"user\",\"content\":\"q\"},"
              "{\"role\":\"assistant\",\"content\":\"b\"}]}",
              want);
    check_row("{\"chosen\":\"\\n\\nHuman: q\\n\\nAssistant: a\","
              "\"rejected\":\"\\n\\nHuman: q\\n\\nAssistant: b\"}",
              want);
}

static void a_bare_pair_parts_after_its_common_prompt(void **state)
{
    (void)state;
    check_row("{\"chosen\":\"\\n\\nHuman: q\\n\\nAssistant: a\\n\\nHuman: r\\n\\n"
              "Assistant: c\",\"rejected\":\"\\n\\nHuman: q\\n\\nAssistant: a\\n\\n"
              "Human: r\\n\\nAssistant: d\"}",
              "ranking [user] q [assistant] a [user] r | 1: [assistant] c | 2: "
              "[assistant] d");
    /* They differ earlier: an answer is all that follows. */
    check_row("{\"chosen\":\"\\n\\nHuman: q\\n\\nAssistant: a\\n\\nHuman: r\\n\\n"
              "Assistant: c\",\"rejected\":\"\\n\\nHuman: q\\n\\nAssistant: b\"}",
              "ranking [user] q | 1: [assistant] a [user] r [assistant] c | 2: "
              "[assistant] b");
    /* One is the beginning of the other. */
    check_row("{\"chosen\":\"\\n\\nHuman: q\\n\\nAssistant: a\",\"rejected\":"
              "\"\\n\\nHuman: q\\n\\nAssistant: a\\n\\nHuman: r\\n\\nAssistant: c\"}",
              "ranking [user] q | 1: [assistant] a | 2: [assistant] a [user] r "
              "[assistant] c");
}

static void a_speaker_who_goes_on_has_one_turn(void **state)
{
    (void)state;
    check_row("{\"prompt\":\"\\n\\nHuman: q\\n\\nHuman: more\\n\\nAssistant: \\n\\n"
              "Assistant: a\\n\\nHuman: r\\n\\nAssistant:\"}",
              "prompt [user] q\n\nmore [assistant] a [user] r");
}

static void pairs_that_rank_nothing_are_refused(void **state)
{
    (void)state;
    check_fault("{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"a\"}",
                "'chosen' and 'rejected' are the same");
    check_fault("{\"chosen\":\"a\",\"rejected\":\"b\"}",
                "'chosen' and 'rejected' do not begin with the same prompt");
    check_fault("{\"prompt\":\"q\",\"chosen\":\"a\"}",
                "'rejected' must be text or messages");
    check_fault("{\"prompt\":\"q\",\"rejected\":\"a\"}",
                "'chosen' must be text or messages");
    check_fault("{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":[]}",
                "answer 2: it does not end with the assistant's turn");
}

static void completions_with_ranks_are_a_ranking(void **state)
{
    (void)state;
    check_row("{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\"],"
              "\"ranks\":[2,1,2]}",
              "ranking [user] q | 2: [assistant] a | 1: [assistant] b | 2: [assistant] "
              "c");
    check_row("{\"prompt\":\"q\",\"completions\":[[{\"role\":\"assistant\","
              "\"content\":\"a\"}],\"b\"],\"ranks\":[2,1]}",
              "ranking [user] q | 2: [assistant] a | 1: [assistant] b");
}

static void completions_without_ranks_are_answers(void **state)
{
    (void)state;
    check_row("{\"prompt\":\"q\",\"completions\":[\"a\",\"b\"]}",
              "answers [user] q | [assistant] a | [assistant] b");
    check_row("{\"prompt\":\"q\",\"completions\":[\"a\"],\"ranks\":null}",
              "answers [user] q | [assistant] a");
    check_fault("{\"prompt\":\"q\",\"completions\":[]}",
                "'completions' must be 1 to 16 answers, not 0");
}

static void ranks_must_match_the_completions(void **state)
{
    (void)state;
    check_fault("{\"prompt\":\"q\",\"completions\":[\"a\"],\"ranks\":[1]}",
                "'completions' must be 2 to 16 answers, not 1");
    check_fault("{\"prompt\":\"q\",\"completions\":\"ab\",\"ranks\":[1]}",
                "'completions' must be 2 to 16 answers, not 0");
    check_fault("{\"prompt\":\"q\",\"completions\":[\"a\",\"b\"],\"ranks\":[1]}",
                "'ranks' must have a rank for each of the 2 completions");
    check_fault("{\"prompt\":\"q\",\"completions\":[\"a\",\"b\"],\"ranks\":[1,3]}",
                "rank 2 is not an integer from 1 to 2");
    check_fault("{\"prompt\":\"q\",\"completions\":[\"a\",\"b\"],\"ranks\":[1.5,1]}",
                "rank 1 is not an integer from 1 to 2");
    check_fault("{\"prompt\":\"q\",\"completions\":[\"a\",3],\"ranks\":[1,2]}",
                "'completions' must be text or messages");
}

static void margins_say_by_how_much(void **state)
{
    (void)state;
    check_row("{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\",\"margin\":0.5}",
              "ranking [user] q | 1 (0.5): [assistant] a | 2: [assistant] b");
    check_row("{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\"],"
              "\"ranks\":[2,1,3],\"margins\":[1,3,0]}",
              "ranking [user] q | 2 (1): [assistant] a | 1 (3): [assistant] b | 3: "
              "[assistant] c");
}

static void margins_must_agree_with_the_ranks(void **state)
{
    (void)state;
    check_fault("{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\",\"margin\":-1}",
                "a margin must be a number from 0 to 1000000");
    check_fault(
        "{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\",\"margin\":\"1\"}",
        "a margin must be a number from 0 to 1000000");
#define MARGINS(m)                                                                     \
    "{\"prompt\":\"q\",\"completions\":[\"a\",\"b\"],\"ranks\":[2,1],\"margins\":" m "}"
    check_fault(MARGINS("[1]"),
                "'margins' must have a number for each of the 2 completions");
    check_fault(MARGINS("[0,1e9]"), "a margin must be a number from 0 to 1000000");
    check_fault(MARGINS("[2,1]"),
                "completion 2 is ranked above 1, but its margin is smaller");
}

static void an_answer_with_a_label_is_rated(void **state)
{
    (void)state;
    check_row("{\"prompt\":\"q\",\"completion\":\"a\",\"label\":true}",
              "rated [user] q | +: [assistant] a");
    check_row("{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"completion\":"
              "[{\"role\":\"assistant\",\"content\":\"a\"}],\"label\":false}",
              "rated [user] q | -: [assistant] a");
    check_row("{\"question\":\"q\",\"answer\":\"a\",\"label\":1}",
              "rated [user] q | +: [assistant] a");
    check_row("{\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],"
              "\"answer\":\"a\",\"label\":0}",
              "rated [system] s [user] q | -: [assistant] a");
}

static void a_chat_with_a_label_is_rated_for_its_last_answer(void **state)
{
    (void)state;
    check_row("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
              "{\"role\":\"assistant\",\"content\":\"b\"},"
              "{\"role\":\"user\",\"content\":\"c\"},"
              "{\"role\":\"assistant\",\"content\":\"d\"}],\"label\":true}",
              "rated [user] a [assistant] b [user] c | +: [assistant] d");
    check_fault("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
                "\"label\":true}",
                "answer 1: it does not end with the assistant's turn");
}

/* Demonstrations may have a column of that name. */
static void a_label_of_another_sort_is_passed_over(void **state)
{
    (void)state;
    check_row("{\"prompt\":\"q\",\"completion\":\"a\",\"label\":\"news\"}",
              "chat [user] q [assistant] a");
    check_row("{\"prompt\":\"q\",\"completion\":\"a\",\"label\":3}",
              "chat [user] q [assistant] a");
    check_row("{\"prompt\":\"q\",\"label\":true}", "prompt [user] q");
    check_row("{\"text\":\"t\",\"label\":1}", "text t");
}

static void a_ranking_becomes_ratings(void **state)
{
    (void)state;
    static const struct {
        const char *ranks;
        int8_t labels[4];
    } cases[] = {{"[1,2,3,4]", {1, 1, -1, -1}},
                 {"[2,1,2,2]", {-1, 1, -1, -1}},
                 {"[1,2,2,4]", {1, 0, 0, -1}},
                 {"[3,3,3,3]", {0, 0, 0, 0}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char row[128];
        Record r = {0};
        snprintf(row, sizeof row,
                 "{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\",\"d\"],"
                 "\"ranks\":%s}",
                 cases[i].ranks);
        CHECK_OK(record_parse(span_of(row), &r, &err));
        record_to_ratings(&r);
        assert_int_equal(r.kind, RECORD_RATED);
        assert_memory_equal(r.labels, cases[i].labels, 4);
        record_release(&r);
    }
}

static void rows_that_are_no_rows_say_why(void **state)
{
    (void)state;
    check_fault("[]", "a row must be an object");
    check_fault("{\"a\":1,\"b\":2}",
                "no layout has these keys: 'a', 'b' (known are 'text', 'messages', "
                "'prompt' with 'completion', 'chosen' with 'rejected' and others)");
    check_fault("{}", "no layout has these keys: none (known are 'text', 'messages', "
                      "'prompt' with 'completion', 'chosen' with 'rejected' and "
                      "others)");
    check_fault("{\"text\":1}", "'text' is an integer, not a string");
    check_fault("{\"text\":\"a\"", "column 11: '}' expected near end of file");
    check_fault("{\"text\":\"\xff\"}",
                "column 9: unable to decode byte 0xff near '\"'");
    check_fault("{\"instruction\":\"a\"}", "'output' is missing");
    check_fault("{\"messages\":[7]}", "'messages': message 1: a message must be an "
                                      "object");
    check_fault("{\"messages\":[{\"content\":\"x\"}]}",
                "'messages': message 1: 'role' is missing");
    check_fault("{\"messages\":[{\"role\":\"user\"}]}",
                "'messages': message 1: the content of a message must be text");
    check_fault("{\"messages\":null,\"text\":1}",
                "'text' is an integer, not a string"); /* null is as good as absent */
}

static void a_record_is_reused_without_leftovers(void **state)
{
    (void)state;
    Record r = {0};
    Str shown = {0};
    CHECK_OK(record_parse(SPAN("{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\"],"
                               "\"ranks\":[2,1,2],\"margins\":[0,2,1]}"),
                          &r, &err));
    CHECK_OK(record_parse(SPAN("{\"prompt\":\"p\",\"chosen\":\"x\",\"rejected\":"
                               "\"y\"}"),
                          &r, &err));
    assert_string_equal(show_record(&r, &shown),
                        "ranking [user] p | 1: [assistant] x | 2: [assistant] y");
    CHECK_OK(record_parse(SPAN("{\"text\":\"t\"}"), &r, &err));
    assert_string_equal(show_record(&r, &shown), "text t");
    CHECK_OK(record_parse(SPAN("{\"prompt\":\"p\"}"), &r, &err));
    assert_string_equal(show_record(&r, &shown), "prompt [user] p");
    str_release(&shown);
    record_release(&r);
    record_release(NULL);
}

static void a_chat_becomes_its_prompt(void **state)
{
    (void)state;
    Record r = {0};
    Str shown = {0};
    CHECK_OK(record_parse(SPAN(CALL_ROW("")), &r, &err));
    CHECK_OK(record_to_prompt(&r, &err));
    assert_string_equal(show_record(&r, &shown), "prompt [user] 12*7?");
    CHECK_OK(record_parse(SPAN("{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":"
                               "\"b\"}"),
                          &r, &err));
    CHECK_OK(record_to_prompt(&r, &err));
    assert_string_equal(show_record(&r, &shown), "prompt [user] q");
    CHECK_OK(record_parse(SPAN("{\"prompt\":\"q\",\"answer\":\"a\",\"label\":true}"),
                          &r, &err));
    CHECK_OK(record_to_prompt(&r, &err));
    assert_string_equal(show_record(&r, &shown), "prompt [user] q");
    str_release(&shown);
    record_release(&r);
}

/* jansson's own memory is not behind the hook; everything of ours is. */
static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    static const char *const rows[] = {
        CALL_ROW(",\"arguments\":{\"expression\":\"12*7\"}"),
        "{\"prompt\":\"q\",\"completions\":[\"a\",\"b\"],\"ranks\":[2,1]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
        "{\"role\":\"assistant\",\"content\":\"a\"}],\"label\":true}",
        ("{\"chosen\":\"\\n\\nHuman: q\\n\\nAssistant: a\",\"rejected\":"
         "\"\\n\\nHuman: q\\n\\nAssistant: b\"}"),
        "{\"instruction\":\"a\",\"input\":\"b\",\"output\":\"c\",\"system\":\"s\"}",
        "{\"text\":\"abc\"}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long n = 0;
        for (bool done = false; !done; n++) {
            Record r = {0};
            mem_fail_after(n);
            Status status = record_parse(span_of(rows[i]), &r, &err);
            mem_fail_after(-1);
            assert_true(status == OK || status == ERR_NOMEM);
            done = status == OK;
            record_release(&r);
        }
        assert_true(n >= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_taken_as_it_is),
        cmocka_unit_test(text_keeps_its_nuls),
        cmocka_unit_test(messages_are_a_chat),
        cmocka_unit_test(content_may_come_in_parts),
        cmocka_unit_test(a_tool_call_has_its_argument_as_text),
        cmocka_unit_test(a_call_without_arguments_is_kept_as_its_text),
        cmocka_unit_test(sharegpt_calls_are_calls),
        cmocka_unit_test(calls_that_are_none_are_refused),
        cmocka_unit_test(a_prompt_and_its_answer_are_a_chat),
        cmocka_unit_test(a_prompt_alone_is_a_prompt),
        cmocka_unit_test(a_pair_is_a_ranking_of_two),
        cmocka_unit_test(a_bare_pair_parts_after_its_common_prompt),
        cmocka_unit_test(a_speaker_who_goes_on_has_one_turn),
        cmocka_unit_test(pairs_that_rank_nothing_are_refused),
        cmocka_unit_test(completions_with_ranks_are_a_ranking),
        cmocka_unit_test(completions_without_ranks_are_answers),
        cmocka_unit_test(ranks_must_match_the_completions),
        cmocka_unit_test(margins_say_by_how_much),
        cmocka_unit_test(margins_must_agree_with_the_ranks),
        cmocka_unit_test(an_answer_with_a_label_is_rated),
        cmocka_unit_test(a_chat_with_a_label_is_rated_for_its_last_answer),
        cmocka_unit_test(a_label_of_another_sort_is_passed_over),
        cmocka_unit_test(a_ranking_becomes_ratings),
        cmocka_unit_test(rows_that_are_no_rows_say_why),
        cmocka_unit_test(a_record_is_reused_without_leftovers),
        cmocka_unit_test(a_chat_becomes_its_prompt),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
