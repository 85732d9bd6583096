/* The meter of mode collapse against slow counting over strings. */
#include "support/check.h"

#include "eval/diversity.h"

#include <math.h>

static TextDiversity measure(const char *const *texts, size_t n)
{
    Err err = {0};
    Span spans[16];
    TextDiversity out;
    for (size_t i = 0; i < n; i++)
        spans[i] = span_of(texts[i]);
    CHECK_OK(diversity_of_texts(spans, n, &out, &err));
    return out;
}

static void the_same_again_is_no_diversity(void **state)
{
    (void)state;
    static const char *const texts[] = {"a b c d e f", "a b c d e f", "a b c d e f"};
    TextDiversity d = measure(texts, 3);
    CHECK_NEAR(d.distinct[0], 6.0 / 18, 1e-12);
    CHECK_NEAR(d.distinct[1], 5.0 / 15, 1e-12);
    CHECK_NEAR(d.distinct[2], 4.0 / 12, 1e-12);
    CHECK_NEAR(d.self_bleu, 1, 1e-12);
    CHECK_NEAR(d.unique, 1.0 / 3, 1e-12);
}

static void nothing_in_common_is_all_of_it(void **state)
{
    (void)state;
    static const char *const texts[] = {"one two three four", "five six seven eight"};
    TextDiversity d = measure(texts, 2);
    for (int n = 0; n < DIVERSITY_GRAMS; n++)
        CHECK_NEAR(d.distinct[n], 1, 1e-12);
    CHECK_NEAR(d.self_bleu, 0, 1e-12);
    CHECK_NEAR(d.unique, 1, 1e-12);
}

static void words_are_letters_or_marks(void **state)
{
    (void)state;
    static const char *const texts[] = {"Hm... no, no!"}; /* Hm . . . no , no ! */
    TextDiversity d = measure(texts, 1);
    CHECK_NEAR(d.distinct[0], 5.0 / 8, 1e-12);
    CHECK_NEAR(d.self_bleu, 0, 0);
}

static void empty_answers_are_no_trouble(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "", "a"};
    TextDiversity d = measure(texts, 3);
    CHECK_NEAR(d.distinct[0], 1, 0);
    CHECK_NEAR(d.distinct[1], 0, 0);
    CHECK_NEAR(d.unique, 2.0 / 3, 1e-12);
    assert_true(isfinite(d.self_bleu));
}

/* --- random texts of one-letter words, counted slowly ------------------------------------ */
enum { TEXTS = 4, MOST_WORDS = 9 };
typedef struct Letters {
    char words[MOST_WORDS + 1]; /* without the spaces */
    int n;
} Letters;

static int occurrences(const Letters *t, const char *gram, int n)
{
    int count = 0;
    for (int i = 0; i + n <= t->n; i++)
        count += strncmp(t->words + i, gram, (size_t)n) == 0;
    return count;
}

static double slow_bleu(const Letters *t, int which)
{
    double log_sum = 0;
    for (int n = 1; n <= 4; n++) {
        double same = 0, total = 0;
        for (int i = 0; i + n <= t[which].n; i++) {
            const char *gram = t[which].words + i;
            int here = occurrences(&t[which], gram, n), most = 0;
            for (int k = 0; k < TEXTS; k++) {
                int there = k == which ? 0 : occurrences(&t[k], gram, n);
                most = there > most ? there : most;
            }
            same += (double)(here < most ? here : most) / here; /* shared by equals */
            total++;
        }
        log_sum += n == 1 ? log(same / total) : log((same + 1) / (total + 1));
    }
    int c = t[which].n, r = -1;
    for (int d = 0; r < 0; d++) {
        for (int k = TEXTS - 1; k >= 0; k--) {
            if (k != which && t[k].n == c + d)
                r = t[k].n;
        }
        for (int k = 0; k < TEXTS; k++) {
            if (k != which && t[k].n == c - d)
                r = t[k].n;
        }
    }
    double brevity = c >= r ? 1 : exp(1 - (double)r / c);
    return brevity * exp(log_sum / 4);
}

static double slow_distinct(const Letters *t, int n)
{
    double different = 0, all = 0;
    for (int k = 0; k < TEXTS; k++) {
        for (int i = 0; i + n <= t[k].n; i++) {
            bool new = true;
            for (int k2 = 0; k2 <= k && new; k2++) {
                for (int j = 0; j + n <= t[k2].n && (k2 < k || j < i) && new; j++)
                    new = strncmp(t[k].words + i, t[k2].words + j, (size_t)n) != 0;
            }
            different += new;
            all++;
        }
    }
    return all > 0 ? different / all : 0;
}

static void it_is_what_slow_counting_gives(void **state)
{
    (void)state;
    Rng rng = check_rng();
    for (int trial = 0; trial < 2000; trial++) {
        Letters letters[TEXTS] = {0};
        char texts[TEXTS][2 * MOST_WORDS + 1] = {{0}};
        const char *pointers[TEXTS];
        for (int k = 0; k < TEXTS; k++) {
            letters[k].n = 1 + (int)rng_below(&rng, MOST_WORDS);
            for (int i = 0; i < letters[k].n; i++) {
                char c = (char)('a' + rng_below(&rng, 3));
                letters[k].words[i] = c;
                texts[k][2 * i] = c;
                texts[k][2 * i + 1] = ' ';
            }
            pointers[k] = texts[k];
        }
        TextDiversity d = measure(pointers, TEXTS);
        double bleu = 0;
        for (int k = 0; k < TEXTS; k++)
            bleu += slow_bleu(letters, k) / TEXTS;
        CHECK_NEAR(d.self_bleu, bleu, 1e-12);
        for (int n = 1; n <= DIVERSITY_GRAMS; n++)
            CHECK_NEAR(d.distinct[n - 1], slow_distinct(letters, n), 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_again_is_no_diversity),
        cmocka_unit_test(nothing_in_common_is_all_of_it),
        cmocka_unit_test(words_are_letters_or_marks),
        cmocka_unit_test(empty_answers_are_no_trouble),
        cmocka_unit_test(it_is_what_slow_counting_gives),
    };
    return cmocka_run_group_tests_name("eval/diversity", tests, NULL, NULL);
}
