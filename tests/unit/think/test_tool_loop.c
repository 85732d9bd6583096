/* Tools in a loop: what is called, what the model reads of it, and when it ends. */
#include "support/thinking.h"

#include "base/mem.h"
#include "think/tool/builtin.h"

/* A tool that says the same every time and counts its calls. */
static int calls;
static Status answer_once(void *self, const json_t *arguments, Str *out, bool *failed,
                          Err *err)
{
    (void)self;
    (void)arguments;
    (void)err;
    calls++;
    *failed = false;
    str_printf(out, "result %d", calls);
    return OK;
}

static void add_tools(Toolbox *box)
{
    Err err = {0};
    CHECK_OK(builtin_add(box, SPAN("calculator"), &err));
    Tool tool = {.name = mem_dup("look", 4),
                 .description = mem_dup("looks", 5),
                 .parameters = json_pack("{s:s, s:{s:{s:s}}}", "type", "object",
                                         "properties", "q", "type", "string"),
                 .argument = mem_dup("q", 1),
                 .trusted = true,
                 .call = answer_once};
    CHECK_OK(toolbox_add(box, tool, &err));
    calls = 0;
}

static void start(Thinking *t, Toolbox *box, const char *const *texts)
{
    thinking_init(t, texts, "number");
    *box = (Toolbox){0};
    add_tools(box);
    t->q.tools = box;
}

static void a_call_is_made_and_its_result_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"CALL calculator {\"expression\":\"348*27\"}",
                                        "348 * 27 = 9396", NULL};
    Thinking t;
    Toolbox box;
    start(&t, &box, texts);
    assert_int_equal(thinking_ask(&t, "tools"), OK);
    assert_string_equal(str_c(&t.out.text), "348 * 27 = 9396");
    assert_string_equal(str_c(&t.out.answer), "9396");
    assert_string_equal(str_c(&t.out.thinking), "[calculator(348*27) = 9396]\n");
    assert_int_equal(t.fake.requests, 2);
    assert_string_equal(t.fake.prompts[1],
                        "user: 2+2?|assistant: [calculator(348*27)]|tool: 9396");
    assert_true(t.fake.keys[0] != t.fake.keys[1]);
    assert_false(t.out.cut);
    assert_non_null(strstr(
        str_c(&t.trace), "\"kind\":\"tool\",\"name\":\"tool\",\"tool\":\"calculator\","
                         "\"arguments\":\"{\\\"expression\\\":\\\"348*27\\\"}\","
                         "\"result\":\"9396\""));
    toolbox_release(&box);
    thinking_release(&t);
}

static void a_failing_call_is_read_too(void **state)
{
    (void)state;
    static const char *const texts[] = {"CALL calculator {\"expression\":\"1/0\"}",
                                        "CALL hammer {\"x\":1}", "I cannot: 0", NULL};
    Thinking t;
    Toolbox box;
    start(&t, &box, texts);
    assert_int_equal(thinking_ask(&t, "tools"), OK);
    assert_string_equal(str_c(&t.out.text), "I cannot: 0");
    assert_non_null(strstr(t.fake.prompts[1], "|tool: error: division by zero"));
    assert_non_null(strstr(t.fake.prompts[2], "|tool: error: "));
    assert_non_null(strstr(t.fake.prompts[2], "hammer"));
    toolbox_release(&box);
    thinking_release(&t);
}

static void the_same_call_is_made_once(void **state)
{
    (void)state;
    static const char *const again[] = {"CALL look {\"q\":\"x\"}",
                                        "CALL look {\"q\":\"x\"}", "so 1", NULL};
    static const char *const forever[] = {
        "CALL look {\"q\":\"x\"}", "CALL look {\"q\":\"x\"}", "CALL look {\"q\":\"x\"}",
        "CALL look {\"q\":\"x\"}", NULL};
    Thinking t;
    Toolbox box;
    start(&t, &box, again);
    assert_int_equal(thinking_ask(&t, "tools"), OK);
    assert_int_equal(calls, 1);
    assert_string_equal(str_c(&t.out.text), "so 1");
    assert_non_null(strstr(t.fake.prompts[2], "|tool: result 1|"));
    assert_non_null(strstr(t.fake.prompts[2], "this call was made already"));
    toolbox_release(&box);
    thinking_release(&t);
    start(&t, &box, forever);
    assert_int_equal(thinking_ask(&t, "tools"), OK);
    assert_int_equal(calls, 1);
    assert_int_equal(t.fake.requests, 3);
    assert_true(t.out.cut);
    assert_string_equal(str_c(&t.out.note),
                        "cut: it made the same call again and again");
    assert_string_equal(str_c(&t.out.text), "result 1");
    toolbox_release(&box);
    thinking_release(&t);
}

/* Always another call. */
static void call_on(void *self, const LmRequest *r, int32_t k, Str *out)
{
    (void)k;
    (void)r;
    str_printf(out, "CALL look {\"q\":\"%d\"}", ++*(int *)self);
}

static void rounds_are_limited(void **state)
{
    (void)state;
    Thinking t;
    Toolbox box;
    int n = 0;
    start(&t, &box, NULL);
    t.fake.say = call_on;
    t.fake.self = &n;
    t.o.tool_steps = 3;
    assert_int_equal(thinking_ask(&t, "tools"), OK);
    assert_int_equal(t.fake.requests, 4);
    assert_int_equal(calls, 4);
    assert_true(t.out.cut);
    assert_string_equal(str_c(&t.out.text), "result 4");
    assert_string_equal(str_c(&t.out.note), "cut: no answer after --tool-steps calls");
    toolbox_release(&box);
    thinking_release(&t);
}

static void a_budget_ends_the_loop_with_what_there_is(void **state)
{
    (void)state;
    Thinking t;
    Toolbox box;
    int n = 0;
    start(&t, &box, NULL);
    t.fake.say = call_on;
    t.fake.self = &n;
    t.budget.calls = 2;
    assert_int_equal(thinking_ask(&t, "tools"), OK);
    assert_int_equal(t.fake.requests, 2);
    assert_true(t.out.cut);
    assert_string_equal(str_c(&t.out.text), "result 2");
    toolbox_release(&box);
    thinking_release(&t);
}

static void several_attempts_begin_together(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "CALL look {\"q\":\"a\"}", "7", "CALL look {\"q\":\"b\"}", "8", "8", NULL};
    Thinking t;
    Toolbox box;
    start(&t, &box, texts);
    t.o.vote_stop = 1;
    assert_int_equal(thinking_ask(&t, "tools+consistency:3"), OK);
    assert_int_equal(t.fake.n[0], 3);
    assert_int_equal(t.fake.requests, 3);
    assert_int_equal(t.fake.first[1], 0);
    assert_int_equal(t.fake.first[2], 2);
    assert_int_equal(t.fake.keys[1], t.fake.keys[2]);
    assert_string_equal(str_c(&t.out.answer), "8");
    toolbox_release(&box);
    thinking_release(&t);
}

static void who_cannot_says_so(void **state)
{
    (void)state;
    Thinking t;
    thinking_init(&t, NULL, "number");
    assert_int_equal(thinking_ask(&t, "tools"), ERR_OPTION);
    assert_string_equal(t.err.msg, "tools needs some: --tool, --tools or --mcp");
    t.fake.lm.can.tools = false;
    assert_int_equal(thinking_ask(&t, "tools"), ERR_OPTION);
    assert_string_equal(t.err.msg, "strategy 'tools': 'fake' does not call tools");
    thinking_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_made_and_its_result_read),
        cmocka_unit_test(a_failing_call_is_read_too),
        cmocka_unit_test(the_same_call_is_made_once),
        cmocka_unit_test(rounds_are_limited),
        cmocka_unit_test(a_budget_ends_the_loop_with_what_there_is),
        cmocka_unit_test(several_attempts_begin_together),
        cmocka_unit_test(who_cannot_says_so),
    };
    return cmocka_run_group_tests_name("think/tool_loop", tests, NULL, NULL);
}
