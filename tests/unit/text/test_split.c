/* test_split.c - split patterns. Expected pieces are those of the `regex` module of
 * Python on the same patterns; PCRE2 is the second opinion on random text. */
#include "support/check.h"

#include "text/split.h"

static Split *make(SplitPattern pattern, const char *regex)
{
    Err err = {0};
    Split *split;
    CHECK_OK(split_new(&split, &err));
    CHECK_OK(split_add(split, pattern, span_of(regex), &err));
    return split;
}

/* The pieces joined with '|'. */
static void join(const Split *split, Span text, Str *out)
{
    Err err = {0};
    SplitCursor c;
    Span piece;
    str_reset(out);
    CHECK_OK(split_begin(&c, split, text, &err));
    for (;;) {
        CHECK_OK(split_next(&c, &piece, &err));
        if (piece.len == 0)
            break;
        str_puts(out, out->len > 0 ? "|" : "");
        str_span_append(out, piece);
    }
    split_end(&c);
}

static void check(const Split *split, const char *text, const char *want)
{
    Str got = {0};
    join(split, span_of(text), &got);
    assert_string_equal(str_c(&got), want);
    str_release(&got);
}

static void gpt2_cuts_words_numbers_and_blanks(void **state)
{
    (void)state;
    Split *s = make(SPLIT_GPT2, NULL);
    check(s, "Hello  world's 123abc!?\n\n x", "Hello| | world|'s| 123|abc|!?|\n\n| x");
    check(s, "it'S we'll \n", "it|'|S| we|'ll| \n");
    check(s, " \n  y", " \n | y");
    check(s, "a\tb", "a|\t|b");
    check(s, "caf\xc3\xa9 \xc2\xbd\xe2\x82\xac", "caf\xc3\xa9| \xc2\xbd|\xe2\x82\xac");
    check(s, "", "");
    split_free(s);
}

static void cl100k_cuts_numbers_by_three_and_keeps_newlines_with_marks(void **state)
{
    (void)state;
    Split *s = make(SPLIT_CL100K, NULL);
    check(s, "12345 x'LL (don't)!!\n\n z", "123|45| x|'LL| (|don|'t|)!!\n\n| z");
    check(s, "a\n\n\n  b \t\n c", "a|\n\n\n| | b| \t\n| c");
    check(s, "'\xc5\xbf'sa", "'\xc5\xbf|'s|a");
    check(s, "\tword\r\nnext  \n", "\tword|\r\n|next|  \n");
    check(s, "  1", " | |1");
    check(s, "\xc2\xa0\xe3\x80\x80g", "\xc2\xa0|\xe3\x80\x80g");
    split_free(s);
}

static void qwen2_cuts_single_digits(void **state)
{
    (void)state;
    Split *s = make(SPLIT_QWEN2, NULL);
    check(s, "in 2024.", "in| |2|0|2|4|.");
    split_free(s);
}

static void bytes_that_are_not_utf8_are_marks(void **state)
{
    (void)state;
    Split *gpt2 = make(SPLIT_GPT2, NULL), *own = make(SPLIT_CUSTOM, "[a-z]+");
    check(gpt2, "ab\xff\xfe cd \xc3", "ab|\xff\xfe| cd| \xc3");
    check(own, "ab\xff\xfe cd", "ab|\xff|\xfe| |cd");
    split_free(gpt2);
    split_free(own);
}

static void foreign_patterns_cut_at_matches_and_gaps(void **state)
{
    (void)state;
    Split *s = make(SPLIT_CUSTOM, "(?<=x)y+|\\p{Lu}\\p{Ll}*");
    check(s, "..xyy-Ab\xc3\x89z", "..x|yy|-|Ab|\xc3\x89z");
    check(s, "none", "none");
    split_free(s);
}

static void patterns_in_a_chain_cut_each_others_pieces(void **state)
{
    (void)state;
    Err err = {0};
    Split *s = make(SPLIT_CUSTOM, "\\p{N}");
    CHECK_OK(split_add(s, SPLIT_GPT2, (Span){0}, &err));
    check(s, "ab 12  c", "ab| |1|2| | c");
    split_free(s);
}

static void known_patterns_are_recognised_by_their_text(void **state)
{
    (void)state;
    for (int i = SPLIT_GPT2; i <= SPLIT_QWEN2; i++) {
        Err err = {0};
        Split *s = make((SplitPattern)i, NULL), *same;
        CHECK_OK(split_new(&same, &err));
        CHECK_OK(split_add(same, SPLIT_CUSTOM, split_regex(s, 0), &err));
        assert_int_equal(split_pattern(same, 0), i);
        split_free(s);
        split_free(same);
    }
}

/* PCRE2 runs the same pattern when a group around it makes it unknown. Characters
 * where PCRE2's \s or (?i) differ from Unicode's are not drawn. */
static void scanners_agree_with_pcre2_on_random_text(void **state)
{
    (void)state;
    static const char *const parts[] = {"a",
                                        "B",
                                        "\xc3\xa9",
                                        "s",
                                        "'",
                                        "'s",
                                        "'RE",
                                        "1",
                                        "23",
                                        "\xc2\xbd",
                                        " ",
                                        "  ",
                                        "\n",
                                        "\r\n",
                                        "\t",
                                        "\xc2\xa0",
                                        "\xe3\x80\x80",
                                        "!",
                                        "..",
                                        "\xe2\x82\xac",
                                        "\xcc\x81",
                                        "\xf0\x9f\x98\x80",
                                        "l",
                                        "ve"};
    Rng rng = check_rng();
    Str text = {0}, want = {0}, got = {0}, regex = {0};
    for (int pattern = SPLIT_GPT2; pattern <= SPLIT_QWEN2; pattern++) {
        Split *scanner = make((SplitPattern)pattern, NULL);
        str_reset(&regex);
        str_printf(&regex, "(?:%s)", split_regex(scanner, 0).ptr);
        Split *pcre = make(SPLIT_CUSTOM, str_c(&regex));
        for (int round = 0; round < 1000; round++) {
            str_reset(&text);
            uint32_t most = round % 2 ? 20 : 200; /* within a window, and over many */
            for (uint32_t n = rng_below(&rng, most); n > 0; n--)
                str_puts(&text, parts[rng_below(&rng, sizeof parts / sizeof *parts)]);
            join(scanner, str_span(&text), &got);
            join(pcre, str_span(&text), &want);
            assert_string_equal(str_c(&got), str_c(&want));
        }
        split_free(scanner);
        split_free(pcre);
    }
    str_release(&text);
    str_release(&want);
    str_release(&got);
    str_release(&regex);
}

/* White space, a word and a number that are longer than what is looked at at once. */
static void long_runs_are_pieces_too(void **state)
{
    (void)state;
    Str text = {0}, got = {0}, want = {0};
    Split *s = make(SPLIT_CL100K, NULL);
    for (size_t n = 50; n < 150; n++) {
        str_reset(&text);
        str_reset(&want);
        const char blanks_and_letters[] = " x";
        for (size_t run = 0; run < 2; run++) {
            for (size_t i = 0; i < n; i++)
                str_putc(&text, blanks_and_letters[run]);
        }
        str_span_append(&want, (Span){text.ptr, n - 1});
        str_putc(&want, '|');
        str_span_append(&want, (Span){text.ptr + n - 1, n + 1});
        join(s, str_span(&text), &got);
        assert_string_equal(str_c(&got), str_c(&want));
    }
    str_release(&text);
    str_release(&got);
    str_release(&want);
    split_free(s);
}

static void bad_patterns_are_refused_with_the_place(void **state)
{
    (void)state;
    Err err = {0};
    Split *s;
    CHECK_OK(split_new(&s, &err));
    CHECK_FAILS(split_add(s, SPLIT_CUSTOM, SPAN("a(b"), &err), ERR_FORMAT,
                "split pattern: missing closing parenthesis, at byte 3");
    CHECK_FAILS(split_add(s, SPLIT_CUSTOM, (Span){0}, &err), ERR_FORMAT,
                "split pattern: 0 bytes, not 1 to 8192");
    for (int i = 0; i < SPLIT_MOST; i++)
        CHECK_OK(split_add(s, SPLIT_GPT2, (Span){0}, &err));
    CHECK_FAILS(split_add(s, SPLIT_GPT2, (Span){0}, &err), ERR_LIMIT,
                "more than 4 split patterns");
    split_free(s);
}

static void a_pattern_that_explodes_is_stopped(void **state)
{
    (void)state;
    Err err = {0};
    Split *s = make(SPLIT_CUSTOM, "(a|aa)+$");
    SplitCursor c;
    Span piece;
    CHECK_OK(split_begin(
        &c, s, SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"), &err));
    CHECK_FAILS(split_next(&c, &piece, &err), ERR_LIMIT,
                "split pattern: match limit exceeded");
    split_end(&c);
    split_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt2_cuts_words_numbers_and_blanks),
        cmocka_unit_test(cl100k_cuts_numbers_by_three_and_keeps_newlines_with_marks),
        cmocka_unit_test(qwen2_cuts_single_digits),
        cmocka_unit_test(bytes_that_are_not_utf8_are_marks),
        cmocka_unit_test(foreign_patterns_cut_at_matches_and_gaps),
        cmocka_unit_test(patterns_in_a_chain_cut_each_others_pieces),
        cmocka_unit_test(known_patterns_are_recognised_by_their_text),
        cmocka_unit_test(scanners_agree_with_pcre2_on_random_text),
        cmocka_unit_test(long_runs_are_pieces_too),
        cmocka_unit_test(bad_patterns_are_refused_with_the_place),
        cmocka_unit_test(a_pattern_that_explodes_is_stopped),
    };
    return cmocka_run_group_tests_name("text/split", tests, NULL, NULL);
}
