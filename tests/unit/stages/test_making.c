/* test_making.c - the stages that make data (tokenizer, rank), the dial of pretraining,
 * and what every stage says when something is missing. */
#include "unit/stages/tiny.h"

#include "data/corpus.h"

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
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    tiny_make_model("reward", HEAD_SCALAR, 7);
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

static void equal_answers_are_no_comparison(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    tiny_make_model("reward", HEAD_SCALAR, 7);
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
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    tiny_make_model("reward", HEAD_SCALAR, 7);
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
        TEMP_TEST(equal_answers_are_no_comparison),
        TEMP_TEST(close_scores_tie),
        TEMP_TEST(depth_gives_the_shape),
        TEMP_TEST(what_is_missing_is_named),
        TEMP_TEST(an_answer_longer_than_the_context_is_refused_unless_told_otherwise),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
