/* test_making.c - the stages that make data (tokenizer, rank), the dial of pretraining,
 * and what every stage says when something is missing. */
#include "unit/stages/tiny.h"

#include "data/corpus.h"
#include "format/json.h"

#include <math.h>

static void a_vocabulary_is_learned_and_marked_finished(void **state)
{
    (void)state;
    Err err;
    Tokenizer *tok;
    tiny_make_data();
    char folder[128];
    snprintf(folder, sizeof folder, "%s", temp_path("learned"));
    StageEnv env = {.ops = tiny_ops, .folder = folder, .data = folder};
    assert_false(stage_is_finished(&env));
    tiny_run("tokenizer", "learned", "data=@documents.jsonl vocab=280");
    assert_true(stage_is_finished(&env));
    CHECK_OK(tokenizer_load(&tok, folder, &err));
    assert_int_equal(tokenizer_vocab(tok), 280);
    tokenizer_free(tok);
}

/* The rankings of a file. */
static void load(const char *name, RecordList *list)
{
    Err err;
    CorpusOptions o;
    CHECK_OK(opt_defaults(&corpus_options, &o, &err));
    CHECK_OK(corpus_load(list, temp_path(name), RECORD_RANKING, &o, &err));
    opt_release(&corpus_options, &o);
}

static void answers_are_ranked_and_a_share_is_held_out(void **state)
{
    (void)state;
    RecordList train = {0}, heldout = {0};
    tiny_make_sft_and_reward();
    tiny_run("rank", "ranked",
             "model=@sft prompts=@prompts.jsonl world=@reward answers=3 max_new=4 "
             "heldout=0.3");
    load("ranked/comparisons.jsonl", &train);
    load("ranked/comparisons_heldout.jsonl", &heldout);
    assert_int_equal(train.n + heldout.n, 48);
    assert_true(heldout.n > 4 && heldout.n < 25);
    for (size_t i = 0; i < train.n; i++) {
        assert_int_equal(train.records[i].n_answers, 3);
        assert_int_equal(train.records[i].ranks[0], 1); /* best first */
        assert_true(train.records[i].ranks[2] >= train.records[i].ranks[1]);
    }
    record_list_release(&train);
    record_list_release(&heldout);
}

/* The same answers as of tiny_run("rank", ...) above, with these labels. */
static json_t *rank_with(const char *folder, const char *labels)
{
    Err err;
    char options[300], line[20000], name[128];
    snprintf(options, sizeof options,
             "model=@sft prompts=@prompts.jsonl world=@reward answers=4 max_new=4 "
             "heldout=0 %s",
             labels);
    tiny_run("rank", folder, options);
    snprintf(name, sizeof name, "%s/comparisons.jsonl", folder);
    FILE *file = fopen(temp_path(name), "r");
    assert_non_null(file);
    json_t *rows = json_array();
    while (fgets(line, sizeof line, file)) {
        json_t *row;
        CHECK_OK(json_parse((Span){line, strlen(line)}, &row, &err));
        json_array_append_new(rows, row);
    }
    fclose(file);
    return rows;
}

/* Share of the pairs with different scores in which the higher score ranks first, and what
 * Bradley and Terry's model says of it. */
static double share_in_order(const json_t *rows, double scale, double *expected,
                             double *pairs)
{
    double right = 0;
    *expected = *pairs = 0;
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r);
        const json_t *ranks = json_object_get(row, "ranks"),
                     *scores = json_object_get(row, "scores");
        size_t n = json_array_size(ranks);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                double gap = json_number_value(json_array_get(scores, i)) -
                             json_number_value(json_array_get(scores, j));
                if (gap <= 0)
                    continue;
                right += json_integer_value(json_array_get(ranks, i)) <
                         json_integer_value(json_array_get(ranks, j));
                *expected += 1 / (1 + exp(-gap / scale));
                *pairs += 1;
            }
        }
    }
    *expected /= *pairs;
    return right / *pairs;
}

static void labels_are_as_noisy_as_asked(void **state)
{
    (void)state;
    double expected, pairs;
    tiny_make_sft_and_reward();
    json_t *clean = rank_with("clean", "labels=clean");
    assert_true(share_in_order(clean, 1, &expected, &pairs) >= 1);
    assert_true(pairs > 100);
    json_t *turned = rank_with("turned", "labels=flipped label_noise=1");
    assert_true(share_in_order(turned, 1, &expected, &pairs) <= 0);
    json_t *flipped = rank_with("flipped", "labels=flipped label_noise=0.25");
    double share = share_in_order(flipped, 1, &expected, &pairs);
    CHECK_NEAR(share, .75, 4 * sqrt(.25 * .75 / 40)); /* whole orders are turned */
    json_t *shuffled = rank_with("shuffled", "labels=shuffled");
    share = share_in_order(shuffled, 1, &expected, &pairs);
    CHECK_NEAR(share, .5, 4 * .5 / sqrt(pairs / 2));
    json_t *sampled = rank_with("sampled", "labels=sampled label_scale=0.5");
    share = share_in_order(sampled, .5, &expected, &pairs);
    assert_true(expected < .95);
    CHECK_NEAR(share, expected, 4 * .5 / sqrt(pairs / 2));
    json_t *sure = rank_with("sure", "labels=sampled label_scale=0.000001");
    assert_true(share_in_order(sure, 1, &expected, &pairs) >= .99);
    /* The answers and the judge's scores are the same ones. */
    enum { OTHERS = 5 };
    json_t *const all[OTHERS] = {turned, flipped, shuffled, sampled, sure};
    for (int i = 0; i < OTHERS; i++) {
        assert_int_equal(json_array_size(all[i]), json_array_size(clean));
        assert_true(json_equal(json_object_get(json_array_get(all[i], 0), "scores"),
                               json_object_get(json_array_get(clean, 0), "scores")));
        json_decref(all[i]);
    }
    json_decref(clean);
}

static void equal_answers_are_no_comparison(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    tiny_make_sft_and_reward();
    CHECK_FAILS(tiny_stage("rank", "ranked",
                           "model=@sft prompts=@prompts.jsonl world=@reward answers=3 "
                           "max_new=4 temperature=0",
                           &report, &err),
                ERR_FORMAT, "the judge sees no difference in any of 144 answers");
    assert_false(file_exists(temp_path("ranked/comparisons.jsonl")));
}

static void close_scores_tie(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    tiny_make_sft_and_reward();
    CHECK_FAILS(tiny_stage("rank", "ranked",
                           "model=@sft prompts=@prompts.jsonl world=@reward answers=2 "
                           "max_new=4 tie=1000",
                           &report, &err),
                ERR_FORMAT, "the judge sees no difference in any of 96 answers");
}

static void depth_gives_the_shape(void **state)
{
    (void)state;
    Err err;
    ModelShape shape;
    tiny_make_data();
    tiny_run("pretrain", "base",
             "data=@documents.jsonl tokenizer=@tok depth=2 context=16 tokens=100 "
             "batch_tokens=64 sample_every=0 eval_every=0");
    CHECK_OK(model_folder_shape(temp_path("base"), &shape, NULL, &err));
    assert_int_equal(shape.layers, 2);
    assert_int_equal(shape.hidden, 96);
    assert_int_equal(shape.heads, 3);
    assert_int_equal(shape.intermediate, 256);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    CHECK_FAILS(tiny_stage("tokenizer", "x", "vocab=300", &report, &err), ERR_OPTION,
                "option 'data' is not set: text to learn from");
    CHECK_FAILS(tiny_stage("pretrain", "x", "data=@documents.jsonl", &report, &err),
                ERR_OPTION,
                "option 'tokenizer' is not set: a folder with tokenizer.json");
    CHECK_FAILS(tiny_stage("sft", "x", "epochs=1", &report, &err), ERR_OPTION,
                "option 'model' is not set: the folder of a model");
    CHECK_FAILS(tiny_stage("sft", "x", "model=@sft", &report, &err), ERR_OPTION,
                "option 'data' is not set: demonstrations");
    CHECK_FAILS(tiny_stage("sft", "x",
                           "model=@sft data=@demonstrations.jsonl ptx_coef=1", &report,
                           &err),
                ERR_OPTION, "ptx_coef is set, but not ptx_data");
    CHECK_FAILS(tiny_stage("reward", "x", "model=@sft", &report, &err), ERR_OPTION,
                "option 'data' is not set: comparisons");
    CHECK_FAILS(tiny_stage("rank", "x", "model=@sft prompts=@prompts.jsonl max_new=4",
                           &report, &err),
                ERR_OPTION,
                "option 'world' is not set: a practice world or a reward model");
    assert_int_equal(tiny_stage("rank", "x",
                                "model=@sft prompts=@prompts.jsonl max_new=48", &report,
                                &err),
                     ERR_LIMIT);
    assert_non_null(strstr(err.msg, "has no prompt that leaves room for 48 tokens in a "
                                    "context of 48"));
}

static void
an_answer_longer_than_the_context_is_refused_unless_told_otherwise(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    Str text = {0};
    for (int i = 0; i < 8; i++)
        str_printf(&text,
                   "{\"prompt\": \"p%d\", \"completions\": [\"yes\", \"no\", "
                   "\"%060d\"], \"ranks\": [1, 2, 3]}\n",
                   i, i);
    tiny_write("long.jsonl", &text);
    str_release(&text);
    char want[300];
    snprintf(want, sizeof want,
             "'%s/long.jsonl': ranking 1: answer 3 has 67 tokens with its prompt, the "
             "context 48; overlong: truncate or drop goes on",
             temp_folder);
    CHECK_FAILS(tiny_stage("reward", "x", "model=@sft data=@long.jsonl heldout=0",
                           &report, &err),
                ERR_LIMIT, want);
    tiny_run("reward", "dropped",
             "model=@sft data=@long.jsonl heldout=0 overlong=drop batch_prompts=4");
    tiny_run("reward", "cut",
             "model=@sft data=@long.jsonl heldout=0 overlong=truncate batch_prompts=4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(a_vocabulary_is_learned_and_marked_finished),
        TEMP_TEST(answers_are_ranked_and_a_share_is_held_out),
        TEMP_TEST(labels_are_as_noisy_as_asked),
        TEMP_TEST(equal_answers_are_no_comparison),
        TEMP_TEST(close_scores_tie),
        TEMP_TEST(depth_gives_the_shape),
        TEMP_TEST(what_is_missing_is_named),
        TEMP_TEST(an_answer_longer_than_the_context_is_refused_unless_told_otherwise),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
