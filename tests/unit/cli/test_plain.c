/* test_plain.c - a text that is shown does not steer the terminal. */
#include "cli/plain.h"

#include "support/check.h"

static void control_characters_do_not_get_through(void **state)
{
    (void)state;
    static const struct {
        Span text;
        const char *want;
    } cases[] = {
        {{"a\tb\nc", 5}, "a\tb\nc"},
        {{"\x1b]0;title\x07", 10}, "\xef\xbf\xbd]0;title\xef\xbf\xbd"},
        {{"a\rb\x7f\0c", 6},
         "a\xef\xbf\xbd"
         "b\xef\xbf\xbd\xef\xbf\xbd"
         "c"},
        {{"\xc2\x9b"
          "31m \xc2\xa0 \xc3\x9b",
          11},
         "\xef\xbf\xbd"
         "31m \xc2\xa0 \xc3\x9b"},
        {{"", 0}, ""},
        {{"cut \xc2", 5}, "cut \xc2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Str out = {0};
        plain_append(&out, cases[i].text);
        assert_string_equal(str_c(&out), cases[i].want);
        str_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_do_not_get_through),
    };
    return cmocka_run_group_tests_name("cli/plain", tests, NULL, NULL);
}
