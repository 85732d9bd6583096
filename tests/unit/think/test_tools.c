/* Tool calls from the ids of a call to the ids of its result, through the engine. */
#include "support/chatter.h"

#include "think/tool/builtin.h"
#include "think/tools.h"

static void call_gives(const char *call, const char *expected)
{
    Err err = {0};
    Str out = {0};
    Toolbox box = {0};
    bool failed;
    CHECK_OK(builtin_add(&box, SPAN("calculator"), &err));
    CHECK_OK(toolbox_call_text(&box, span_of(call), NULL, NULL, &out, &failed, &err));
    assert_string_equal(str_c(&out), expected);
    assert_int_equal(failed, strncmp(expected, "error: ", 7) == 0);
    toolbox_release(&box);
    str_release(&out);
}

static void a_call_gives_its_result(void **state)
{
    (void)state;
    call_gives("calculator(12*7)", "84");
    call_gives(" calculator((1+2)*3) ", "9");
}

static void a_bad_call_gives_an_error_as_its_result(void **state)
{
    (void)state;
    call_gives("calculator(1/0)", "error: division by zero");
    call_gives("calculator()", "error: expected a number at the end");
    call_gives("browser(x)", "error: no tool 'browser', only 'calculator'");
    call_gives("calculator 12", "error: a call is name(arguments)");
    call_gives("(12)", "error: a call is name(arguments)");
    call_gives("", "error: a call is name(arguments)");
    call_gives("calculator(1", "error: a call is name(arguments)");
}

/* Lets the model write exactly `script` (ids that tools force are skipped), then ends. */
typedef struct Actor {
    Tools *tools;
    Ids script;
} Actor;

static bool follow_script(void *self, const int32_t *ids, int64_t n, uint32_t *allowed)
{
    const Actor *a = self;
    (void)ids;
    if (n < (int64_t)a->script.len) {
        int32_t id = a->script.ptr[n];
        allowed[id / 32] |= 1u << (id % 32);
    }
    return true;
}

static Status use_tools(void *self, int64_t request, const int32_t *ids, int64_t n,
                        bool *go_on, int32_t *force, int64_t room, int64_t *n_force,
                        Err *err)
{
    const Actor *a = self;
    return tools_hook(a->tools, request, ids, n, go_on, force, room, n_force, err);
}

/* Plays the script with at most max_calls calls; the result's ids must be the script's
 * first `expected`, forced exactly where the tool speaks. */
static void plays(const char *script, int64_t max_calls, int64_t max_new,
                  const char *expected, FinishReason finish)
{
    Err err = {0};
    Chatter c;
    Actor actor = {0};
    Ids wanted = {0}, prompt = {0};
    chatter_init(&c, 200);
    chatter_ids(&c, script, &actor.script);
    chatter_ids(&c, expected, &wanted);
    chatter_ids(&c, "<|bos|><|user|>hi<|im_end|><|assistant|>", &prompt);
    CHECK_OK(tools_new(&actor.tools, c.tok, c.chat, max_calls, &err));
    int32_t end = template_end(c.chat);
    EngineRequest r = {.prompt = prompt.ptr,
                       .n_prompt = (int64_t)prompt.len,
                       .sample = {.temperature = 1,
                                  .top_p = 1,
                                  .repetition_penalty = 1,
                                  .max_new = max_new},
                       .stop_ids = &end,
                       .n_stop_ids = 1,
                       .hook = use_tools,
                       .constraint = follow_script,
                       .self = &actor};
    EngineResult out;
    CHECK_OK(engine_run(c.engine, &r, 1, &out, NULL, &err));
    assert_int_equal(out.finish, finish);
    assert_int_equal(out.n, wanted.len);
    assert_memory_equal(out.ids, wanted.ptr, wanted.len * sizeof(int32_t));
    bool tool = false;
    for (int64_t i = 0; i < out.n; i++) {
        tool = tool || out.ids[i] == template_id(c.chat, ROLE_TOOL);
        assert_int_equal(out.forced[i], tool);
        tool = tool && out.ids[i] != template_id(c.chat, ROLE_ASSISTANT);
    }
    engine_result_release(&out);
    tools_free(actor.tools);
    ids_release(&actor.script);
    ids_release(&wanted);
    ids_release(&prompt);
    chatter_release(&c);
}

#define CALL_84 "<|call|>calculator(12*7)<|im_end|><|tool|>84<|im_end|><|assistant|>"

static void a_result_is_forced_and_the_answer_goes_on(void **state)
{
    (void)state;
    const char *all = CALL_84 "It is 84.<|im_end|>";
    plays(all, 4, 100, all, FINISH_STOP);
}

static void an_error_is_forced_like_a_result(void **state)
{
    (void)state;
    const char *all = "<|call|>calculator(1/0)<|im_end|><|tool|>error: division by "
                      "zero<|im_end|><|assistant|>No.<|im_end|>";
    plays(all, 4, 100, all, FINISH_STOP);
}

static void a_second_call_beyond_the_limit_ends_the_answer(void **state)
{
    (void)state;
    plays(CALL_84 CALL_84 "x<|im_end|>", 2, 150, CALL_84 CALL_84 "x<|im_end|>",
          FINISH_STOP);
    plays(CALL_84 CALL_84 "x<|im_end|>", 1, 150,
          CALL_84 "<|call|>calculator(12*7)<|im_end|>", FINISH_STOP);
}

static void a_result_that_does_not_fit_ends_the_answer_at_its_call(void **state)
{
    (void)state;
    const char *call = "<|call|>calculator(12*7)<|im_end|>"; /* 18 tokens, result 5 */
    plays(CALL_84 "x<|im_end|>", 4, 22, call, FINISH_STOP);
    plays(CALL_84 "x<|im_end|>", 4, 23, CALL_84, FINISH_LENGTH);
}

static void a_plain_answer_is_no_call(void **state)
{
    (void)state;
    plays("calculator(12*7)<|im_end|>", 4, 100, "calculator(12*7)<|im_end|>",
          FINISH_STOP);
    plays("so <|call|>calculator(1)<|im_end|>", 4, 100,
          "so <|call|>calculator(1)<|im_end|>", FINISH_STOP);
    plays("<|im_end|>", 4, 100, "<|im_end|>", FINISH_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_gives_its_result),
        cmocka_unit_test(a_bad_call_gives_an_error_as_its_result),
        cmocka_unit_test(a_result_is_forced_and_the_answer_goes_on),
        cmocka_unit_test(an_error_is_forced_like_a_result),
        cmocka_unit_test(a_second_call_beyond_the_limit_ends_the_answer),
        cmocka_unit_test(a_result_that_does_not_fit_ends_the_answer_at_its_call),
        cmocka_unit_test(a_plain_answer_is_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
