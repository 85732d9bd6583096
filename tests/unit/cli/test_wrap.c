/* test_wrap.c - lines that fit, whatever the text; nothing that steers a terminal. */
#include "support/check.h"

#include "cli/wrap.h"

static void check_wrap(const char *text, int columns, const char *want)
{
    Str out = {0};
    wrap_text(&out, span_of(text), columns, "> ", "  ", 2);
    assert_string_equal(str_c(&out), want);
    str_release(&out);
}

static void lines_break_at_spaces(void **state)
{
    (void)state;
    check_wrap("", 10, "> \n");
    check_wrap("one two three", 10, "> one two\n  three\n");
    check_wrap("one two three", 9, "> one two\n  three\n"); /* a space that just fits */
    check_wrap("abcdefghij", 6, "> abcd\n  efgh\n  ij\n");
    check_wrap("a abcdefghij", 6, "> a\n  abcd\n  efgh\n  ij\n");
    check_wrap("a\n\nb", 10, "> a\n  \n  b\n");
    check_wrap("a\n", 10, "> a\n  \n");
    check_wrap("ab", 3, "> a\n  b\n");
}

static void wide_characters_count_two(void **state)
{
    (void)state;
    check_wrap("\xe4\xb8\xad\xe6\x96\x87", 4, "> \xe4\xb8\xad\n  \xe6\x96\x87\n");
    assert_int_equal(wrap_columns(span_of("\xe4\xb8\xad\xc3\xa9"
                                          "a")),
                     4);
    assert_int_equal(wrap_columns(span_of("e\xcc\x81")), 1); /* a combining accent */
}

static void nothing_steers_the_terminal(void **state)
{
    (void)state;
    Str out = {0};
    wrap_text(&out,
              (Span){"a\033[2Jb\x9b"
                     "c\r\xff\0d",
                     12},
              40, "", "", 0);
    assert_string_equal(str_c(&out), "a\xef\xbf\xbd[2Jb\xef\xbf\xbd"
                                     "c\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                                     "d\n");
    str_reset(&out);
    /* also not the one-character form of CSI, and no right-to-left override */
    wrap_clip(&out,
              span_of("\xc2\x9b"
                      "1m\xe2\x80\xae"),
              10);
    assert_string_equal(str_c(&out), "\xef\xbf\xbd"
                                     "1m\xef\xbf\xbd");
    str_release(&out);
}

static void clipping_says_that_it_cut(void **state)
{
    (void)state;
    static const struct {
        int columns;
        const char *want;
    } rows[] = {{5, "a bcd"}, {4, "a b\xe2\x80\xa6"}, {1, "\xe2\x80\xa6"}, {0, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Str out = {0};
        int used = wrap_clip(&out, span_of("a\nbcd"), rows[i].columns);
        assert_string_equal(str_c(&out), rows[i].want);
        assert_true(used <= rows[i].columns);
        str_release(&out);
    }
}

/* Random texts at all widths: no line is too wide, and no letter is lost. */
static void no_line_is_too_wide_and_no_letter_is_lost(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",        "bc",           " ",  "  ",   "\n",
        "\xc3\xa9", "\xe4\xb8\xad", "\t", "\x01", "longerword"};
    Rng r = check_rng();
    for (int i = 0; i < 3000; i++) {
        Str text = {0}, out = {0};
        int letters = 0, kept = 0, columns = 2 + (int)rng_below(&r, 20);
        for (uint32_t n = rng_below(&r, 30); n > 0; n--)
            str_puts(&text, pieces[rng_below(&r, 10)]);
        wrap_text(&out, str_span(&text), columns, "", "", 0);
        for (size_t k = 0; k < text.len; k++)
            letters += text.ptr[k] >= 'a' && text.ptr[k] <= 'z';
        size_t at = 0;
        for (size_t k = 0; k < out.len; k++) {
            kept += out.ptr[k] >= 'a' && out.ptr[k] <= 'z';
            if (out.ptr[k] != '\n')
                continue;
            assert_true(wrap_columns((Span){out.ptr + at, k - at}) <= columns);
            at = k + 1;
        }
        assert_int_equal(at, out.len);
        assert_int_equal(kept, letters);
        str_release(&text);
        str_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_break_at_spaces),
        cmocka_unit_test(wide_characters_count_two),
        cmocka_unit_test(nothing_steers_the_terminal),
        cmocka_unit_test(clipping_says_that_it_cut),
        cmocka_unit_test(no_line_is_too_wide_and_no_letter_is_lost),
    };
    return cmocka_run_group_tests_name("cli/wrap", tests, NULL, NULL);
}
