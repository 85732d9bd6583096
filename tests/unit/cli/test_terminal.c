/* test_terminal.c - bytes of a terminal become keys, and keys a text. */
#include "support/check.h"

#include "cli/terminal.h"
#include "cli/text_field.h"

static void check_key(const char *bytes, int32_t want, size_t used)
{
    size_t got;
    int32_t key = terminal_decode((const unsigned char *)bytes, strlen(bytes), &got);
    assert_int_equal(got, used);
    if (used > 0)
        assert_int_equal(key, want);
}

static void bytes_become_keys(void **state)
{
    (void)state;
    check_key("a", 'a', 1);
    check_key("\r", KEY_ENTER, 1);
    check_key("\n", '\n', 1);
    check_key("\x7f", KEY_BACKSPACE, 1);
    check_key("\b", KEY_BACKSPACE, 1);
    check_key("\xc3\xa9x", 0xe9, 2);
    check_key("\xf0\x9f\x98\x80", 0x1f600, 4);
    check_key("\xff", KEY_NONE, 1);
    check_key("\xc3", 0, 0);
    check_key("\033", KEY_ESCAPE, 1);
    check_key("\033x", KEY_ESCAPE, 1);
    check_key("\033[", 0, 0);
    check_key("\033[A2", KEY_UP, 3);
    check_key("\033OB", KEY_DOWN, 3);
    check_key("\033[5~", KEY_PAGE_UP, 4);
    check_key("\033[1;5C", KEY_NONE, 6);
    check_key("\033[200~", KEY_PASTE, 6);
    check_key("\033[201~", KEY_PASTE_END, 6);
}

/* Types into a field; 'L' 'R' 'H' 'E' 'B' 'D' stand for keys. */
static void check_field(const char *before, const char *keys, const char *want)
{
    static const char names[] = "LRHEBD";
    static const int32_t codes[] = {KEY_LEFT, KEY_RIGHT,     KEY_HOME,
                                    KEY_END,  KEY_BACKSPACE, KEY_DELETE};
    TextField f = {0};
    text_field_start(&f, span_of(before), true);
    for (const char *k = keys; *k; k++) {
        const char *at = strchr(names, *k);
        text_field_key(&f, at ? codes[at - names] : *k, false);
    }
    assert_string_equal(str_c(&f.text), want);
    text_field_release(&f);
}

static void a_field_is_edited(void **state)
{
    (void)state;
    check_field("", "abc", "abc");
    check_field("ac", "Lb", "abc");
    check_field("abc", "HD", "bc");
    check_field("abc", "BBBBx", "x");
    check_field("a\xc3\xa9\xe4\xb8\xad", "BB", "a");
    check_field("a\xc3\xa9\xe4\xb8\xad", "LLD", "a\xe4\xb8\xad");
    check_field("abc", "HRx\nEy", "ax\nbcy");
    check_field("one two", "\x17", "one ");
    check_field("one two", "\x15z", "z");
    check_field("one\ntwo", "H\x0b", "one\n");
    check_field("one\ntwo", "Hx", "one\nxtwo");
    check_field("", "LRHEBD\x17\x15\x0b", "");
}

static void enter_ends_a_field_but_not_in_a_paste(void **state)
{
    (void)state;
    TextField f = {0};
    text_field_start(&f, SPAN("a"), true);
    assert_int_equal(text_field_key(&f, KEY_ENTER, true), FIELD_STAY);
    assert_int_equal(text_field_key(&f, KEY_ENTER, false), FIELD_DONE);
    assert_int_equal(text_field_key(&f, KEY_ESCAPE, false), FIELD_CANCEL);
    assert_string_equal(str_c(&f.text), "a\n");
    text_field_start(&f, SPAN("a"), false); /* a single line */
    text_field_key(&f, KEY_ENTER, true);
    text_field_key(&f, '\n', false);
    assert_string_equal(str_c(&f.text), "a  ");
    text_field_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_keys),
        cmocka_unit_test(a_field_is_edited),
        cmocka_unit_test(enter_ends_a_field_but_not_in_a_paste),
    };
    return cmocka_run_group_tests_name("cli/terminal", tests, NULL, NULL);
}
