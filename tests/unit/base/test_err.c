/* test_err.c - messages are filled, extended and cut as promised. */
#include "support/check.h"

#include <errno.h>

static void set_fills_code_and_message(void **state)
{
    (void)state;
    Err err = {0};
    CHECK_FAILS(err_set(&err, ERR_LIMIT, "%d of %s", 3, "x"), ERR_LIMIT, "3 of x");
    assert_int_equal(err.code, ERR_LIMIT);
}

static void no_err_to_fill_still_gives_the_code(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "lost"), ERR_IO);
    assert_int_not_equal(err_context(NULL, "lost too"), OK);
}

static void context_goes_in_front(void **state)
{
    (void)state;
    Err err = {0};
    err_set(&err, ERR_FORMAT, "not an object");
    err_context(&err, "line %d", 3);
    CHECK_FAILS(err_context(&err, "data '%s'", "a.jsonl"), ERR_FORMAT,
                "data 'a.jsonl': line 3: not an object");
}

static void a_message_may_be_made_of_itself(void **state)
{
    (void)state;
    Err err = {0};
    err_set(&err, ERR_IO, "inner");
    CHECK_FAILS(err_set(&err, ERR_IO, "outer (%s)", err.msg), ERR_IO, "outer (inner)");
}

static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    Err err = {0};
    char text[1200];
    for (size_t i = 0; i < 600; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 2);
    text[1199] = 0;
    for (int shift = 0; shift < 2; shift++) {
        err_set(&err, ERR_IO, "%s%s", shift ? "x" : "", text);
        size_t n = strlen(err.msg);
        assert_true(n >= 510 && n <= 511);
        assert_int_equal((unsigned char)err.msg[n - 1], 0xa9);
        err_context(&err, "%s", text);
        assert_true(strlen(err.msg) <= 511);
        assert_int_equal((unsigned char)err.msg[0], 0xc3);
    }
}

static void system_errors_name_verb_path_and_reason(void **state)
{
    (void)state;
    Err err = {0};
    errno = ENOENT;
    CHECK_FAILS(err_system(&err, "open", "a.txt"), ERR_IO,
                "cannot open 'a.txt': No such file or directory");
    errno = ENOMEM;
    assert_int_equal(err_system(&err, "map", "a.txt"), ERR_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_code_and_message),
        cmocka_unit_test(no_err_to_fill_still_gives_the_code),
        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(a_message_may_be_made_of_itself),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(system_errors_name_verb_path_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
