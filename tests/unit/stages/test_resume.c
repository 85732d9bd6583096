/* test_resume.c - each of the training stages, killed by SIGKILL or stopped by
 * SIGTERM somewhere in the middle and started again, ends in the same bytes as a run that
 * nobody disturbed; also where an adapter is what they train. */
#include "unit/stages/tiny.h"

static void check_resumes(const char *kind, const char *settings, int lines)
{
    tiny_run(kind, "whole", settings);
    tiny_run_cut(kind, "cut", settings, SIGKILL, lines);
    tiny_run_cut(kind, "cut", settings, SIGTERM, lines + 1);
    tiny_run_cut(kind, "cut", settings, SIGKILL, lines + 3);
    tiny_run(kind, "cut", settings);
    bool adapter = strstr(settings, "lora_rank") != NULL;
    tiny_check_same_file("whole", "cut",
                         adapter ? "adapter_model.safetensors" : "model.safetensors");
    assert_int_equal(file_exists(temp_path("whole/model.safetensors")), !adapter);
    tiny_check_same_file("whole", "cut", "metrics.jsonl");
    tiny_check_same_file("whole", "cut", "samples.jsonl");
    tiny_check_same_file("whole", "cut", "config.json");
}

static void pretraining_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    check_resumes("pretrain",
                  "data=@documents.jsonl heldout=0.1 tokenizer=@tok depth=1 hidden=32 "
                  "heads=2 intermediate=64 context=48 batch_tokens=192 tokens=20000 "
                  "checkpoint_every=3 eval_every=5",
                  8);
}

static void fine_tuning_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    check_resumes("sft",
                  "model=@base data=@demonstrations.jsonl heldout=0.1 epochs=24 "
                  "ptx_coef=0.5 ptx_data=@documents.jsonl "
                  "batch_tokens=192 checkpoint_every=3 eval_every=5",
                  8);
}

static void reward_modelling_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_resumes(
        "reward",
        "model=@sft data=@comparisons.jsonl demonstrations=@demonstrations.jsonl "
        "prompts=@prompts.jsonl epochs=3 batch_prompts=4 checkpoint_every=3 "
        "eval_every=5 micro_batch=200 learning_curve=true",
        8);
    tiny_check_same_file("whole", "cut", "learning_curve.json");
    tiny_check_same_file("whole", "cut", "reward_report.json");
}

static void dpo_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_resumes("dpo",
                  "model=@sft data=@comparisons.jsonl epochs=3 batch_prompts=4 "
                  "checkpoint_every=3 eval_every=5 micro_batch=200 max_new=8",
                  8);
}

static void kto_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_resumes("kto",
                  "model=@sft data=@comparisons.jsonl epochs=3 batch=12 "
                  "checkpoint_every=3 eval_every=5 micro_batch=200 max_new=8",
                  8);
}

static void an_adapters_fine_tuning_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    check_resumes("sft",
                  "model=@base data=@demonstrations.jsonl heldout=0.1 epochs=24 "
                  "batch_tokens=192 checkpoint_every=3 eval_every=5 lora_rank=4 "
                  "lora_targets=q,v,down weight_decay=0.1",
                  8);
}

static void an_adapters_reward_modelling_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_resumes(
        "reward",
        "model=@sft data=@comparisons.jsonl demonstrations=@demonstrations.jsonl "
        "prompts=@prompts.jsonl epochs=3 batch_prompts=4 checkpoint_every=3 "
        "eval_every=5 micro_batch=200 lora_rank=3 lora_rslora=true",
        8);
}

static void an_adapters_dpo_and_kto_resume_to_the_same_bytes(void **state)
{
    (void)state;
    Err err;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_resumes("dpo",
                  "model=@sft data=@comparisons.jsonl epochs=3 batch_prompts=4 "
                  "checkpoint_every=3 eval_every=5 micro_batch=200 max_new=8 "
                  "lora_rank=3 lora_targets=q,down",
                  8);
    CHECK_OK(file_remove_tree(temp_path("whole"), &err));
    CHECK_OK(file_remove_tree(temp_path("cut"), &err));
    check_resumes("kto",
                  "model=@sft data=@comparisons.jsonl epochs=3 batch=12 "
                  "checkpoint_every=3 eval_every=5 micro_batch=200 max_new=8 "
                  "lora_rank=3",
                  8);
}

/* A checkpoint of an adapter holds no base: over another it means nothing. */
static void an_adapter_is_resumed_over_its_own_base(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    const char *settings = "model=@base data=@demonstrations.jsonl heldout=0.1 "
                           "epochs=24 batch_tokens=192 checkpoint_every=3 lora_rank=4";
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    tiny_run_cut("sft", "cut", settings, SIGTERM, 5);
    tiny_make_model("base", HEAD_LM, 6);
    assert_int_equal(tiny_stage("sft", "cut", settings, &report, &err), ERR_OPTION);
    assert_non_null(strstr(err.msg, "was trained over weights of the hash"));
    tiny_make_model("base", HEAD_LM, 5);
    const char *other = "model=@base data=@demonstrations.jsonl heldout=0.1 "
                        "epochs=24 batch_tokens=192 checkpoint_every=3 lora_rank=4 "
                        "lora_alpha=16";
    assert_int_equal(tiny_stage("sft", "cut", other, &report, &err), ERR_OPTION);
    assert_non_null(strstr(err.msg, "other options or data"));
    tiny_run("sft", "cut", settings);
}

static void ppo_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_sft_and_reward();
    check_resumes("ppo",
                  "model=@sft reward=@reward prompts=@prompts.jsonl "
                  "heldout_prompts=@prompts.jsonl episodes=80 batch=8 minibatches=2 "
                  "epochs=2 max_new=8 eval_prompts=4 kl_target=2 kl_horizon=50 "
                  "ptx_coef=0.5 ptx_data=@documents.jsonl checkpoint_every=8 "
                  "eval_every=12 micro_batch=100",
                  3);
}

/* Kill and resume between the last checkpoint and the result, where the critic's row is
 * already gone, is the same: it is read again from the checkpoint. */
static void ppo_with_a_shared_critic_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    static const char *const more[] = {"", "lora_rank=3"};
    tiny_make_sft_and_reward();
    for (int i = 0; i < 2; i++) {
        Err err;
        char settings[400];
        snprintf(settings, sizeof settings,
                 "model=@sft reward=@reward prompts=@prompts.jsonl episodes=80 batch=8 "
                 "minibatches=2 epochs=2 max_new=8 eval_every=0 critic=shared "
                 "checkpoint_every=8 micro_batch=100 %s",
                 more[i]);
        check_resumes("ppo", settings, 3);
        CHECK_OK(file_remove_tree(temp_path("whole"), &err));
        CHECK_OK(file_remove_tree(temp_path("cut"), &err));
    }
}

static void rloo_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_sft_and_reward();
    check_resumes("rloo",
                  "model=@sft reward=@reward prompts=@prompts.jsonl "
                  "heldout_prompts=@prompts.jsonl episodes=80 batch=8 minibatches=2 "
                  "epochs=2 max_new=8 eval_prompts=4 kl_target=2 kl_horizon=50 "
                  "checkpoint_every=8 eval_every=12 micro_batch=100",
                  3);
}

/* Sampling again moves where the prompts are read from: state of its own. */
static void grpo_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_sft_and_reward();
    check_resumes("grpo",
                  "model=@sft reward=@reward prompts=@prompts.jsonl "
                  "heldout_prompts=@prompts.jsonl episodes=80 batch=8 answers=2 "
                  "minibatches=2 epochs=2 max_new=8 eval_prompts=4 score_clip=1e-9 "
                  "missing_eos_penalty=0 equal_groups=resample resample_rounds=2 "
                  "ptx_coef=0.5 ptx_data=@documents.jsonl checkpoint_every=8 "
                  "eval_every=12 micro_batch=100",
                  3);
    assert_true(tiny_metric("whole", 1, "groups_resampled") > 0);
}

static void an_adapters_ppo_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_sft_and_reward();
    check_resumes("ppo",
                  "model=@sft reward=@reward prompts=@prompts.jsonl "
                  "heldout_prompts=@prompts.jsonl episodes=80 batch=8 minibatches=2 "
                  "epochs=2 max_new=8 eval_prompts=4 checkpoint_every=8 "
                  "eval_every=12 micro_batch=100 lora_rank=3",
                  3);
}

static void a_checkpoint_is_resumed_in_its_own_arithmetic(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    const char *settings = "data=@documents.jsonl heldout=0.1 tokenizer=@tok depth=1 "
                           "hidden=32 heads=2 intermediate=64 context=48 "
                           "batch_tokens=192 tokens=20000 checkpoint_every=3";
    tiny_make_data();
    tiny_run_cut("pretrain", "cut", settings, SIGTERM, 5);
    TensorCompute was = tiny_ops->compute;
    tiny_ops->compute = was == COMPUTE_BF16 ? COMPUTE_F32 : COMPUTE_BF16;
    assert_int_equal(tiny_stage("pretrain", "cut", settings, &report, &err),
                     ERR_OPTION);
    assert_non_null(strstr(err.msg, was == COMPUTE_BF16 ? "TAME_COMPUTE=bf16"
                                                        : "TAME_COMPUTE=f32"));
    tiny_ops->compute = was;
    stage_report_release(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(pretraining_resumes_to_the_same_bytes),
        TEMP_TEST(fine_tuning_resumes_to_the_same_bytes),
        TEMP_TEST(reward_modelling_resumes_to_the_same_bytes),
        TEMP_TEST(dpo_resumes_to_the_same_bytes),
        TEMP_TEST(kto_resumes_to_the_same_bytes),
        TEMP_TEST(an_adapters_fine_tuning_resumes_to_the_same_bytes),
        TEMP_TEST(an_adapters_reward_modelling_resumes_to_the_same_bytes),
        TEMP_TEST(an_adapters_dpo_and_kto_resume_to_the_same_bytes),
        TEMP_TEST(an_adapter_is_resumed_over_its_own_base),
        TEMP_TEST(ppo_resumes_to_the_same_bytes),
        TEMP_TEST(ppo_with_a_shared_critic_resumes_to_the_same_bytes),
        TEMP_TEST(rloo_resumes_to_the_same_bytes),
        TEMP_TEST(grpo_resumes_to_the_same_bytes),
        TEMP_TEST(an_adapters_ppo_resumes_to_the_same_bytes),
        TEMP_TEST(a_checkpoint_is_resumed_in_its_own_arithmetic),
    };
    int failed =
        cmocka_run_group_tests_name("f32", tests, tiny_make_ops, tiny_free_ops);
    tiny_compute = COMPUTE_BF16;
    return failed +
           cmocka_run_group_tests_name("bf16", tests, tiny_make_ops, tiny_free_ops);
}
