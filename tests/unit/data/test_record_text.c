/* test_record_text.c - the short way to a row's text gives what the long one gives, or
 * gives up; the long way is jansson. */
#include "support/check.h"

#include "data/record_text.h"
#include "format/json.h"

static Err err;

static void check_taken(const char *row, const char *want)
{
    Str text = {0};
    str_puts(&text, "kept");
    assert_true(record_text_row(span_of(row), &text));
    assert_string_equal(str_c(&text) + 4, want);
    str_release(&text);
}

static void check_left(const char *row)
{
    Str text = {0};
    str_puts(&text, "kept");
    if (record_text_row(span_of(row), &text))
        fail_msg("%s is taken", row);
    assert_string_equal(str_c(&text), "kept");
    str_release(&text);
}

static void rows_of_texts_are_taken(void **state)
{
    (void)state;
    check_taken("{\"text\":\"a b\"}", "a b");
    check_taken(" { \"title\" : \"x\\ny\" ,\t\"text\" : \"\" , \"z\" : \"1\" } \r", "");
    check_taken("{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\"}",
                "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac");
    check_taken(
        "{\"text\":\"long enough for eight \xe2\x80\x94 \\ud83d\\ude00 at once\"}",
        "long enough for eight \xe2\x80\x94 \xf0\x9f\x98\x80 at once");
}

static void other_rows_are_left(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "{}",
                                       "[]",
                                       "{\"text\":1}",
                                       "{\"text\":\"a\",\"n\":1}",
                                       "{\"title\":\"a\"}",
                                       "{\"text\":\"a\"",
                                       "{\"text\":\"a",
                                       "{\"text\":\"a\"} x",
                                       "{\"text\":\"a\",}",
                                       "{\"text\":\"a\",\"text\":\"b\"}",
                                       "{\"text\":\"a\",\"x\":\"b\",\"x\":\"c\"}",
                                       "{\"text\":\"a\",\"prompt\":\"b\"}",
                                       "{\"t\\u0065xt\":\"a\"}",
                                       "{\"text\":\"\\x\"}",
                                       "{\"text\":\"\\u12\"}",
                                       "{\"text\":\"\\u0000\"}",
                                       "{\"text\":\"\\ud800\"}",
                                       "{\"text\":\"\\ud800\\u0041\"}",
                                       "{\"text\":\"\\udc00\"}",
                                       "{\"text\":\"a\nb\"}",
                                       "{\"text\":\"\xff\"}",
                                       "{\"text\":\"\xed\xa0\x80\"}",
                                       "{\"text\":\"\xe2\x82\"}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_left(rows[i]);
}

/* Whatever is taken, jansson takes too, and as the same text. */
static void taken_rows_are_what_jansson_reads(void **state)
{
    (void)state;
    static const char *const parts[] = {"a",
                                        "word ",
                                        "\\n",
                                        "\\u00e9",
                                        "\\ud83d\\ude00",
                                        "\\ud83d",
                                        "\xc3\xa9",
                                        "\xe2\x80\x94",
                                        "\xf0\x9f\x98\x80",
                                        "\xc3",
                                        "\\\"",
                                        "\"",
                                        "\\",
                                        "\t",
                                        "\x7f",
                                        "\\u0"};
    enum { N = sizeof parts / sizeof *parts };
    Rng rng = check_rng();
    Str row = {0}, text = {0};
    int taken = 0;
    for (int round = 0; round < 20000; round++) {
        str_reset(&row);
        str_reset(&text);
        str_puts(&row, round % 3 ? "{\"text\":\"" : "{\"id\":\"x\",\"text\":\"");
        for (uint32_t n = rng_below(&rng, 12); n > 0; n--)
            str_puts(&row, parts[rng_below(&rng, N)]);
        str_puts(&row, "\"}");
        if (!record_text_row(str_span(&row), &text))
            continue;
        json_t *json;
        Span want;
        CHECK_OK(json_parse(str_span(&row), &json, &err));
        CHECK_OK(json_get_text(json, "text", &want, &err));
        assert_true(span_equal(str_span(&text), want));
        json_decref(json);
        taken++;
    }
    assert_in_range(taken, 2000, 20000);
    str_release(&row);
    str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_texts_are_taken),
        cmocka_unit_test(other_rows_are_left),
        cmocka_unit_test(taken_rows_are_what_jansson_reads),
    };
    return cmocka_run_group_tests_name("data/record_text", tests, NULL, NULL);
}
