/* test_str.c - growing strings keep their NUL and their failure; spans compare, find
 * and tell UTF-8 from other bytes. */
#include "support/check.h"

#include "base/mem.h"
#include "base/str.h"

static void an_unused_string_reads_as_empty(void **state)
{
    (void)state;
    Str s = {0};
    assert_string_equal(str_c(&s), "");
    assert_int_equal(str_span(&s).len, 0);
    str_release(&s);
    str_release(NULL);
}

static void appends_add_up(void **state)
{
    (void)state;
    Str s = {0};
    str_puts(&s, "ab");
    str_putc(&s, 'c');
    str_append(&s, "\0d", 2);
    str_span_append(&s, SPAN("ef"));
    str_printf(&s, "%d-%s", 12, "x");
    assert_int_equal(s.len, 11);
    assert_memory_equal(s.ptr, "abc\0def12-x", 12);
    str_release(&s);
}

static void long_strings_end_with_nul_at_every_length(void **state)
{
    (void)state;
    Str s = {0};
    for (size_t i = 0; i < 3000; i++) {
        str_putc(&s, 'x');
        assert_true(s.len == i + 1 && s.len < s.cap && s.ptr[s.len] == 0);
    }
    str_printf(&s, "%5000d", 1);
    assert_int_equal(s.len, 8000);
    assert_int_equal(strlen(str_c(&s)), 8000);
    str_truncate(&s, 5);
    assert_string_equal(str_c(&s), "xxxxx");
    str_truncate(&s, 50);
    assert_int_equal(s.len, 5);
    str_reset(&s);
    assert_string_equal(str_c(&s), "");
    str_release(&s);
}

static void no_memory_is_told_once_and_reads_as_empty(void **state)
{
    (void)state;
    Err err = {0};
    Str s = {0};
    str_puts(&s, "/important");
    CHECK_OK(str_check(&s, &err));
    mem_fail_after(0);
    str_printf(&s, "%100d", 1);
    str_puts(&s, "more");
    CHECK_FAILS(str_check(&s, &err), ERR_NOMEM,
                "no memory for a text of over 10 bytes");
    assert_string_equal(str_c(&s), "");
    assert_null(str_take(&s));
    CHECK_OK(str_check(&s, &err)); /* take left an empty one */
}

static void reset_forgives(void **state)
{
    (void)state;
    Err err = {0};
    Str s = {0};
    mem_fail_after(0);
    str_puts(&s, "lost");
    assert_int_equal(str_check(&s, &err), ERR_NOMEM);
    str_reset(&s);
    str_puts(&s, "kept");
    assert_string_equal(str_c(&s), "kept");
    str_release(&s);
}

static void take_gives_the_bytes_away(void **state)
{
    (void)state;
    Str s = {0};
    char *empty = str_take(&s);
    assert_string_equal(empty, "");
    str_puts(&s, "mine");
    char *mine = str_take(&s);
    assert_string_equal(mine, "mine");
    assert_null(s.ptr);
    mem_free(empty);
    mem_free(mine);
}

static void spans_compare_and_find(void **state)
{
    (void)state;
    assert_true(span_equal(SPAN("a\0b"), SPAN("a\0b")));
    assert_false(span_equal(SPAN("a\0b"), SPAN("a\0c")));
    assert_true(span_equal((Span){0}, SPAN("")));
    assert_true(span_starts(SPAN("abc"), SPAN("ab")));
    assert_false(span_starts(SPAN("ab"), SPAN("abc")));
    assert_int_equal(span_find(SPAN("aabaab"), SPAN("aab"), 0), 0);
    assert_int_equal(span_find(SPAN("aabaab"), SPAN("aab"), 1), 3);
    assert_int_equal(span_find(SPAN("aabaab"), SPAN("aab"), 4), -1);
    assert_int_equal(span_find(SPAN("aaa"), SPAN("b"), 0), -1);
    assert_int_equal(span_find(SPAN("aaa"), SPAN(""), 3), 3);
    assert_int_equal(span_find(SPAN("aaa"), SPAN("a"), 4), -1);
    assert_true(span_equal(span_trim(SPAN(" \t a b\r\n")), SPAN("a b")));
    assert_int_equal(span_trim(SPAN(" \n")).len, 0);
    assert_int_equal(span_of(NULL).len, 0);
}

static void utf8_is_told_from_other_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4}, /* U+10FFFF */
        {"\xf4\x90\x80\x80", 0}, /* above it */
        {"\xc0\x80", 0},         /* overlong NUL */
        {"\xe0\x80\x80", 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* surrogate */
        {"\xed\x9f\xbf", 3},     /* the last before them */
        {"\x80", 0},
        {"\xff", 0},
        {"\xe2\x82", 0}, /* cut */
        {"\xe2\x82(", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(span_utf8(span_of(cases[i].bytes), 0), cases[i].n);
}

static void quoting_escapes_controls_and_cuts_between_characters(void **state)
{
    (void)state;
    Str s = {0};
    str_quote(&s, SPAN("a\n\t\r\\\x01\x7f\xff\xc3\xa9\xc2\x9b"), 100);
    assert_string_equal(str_c(&s), "a\\n\\t\\r\\\\\\x01\\x7f\\xff\xc3\xa9\\xc2\\x9b");
    str_reset(&s);
    str_quote(&s, SPAN("ab\xe2\x82\xac-"), 4);
    assert_string_equal(str_c(&s), "ab...");
    str_reset(&s);
    str_quote(&s, SPAN("abcd"), 4);
    assert_string_equal(str_c(&s), "abcd");
    str_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unused_string_reads_as_empty),
        cmocka_unit_test(appends_add_up),
        cmocka_unit_test(long_strings_end_with_nul_at_every_length),
        cmocka_unit_test(no_memory_is_told_once_and_reads_as_empty),
        cmocka_unit_test(reset_forgives),
        cmocka_unit_test(take_gives_the_bytes_away),
        cmocka_unit_test(spans_compare_and_find),
        cmocka_unit_test(utf8_is_told_from_other_bytes),
        cmocka_unit_test(quoting_escapes_controls_and_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
