/* test_open_book.c - the four arms with a model that reads: it answers with what the first
 * source says, and from memory without one. */
#include "support/fake_lm.h"
#include "support/small_index.h"

#include "eval/open_book.h"

static Err err;

static Str str_of(const char *text)
{
    Str s = {0};
    str_puts(&s, text);
    return s;
}

static int64_t count_words(void *self, Span text)
{
    (void)self;
    return measure_words.count(NULL, text);
}

static bool judged(const char *wanted, const char *answer)
{
    Str text = str_of(wanted);
    RetrievalQuestion q = {.answers = &text, .n_answers = 1};
    bool right = book_is_right(&q, span_of(answer));
    str_release(&text);
    return right;
}

static void an_answer_is_right_by_its_words(void **state)
{
    (void)state;
    assert_true(judged("998 km", "It is 998 km long [1]."));
    assert_true(judged("The Hague", "hague!"));
    assert_true(judged("2,381,740 sq km", "2381740 sq km"));
    assert_true(judged("75.3%", "75.3 percent"));
    assert_false(judged("75.3%", "75.35 percent"));
    assert_false(judged("998 km", "99 km"));
    assert_false(judged("98 km", "998 km"));
    assert_false(judged("Oslo", "Osloer"));
    assert_false(judged("the", "the")); /* nothing is left to compare */
}

/* "> Coastline: 12 km" of the first source is answered "12 km [1]"; closed book, 7. */
static void say_first_value(void *self, const LmRequest *r, int32_t k, Str *out)
{
    (void)self;
    (void)k;
    const char *turn = r->talk->messages[r->talk->n - 1].content;
    const char *source = strstr(turn, "\n> Coastline: ");
    if (!source) {
        str_puts(out, "7 km");
        return;
    }
    source += strlen("\n> Coastline: ");
    str_append(out, source, strcspn(source, "\n"));
    str_puts(out, " [1]");
}

static Index *countries(void)
{
    return small_index(
        "# Norway\nCoastline: 25,148 km\n# Peru\nCoastline: 2,414 km\n# Chad\n"
        "Coastline: 7 km\n");
}

static void each_arm_sees_its_own_sources(void **state)
{
    (void)state;
    Index *x = countries();
    write_text(
        "q.jsonl",
        "{\"question\":\"coastline of Norway?\",\"answer\":\"25148 km\","
        "\"evidence\":\"25,148\",\"cluster\":\"Norway\"}\n"
        "{\"question\":\"coastline of Peru?\",\"answer\":[\"2,414 km\"],"
        "\"evidence\":\"2,414\",\"cluster\":\"Peru\"}\n"
        "{\"question\":\"coastline of Mali?\",\"answer\":\"0\",\"evidence\":\"Mali\"}\n"
        "{\"question\":\"zzz?\",\"answer\":\"7 km\",\"document\":\"c.md\",\"start\":64,"
        "\"end\":79,\"cluster\":\"Chad\"}\n");
    RetrievalQuestions q;
    CHECK_OK(retrieval_questions_read(&q, temp_path("q.jsonl"), 0, &err));
    SearchOptions so;
    OpenBookOptions bo;
    BookOptions o = {.max_new = 10};
    CHECK_OK(opt_defaults(&search_options, &so, &err));
    CHECK_OK(opt_defaults(&open_book_options, &bo, &err));
    Searcher s = {.index = x, .o = &so};
    FakeLm fake;
    fake_init(&fake, NULL);
    fake.lm.count = count_words;
    fake.say = say_first_value;
    BookReport r;
    LmUsage usage = {0};
    Str lines = {0};
    CHECK_OK(book_measure(&fake.lm, &s, &q, &bo, &o, &lines, &r, &usage, &err));
    assert_int_equal(r.n, 3);
    assert_int_equal(r.without, 1);
    assert_int_equal(r.arms[BOOK_CLOSED].right, 1); /* Chad's 7 km, by luck */
    assert_int_equal(r.arms[BOOK_CLOSED].bare, 3);
    assert_int_equal(r.arms[BOOK_GOLD].right, 3);
    assert_int_equal(r.arms[BOOK_GOLD].held, 3);
    assert_int_equal(r.arms[BOOK_FOUND].right, 2);   /* "zzz" finds nothing */
    assert_int_equal(r.arms[BOOK_FOUND].unknown, 1); /* and nobody is asked */
    assert_int_equal(r.arms[BOOK_WRONG].right, 0);
    assert_int_equal(r.arms[BOOK_WRONG].cites, 3);
    assert_int_equal(fake.requests, 11);
    assert_non_null(strstr(str_c(&lines),
                           "{\"question\":\"coastline of Peru?\",\"arm\":\"gold\","
                           "\"answer\":\"2,414 km [1]\",\"right\":true,"));
    book_report_release(&r);
    q.questions[0].n_answers = 0;
    CHECK_FAILS(book_measure(&fake.lm, &s, &q, &bo, &o, NULL, &r, &usage, &err),
                ERR_FORMAT, "question 'coastline of Norway?' has no 'answer'");
    q.questions[0].n_answers = 1;
    fake.status = ERR_IO;
    assert_int_equal(book_measure(&fake.lm, &s, &q, &bo, &o, NULL, &r, &usage, &err),
                     ERR_IO);
    str_release(&lines);
    fake_release(&fake);
    retrieval_questions_release(&q);
    index_close(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_right_by_its_words),
        TEMP_TEST(each_arm_sees_its_own_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
