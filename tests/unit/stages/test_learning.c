/* test_learning.c - that each stage learns what it is for, in miniature: documents by
 * heart, the right continuation of a demonstration, a preference, a reward. */
#include "unit/stages/tiny.h"

#include "eval/bits.h"
#include "model/folder.h"

static void a_tiny_model_learns_its_documents(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_run(
        "pretrain", "base",
        "data=@documents.jsonl heldout=0.2 tokenizer=@tok depth=1 hidden=32 heads=2 "
        "intermediate=64 context=48 batch_tokens=384 tokens=40000 lr=0.01 "
        "sample_every=0");
    double at_first = tiny_metric("base", 0, "heldout/loss");
    CHECK_NEAR(at_first, 5.58, 0.1); /* log 265: it knows nothing */
    /* The choices of a document: 6 names, 4 verbs, 7 digits; at best 5.1 nats in all,
     * 0.3 a token. */
    assert_true(tiny_metric("base", -1, "heldout/loss") < 0.6);
    double bits = tiny_metric("base", -1, "heldout/bits_per_byte");
    assert_true(bits > 0.3 && bits < 1);
}

static void fine_tuning_learns_the_answers_alone(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    tiny_run("sft", "sft",
             "model=@base data=@demonstrations.jsonl heldout=0.2 epochs=120 "
             "batch_tokens=384 lr=0.01 sample_every=0");
    assert_true(tiny_metric("sft", 0, "heldout/token_accuracy") < 0.2);
    assert_true(tiny_metric("sft", -1, "heldout/token_accuracy") > 0.5);
}

static double bits_of_documents(const char *folder)
{
    Err err;
    Model *model;
    Engine *engine;
    BitsReport report;
    Tokenizer *tok = tiny_tokenizer();
    CHECK_OK(model_folder_load(&model, tiny_ops, temp_path(folder), false, NULL, &err));
    CHECK_OK(engine_new(&engine, model, 1, 0, NULL, &err));
    CHECK_OK(bits_measure(engine, tok, temp_path("documents.jsonl"), 0, &report, &err));
    engine_free(engine);
    model_free(model);
    tokenizer_free(tok);
    return report.bits_per_byte;
}

/* Text that is mixed in is learned beside the answers. */
static void fine_tuning_keeps_the_text_that_is_mixed_in(void **state)
{
#define SETTINGS                                                                       \
    "model=@base data=@demonstrations.jsonl heldout=0.2 epochs=60 batch_tokens=384 "   \
    "lr=0.01 sample_every=0 eval_every=0 "
    (void)state;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    tiny_run("sft", "plain", SETTINGS);
    tiny_run("sft", "mixed", SETTINGS "ptx_coef=0.5 ptx_data=@documents.jsonl");
    assert_true(tiny_metric("mixed", -1, "heldout/token_accuracy") > 0.5);
    double plain = bits_of_documents("plain"), mixed = bits_of_documents("mixed");
    print_message("bits per byte %.3f, mixed in %.3f\n", plain, mixed);
    assert_true(mixed < 0.5 * plain);
}

static void a_reward_model_learns_a_preference(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    tiny_run("reward", "reward",
             "model=@sft data=@comparisons.jsonl demonstrations=@demonstrations.jsonl "
             "heldout=0.2 epochs=12 batch_prompts=8 lr=0.005");
    CHECK_NEAR(tiny_metric("reward", 1, "loss"), 0.69, 0.1);
    assert_true(tiny_metric("reward", -1, "heldout/accuracy") > 0.95);
    assert_true(tiny_metric("reward", -1, "heldout/length_accuracy") < 0.75);
}

/* Its models are trained (3 rankings are enough for "!"), and apart: the model is the one
 * without a curve. */
static void a_learning_curve_says_what_more_rankings_bring(void **state)
{
    (void)state;
    Err err;
    json_t *report;
    Str text = {0};
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    tiny_run("reward", "plain",
             "model=@sft data=@comparisons.jsonl heldout_data=@comparisons.jsonl "
             "epochs=8 batch_prompts=4 lr=0.005");
    tiny_run("reward", "curve",
             "model=@sft data=@comparisons.jsonl heldout_data=@comparisons.jsonl "
             "epochs=8 batch_prompts=4 lr=0.005 learning_curve=true");
    tiny_check_same_file("plain", "curve", "model.safetensors");
    assert_false(file_exists(temp_path("plain/learning_curve.json")));
    CHECK_OK(json_read_file(temp_path("curve/reward_report.json"), &report, &err));
    const json_t *curve = json_object_get(report, "learning_curve");
    static const int rankings[] = {3, 12, 48};
    double accuracy[3];
    assert_int_equal(json_array_size(curve), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *point = json_array_get(curve, i);
        assert_int_equal(json_integer_value(json_object_get(point, "rankings")),
                         rankings[i]);
        accuracy[i] = json_number_value(json_object_get(point, "accuracy"));
    }
    print_message("accuracy %.3f, %.3f, %.3f\n", accuracy[0], accuracy[1], accuracy[2]);
    assert_true(accuracy[0] > 0.95 && accuracy[1] > 0.95);
    CHECK_NEAR(tiny_metric("curve", -1, "heldout/accuracy"), accuracy[2], 1e-12);
    CHECK_OK(file_read(temp_path("curve/reward_report.md"), 1 << 16, &text, &err));
    assert_non_null(strstr(str_c(&text), "## Learning curve"));
    str_release(&text);
    json_decref(report);
}

static void demonstrations_average_zero_and_answers_have_unit_spread(void **state)
{
    (void)state;
    Err err;
    Model *model;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    const char *settings =
        "model=@sft data=@comparisons.jsonl heldout_data=@comparisons.jsonl "
        "demonstrations=@demonstrations.jsonl epochs=4 batch_prompts=8 lr=0.005";
    tiny_run("reward", "reward", settings);
    /* Held-out answers are those that the gain was fitted on. */
    CHECK_NEAR(tiny_metric("reward", -1, "heldout/score_std"), 1, 0.01);
    double bias = tiny_metric("reward", -1, "bias");
    CHECK_OK(
        model_folder_load(&model, tiny_ops, temp_path("reward"), false, NULL, &err));
    CHECK_NEAR(model->score_bias, bias, 1e-9);
    assert_true(model->shape.head == HEAD_SCALAR);
    model_free(model);
}

/* A reward model that was taught to love "!" teaches it to a policy that is not yet so
 * sure of the demonstrations' answers that it tries nothing else. */
static void ppo_raises_the_reward(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    tiny_run("sft", "sft",
             "model=@base data=@demonstrations.jsonl heldout=0 epochs=3 "
             "batch_tokens=384 lr=0.01 sample_every=0 eval_every=0");
    tiny_run("reward", "reward",
             "model=@sft data=@comparisons.jsonl heldout=0 prompts=@prompts.jsonl "
             "demonstrations=@demonstrations.jsonl epochs=8 batch_prompts=8 lr=0.005 "
             "eval_every=0");
    tiny_run(
        "ppo", "ppo",
        "model=@sft reward=@reward prompts=@prompts.jsonl "
        "heldout_prompts=@prompts.jsonl episodes=960 batch=32 minibatches=2 epochs=2 "
        "max_new=8 eval_prompts=32 lr=0.004 kl_coef=0.02 sample_every=0 "
        "seed=2");
    double before = tiny_metric("ppo", 0, "heldout/score");
    double after = tiny_metric("ppo", -1, "heldout/score");
    print_message("score %.3f -> %.3f\n", before, after);
    /* Demonstrations average 0: the policy starts below and comes at least half of the
     * way. (How far above it gets depends on the reward model, which few numbers made.) */
    assert_true(before < -0.1);
    assert_true(after > before / 2);
}

/* An adapter of few numbers learns what the whole model would, and the base's folder stays
 * as it was. */
static void adapters_learn_over_a_frozen_base(void **state)
{
    (void)state;
    Err err;
    Str before = {0}, after = {0};
    ModelShape shape;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    CHECK_OK(file_read(temp_path("base/model.safetensors"), 1 << 24, &before, &err));
    tiny_run("sft", "sft",
             "model=@base data=@demonstrations.jsonl heldout=0.2 epochs=120 "
             "batch_tokens=384 lr=0.01 sample_every=0 lora_rank=8");
    assert_true(tiny_metric("sft", 0, "heldout/token_accuracy") < 0.2);
    double accuracy = tiny_metric("sft", -1, "heldout/token_accuracy");
    assert_true(accuracy > 0.5);
    tiny_run("reward", "reward",
             "model=@sft data=@comparisons.jsonl demonstrations=@demonstrations.jsonl "
             "heldout=0.2 epochs=24 batch_prompts=8 lr=0.01 lora_rank=8");
    double order = tiny_metric("reward", -1, "heldout/accuracy");
    print_message("accuracy %.3f, %.3f\n", accuracy, order);
    assert_true(order > 0.95);
    CHECK_OK(file_read(temp_path("base/model.safetensors"), 1 << 24, &after, &err));
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.ptr, after.ptr, before.len);
    /* The reward model goes on from the SFT model's adapter, over the same base. */
    Str base = {0};
    CHECK_OK(model_folder_base(temp_path("reward"), &base, &err));
    assert_string_equal(str_c(&base), temp_path("base"));
    CHECK_OK(model_folder_shape(temp_path("reward"), &shape, NULL, &err));
    assert_int_equal(shape.lora.rank, 8);
    assert_int_equal(shape.head, HEAD_SCALAR);
    str_release(&base);
    str_release(&before);
    str_release(&after);
}

/* What opens a model folder opens an adapter's: training of all weights goes on from base
 * and adapter as one. */
static void stages_start_from_adapter_folders(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    tiny_run("sft", "adapter",
             "model=@base data=@demonstrations.jsonl heldout=0.2 epochs=40 "
             "batch_tokens=384 lr=0.01 sample_every=0 lora_rank=8");
    double learned = tiny_metric("adapter", -1, "heldout/loss");
    tiny_run("sft", "whole",
             "model=@adapter data=@demonstrations.jsonl heldout=0.2 epochs=1 "
             "batch_tokens=384 lr=1e-6 sample_every=0");
    CHECK_NEAR(tiny_metric("whole", 0, "heldout/loss"), learned, 0.01);
    assert_true(file_exists(temp_path("whole/model.safetensors")));
    tiny_run("sft", "further",
             "model=@adapter data=@demonstrations.jsonl heldout=0.2 epochs=1 "
             "batch_tokens=384 lr=1e-6 sample_every=0 lora_rank=8");
    CHECK_NEAR(tiny_metric("further", 0, "heldout/loss"), learned, 1e-6);
    assert_int_equal(tiny_stage("sft", "other",
                                "model=@adapter data=@demonstrations.jsonl lora_rank=4",
                                &report, &err),
                     ERR_OPTION);
    assert_non_null(strstr(err.msg, "the adapter to go on from has rank 8"));
    tiny_run("reward", "reward",
             "model=@adapter data=@comparisons.jsonl heldout=0.2 epochs=1 lora_rank=8");
    tiny_run("ppo", "ppo",
             "model=@adapter reward=@reward prompts=@prompts.jsonl episodes=8 batch=8 "
             "minibatches=2 max_new=8 sample_every=0");
    assert_true(file_exists(temp_path("ppo/model.safetensors")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(a_tiny_model_learns_its_documents),
        TEMP_TEST(fine_tuning_learns_the_answers_alone),
        TEMP_TEST(fine_tuning_keeps_the_text_that_is_mixed_in),
        TEMP_TEST(a_reward_model_learns_a_preference),
        TEMP_TEST(a_learning_curve_says_what_more_rankings_bring),
        TEMP_TEST(demonstrations_average_zero_and_answers_have_unit_spread),
        TEMP_TEST(ppo_raises_the_reward),
        TEMP_TEST(adapters_learn_over_a_frozen_base),
        TEMP_TEST(stages_start_from_adapter_folders),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
