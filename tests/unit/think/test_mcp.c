/* Servers of both eras, good and bad (tests/support/mcp_server.py), and their messages. */
#include "support/temp.h"

#include "base/system.h"
#include "format/json.h"
#include "think/tool/mcp.h"
#include "think/tool/mcp_message.h"

#include <time.h>

#define SERVER TEST_GOLDEN_DIR "/../support/mcp_server.py"

/* Patient, but where silence is what a test is about. */
static const McpLimits patient = {.discover = 60, .request = 60, .call = 60};
static const McpLimits brief = {.discover = 0.3, .request = 60, .call = 0.3};

static void need_python(void)
{
    if (!file_exists("/usr/bin/python3")) {
        print_message("skipped: there is no python3\n");
        skip();
    }
}

static bool yes(void *self, const Tool *tool, const char *arguments)
{
    (void)self, (void)tool, (void)arguments;
    return true;
}

static Status add(Toolbox *box, const char *mode, const McpLimits *limits, Err *err)
{
    const char *const argv[] = {"/usr/bin/python3", "-IS", SERVER, mode,
                                temp_path("notes"), NULL};
    return mcp_add(box, "s", argv, limits, err);
}

static void call_gives(const Toolbox *box, const char *expected)
{
    Err err = {0};
    Str out = {0};
    bool failed;
    CHECK_OK(toolbox_call(box, SPAN("s_echo"), SPAN("{\"text\":\"hi\"}"), yes, NULL,
                          &out, &failed, &err));
    assert_string_equal(str_c(&out), expected);
    assert_int_equal(failed, strncmp(expected, "error: ", 7) == 0);
    str_release(&out);
}

/* A server of this mode answers a call so. */
static void gives(const char *mode, const McpLimits *limits, const char *expected)
{
    Err err = {0};
    Toolbox box = {0};
    need_python();
    CHECK_OK(add(&box, mode, limits, &err));
    call_gives(&box, expected);
    toolbox_release(&box);
}

static void fails(const char *mode, const char *message)
{
    Err err = {0};
    Toolbox box = {0};
    need_python();
    Status status = add(&box, mode, &patient, &err);
    assert_int_not_equal(status, OK);
    assert_string_equal(err.msg, message);
    toolbox_release(&box);
}

static const char *notes(void)
{
    static Str text;
    Err err = {0};
    str_release(&text);
    CHECK_OK(file_read(temp_path("notes"), 1 << 20, &text, &err));
    return str_c(&text);
}

static void both_eras_are_spoken(void **state)
{
    (void)state;
    gives("modern", &patient, "echo hi");
    gives("legacy", &patient, "echo hi");
    assert_string_equal(notes(), "notifications/initialized\n");
    gives("old", &patient, "echo hi");
    gives("late-version", &patient, "echo hi"); /* -32022 that lists what we speak */
}

static void a_server_that_is_silent_slow_or_dies_at_first_is_asked_again(void **state)
{
    (void)state;
    gives("silent", &brief, "echo hi");
    gives("strict", &patient, "echo hi");
    const McpLimits slow = {.discover = 0.1, .request = 60, .call = 60};
    gives("slow", &slow, "echo hi"); /* of the newer era: its answer comes late */
}

static void servers_that_cannot_be_used_say_why(void **state)
{
    (void)state;
    fails("unknown", "server 's': it speaks revision '1999-01-01' of the protocol, "
                     "which is not known "
                     "here");
    fails("endless", "server 's': its list of tools has more than 64 pages");
    fails("many", "server 's': it lists more than 512 tools");
    Err err = {0};
    Toolbox box = {0};
    const char *const missing[] = {"/no/such/server", NULL};
    assert_int_equal(mcp_add(&box, "s", missing, &patient, &err), ERR_IO);
    assert_string_equal(err.msg,
                        "server 's': cannot run '/no/such/server': No such file or "
                        "directory");
    const char *const ends[] = {"sh", "-c", "echo 'no config' >&2; exit 2", NULL};
    assert_int_equal(mcp_add(&box, "s", ends, &patient, &err), ERR_IO);
    assert_string_equal(err.msg,
                        "server 's': the server ended with exit status 2 (no config)");
    toolbox_release(&box);
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    need_python();
    Err err = {0};
    Toolbox box = {0};
    CHECK_OK(add(&box, "pages", &patient, &err));
    assert_int_equal(box.n, 3);
    assert_string_equal(box.tools[2].name, "s_t2");
    assert_string_equal(box.tools[2].description, "a tool named t2");
    assert_false(box.tools[0].trusted);
    toolbox_release(&box);
}

static void names_are_made_fit_and_what_is_no_tool_is_left_out(void **state)
{
    (void)state;
    need_python();
    Err err = {0};
    Toolbox box = {0};
    CHECK_OK(add(&box, "names", &patient, &err));
    assert_int_equal(box.n, 2);
    assert_string_equal(box.tools[0].name, "s_a_b_c");
    assert_int_equal(strlen(box.tools[1].name), TOOL_NAME_BYTES);
    Str out = {0};
    bool failed;
    CHECK_OK(toolbox_call(&box, SPAN("s_a_b_c"), SPAN("{}"), yes, NULL, &out, &failed,
                          &err));
    assert_string_equal(str_c(&out), "a.b/c "); /* by its own name */
    str_release(&out);
    toolbox_release(&box);
}

static void results_and_failures_are_told_apart(void **state)
{
    (void)state;
    gives("iserror", &patient, "error: echo hi");
    gives("error", &patient,
          "error: the server 's' refused the call: no such thing (-32602)");
    gives("input", &patient,
          "error: the server 's' wants more of a person (input_required), which is not "
          "to be "
          "had here");
    gives("kinds", &patient,
          "one\n[image image/png, 4 bytes in base64]\n[link file:///x]\ntwo\n[new]\n"
          "[something without a type]");
    gives("structured", &patient, "{\"n\":1}");
}

static void chatter_and_answers_to_nothing_are_passed_over(void **state)
{
    (void)state;
    gives("chatter", &patient, "echo hi");
}

static void floods_are_bounded(void **state)
{
    (void)state;
    double begin = system_seconds();
    gives("line", &patient, "error: s: the server wrote a line of over 8 MB");
    Err err = {0};
    Toolbox box = {0};
    CHECK_OK(add(&box, "flood", &patient, &err));
    call_gives(&box, "error: s: the server wrote 20001 lines and no answer among them");
    toolbox_release(&box);
    assert_true(system_seconds() - begin < 60);
}

static void no_answer_is_a_call_cancelled(void **state)
{
    (void)state;
    gives("never", &brief, "error: s: no answer to tools/call within 0.3 s");
    assert_non_null(strstr(notes(),
                           "\"method\": \"notifications/cancelled\", \"params\": "
                           "{\"requestId\": "));
}

static void what_a_server_asks_is_answered(void **state)
{
    (void)state;
    gives("asks", &patient, "echo hi");
    assert_non_null(
        strstr(notes(), "{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"result\":{}}\n"));
    assert_non_null(strstr(notes(),
                           "{\"jsonrpc\":\"2.0\",\"id\":77,\"error\":{\"code\":-32601,"
                           "\"message\":\"the client has no such method\"}}\n"));
}

/* Without state the call is repeated; with it, it may have been half done. */
static void one_that_dies_is_started_once_more(void **state)
{
    (void)state;
    gives("dies", &patient, "echo hi");
    assert_string_equal(notes(), "call\ncall\n");
}

static void with_state_a_lost_call_has_failed(void **state)
{
    (void)state;
    need_python();
    Err err = {0};
    Toolbox box = {0};
    CHECK_OK(add(&box, "dies-old", &patient, &err));
    call_gives(&box, "error: s: the server ended with exit status 7 (a bug)");
    call_gives(&box, "echo hi");
    toolbox_release(&box);
    CHECK_OK(add(&box, "dies-always", &patient, &err));
    call_gives(&box, "error: s: the server ended with exit status 7");
    call_gives(&box, "error: s: the server ended with exit status 7");
    toolbox_release(&box);
}

static void one_that_ended_between_calls_is_started_before_the_next(void **state)
{
    (void)state;
    need_python();
    Err err = {0};
    Toolbox box = {0};
    CHECK_OK(add(&box, "between", &patient, &err));
    call_gives(&box, "echo hi");
    struct timespec moment = {.tv_nsec = 300000000};
    (void)nanosleep(&moment, NULL);
    call_gives(&box, "echo hi");
    toolbox_release(&box);
}

static void a_call_is_asked_for(void **state)
{
    (void)state;
    need_python();
    Err err = {0};
    Toolbox box = {0};
    Str out = {0};
    bool failed;
    CHECK_OK(add(&box, "modern", &patient, &err));
    CHECK_OK(toolbox_call(&box, SPAN("s_echo"), SPAN("{}"), NULL, NULL, &out, &failed,
                          &err));
    assert_string_equal(str_c(&out), "error: the call of s_echo was not allowed");
    str_reset(&out);
    CHECK_OK(toolbox_call(&box, SPAN("s_echo"), SPAN("{\"text\":1}"), yes, NULL, &out,
                          &failed, &err));
    assert_string_equal(str_c(&out), "error: s_echo: 'text' must be a string, not 1");
    str_release(&out);
    toolbox_release(&box);
}

static void messages_are_told_apart(void **state)
{
    (void)state;
    Err err = {0};
    McpMessage m;
    CHECK_OK(mcp_message_parse(SPAN("{\"id\":3,\"result\":{\"x\":1}}"), &m, &err));
    assert_int_equal(m.kind, MCP_RESULT);
    assert_true(mcp_message_answers(&m, 3));
    assert_false(mcp_message_answers(&m, 4));
    mcp_message_release(&m);
    CHECK_OK(mcp_message_parse(SPAN("{\"id\":3,\"error\":{\"code\":-5,\"message\":1}}"),
                               &m, &err));
    assert_int_equal(m.kind, MCP_ERROR);
    assert_int_equal(m.code, -5);
    assert_string_equal(m.text, "");
    assert_true(mcp_message_answers(&m, 3));
    mcp_message_release(&m);
    CHECK_OK(mcp_message_parse(SPAN("{\"id\":3,\"method\":\"ping\"}"), &m, &err));
    assert_int_equal(m.kind, MCP_REQUEST);
    assert_false(mcp_message_answers(&m, 3));
    mcp_message_release(&m);
    CHECK_OK(mcp_message_parse(SPAN("{\"id\":null,\"method\":\"x\"}"), &m, &err));
    assert_int_equal(m.kind, MCP_NOTIFICATION);
    mcp_message_release(&m);
    CHECK_FAILS(mcp_message_parse(SPAN("{\"id\":3}"), &m, &err), ERR_FORMAT,
                "no message of JSON-RPC");
    CHECK_FAILS(mcp_message_parse(SPAN("[]"), &m, &err), ERR_FORMAT,
                "no message of JSON-RPC");
    assert_null(m.tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_told_apart),
        TEMP_TEST(both_eras_are_spoken),
        TEMP_TEST(a_server_that_is_silent_slow_or_dies_at_first_is_asked_again),
        TEMP_TEST(servers_that_cannot_be_used_say_why),
        TEMP_TEST(lists_come_in_pages),
        TEMP_TEST(names_are_made_fit_and_what_is_no_tool_is_left_out),
        TEMP_TEST(results_and_failures_are_told_apart),
        TEMP_TEST(chatter_and_answers_to_nothing_are_passed_over),
        TEMP_TEST(floods_are_bounded),
        TEMP_TEST(no_answer_is_a_call_cancelled),
        TEMP_TEST(what_a_server_asks_is_answered),
        TEMP_TEST(one_that_dies_is_started_once_more),
        TEMP_TEST(with_state_a_lost_call_has_failed),
        TEMP_TEST(one_that_ended_between_calls_is_started_before_the_next),
        TEMP_TEST(a_call_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
