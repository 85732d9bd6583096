/* test_preference_data.c - comparisons and ratings as ids: what of a document is learned,
 * what is cut, which answers are kept, and which prompts get which other's answer. */
#include "unit/stages/tiny.h"

#include "stages/epochs.h"
#include "stages/rankings.h"
#include "stages/ratings.h"

static Err err;
static Tokenizer *tok;
static ChatTemplate *chat;
static const CorpusOptions plain = {0, CORPUS_SPLIT_FILE};

static int make(void **state)
{
    temp_make(state);
    tok = tiny_tokenizer();
    return template_new(&chat, tok, &err) == OK ? 0 : -1;
}

static int release(void **state)
{
    template_free(chat);
    tokenizer_free(tok);
    return temp_remove(state);
}

static void write_rows(const char *rows)
{
    Str text = {0};
    str_puts(&text, rows);
    tiny_write("data.jsonl", &text);
    str_release(&text);
}

static Status load_rankings(Rankings *out, RankingsOptions o)
{
    o.corpus = &plain;
    if (o.context == 0)
        o.context = 48;
    *out = (Rankings){0};
    return rankings_load(out, NULL, temp_path("data.jsonl"), chat, &o, &err);
}

static void load_ratings(Ratings *out, int64_t context)
{
    RatingsOptions o = {.corpus = &plain, .context = context};
    *out = (Ratings){0};
    CHECK_OK(ratings_load(out, NULL, temp_path("data.jsonl"), chat, &o, &err));
}

/* Document d as text, special tokens as they are called; what is learned in brackets. */
static void check_document(const Documents *docs, int64_t d, const char *want)
{
    Str text = {0};
    const char *mask = documents_mask(docs, d);
    bool learned = false;
    for (int64_t i = 0; i < documents_len(docs, d); i++) {
        if (mask[i] != learned)
            str_putc(&text, mask[i] ? '[' : ']');
        learned = mask[i];
        CHECK_OK(
            tokenizer_decode(tok, documents_ids(docs, d) + i, 1, true, &text, &err));
    }
    str_puts(&text, learned ? "]" : "");
    assert_string_equal(str_c(&text), want);
    str_release(&text);
}

/* --- rankings ------------------------------------------------------------------------ */

static void the_answer_alone_is_learned(void **state)
{
    (void)state;
    Rankings r;
    write_rows(
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
        "\"assistant\",\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"}],"
        "\"chosen\":\"d\",\"rejected\":[{\"role\":\"assistant\",\"content\":"
        "\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":"
        "\"x\"}}]},{\"role\":\"tool\",\"content\":\"y\"},{\"role\":"
        "\"assistant\",\"content\":\"z\"}],\"margin\":2}\n");
    CHECK_OK(load_rankings(&r, (RankingsOptions){0}));
    assert_int_equal(r.n, 1);
    check_document(&r.docs, 0,
                   "<|bos|><|user|>a<|im_end|><|assistant|>b<|im_end|><|user|>c"
                   "<|im_end|><|assistant|>[d<|im_end|>]");
    check_document(&r.docs, 1,
                   "<|bos|><|user|>a<|im_end|><|assistant|>b<|im_end|><|user|>c"
                   "<|im_end|><|assistant|>[<|call|>f(x)<|im_end|>]<|tool|>y<|im_end|>"
                   "<|assistant|>[z<|im_end|>]");
    CHECK_NEAR(r.margin[0] - r.margin[1], 2, 0);
    rankings_release(&r);
}

static const char five[] =
    "{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\",\"d\",\"e\"],"
    "\"ranks\":[3,1,2,3,1],\"margins\":[0,5,4,1,6]}\n"
    "{\"prompt\":\"p\",\"completions\":[\"x\",\"y\"],\"ranks\":[1,1]}\n"
    "{\"prompt\":\"r\",\"completions\":[\"x\",\"y\"],\"ranks\":[2,1]}\n";

static void rankings_keep_all_answers_or_their_ends(void **state)
{
    (void)state;
    Rankings all, ends;
    write_rows(five);
    CHECK_OK(load_rankings(&all, (RankingsOptions){0}));
    assert_int_equal(all.n, 2);
    assert_int_equal(all.unordered, 1);
    assert_int_equal(rankings_answers(&all, 0), 5);
    assert_int_equal(rankings_pairs(&all), 9);
    CHECK_OK(load_rankings(&ends, (RankingsOptions){.ends = true}));
    assert_int_equal(ends.n, 2);
    assert_int_equal(rankings_pairs(&ends), 2);
    /* in the order of the row: a is the first of the worst, b the first of the best */
    check_document(&ends.docs, 0,
                   "<|bos|><|user|>q<|im_end|><|assistant|>[a<|im_end|>]");
    check_document(&ends.docs, 1,
                   "<|bos|><|user|>q<|im_end|><|assistant|>[b<|im_end|>]");
    assert_int_equal(ends.rank[0], 3);
    assert_int_equal(ends.rank[1], 1);
    CHECK_NEAR(ends.margin[1], 5, 0);
    check_document(&ends.docs, 3,
                   "<|bos|><|user|>r<|im_end|><|assistant|>[y<|im_end|>]");
    assert_int_equal(ends.rank[3], 1);
    rankings_release(&all);
    rankings_release(&ends);
}

static void what_is_too_long_is_refused_cut_or_dropped(void **state)
{
    (void)state;
    Rankings r;
    write_rows("{\"prompt\":\"abcd\",\"completions\":[\"x\",\"yzyz\",\"w\"],"
               "\"ranks\":[1,2,3]}\n");
    RankingsOptions o = {.context = 10};
    char want[300];
    snprintf(want, sizeof want,
             "'%s': ranking 1: answer 2 has 13 tokens with its prompt, the context 10; "
             "overlong: truncate or drop goes on",
             temp_path("data.jsonl"));
    CHECK_FAILS(load_rankings(&r, o), ERR_LIMIT, want);
    rankings_release(&r);
    o.overlong = OVERLONG_TRUNCATE;
    CHECK_OK(load_rankings(&r, o));
    assert_int_equal(r.docs.n, 3);
    check_document(&r.docs, 1, "<|bos|>cd<|im_end|><|assistant|>[yzyz<|im_end|>]");
    check_document(&r.docs, 2,
                   "<|bos|><|user|>abcd<|im_end|><|assistant|>[w<|im_end|>]");
    rankings_release(&r);
    o.overlong = OVERLONG_DROP;
    CHECK_OK(load_rankings(&r, o));
    assert_int_equal(r.docs.n, 2);
    assert_int_equal(r.dropped, 1);
    assert_int_equal(r.rank[1], 3);
    rankings_release(&r);
}

/* What a checkpoint is resumed under: the ids, the ranks and the margins. */
static void the_hash_is_of_all_that_is_learned(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\"],\"ranks\":[1,2,3]}\n",
        "{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"d\"],\"ranks\":[1,2,3]}\n",
        "{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\"],\"ranks\":[1,2,2]}\n",
        ("{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\"],\"ranks\":[1,2,3],"
         "\"margins\":[1,0,0]}\n")};
    uint64_t hash[4];
    for (int i = 0; i < 4; i++) {
        Rankings r;
        write_rows(rows[i]);
        CHECK_OK(load_rankings(&r, (RankingsOptions){0}));
        hash[i] = rankings_hash(&r);
        for (int j = 0; j < i; j++)
            assert_true(hash[j] != hash[i]);
        rankings_release(&r);
    }
}

/* --- ratings ------------------------------------------------------------------------- */

static void comparisons_are_rated_by_their_ranks(void **state)
{
    (void)state;
    Ratings r;
    write_rows(five);
    load_ratings(&r, 48);
    /* a and d lose more than they win, b and e win, c is in the middle; of the second row
     * none is either */
    assert_int_equal(r.docs.n, 6);
    assert_int_equal(r.neither, 3);
    assert_int_equal(r.n_good, 3);
    const bool good[] = {false, true, false, true, false, true};
    assert_memory_equal(r.good, good, sizeof good);
    check_document(&r.docs, 3, "<|bos|><|user|>q<|im_end|><|assistant|>[e<|im_end|>]");
    ratings_release(&r);
}

static void prompts_get_the_answer_to_another(void **state)
{
    (void)state;
    Ratings r;
    write_rows(five);
    load_ratings(&r, 48);
    CHECK_OK(ratings_mismatch(&r, 48, 1, &err));
    assert_int_equal(r.mismatched.n, 6);
    for (int64_t i = 0; i < 6; i++) {
        int64_t len = documents_len(&r.mismatched, i);
        const int32_t *ids = documents_ids(&r.mismatched, i);
        assert_int_equal(len, 7);
        assert_memory_equal(ids, documents_ids(&r.docs, i), 5 * sizeof *ids);
        bool of_other = false; /* the answer is one of those to the other prompt */
        for (int64_t j = 0; j < 6; j++)
            of_other = of_other || (r.prompt[j] != r.prompt[i] &&
                                    documents_ids(&r.docs, j)[5] == ids[5]);
        assert_true(of_other);
        assert_int_equal(documents_learned_from(&r.mismatched, i), 5);
    }
    ratings_release(&r);
}

/* Two long ones joined are longer than the context: the prompt gives way. */
static void a_mismatched_answer_is_whole(void **state)
{
    (void)state;
    Ratings r;
    write_rows("{\"prompt\":\"abcdef\",\"completion\":\"x\",\"label\":true}\n"
               "{\"prompt\":\"p\",\"completion\":\"uvwxyz\",\"label\":false}\n");
    load_ratings(&r, 12);
    CHECK_OK(ratings_mismatch(&r, 12, 1, &err));
    check_document(&r.mismatched, 0,
                   "<|bos|>ef<|im_end|><|assistant|>[uvwxyz<|im_end|>]");
    check_document(&r.mismatched, 1,
                   "<|bos|><|user|>p<|im_end|><|assistant|>[x<|im_end|>]");
    ratings_release(&r);
}

static void one_prompt_has_no_other(void **state)
{
    (void)state;
    Ratings r;
    write_rows("{\"prompt\":\"p\",\"completion\":\"x\",\"label\":true}\n"
               "{\"prompt\":\"p\",\"completion\":\"y\",\"label\":false}\n");
    load_ratings(&r, 48);
    CHECK_FAILS(ratings_mismatch(&r, 48, 1, &err), ERR_FORMAT,
                "all rated answers are to one prompt; the reference point of KTO is "
                "estimated from answers to other prompts");
    ratings_release(&r);
}

/* Many answers to one prompt do not keep the others from being found, nor take long. */
static void a_prompt_with_nearly_all_answers_is_matched(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    Ratings r;
    Str text = {0};
    for (int i = 0; i < MANY; i++)
        str_printf(&text, "{\"prompt\":\"p\",\"completion\":\"x\",\"label\":true}\n");
    str_puts(&text, "{\"prompt\":\"q\",\"completion\":\"y\",\"label\":false}\n");
    tiny_write("data.jsonl", &text);
    str_release(&text);
    load_ratings(&r, 48);
    CHECK_OK(ratings_mismatch(&r, 48, 1, &err));
    int32_t x = documents_ids(&r.docs, 0)[5], y = documents_ids(&r.docs, MANY)[5];
    for (int64_t i = 0; i < MANY; i++)
        assert_int_equal(documents_ids(&r.mismatched, i)[5], y);
    assert_int_equal(documents_ids(&r.mismatched, MANY)[5], x);
    ratings_release(&r);
}

/* --- epochs -------------------------------------------------------------------------- */

static void every_epoch_has_every_example_once(void **state)
{
    (void)state;
    enum { N = 7, EPOCHS = 3 };
    Epochs e, other;
    int64_t seen[EPOCHS][N] = {0}, order[EPOCHS * N];
    CHECK_OK(epochs_init(&e, N, 5, &err));
    CHECK_OK(epochs_init(&other, N, 5, &err));
    for (int64_t i = 0; i < EPOCHS * N; i++) {
        order[i] = epochs_at(&e, i);
        seen[i / N][order[i]]++;
    }
    for (int i = 0; i < EPOCHS * N; i++)
        assert_int_equal(seen[i / N][i % N], 1);
    assert_memory_not_equal(order, order + N, N * sizeof *order);
    for (int64_t i = EPOCHS * N - 1; i >= 0; i--) /* from anywhere */
        assert_int_equal(epochs_at(&other, i), order[i]);
    epochs_release(&e);
    epochs_release(&other);
}

int main(void)
{
#define DATA_TEST(f) cmocka_unit_test_setup_teardown(f, make, release)
    const struct CMUnitTest tests[] = {
        DATA_TEST(the_answer_alone_is_learned),
        DATA_TEST(rankings_keep_all_answers_or_their_ends),
        DATA_TEST(what_is_too_long_is_refused_cut_or_dropped),
        DATA_TEST(the_hash_is_of_all_that_is_learned),
        DATA_TEST(comparisons_are_rated_by_their_ranks),
        DATA_TEST(prompts_get_the_answer_to_another),
        DATA_TEST(a_mismatched_answer_is_whole),
        DATA_TEST(one_prompt_has_no_other),
        DATA_TEST(a_prompt_with_nearly_all_answers_is_matched),
        cmocka_unit_test(every_epoch_has_every_example_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
