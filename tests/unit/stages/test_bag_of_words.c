/* test_bag_of_words.c - words, and a linear model of which of them people like. */
#include "unit/stages/tiny.h"

#include "stages/bag_of_words.h"

#include <math.h>

static void words_are_runs_of_letters_without_case(void **state)
{
    (void)state;
    Err err;
    Bags b = {0};
    CHECK_OK(bags_add(&b, SPAN("The cat, the DOG:  2 caf\xc3\xa9s!"), &err));
    CHECK_OK(bags_add(&b, SPAN(" "), &err));
    CHECK_OK(bags_add(&b, SPAN("dog the"), &err));
    assert_int_equal(b.documents, 3);
    /* the (twice) cat , dog : 2 cafes ! */
    assert_int_equal(b.first[1], 8);
    assert_int_equal(b.first[2], 8);
    assert_int_equal(b.first[3], 10);
    CHECK_NEAR(b.value[0], log1p(2), 1e-6);
    CHECK_NEAR(b.value[1], log1p(1), 1e-6);
    assert_int_equal(b.bucket[8], b.bucket[3]); /* dog */
    assert_int_equal(b.bucket[9], b.bucket[0]); /* the */
    bags_release(&b);
}

/* The ranking of comparisons.jsonl: the answer that ends in "!" is better. */
static void what_is_liked_is_learned_and_what_is_common_is_not(void **state)
{
    (void)state;
    Err err;
    Rankings r = {0};
    Bags b;
    BagModel m;
    CorpusOptions corpus = {0};
    ChatTemplate *chat;
    Tokenizer *tok = tiny_tokenizer();
    tiny_make_data();
    CHECK_OK(template_new(&chat, tok, &err));
    RankingsOptions how = {.corpus = &corpus, .context = 48};
    CHECK_OK(rankings_load(&r, NULL, temp_path("comparisons.jsonl"), chat, &how, &err));
    CHECK_OK(bags_make(&b, &r.docs, tok, &err));
    CHECK_OK(bag_model_train(&m, &r, &b, 1, &err));
    for (size_t i = 0; i < r.n; i++) {
        int64_t first = r.first[i];
        double best = bag_model_score(&m, &b, first);
        assert_true(best > bag_model_score(&m, &b, first + 1));
        assert_true(best > bag_model_score(&m, &b, first + 2));
    }
    /* The prompt is not read: "runs" is in good and bad answers alike. */
    Bags other = {0};
    CHECK_OK(bags_add(&other, SPAN("runs"), &err));
    CHECK_OK(bags_add(&other, SPAN("!"), &err));
    CHECK_OK(bags_add(&other, SPAN("unheard"), &err));
    double word = bag_model_score(&m, &other, 0), mark = bag_model_score(&m, &other, 1);
    assert_true(fabs(word) < mark / 3);
    CHECK_NEAR(bag_model_score(&m, &other, 2), 0, 0);
    BagModel again;
    CHECK_OK(bag_model_train(&again, &r, &b, 1, &err));
    CHECK_NEAR(bag_model_score(&again, &other, 1), mark, 0);
    bags_release(&other);
    bag_model_release(&m);
    bag_model_release(&again);
    bags_release(&b);
    rankings_release(&r);
    template_free(chat);
    tokenizer_free(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_runs_of_letters_without_case),
        TEMP_TEST(what_is_liked_is_learned_and_what_is_common_is_not),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
