/* test_utf8.c - UTF-8 and its streaming. */
#include "support/check.h"

#include "text/utf8.h"

static void check_stream(Span bytes, size_t step, const char *want)
{
    Utf8Stream u = {0};
    Str out = {0};
    for (size_t at = 0; at < bytes.len; at += step) {
        size_t n = bytes.len - at < step ? bytes.len - at : step;
        utf8_stream_put(&u, (Span){bytes.ptr + at, n}, &out);
        assert_int_equal(utf8_valid_prefix(str_span(&out)), out.len);
    }
    utf8_stream_end(&u, &out);
    assert_string_equal(str_c(&out), want);
    str_release(&out);
}

static void code_points_of_every_length_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int len;
        uint32_t code;
    } all[] = {{"A", 1, 'A'},
               {"\xc2\x80", 2, 0x80},
               {"\xdf\xbf", 2, 0x7ff},
               {"\xe0\xa0\x80", 3, 0x800},
               {"\xef\xbf\xbf", 3, 0xffff},
               {"\xf0\x90\x80\x80", 4, 0x10000},
               {"\xf4\x8f\xbf\xbf", 4, 0x10ffff}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint32_t code = 0;
        assert_int_equal(utf8_decode(span_of(all[i].text), &code), all[i].len);
        assert_int_equal(code, all[i].code);
    }
}

static void overlong_forms_surrogates_and_cut_characters_are_not_decoded(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xc3",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xff",
                                      "\xf5\x80\x80\x80",
                                      "\xf4\x90\x80\x80"};
    uint32_t code = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(utf8_decode(span_of(bad[i]), &code), 0);
    assert_int_equal(utf8_valid_prefix(SPAN("ab\xe2\x82\xac\xe2\x82")), 5);
}

static void characters_cut_anywhere_come_out_whole(void **state)
{
    (void)state;
    const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    for (size_t step = 1; step <= strlen(text); step++)
        check_stream(span_of(text), step, text);
}

/* The examples of the Unicode standard, table 3-8 and following. */
static void damage_is_one_replacement_per_maximal_subpart(void **state)
{
    (void)state;
#define R "\xef\xbf\xbd"
    static const char *const all[][2] = {
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", R R R R R R R R "A"},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", R R R R R R R R "A"},
        {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", R R R R R "A" R R "B"},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", R R R R "A"},
        {"ab\xf0\x9f\x98", "ab" R},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (size_t step = 1; step < 10; step++)
            check_stream(span_of(all[i][0]), step, all[i][1]);
    }
}

static void an_incomplete_tail_is_held_back(void **state)
{
    (void)state;
    Utf8Stream u = {0};
    Str out = {0};
    utf8_stream_put(&u, SPAN("x\xe2\x82"), &out);
    assert_string_equal(str_c(&out), "x");
    utf8_stream_put(&u, SPAN("\xac"), &out);
    assert_string_equal(str_c(&out), "x\xe2\x82\xac");
    utf8_stream_end(&u, &out);
    assert_string_equal(str_c(&out), "x\xe2\x82\xac");
    str_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_points_of_every_length_are_decoded),
        cmocka_unit_test(overlong_forms_surrogates_and_cut_characters_are_not_decoded),
        cmocka_unit_test(characters_cut_anywhere_come_out_whole),
        cmocka_unit_test(damage_is_one_replacement_per_maximal_subpart),
        cmocka_unit_test(an_incomplete_tail_is_held_back),
    };
    return cmocka_run_group_tests_name("text/utf8", tests, NULL, NULL);
}
