/* test_retrieval.c - questions read, passages judged right, recall, MRR and nDCG counted by
 * hand, and an index beside the baseline. */
#include "support/small_index.h"

#include "eval/retrieval.h"

#include <math.h>

static Err err;

static RetrievalQuestion parse(const char *row)
{
    RetrievalQuestion q;
    CHECK_OK(retrieval_question_parse(span_of(row), &q, &err));
    return q;
}

static void a_question_says_which_passage_is_right(void **state)
{
    (void)state;
    RetrievalQuestion q = parse("{\"question\":\"Who?\",\"answer\":[\"Kora\",\"Meda\"],"
                                "\"cluster\":\"c\",\"field\":3}");
    assert_string_equal(str_c(&q.question), "Who?");
    assert_int_equal(q.n_answers, 2);
    assert_string_equal(str_c(&q.answers[1]), "Meda");
    assert_int_equal(q.start, -1);
    retrieval_question_release(&q);
    CHECK_FAILS(retrieval_question_parse(SPAN("{\"question\":\"Who?\"}"), &q, &err),
                ERR_FORMAT,
                "nothing says which passage is right: give 'document' with 'start' and "
                "'end', or 'evidence', or 'answer'");
    CHECK_FAILS(
        retrieval_question_parse(SPAN("{\"question\":\"?\",\"answer\":3}"), &q, &err),
        ERR_FORMAT, "'answer' is neither a text nor a list of texts");
    assert_int_equal(retrieval_question_parse(SPAN("[]"), &q, &err), ERR_FORMAT);
}

static void check_right(const char *row, const char *document, int64_t start,
                        int64_t end, const char *text, bool want)
{
    RetrievalQuestion q = parse(row);
    Passage p = {.start = start, .end = end};
    str_puts(&p.document, document);
    str_puts(&p.text, text);
    assert_int_equal(retrieval_is_right(&q, &p), want);
    passage_release(&p);
    retrieval_question_release(&q);
}

static void right_is_by_place_or_by_text(void **state)
{
    (void)state;
    const char *placed =
        "{\"question\":\"?\",\"document\":\"f.txt\",\"start\":5,\"end\":9}";
    check_right(placed, "f.txt", 5, 9, "", true);
    check_right(placed, "a/b/f.txt", 0, 100, "", true);
    check_right(placed, "a/bf.txt", 0, 100, "", false);
    check_right(placed, "a/f.txt", 6, 100, "", false);
    check_right(placed, "a/f.txt", 0, 8, "", false);
    const char *evident = "{\"question\":\"?\",\"evidence\":\"x: 1\",\"answer\":\"1\"}";
    check_right(evident, "d", 0, 9, "so x: 1.", true);
    check_right(evident, "d", 0, 9, "so x: 2 or 1.", false);
    const char *answered = "{\"question\":\"?\",\"answer\":[\"no\",\"1\"]}";
    check_right(answered, "d", 0, 9, "so x: 2 or 1.", true);
    check_right(answered, "d", 0, 9, "so x: 2.", false);
}

/* Ranks 1, 2, 0, 12 of questions of clusters a, a, b and of one without. */
static void figures_are_those_counted_by_hand(void **state)
{
    (void)state;
    static const char *const clusters[] = {"a", "a", "b", ""};
    RetrievalQuestion list[4] = {0};
    for (int i = 0; i < 4; i++)
        str_puts(&list[i].cluster, clusters[i]);
    RetrievalQuestions q = {.questions = list, .n = 4};
    int32_t rank[] = {1, 2, 0, 12}, before[] = {2, 1, 1, 0};
    double ms[] = {1, 2, 3, 10};
    RetrievalArm a = {.name = "a", .n = 4, .rank = rank, .ms = ms};
    RetrievalArm b = {.name = "b", .n = 4, .rank = before, .ms = ms};
    RetrievalReport r;
    CHECK_OK(retrieval_report(&a, &q, 1, &r, &err));
    CHECK_NEAR(r.recall1.value, .25, 0);
    CHECK_NEAR(r.recall5.value, .5, 0);
    CHECK_NEAR(r.recall10.value, .5, 0);
    CHECK_NEAR(r.mrr.value, (1 + 1. / 2 + 1. / 12) / 4, 1e-15);
    CHECK_NEAR(r.ndcg10.value, (1 + 1 / log2(3)) / 4, 1e-15);
    CHECK_NEAR(r.recall1.interval.high, stats_wilson(1, 4).high, 0);
    CHECK_NEAR(r.ms_mean, 4, 0);
    assert_true(r.mrr.interval.low >= 0 && r.mrr.interval.low < r.mrr.value);
    assert_true(r.mrr.interval.high <= .75 && r.mrr.interval.high > r.mrr.value);
    RetrievalComparison c;
    CHECK_OK(retrieval_compare(&a, &b, &q, 1, &c, &err));
    assert_int_equal(c.only_a, 1);
    assert_int_equal(c.only_b, 2);
    CHECK_NEAR(c.p, 1, 1e-12); /* 2 (1 + 3)/8 */
    CHECK_NEAR(c.mrr.value, (-.5 + .5 + 1 - 1. / 12) / 4, 1e-15);
    for (int i = 0; i < 4; i++)
        retrieval_question_release(&list[i]);
}

/* Means of clusters that are all alike vary less than those of questions drawn one by one:
 * the interval over clusters of 25 equal questions is five times as wide. */
static void questions_of_a_cluster_are_not_independent(void **state)
{
    (void)state;
    enum { N = 400 };
    static RetrievalQuestion list[N];
    static int32_t rank[N];
    static double ms[N];
    double width[2];
    for (int alone = 0; alone < 2; alone++) {
        for (int i = 0; i < N; i++) {
            str_reset(&list[i].cluster);
            if (!alone)
                str_printf(&list[i].cluster, "c%d", i / 25);
            rank[i] = i / 25 % 2;
        }
        RetrievalQuestions q = {.questions = list, .n = N};
        RetrievalArm a = {.n = N, .rank = rank, .ms = ms};
        RetrievalReport r;
        CHECK_OK(retrieval_report(&a, &q, 1, &r, &err));
        width[alone] = r.mrr.interval.high - r.mrr.interval.low;
    }
    CHECK_NEAR(width[0] / width[1], 5, 0.6);
    for (int i = 0; i < N; i++)
        retrieval_question_release(&list[i]);
}

static Index *countries(void)
{
    return small_index(
        "# Norway\nLength of coast: 25,148 km\n\n# Chad\nLength of coast: 0 "
        "km, no coast\n\n# Peru\nThe people of Peru fish off the coast.\n");
}

static void both_arms_search_the_same_passages(void **state)
{
    (void)state;
    Index *x = countries();
    write_text("q.jsonl",
               "{\"question\":\"What is the coast of Norway like?\",\"document\":"
               "\"c.md\",\"start\":9,\"end\":35}\n"
               "{\"question\":\"coasts\",\"evidence\":\"fish off\"}\n"
               "{\"question\":\"nothing such\",\"evidence\":\"fish off\"}\n");
    RetrievalQuestions q;
    RetrievalArm ours, or_words, and_words;
    SearchOptions o;
    CHECK_OK(retrieval_questions_read(&q, temp_path("q.jsonl"), 0, &err));
    CHECK_OK(opt_defaults(&search_options, &o, &err));
    Searcher s = {.index = x, .o = &o};
    CHECK_OK(retrieval_measure(&s, &q, &ours, NULL, &err));
    CHECK_OK(retrieval_measure_plain(x, &q, false, &or_words, &err));
    CHECK_OK(retrieval_measure_plain(x, &q, true, &and_words, &err));
    assert_int_equal(ours.rank[0], 1);
    assert_true(ours.rank[1] >= 1);
    assert_int_equal(ours.rank[2], 0);
    assert_true(or_words.rank[0] >= 1);
    assert_int_equal(or_words.rank[1], 0); /* no stemmer: "coasts" is not "coast" */
    assert_int_equal(and_words.rank[0], 0);
    retrieval_arm_release(&ours);
    retrieval_arm_release(&or_words);
    retrieval_arm_release(&and_words);
    retrieval_questions_release(&q);
    index_close(x);
}

static void a_bad_row_is_named(void **state)
{
    (void)state;
    RetrievalQuestions q;
    write_text("q.jsonl",
               "{\"question\":\"a\",\"answer\":\"b\"}\n{\"answer\":\"b\"}\n");
    assert_int_equal(retrieval_questions_read(&q, temp_path("q.jsonl"), 0, &err),
                     ERR_FORMAT);
    assert_non_null(strstr(err.msg, "q.jsonl': line 2: "));
    CHECK_OK(retrieval_questions_read(&q, temp_path("q.jsonl"), 1, &err));
    retrieval_questions_release(&q);
    write_text("q.jsonl", "\n");
    assert_int_equal(retrieval_questions_read(&q, temp_path("q.jsonl"), 0, &err),
                     ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_says_which_passage_is_right),
        cmocka_unit_test(right_is_by_place_or_by_text),
        cmocka_unit_test(figures_are_those_counted_by_hand),
        cmocka_unit_test(questions_of_a_cluster_are_not_independent),
        TEMP_TEST(both_arms_search_the_same_passages),
        TEMP_TEST(a_bad_row_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
