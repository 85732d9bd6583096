/* Command lines as people type them, and the tools that options ask for. */
#include "support/check.h"

#include "base/mem.h"
#include "think/tool/manifest.h"
#include "think/tool/toolkit.h"

/* The words with '|' between them, then "; rest". */
static void splits(const char *text, const char *expected)
{
    Err err = {0};
    char **words = NULL;
    Span rest = {0};
    Str out = {0};
    if (toolkit_split(span_of(text), &words, &rest, &err) != OK)
        str_printf(&out, "error: %s", err.msg);
    for (char **w = words; w && *w; w++)
        str_printf(&out, "%s%s", w == words ? "" : "|", *w);
    if (words && rest.len > 0)
        str_printf(&out, "; %.*s", (int)rest.len, rest.ptr);
    assert_string_equal(str_c(&out), expected);
    words_free(words);
    str_release(&out);
}

static void command_lines_are_split(void **state)
{
    (void)state;
    splits("a b  c", "a|b|c");
    splits(" a 'b c' \"d 'e'\" ", "a|b c|d 'e'");
    splits("a '' b", "a||b");
    splits("a'b'c", "abc");
    splits("a $HOME `x` *", "a|$HOME|`x`|*");
    splits("a; b=c d", "a; b=c d");
    splits("a ';' b;", "a|;|b");
    splits("a 'b", "error: a ' in the command has no end");
    splits("", "error: a command without a word");
    splits(" ; a", "error: a command without a word");
}

static void options_name_tools(void **state)
{
    (void)state;
    Err err = {0};
    Toolbox box = {0};
    ToolkitOptions o;
    CHECK_OK(opt_defaults(&toolkit_options, &o, &err));
    assert_false(toolkit_wanted(&o));
    CHECK_OK(toolkit_open(&box, &o, &err));
    assert_int_equal(box.n, 0);
    CHECK_OK(opt_set(&toolkit_options, &o, "tool", " sort , length,", &err));
    assert_true(toolkit_wanted(&o));
    CHECK_OK(toolkit_open(&box, &o, &err));
    assert_int_equal(box.n, 2);
    assert_string_equal(box.tools[0].name, "sort");
    toolbox_release(&box);
    CHECK_OK(opt_set(&toolkit_options, &o, "tool", "all", &err));
    CHECK_OK(toolkit_open(&box, &o, &err));
    assert_int_equal(box.n, 6);
    CHECK_FAILS(toolkit_open(&box, &o, &err), ERR_OPTION,
                "there are two tools of the name 'calculator'");
    toolbox_release(&box);
    CHECK_OK(opt_set(&toolkit_options, &o, "tool", "", &err));
    CHECK_OK(opt_set(&toolkit_options, &o, "tools", "/no/such.yaml", &err));
    assert_int_equal(toolkit_open(&box, &o, &err), ERR_IO);
    opt_release(&toolkit_options, &o);
    toolbox_release(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_lines_are_split),
        cmocka_unit_test(options_name_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
