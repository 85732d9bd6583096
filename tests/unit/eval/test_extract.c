/* test_extract.c - what an answer says. */
#include "support/check.h"

#include "eval/extract.h"

static void check_answer(const char *text, const char *want)
{
    Span got = extract_answer(span_of(text));
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void an_answer_stands_behind_the_last_sign(void **state)
{
    (void)state;
    check_answer("8370+05160=898600#56088", "56088");
    check_answer("#56088;8370+05160", "56088");
    check_answer("#1 no, #27 is it", "27");
    check_answer("56088", "");
    check_answer("what#", "");
    check_answer("", "");
}

static void check_number(const char *text, const char *want)
{
    Str got = {0};
    assert_int_equal(extract_number(span_of(text), &got), want[0] != '\0');
    assert_string_equal(str_c(&got), want);
    str_release(&got);
}

static void the_last_number_counts(void **state)
{
    (void)state;
    check_number("The answer is 42.", "42");
    check_number("12 + 30 = 42 apples", "42");
    check_number("It is 1,234.50 at most.", "1234.50");
    check_number("-7", "-7");
    check_number("about -3.5?", "-3.5");
    check_number("5-3", "3");
    check_number("none", "");
    check_number("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_stands_behind_the_last_sign),
        cmocka_unit_test(the_last_number_counts),
    };
    return cmocka_run_group_tests_name("eval/extract", tests, NULL, NULL);
}
