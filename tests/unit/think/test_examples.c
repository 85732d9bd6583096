/* Which examples suit a question. */
#include "support/temp.h"

#include "think/strategy/examples.h"

#include <math.h>

static Examples examples_of(const char *const *questions)
{
    Err err = {0};
    Examples e = {0};
    for (; *questions; questions++)
        CHECK_OK(examples_add(&e, span_of(*questions), SPAN(""), SPAN("yes"), &err));
    return e;
}

static void picks(const Examples *e, ExamplePick how, const char *question, size_t k,
                  const char *expected)
{
    Err err = {0};
    size_t picked[16], n;
    char got[64] = "";
    CHECK_OK(examples_pick(e, how, span_of(question), k, 5, 7, picked, &n, &err));
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%zu ", picked[i]);
    assert_string_equal(got, expected);
}

static const char *const animals[] = {"what does a cat eat",    /* 0 */
                                      "what does a dog eat",    /* 1 */
                                      "how much is 3 and 4",    /* 2 */
                                      "where does a cat sleep", /* 3 */
                                      "what does a cat eat?",   /* 4: the same words */
                                      NULL};

static void fixed_ones_are_the_first(void **state)
{
    (void)state;
    Examples e = examples_of(animals);
    picks(&e, PICK_FIXED, "anything", 2, "0 1 ");
    picks(&e, PICK_FIXED, "what does a cat eat", 2, "1 2 ");
    picks(&e, PICK_FIXED, "anything", 9, "0 1 2 3 4 ");
    examples_release(&e);
}

static void the_nearest_stands_next_to_the_question(void **state)
{
    (void)state;
    Examples e = examples_of(animals);
    picks(&e, PICK_NEAREST, "Where does the cat sleep?", 1, "3 ");
    picks(&e, PICK_NEAREST, "Where does the cat sleep?", 2, "0 3 ");
    picks(&e, PICK_NEAREST, "how much is 9 and 9", 1, "2 ");
    examples_release(&e);
}

static void diverse_ones_do_not_repeat_each_other(void **state)
{
    (void)state;
    Examples e = examples_of(animals);
    picks(&e, PICK_NEAREST, "what does the cat eat", 2, "4 0 ");
    picks(&e, PICK_DIVERSE, "what does the cat eat", 2, "1 0 ");
    examples_release(&e);
}

static void random_ones_follow_seed_and_question(void **state)
{
    (void)state;
    Err err = {0};
    Examples e = examples_of(animals);
    int differ = 0, counts[5] = {0};
    for (uint64_t key = 0; key < 500; key++) {
        size_t a[2], b[2], c[2], n;
        CHECK_OK(examples_pick(&e, PICK_RANDOM, SPAN("x"), 2, 1, key, a, &n, &err));
        CHECK_OK(examples_pick(&e, PICK_RANDOM, SPAN("x"), 2, 1, key, b, &n, &err));
        CHECK_OK(examples_pick(&e, PICK_RANDOM, SPAN("x"), 2, 2, key, c, &n, &err));
        assert_int_equal(n, 2);
        assert_memory_equal(a, b, sizeof a);
        assert_true(a[0] != a[1]);
        differ += memcmp(a, c, sizeof a) != 0;
        counts[a[0]]++;
        counts[a[1]]++;
    }
    assert_true(differ > 400);
    for (int i = 0; i < 5; i++)
        assert_in_range(counts[i], 150, 250); /* 200 each, 11 standard deviation */
    examples_release(&e);
}

/* BM25 word by word, over arrays of strings. */
static double slow_bm25(const char *const *documents, size_t at,
                        const char *const *question, size_t n_question)
{
    enum { N = 5 };
    double total = 0, sum = 0, lengths[N];
    char words[N][8][16];
    for (size_t d = 0; d < N; d++) {
        char copy[64], *save = NULL;
        int n = 0;
        snprintf(copy, sizeof copy, "%s", documents[d]);
        for (char *w = strtok_r(copy, " ?", &save); w; w = strtok_r(NULL, " ?", &save))
            snprintf(words[d][n++], 16, "%s", w);
        lengths[d] = n;
        total += n;
    }
    for (size_t q = 0; q < n_question; q++) {
        double df = 0, tf = 0;
        for (size_t d = 0; d < N; d++) {
            int hits = 0;
            for (int w = 0; w < (int)lengths[d]; w++)
                hits += strcmp(words[d][w], question[q]) == 0;
            df += hits > 0;
            if (d == at)
                tf = hits;
        }
        double norm = 1 - 0.75 + 0.75 * lengths[at] / (total / N);
        sum += log(1 + (N - df + 0.5) / (df + 0.5)) * tf * 2.2 / (tf + 1.2 * norm);
    }
    return sum;
}

static void relevance_is_bm25(void **state)
{
    (void)state;
    static const char *const asked[] = {"where does a cat cat", NULL};
    static const char *const words[] = {"where", "does", "a", "cat"};
    Examples e = examples_of(animals), question = examples_of(asked);
    double relevance[16];
    assert_true(e.n <= 16);
    examples_relevance(&e, &question.examples[0], relevance);
    for (size_t i = 0; i < e.n; i++)
        CHECK_NEAR(relevance[i], slow_bm25(animals, i, words, 4), 1e-12);
    examples_release(&e);
    examples_release(&question);
}

static void write_file(const char *path, const char *text)
{
    Err err = {0};
    CHECK_OK(file_write_atomic(path, text, strlen(text), &err));
}

static void files_hold_questions_and_answers(void **state)
{
    (void)state;
    Err err = {0};
    Examples e;
    const char *path = temp_path("examples.jsonl");
    write_file(path,
               "{\"question\": \"2+2?\", \"answer\": \"4\", \"steps\": \"2, 4\"}\n"
               "{\"question\": \"3+3?\", \"answer\": \"6\"}\n");
    CHECK_OK(examples_load(&e, path, &err));
    assert_int_equal(e.n, 2);
    assert_string_equal(str_c(&e.examples[0].question), "2+2?");
    assert_string_equal(str_c(&e.examples[0].steps), "2, 4");
    assert_string_equal(str_c(&e.examples[0].answer), "4");
    assert_string_equal(str_c(&e.examples[1].steps), "");
    examples_release(&e);
}

static void files_without_examples_say_so(void **state)
{
    (void)state;
    Err err = {0};
    Examples e;
    char message[512];
    const char *path = temp_path("examples.jsonl");
    write_file(path, "{\"text\": \"2+2?\"}\n");
    snprintf(message, sizeof message,
             "file '%s': line 1: an example is a question and its answer, as in "
             "{\"question\": \"2+2?\", \"answer\": \"4\"}",
             path);
    CHECK_FAILS(examples_load(&e, path, &err), ERR_FORMAT, message);
    write_file(path, "\n");
    snprintf(message, sizeof message, "'%s' has no examples", path);
    CHECK_FAILS(examples_load(&e, path, &err), ERR_OPTION, message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_ones_are_the_first),
        cmocka_unit_test(the_nearest_stands_next_to_the_question),
        cmocka_unit_test(diverse_ones_do_not_repeat_each_other),
        cmocka_unit_test(random_ones_follow_seed_and_question),
        cmocka_unit_test(relevance_is_bm25),
        TEMP_TEST(files_hold_questions_and_answers),
        TEMP_TEST(files_without_examples_say_so),
    };
    return cmocka_run_group_tests_name("think/examples", tests, NULL, NULL);
}
