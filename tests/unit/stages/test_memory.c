/* test_memory.c - each of the training stages with just enough memory: layers are
 * recomputed, and the result has the same bytes. */
#include "unit/stages/tiny.h"

#include "base/log.h"

/* The stage's last line about memory. */
static char memory_line[512];

static void remember(void *self, LogLevel level, const char *line)
{
    (void)self;
    (void)level;
    if (strncmp(line, "memory:", 7) == 0)
        snprintf(memory_line, sizeof memory_line, "%s", line);
}

/* Runs a stage with the least memory that it accepts, in steps smaller than a layer. */
static void run_with_least(const char *kind, const char *out, const char *settings)
{
    enum { STEP = 1 << 20, MOST_STEPS = 512 };
    Err err;
    StageReport report;
    Status status = ERR_LIMIT;
    int64_t memory = mem_rss();
    for (int i = 0; status == ERR_LIMIT && i < MOST_STEPS; i++, memory += STEP) {
        char tight[1024];
        snprintf(tight, sizeof tight, "%s memory=%lld", settings, (long long)memory);
        status = tiny_stage(kind, out, tight, &report, &err);
        if (status == ERR_LIMIT)
            assert_non_null(strstr(err.msg, "option memory"));
        stage_report_release(&report);
    }
    if (status != OK)
        fail_msg("%s", err.msg);
}

/* ... until layers were recomputed: what else the process has in memory may shrink from one
 * step to the next by more than a layer. */
static void run_tightly(const char *kind, const char *out, const char *settings,
                        void (*prepare)(void))
{
    Err err;
    for (int attempt = 0; attempt < 8; attempt++) {
        CHECK_OK(file_remove_tree(temp_path(out), &err));
        if (prepare)
            prepare();
        run_with_least(kind, out, settings);
        if (strstr(memory_line, "layers recomputed"))
            return;
    }
    fail_msg("nothing was recomputed: %s", memory_line);
}

static void check_same(void)
{
    bool adapter = file_exists(temp_path("whole/adapter_model.safetensors"));
    tiny_check_same_file("whole", "tight",
                         adapter ? "adapter_model.safetensors" : "model.safetensors");
    tiny_check_same_file("whole", "tight", "metrics.jsonl");
    tiny_check_same_file("whole", "tight", "samples.jsonl");
}

static void check_tight(const char *kind, const char *settings)
{
    tiny_run(kind, "whole", settings);
    if (strstr(memory_line, "layers recomputed"))
        fail_msg("recomputed without need: %s", memory_line);
    run_tightly(kind, "tight", settings, NULL);
    check_same();
}

/* So that a layer's activations are more than what else in memory comes and goes. */
#define LARGE  " micro_batch=4096"
#define LARGER " micro_batch=16384"

static const char pretrain_settings[] =
    "data=@documents.jsonl heldout=0.1 tokenizer=@tok depth=4 hidden=32 heads=2 "
    "intermediate=64 context=48 batch_tokens=4800 tokens=20000 "
    "checkpoint_every=1" LARGE;

static void pretraining_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    check_tight("pretrain", pretrain_settings);
}

static void begin_tight(void)
{
    tiny_run_cut("pretrain", "tight", pretrain_settings, SIGKILL, 2);
}

static void a_run_resumes_in_less_memory_than_it_began_with(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_run("pretrain", "whole", pretrain_settings);
    run_tightly("pretrain", "tight", pretrain_settings, begin_tight);
    check_same();
}

static void fine_tuning_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    check_tight("sft", "model=@base data=@demonstrations.jsonl heldout=0.1 epochs=6 "
                       "batch_tokens=4800" LARGE);
}

static void an_adapter_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    check_tight("sft", "model=@base data=@demonstrations.jsonl heldout=0.1 epochs=6 "
                       "batch_tokens=4800 lora_rank=4");
}

static void reward_modelling_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    tiny_run("reward", "whole",
             "model=@sft data=@comparisons.jsonl demonstrations=@demonstrations.jsonl "
             "prompts=@prompts.jsonl batch_prompts=16" LARGE);
    run_tightly("reward", "tight",
                "model=@sft data=@comparisons.jsonl "
                "demonstrations=@demonstrations.jsonl prompts=@prompts.jsonl "
                "batch_prompts=16" LARGE,
                NULL);
    tiny_check_same_file("whole", "tight", "model.safetensors");
    tiny_check_same_file("whole", "tight", "metrics.jsonl");
}

static void dpo_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_tight("dpo",
                "model=@sft data=@comparisons.jsonl batch_prompts=16 max_new=8" LARGE);
}

static void kto_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_tight("kto", "model=@sft data=@comparisons.jsonl batch=48 max_new=8" LARGE);
}

static void an_adapters_dpo_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_tight("dpo", "model=@sft data=@comparisons.jsonl batch_prompts=16 max_new=8 "
                       "lora_rank=4" LARGE);
}

static void ppo_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_sft_and_reward();
    check_tight("ppo", "model=@sft reward=@reward prompts=@prompts.jsonl "
                       "heldout_prompts=@prompts.jsonl episodes=16 batch=8 "
                       "minibatches=2 max_new=8 eval_prompts=4 ptx_coef=0.5 "
                       "ptx_data=@documents.jsonl" LARGE);
}

static void an_adapters_ppo_in_little_memory_gives_the_same_bytes(void **state)
{
    (void)state;
    tiny_make_sft_and_reward();
    check_tight("ppo", "model=@sft reward=@reward prompts=@prompts.jsonl "
                       "heldout_prompts=@prompts.jsonl episodes=16 batch=8 "
                       "minibatches=2 max_new=8 eval_prompts=4 lora_rank=4" LARGE);
}

static void rloo_and_grpo_in_little_memory_give_the_same_bytes(void **state)
{
    static const char *const kinds[] = {"rloo", "grpo"};
    (void)state;
    Err err;
    tiny_make_sft_and_reward();
    for (int k = 0; k < 2; k++) {
        check_tight(kinds[k], "model=@sft reward=@reward prompts=@prompts.jsonl "
                              "heldout_prompts=@prompts.jsonl episodes=16 batch=8 "
                              "minibatches=2 max_new=8 eval_prompts=4" LARGER);
        CHECK_OK(file_remove_tree(temp_path("whole"), &err));
        CHECK_OK(file_remove_tree(temp_path("tight"), &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(pretraining_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(a_run_resumes_in_less_memory_than_it_began_with),
        TEMP_TEST(fine_tuning_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(an_adapter_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(reward_modelling_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(dpo_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(kto_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(an_adapters_dpo_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(ppo_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(an_adapters_ppo_in_little_memory_gives_the_same_bytes),
        TEMP_TEST(rloo_and_grpo_in_little_memory_give_the_same_bytes),
    };
    log_set_sink(remember, NULL, LOG_INFO);
    tiny_layers = 4;
    tiny_compute = COMPUTE_BF16;
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
