/* test_ppo.c - the mechanics of PPO: what must hold whatever is learned. */
#include "unit/stages/tiny.h"

#include <math.h>

#define COMMON                                                                         \
    "model=@sft reward=@reward prompts=@prompts.jsonl batch=8 max_new=8 "              \
    "sample_every=0 eval_every=0 micro_batch=90 "

static void make(void)
{
    tiny_make_sft_and_reward();
}

static void the_ratio_is_exactly_one_before_the_first_step(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "ppo", COMMON "episodes=24 minibatches=2 epochs=2 lr=0.01");
    for (int line = 0; line < 3; line++) {
        CHECK_NEAR(tiny_metric("ppo", line, "val/first_ratio_error"), 0, 0);
        assert_true(tiny_metric("ppo", line, "val/ratio_var") > 0); /* then it moves */
    }
}

static void one_update_an_iteration_never_leaves_the_old_policy(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "ppo", COMMON "episodes=16 minibatches=1 epochs=1 lr=0.01");
    CHECK_NEAR(tiny_metric("ppo", 1, "policy/approxkl_avg"), 0, 0);
    CHECK_NEAR(tiny_metric("ppo", 1, "policy/clipfrac_avg"), 0, 0);
    CHECK_NEAR(tiny_metric("ppo", 1, "loss/policy_avg"), 0, 1e-5); /* -mean advantage */
}

static void the_first_rollouts_have_no_kl(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "ppo", COMMON "episodes=16 minibatches=2 epochs=2 lr=0.01");
    CHECK_NEAR(tiny_metric("ppo", 0, "objective/kl"), 0, 1e-6);
    assert_true(fabs(tiny_metric("ppo", 1, "objective/kl")) > 1e-4);
}

static void the_sampler_and_the_training_forward_agree(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "ppo",
             COMMON "episodes=8 minibatches=2 epochs=1 temperature=0.7 lr=0.01");
    assert_true(tiny_metric("ppo", 0, "val/engine_gap") < 1e-5);
}

static void an_answer_without_an_end_is_penalised(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "plain",
             COMMON "episodes=8 minibatches=1 epochs=1 "
                    "missing_eos_penalty=0 kl_coef=0");
    tiny_run("ppo", "penal",
             COMMON "episodes=8 minibatches=1 epochs=1 "
                    "missing_eos_penalty=2 kl_coef=0");
    double missing = tiny_metric("plain", 0, "response/missing_eos_frac");
    assert_true(missing > 0.5); /* a random model hardly ever ends in 8 tokens */
    CHECK_NEAR(tiny_metric("plain", 0, "objective/rlhf_reward") -
                   tiny_metric("penal", 0, "objective/rlhf_reward"),
               2 * missing, 1e-6);
}

static void the_kl_coefficient_follows_its_target(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "ppo",
             COMMON "episodes=16 minibatches=1 epochs=1 kl_coef=0.15 "
                    "kl_target=6 kl_horizon=80");
    CHECK_NEAR(tiny_metric("ppo", 0, "objective/kl_coef"), 0.15, 1e-12);
    /* No KL yet, so the error is clipped to -0.2: 0.15 (1 - 0.2 * 8 / 80). */
    CHECK_NEAR(tiny_metric("ppo", 1, "objective/kl_coef"), 0.147, 1e-9);
}

static void target_kl_leaves_the_rest_of_an_iteration(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "ppo",
             COMMON "episodes=8 minibatches=2 epochs=4 lr=0.05 target_kl=0.0001");
    assert_true(tiny_metric("ppo", 0, "policy/updates_skipped") >= 5);
}

static void other_micro_batches_give_nearly_the_same_policy(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "small", COMMON "episodes=16 minibatches=2 epochs=2");
    tiny_run("ppo", "large",
             COMMON "episodes=16 minibatches=2 epochs=2 micro_batch=4096");
    CHECK_NEAR(tiny_metric("small", 1, "loss/value_avg"),
               tiny_metric("large", 1, "loss/value_avg"), 1e-3);
}

/* Without a reward model the critic has the policy's trunk. */
static void a_reward_may_be_rules_alone(void **state)
{
    (void)state;
    make();
    static const char rules[] =
        "- {length: target, tokens: 8, weight: 2}\n"
        "- {format: ended, name: ends}\n"
        "- {exact: prompt, match: contains, when: {prompt: [\"no such prompt\"]}}\n";
    Err err;
    CHECK_OK(file_write_atomic(temp_path("r.yaml"), rules, strlen(rules), &err));
    tiny_run("ppo", "ppo",
             "model=@sft reward=@r.yaml prompts=@prompts.jsonl batch=8 max_new=8 "
             "eval_every=0 sample_every=0 episodes=16 minibatches=2 epochs=2 "
             "heldout_prompts=@prompts.jsonl eval_prompts=4 missing_eos_penalty=0 "
             "kl_coef=0 lr=0.01");
    for (int line = 0; line < 2; line++)
        CHECK_NEAR(tiny_metric("ppo", line, "objective/scores"),
                   2 * tiny_metric("ppo", line, "rewards/length/mean") +
                       tiny_metric("ppo", line, "rewards/ends/mean"),
                   1e-12);
    assert_true(tiny_metric("ppo", 0, "rewards/length/mean") <= 0);
    assert_true(tiny_metric("ppo", 0, "rewards/ends/std") >= 0);
    assert_true(tiny_metric("ppo", 0, "loss/value_avg") > 0); /* the critic learns */
    tiny_metric("ppo", -1, "heldout/rewards/length/mean");
}

static void a_critic_of_ones_own_is_taken(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    char want[200];
    make();
    tiny_make_model("critic", HEAD_SCALAR, 8);
    tiny_run("ppo", "same", COMMON "episodes=8 minibatches=1 epochs=1 critic=@reward");
    tiny_run("ppo", "none", COMMON "episodes=8 minibatches=1 epochs=1");
    tiny_run("ppo", "other", COMMON "episodes=8 minibatches=1 epochs=1 critic=@critic");
    double same = tiny_metric("same", 0, "val/mean");
    CHECK_NEAR(tiny_metric("none", 0, "val/mean"), same, 0);
    assert_true(tiny_metric("other", 0, "val/mean") != same);
    snprintf(want, sizeof want,
             "option 'critic': '%s/sft' is no critic: it has no score head",
             temp_folder);
    CHECK_FAILS(tiny_stage("ppo", "ppo", COMMON "critic=@sft", &report, &err),
                ERR_OPTION, want);
}

static bool checkpoint_has(const char *out, const char *file)
{
    char path[128];
    snprintf(path, sizeof path, "%s/checkpoints/%s", out, file);
    return file_exists(temp_path(path));
}

/* It begins at zero and learns, without a model of its own; what it is trained with leaves
 * the result, but not the checkpoint, which anybody opens as a language model. */
static void a_critic_may_share_the_trunk(void **state)
{
    (void)state;
    Err err;
    ModelShape result, checkpoint;
    Model *opened;
    make();
    static const char *const more[] = {"", " lora_rank=4"};
    for (int i = 0; i < 2; i++) {
        char settings[400], name[32], file[64];
        snprintf(settings, sizeof settings,
                 COMMON "episodes=32 minibatches=2 epochs=2 lr=0.01 critic=shared "
                        "value_coef=0.5 kl_coef=0%s",
                 more[i]);
        snprintf(name, sizeof name, "shared%d", i);
        tiny_run("ppo", name, settings);
        CHECK_NEAR(tiny_metric(name, 0, "val/mean"), 0, 0);
        CHECK_NEAR(tiny_metric(name, 0, "objective/kl"), 0, 1e-6);
        CHECK_NEAR(tiny_metric(name, 0, "val/first_ratio_error"), 0, 0);
        CHECK_NEAR(tiny_metric(name, 3, "val/first_ratio_error"), 0, 0);
        assert_true(tiny_metric(name, 3, "val/mean") != 0);
        assert_true(tiny_metric(name, 3, "loss/value_avg") > 0);
        assert_false(checkpoint_has(name, "step-16/training/critic"));
        assert_false(checkpoint_has(name, "step-16/training/critic.safetensors"));
        CHECK_OK(model_folder_shape(temp_path(name), &result, NULL, &err));
        assert_int_equal(result.head, HEAD_LM);
        snprintf(file, sizeof file, "%s/checkpoints/step-16", name);
        CHECK_OK(model_folder_shape(temp_path(file), &checkpoint, NULL, &err));
        assert_int_equal(checkpoint.head, HEAD_BOTH);
        CHECK_OK(
            model_folder_load(&opened, tiny_ops, temp_path(file), false, NULL, &err));
        assert_int_equal(opened->shape.head, HEAD_LM);
        model_free(opened);
    }
}

/* The row's gradient alone: with no weight on it, and with more, the first update differs in
 * the trunk. */
static void a_shared_critic_teaches_the_trunk(void **state)
{
    (void)state;
    make();
    static const char *const weight[] = {"1e-6", "1", "10"};
    double norm[3];
    for (int i = 0; i < 3; i++) {
        char settings[400], name[32];
        snprintf(settings, sizeof settings,
                 COMMON "episodes=16 minibatches=1 epochs=1 lr=0.01 critic=shared "
                        "value_coef=%s clip_norm=0",
                 weight[i]);
        snprintf(name, sizeof name, "w%d", i);
        tiny_run("ppo", name, settings);
        norm[i] = tiny_metric(name, 1, "grad_norm");
    }
    assert_true(norm[1] > norm[0] && norm[2] > 2 * norm[1]);
}

static void separate_is_what_nothing_is(void **state)
{
    (void)state;
    make();
    tiny_run("ppo", "none", COMMON "episodes=16 minibatches=1 epochs=1");
    tiny_run("ppo", "named",
             COMMON "episodes=16 minibatches=1 epochs=1 critic=separate");
    CHECK_NEAR(tiny_metric("none", 1, "loss/value_avg"),
               tiny_metric("named", 1, "loss/value_avg"), 0);
    assert_true(tiny_metric("none", 0, "val/mean") != 0); /* the reward model's */
}

/* One base for policy and reference, and for a critic without a reward model; a reward
 * model's is its own. The first rollouts are the reference's to the bit. */
static void adapters_learn_over_the_reference(void **state)
{
    (void)state;
    Err err;
    Str before = {0}, after = {0};
    make();
    CHECK_OK(file_read(temp_path("sft/model.safetensors"), 1 << 24, &before, &err));
    static const char *const rewards[] = {
        "reward=@reward", "reward={\"length\":\"target\",\"tokens\":8}"};
    for (int i = 0; i < 2; i++) {
        char settings[400], name[16], file[64];
        snprintf(
            settings, sizeof settings,
            "model=@sft %s prompts=@prompts.jsonl batch=8 max_new=8 sample_every=0 "
            "eval_every=0 micro_batch=90 episodes=24 minibatches=2 epochs=2 "
            "lr=0.02 lora_rank=4",
            rewards[i]);
        snprintf(name, sizeof name, "lora%d", i);
        tiny_run("ppo", name, settings);
        CHECK_NEAR(tiny_metric(name, 0, "objective/kl"), 0, 0);
        CHECK_NEAR(tiny_metric(name, 0, "val/first_ratio_error"), 0, 0);
        assert_true(tiny_metric(name, 0, "val/engine_gap") < 1e-5);
        assert_true(fabs(tiny_metric(name, 2, "objective/kl")) > 1e-6);
        assert_true(tiny_metric(name, 2, "loss/value_avg") !=
                    tiny_metric(name, 0, "loss/value_avg"));
        snprintf(file, sizeof file, "%s/adapter_model.safetensors", name);
        assert_true(file_exists(temp_path(file)));
    }
    CHECK_OK(file_read(temp_path("sft/model.safetensors"), 1 << 24, &after, &err));
    assert_true(span_equal(str_span(&before), str_span(&after)));
    str_release(&before);
    str_release(&after);
}

/* SFT, reward model and PPO one after the other, all adapters over one base. */
static void adapters_go_on_from_adapters(void **state)
{
    (void)state;
    Err err;
    Str base = {0};
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    tiny_run("sft", "sft",
             "model=@base data=@demonstrations.jsonl heldout=0 epochs=2 "
             "batch_tokens=384 lr=0.01 sample_every=0 eval_every=0 lora_rank=4");
    tiny_run("reward", "reward",
             "model=@sft data=@comparisons.jsonl heldout=0 epochs=1 batch_prompts=8 "
             "lr=0.005 eval_every=0 lora_rank=4");
    tiny_run("ppo", "ppo",
             COMMON "episodes=16 minibatches=2 epochs=2 lr=0.02 lora_rank=4");
    CHECK_NEAR(tiny_metric("ppo", 0, "objective/kl"), 0, 0);
    assert_true(fabs(tiny_metric("ppo", 1, "objective/kl")) > 1e-6);
    CHECK_OK(model_folder_base(temp_path("ppo"), &base, &err));
    assert_string_equal(str_c(&base), temp_path("base"));
    str_release(&base);
}

/* Before anything is trained. */
static void a_prompt_without_the_field_is_named(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    make();
    CHECK_FAILS(tiny_stage("ppo", "ppo",
                           "model=@sft reward={\"exact\":\"answer\"} "
                           "prompts=@prompts.jsonl batch=8 max_new=8",
                           &report, &err),
                ERR_FORMAT,
                "prompt 1: reward 'exact': a prompt's row has no field 'answer' with a "
                "text or a number (it has: prompt); `when` says which rows are meant");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    make();
    CHECK_FAILS(
        tiny_stage("ppo", "ppo", "model=@sft prompts=@prompts.jsonl", &report, &err),
        ERR_OPTION, "option 'reward' is not set: a reward model, or a list of parts");
    CHECK_FAILS(tiny_stage("ppo", "ppo", COMMON "minibatches=9", &report, &err),
                ERR_OPTION, "a batch of 8 episodes cannot be cut into 9 minibatches");
    CHECK_FAILS(tiny_stage("ppo", "ppo", COMMON "ptx_coef=1", &report, &err),
                ERR_OPTION, "ptx_coef is set, but not ptx_data");
    char want[200];
    snprintf(want, sizeof want, "'%s/sft' is no reward model: it has no score head",
             temp_folder);
    CHECK_FAILS(tiny_stage("ppo", "ppo",
                           "model=@sft reward=@sft prompts=@prompts.jsonl", &report,
                           &err),
                ERR_OPTION, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(the_ratio_is_exactly_one_before_the_first_step),
        TEMP_TEST(one_update_an_iteration_never_leaves_the_old_policy),
        TEMP_TEST(the_first_rollouts_have_no_kl),
        TEMP_TEST(the_sampler_and_the_training_forward_agree),
        TEMP_TEST(an_answer_without_an_end_is_penalised),
        TEMP_TEST(the_kl_coefficient_follows_its_target),
        TEMP_TEST(target_kl_leaves_the_rest_of_an_iteration),
        TEMP_TEST(other_micro_batches_give_nearly_the_same_policy),
        TEMP_TEST(a_reward_may_be_rules_alone),
        TEMP_TEST(a_critic_of_ones_own_is_taken),
        TEMP_TEST(a_critic_may_share_the_trunk),
        TEMP_TEST(a_shared_critic_teaches_the_trunk),
        TEMP_TEST(separate_is_what_nothing_is),
        TEMP_TEST(adapters_learn_over_the_reference),
        TEMP_TEST(adapters_go_on_from_adapters),
        TEMP_TEST(a_prompt_without_the_field_is_named),
        TEMP_TEST(what_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
