/* The answer inside an answer. */
#include "support/check.h"

#include "think/extract.h"

static void finds(const char *spec, const char *text, const char *expected)
{
    Err err = {0};
    Extractor e;
    Str out = {0};
    bool valid;
    CHECK_OK(extractor_parse(&e, span_of(spec), &err));
    CHECK_OK(extract(&e, span_of(text), &out, &valid, &err));
    if (strcmp(str_c(&out), expected) != 0)
        fail_msg("%s of '%s' is '%s', not '%s'", spec, text, str_c(&out), expected);
    assert_int_equal(valid, expected[0] != '\0');
    str_release(&out);
    extractor_release(&e);
}

static void numbers(void **state)
{
    (void)state;
    finds("number", "348 * 27 = 9,396.", "9396");
    finds("number", "It costs $1,234.50 a day", "1234.5");
    finds("number", "from 7 to -3", "-3");
    finds("number", "7-3", "3");
    finds("number", "a loss of -$12", "-12");
    finds("number", "(4)-5", "5");
    finds("number", "1,2,3", "3");
    finds("number", "1,2345", "2345");
    finds("number", "12,345,678", "12345678");
    finds("number", "0012", "12");
    finds("number", "0.50", "0.5");
    finds("number", "18.00", "18");
    finds("number", "-0.0", "0");
    finds("number", "100", "100");
    finds("number", "no number here", "");
    finds("number", "", "");
    finds("number", "3.", "3");
}

static void what_stands_behind_the_mark(void **state)
{
    (void)state;
    finds("answer", "So 6960 + 2436. The answer is 9,396. Check: 1 2 3.", "9396");
    finds("answer", "the ANSWER IS: \"Paris\".\nIt has 2 million", "paris");
    finds("answer", "Answer: New   York", "new york");
    finds("answer", "The answer is 3. No: the answer is 4.", "4");
    finds("answer", "The answer is 3.5", "3.5");
    finds("answer", "**Answer:** **12**", "12");
    finds("answer", "forty-two", "");
    finds("answer", "The answer is", "");
}

static void choices(void **state)
{
    (void)state;
    finds("choice", "A or B? A strange one. I think (C).", "c");
    finds("choice", "The answer is B, because A is wrong.", "b");
    finds("choice", "Answer: (D)", "d");
    finds("choice", "a big dog", "");
    finds("choice", "CABBAGE", "");
    finds("choice:yes,no", "Yes, I know. No.", "no");
    finds("choice:yes,no", "the answer is yes. Not no.", "yes");
    finds("choice:yes,no", "nobody", "");
    finds("choice: red , dark red", "dark red", "dark red");
}

static void expressions(void **state)
{
    (void)state;
    finds("regex:#### (-?[0-9.,]+)", "a #### 7 b #### 1,200", "1200");
    finds("regex:[a-z]+=\\d+", "x=1 y=2", "y=2");
    finds("regex:#### (\\d+)", "none", "");
    finds("regex:x(y)?", "x", "x");
}

static void whole_texts_and_guesses(void **state)
{
    (void)state;
    finds("exact", "  It  is\nFOUR. ", "it is four");
    finds("exact", " . ", "");
    finds("auto", "It is 4. The answer is four.", "four");
    finds("auto", "It is 4 or 5.", "5");
    finds("auto", "Paris!", "paris");
    finds("auto", "", "");
}

static void what_is_marked_is_told_from_a_guess(void **state)
{
    (void)state;
    Err err = {0};
    Extractor e;
    Span found;
    bool marked;
    CHECK_OK(extractor_parse(&e, SPAN("auto"), &err));
    CHECK_OK(extract_find(&e, SPAN("It is 4."), &found, &marked, &err));
    assert_false(marked);
    CHECK_OK(extract_find(&e, SPAN("The answer is 4."), &found, &marked, &err));
    assert_true(marked);
    extractor_release(&e);
}

static void refused(const char *spec, const char *message)
{
    Err err = {0};
    Extractor e;
    CHECK_FAILS(extractor_parse(&e, span_of(spec), &err), ERR_OPTION, message);
}

static void a_wrong_specification_says_what_is_wrong(void **state)
{
    (void)state;
    refused("numbre",
            "no way to find an answer is called 'numbre'; there are auto, "
            "answer, number, choice, choice:A,B.., regex:EXPRESSION and exact");
    refused("number:3", "'number' takes nothing behind a colon");
    refused("choice:a,,b", "a choice is empty");
    refused("regex:(",
            "the regular expression: missing closing parenthesis, at byte 1");
    refused("regex:", "the regular expression: 0 bytes, not 1 to 8192");
}

/* Two ways to write the same are the same, and a normal form is its own. */
static void normal_forms_stay(void **state)
{
    (void)state;
    Rng rng = check_rng();
    static const char alphabet[] = "01-+$., aZ\"*(\n";
    for (int trial = 0; trial < 20000; trial++) {
        char text[12];
        size_t n = rng_below(&rng, sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = alphabet[rng_below(&rng, sizeof alphabet - 1)];
        Str once = {0}, twice = {0};
        extract_normal((Span){text, n}, &once);
        extract_normal(str_span(&once), &twice);
        if (!span_equal(str_span(&once), str_span(&twice)))
            fail_msg("'%.*s' is '%s', and that '%s'", (int)n, text, str_c(&once),
                     str_c(&twice));
        str_release(&once);
        str_release(&twice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(what_stands_behind_the_mark),
        cmocka_unit_test(choices),
        cmocka_unit_test(expressions),
        cmocka_unit_test(whole_texts_and_guesses),
        cmocka_unit_test(what_is_marked_is_told_from_a_guess),
        cmocka_unit_test(a_wrong_specification_says_what_is_wrong),
        cmocka_unit_test(normal_forms_stay),
    };
    return cmocka_run_group_tests_name("think/extract", tests, NULL, NULL);
}
