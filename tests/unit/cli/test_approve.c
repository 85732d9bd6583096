/* What is shown of a call before a person says yes: all of it, and nothing that a terminal
 * obeys. */
#include "support/check.h"

#include "cli/approve.h"

static void shows(const char *text, const char *expected)
{
    Str out = {0};
    approve_show(span_of(text), &out);
    assert_string_equal(str_c(&out), expected);
    str_release(&out);
}

static void nothing_is_hidden(void **state)
{
    (void)state;
    shows("{\"a\":\"na\u00efve \u20ac \U0001f600\"}",
          "{\"a\":\"na\u00efve \u20ac \U0001f600\"}");
    shows("a\x1b[2Jb\r\n\x7f", "a<U+001B>[2Jb<U+000D><U+000A><U+007F>");
    shows("\xc2\x9b"
          "2J",
          "<U+009B>2J");
    shows("rm \u202efdp.exe", "rm <U+202E>fdp.exe");
    shows("a\u200bb\u2066c", "a<U+200B>b<U+2066>c");
    shows("\xff", "<U+FFFD>");
}

static void yes_asks_nobody(void **state)
{
    (void)state;
    Approver a = {.yes = true};
    char name[] = "tool";
    const Tool tool = {.name = name};
    assert_true(approve_at_terminal(&a, &tool, "{}"));
}

static void always_holds_for_its_tool(void **state)
{
    (void)state;
    char name[] = "tool";
    const Tool tool = {.name = name};
    Approver a = {.always = {&tool}, .n_always = 1};
    assert_true(approve_at_terminal(&a, &tool, "{}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_hidden),
        cmocka_unit_test(yes_asks_nobody),
        cmocka_unit_test(always_holds_for_its_tool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
