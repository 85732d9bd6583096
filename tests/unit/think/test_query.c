/* test_query.c - questions as expressions of FTS5: what they become, and that nothing
 * anybody types is syntax. */
#include "support/check.h"

#include "base/mem.h"
#include "think/retrieval/query.h"

#include <sqlite3.h>

static Err err;

static void check_query(const char *question, const char *want)
{
    Str out = {0};
    CHECK_OK(query_build(span_of(question), false, &out, &err));
    assert_string_equal(str_c(&out), want);
    str_release(&out);
}

static void words_are_quoted_and_common_ones_left_out(void **state)
{
    (void)state;
    check_query("What is the population of Algeria?", "\"population\" OR \"algeria\"");
    check_query("Algeria's re-elected president, algeria",
                "\"algeria\" OR \"re\" OR \"elected\" OR \"president\"");
    check_query("Is it 2,381.5 km?", "\"2,381.5\" OR \"km\"");
    check_query("Who are they?", "\"who\" OR \"are\" OR \"they\"");
    check_query("", "");
    check_query("?!\"*", "");
    check_query("C\xc3\xb4te d\xe2\x80\x99Ivoire",
                "\"c\xc3\xb4te\" OR \"d\" OR \"ivoire\"");
    check_query("\xff"
                "abc\xc0",
                "\"abc\"");
}

static void quoted_words_are_a_phrase_too(void **state)
{
    (void)state;
    check_query("say \"The Great Flood\" now",
                "\"say\" OR \"great\" OR \"flood\" OR \"now\" OR \"the great flood\"");
    check_query("\"one\" two\"", "\"one\" OR \"two\"");
}

static void stop_words_are_sorted_so_that_all_are_found(void **state)
{
    (void)state;
    const char *const some[] = {"a", "about", "its", "please", "so", "your", "i"};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        assert_true(query_is_stop_word(span_of(some[i])));
    assert_false(query_is_stop_word(SPAN("not")));
    assert_false(query_is_stop_word(SPAN("")));
}

static void a_long_question_is_cut(void **state)
{
    (void)state;
    Str question = {0}, out = {0};
    for (int i = 0; i < 100000; i++)
        str_printf(&question, "w%d ", i);
    for (int i = 0; i < 100000; i++)
        str_putc(&question, 'x');
    CHECK_OK(query_build(str_span(&question), false, &out, &err));
    assert_true(out.len < (size_t)QUERY_TERMS * 16);
    str_release(&question);
    str_release(&out);
}

static sqlite3 *db;

/* FTS5 takes the expression, and finds the row by it when it has its word. */
static int64_t rows_found(Span question)
{
    Str out = {0};
    CHECK_OK(query_build(question, false, &out, &err));
    sqlite3_stmt *s;
    int64_t n = 0;
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*) FROM t WHERE t MATCH ?", -1, &s, NULL),
        SQLITE_OK);
    sqlite3_bind_text(s, 1, str_c(&out), (int)out.len, SQLITE_TRANSIENT);
    int code = sqlite3_step(s);
    if (out.len > 0 && code != SQLITE_ROW)
        fail_msg("'%s': %s", str_c(&out), sqlite3_errmsg(db));
    n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    str_release(&out);
    return n;
}

static void nothing_that_is_typed_is_syntax(void **state)
{
    (void)state;
    const char *const hostile[] = {"apple AND NOT pear",
                                   "NEAR(apple pear, 2)",
                                   "body:apple",
                                   "apple*",
                                   "^apple",
                                   "-apple",
                                   "\"apple",
                                   "apple\"\" OR \"",
                                   "(apple",
                                   "{a b}: apple",
                                   "apple'); DROP TABLE t;",
                                   "+ apple +",
                                   "apple \x01\x02",
                                   ("\xe2\x80\x9c"
                                    "apple\xe2\x80\x9d"),
                                   "\xe2\x80\xa6 apple",
                                   "NOT OR AND apple"};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        assert_int_equal(rows_found(span_of(hostile[i])), 1);
    assert_int_equal(rows_found((Span){"a\0pple apple", 12}), 1);
    /* A character that FTS5 takes for no letter is an empty term, which finds nothing. */
    assert_int_equal(rows_found(SPAN("\xe2\x80\xa6")), 0);
}

static void any_bytes_make_an_expression(void **state)
{
    (void)state;
    Rng r = check_rng();
    static const char some[] = "ab \"'*:^-+(){},.&|ANDORNT\xc3\xa9\xe2\x80\x99\xff\0\n";
    for (int i = 0; i < 3000; i++) {
        char text[40];
        size_t n = rng_below(&r, sizeof text);
        for (size_t k = 0; k < n; k++)
            text[k] = some[rng_below(&r, sizeof some - 1)];
        (void)rows_found((Span){text, n});
    }
}

static int open_db(void **state)
{
    (void)state;
    return sqlite3_open(":memory:", &db) != SQLITE_OK ||
           sqlite3_exec(
               db,
               "CREATE VIRTUAL TABLE t USING fts5(head, body, tokenize='porter "
               "unicode61 remove_diacritics 2');"
               "INSERT INTO t VALUES('h', 'An apple.');",
               NULL, NULL, NULL) != SQLITE_OK;
}

static int close_db(void **state)
{
    (void)state;
    return sqlite3_close(db) != SQLITE_OK;
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Str out = {0};
        mem_fail_after(n);
        status = query_build(SPAN("apple pie"), false, &out, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        str_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted_and_common_ones_left_out),
        cmocka_unit_test(quoted_words_are_a_phrase_too),
        cmocka_unit_test(stop_words_are_sorted_so_that_all_are_found),
        cmocka_unit_test(a_long_question_is_cut),
        cmocka_unit_test(nothing_that_is_typed_is_syntax),
        cmocka_unit_test(any_bytes_make_an_expression),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, open_db, close_db);
}
