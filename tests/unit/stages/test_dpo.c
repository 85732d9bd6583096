/* test_dpo.c - the mechanics of DPO: what must hold whatever is learned, and that in
 * miniature a preference is. */
#include "unit/stages/tiny.h"

#include <math.h>

#define COMMON                                                                         \
    "model=@sft data=@comparisons.jsonl heldout=0.2 batch_prompts=8 sample_every=0 "   \
    "micro_batch=90 "

static void make(void)
{
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
}

static const double log_two = 0.6931471805599453;

/* In f32 and in bf16 (main): whatever lies beside an answer in a pass, it has the same
 * log-probability to the bit. */
static void the_policy_begins_as_the_reference(void **state)
{
    (void)state;
    make();
    tiny_run("dpo", "dpo", COMMON "epochs=1");
    CHECK_NEAR(tiny_metric("dpo", 0, "heldout/loss"), log_two, 1e-12);
    CHECK_NEAR(tiny_metric("dpo", 1, "loss"), log_two, 1e-12);
    CHECK_NEAR(tiny_metric("dpo", 1, "rewards/chosen"), 0, 0);
    CHECK_NEAR(tiny_metric("dpo", 1, "rewards/rejected"), 0, 0);
    CHECK_NEAR(tiny_metric("dpo", 1, "rewards/accuracies"), 0.5, 0);
    assert_true(fabs(tiny_metric("dpo", 2, "rewards/margins")) > 0);
}

static void the_reference_stays(void **state)
{
    (void)state;
    make();
    tiny_run("dpo", "dpo", COMMON "epochs=4 lr=0.01 beta=0.25");
    const char *const kinds[] = {"chosen", "rejected"};
    for (int k = 0; k < 2; k++) {
        char reward[64], logp[64];
        snprintf(reward, sizeof reward, "heldout/rewards/%s", kinds[k]);
        snprintf(logp, sizeof logp, "heldout/logps/%s", kinds[k]);
        double before = tiny_metric("dpo", 0, logp);
        double after = tiny_metric("dpo", -1, logp);
        assert_true(fabs(after - before) > 0.5);
        CHECK_NEAR(after - tiny_metric("dpo", -1, reward) / 0.25, before, 1e-4);
    }
}

static void a_preference_is_learned(void **state)
{
    (void)state;
    static const char *const ways[] = {"", "label_smoothing=0.1", "loss=ipo beta=0.2",
                                       "per_token=true beta=1", "pairs=ends"};
    make();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char settings[300], name[16];
        snprintf(settings, sizeof settings, COMMON "epochs=12 lr=0.005 %s", ways[i]);
        snprintf(name, sizeof name, "dpo%zu", i);
        tiny_run("dpo", name, settings);
        print_message("%s: margin %.3f\n", ways[i],
                      tiny_metric(name, -1, "heldout/rewards/margins"));
        assert_true(tiny_metric(name, -1, "heldout/rewards/accuracies") > 0.95);
        CHECK_NEAR(tiny_metric(name, -1, "heldout/rewards/margins"),
                   tiny_metric(name, -1, "heldout/rewards/chosen") -
                       tiny_metric(name, -1, "heldout/rewards/rejected"),
                   1e-9);
    }
}

/* An adapter begins as nothing, so the policy as the base, which is the reference and stays
 * as it was; one that goes on from an adapter begins as that. */
static void an_adapter_learns_a_preference_over_its_reference(void **state)
{
    (void)state;
    Err err;
    Str before = {0}, after = {0}, base = {0};
    make();
    CHECK_OK(file_read(temp_path("sft/model.safetensors"), 1 << 24, &before, &err));
    tiny_run("dpo", "one", COMMON "epochs=12 lr=0.01 lora_rank=4");
    CHECK_NEAR(tiny_metric("one", 0, "heldout/loss"), log_two, 1e-12);
    CHECK_NEAR(tiny_metric("one", 1, "rewards/chosen"), 0, 0);
    assert_true(tiny_metric("one", -1, "heldout/rewards/accuracies") > 0.95);
    double chosen = tiny_metric("one", -1, "heldout/logps/chosen");
    tiny_run("dpo", "two",
             "model=@one data=@comparisons.jsonl heldout=0.2 batch_prompts=8 "
             "sample_every=0 micro_batch=90 epochs=1 lora_rank=4");
    CHECK_NEAR(tiny_metric("two", 0, "heldout/loss"), log_two, 1e-12);
    CHECK_NEAR(tiny_metric("two", 0, "heldout/logps/chosen"), chosen, 1e-3);
    CHECK_OK(model_folder_base(temp_path("two"), &base, &err));
    assert_string_equal(str_c(&base), temp_path("sft"));
    CHECK_OK(file_read(temp_path("sft/model.safetensors"), 1 << 24, &after, &err));
    assert_true(span_equal(str_span(&before), str_span(&after)));
    str_release(&before);
    str_release(&after);
    str_release(&base);
}

/* DPO's margins grow without end, IPO's stop at beta/(2 beta). */
static void ipo_stops_at_its_aim(void **state)
{
    (void)state;
    make();
    tiny_run("dpo", "dpo", COMMON "epochs=40 lr=0.01 eval_every=0");
    tiny_run("dpo", "ipo", COMMON "epochs=40 lr=0.01 eval_every=0 loss=ipo");
    assert_true(tiny_metric("dpo", -1, "rewards/margins") > 0.8);
    CHECK_NEAR(tiny_metric("ipo", -1, "rewards/margins"), 0.5, 0.1);
}

static void check_same_course(const char *a, const char *b)
{
    static const char *const keys[] = {"heldout/loss", "heldout/rewards/chosen",
                                       "heldout/rewards/rejected"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        CHECK_NEAR(tiny_metric(a, -1, keys[i]), tiny_metric(b, -1, keys[i]), 2e-4);
}

static void the_micro_batch_does_not_matter(void **state)
{
    (void)state;
    make();
    tiny_run("dpo", "small", COMMON "epochs=2 lr=0.002");
    tiny_run("dpo", "large", COMMON "epochs=2 lr=0.002 micro_batch=4096");
    check_same_course("small", "large");
}

/* The rows of the comparisons from last to first, and the answers of each too. */
static void write_reversed(void)
{
    Err err;
    RecordList list;
    CorpusOptions o = {0};
    Str rows = {0};
    CHECK_OK(
        corpus_load(&list, temp_path("comparisons.jsonl"), RECORD_RANKING, &o, &err));
    for (size_t i = list.n; i-- > 0;) {
        const Record *r = &list.records[i];
        str_printf(&rows, "{\"prompt\":\"%s\",\"completions\":[",
                   r->chat.messages[0].content);
        for (int k = r->n_answers - 1; k >= 0; k--)
            str_printf(&rows, "\"%s\"%s", r->answers[k].messages[0].content,
                       k > 0 ? "," : "],\"ranks\":[");
        for (int k = r->n_answers - 1; k >= 0; k--)
            str_printf(&rows, "%d%s", r->ranks[k], k > 0 ? "," : "]}\n");
    }
    tiny_write("reversed.jsonl", &rows);
    str_release(&rows);
    record_list_release(&list);
}

/* Updates over all the data: what is in one is the same whatever the order. */
static void order_does_not_matter(void **state)
{
    (void)state;
#define WHOLE                                                                          \
    "model=@sft heldout_data=@comparisons.jsonl batch_prompts=48 epochs=4 lr=0.002 "   \
    "sample_every=0 micro_batch=200 "
    make();
    write_reversed();
    tiny_run("dpo", "given", WHOLE "data=@comparisons.jsonl");
    tiny_run("dpo", "reversed", WHOLE "data=@reversed.jsonl");
    for (int line = 1; line <= 4; line++)
        CHECK_NEAR(tiny_metric("given", line, "loss"),
                   tiny_metric("reversed", line, "loss"), 1e-5);
    check_same_course("given", "reversed");
}

static void of_two_answers_all_pairs_are_the_ends(void **state)
{
    (void)state;
    Str rows = {0};
    make();
    for (int i = 0; i < 24; i++)
        str_printf(&rows,
                   "{\"prompt\":\"%d\",\"chosen\":\"yes\",\"rejected\":\"no\"}\n", i);
    tiny_write("pairs.jsonl", &rows);
    str_release(&rows);
#define PAIRS "model=@sft data=@pairs.jsonl batch_prompts=8 sample_every=0 "
    tiny_run("dpo", "all", PAIRS "pairs=all");
    tiny_run("dpo", "ends", PAIRS "pairs=ends");
    tiny_check_same_file("all", "ends", "model.safetensors");
    tiny_check_same_file("all", "ends", "metrics.jsonl");
}

static void the_gold_score_is_measured_on_the_way(void **state)
{
    (void)state;
    make();
    tiny_run("world", "world",
             "people=6 places=4 animals=4 text_bytes=20000 demonstrations=20 "
             "prompts=20 heldout_prompts=40 comparisons=20 heldout_comparisons=20 "
             "tests=5");
    tiny_run("dpo", "dpo",
             COMMON
             "epochs=1 world=@world heldout_prompts=@world/prompts_heldout.jsonl "
             "eval_prompts=6 max_new=8");
    assert_true(isfinite(tiny_metric("dpo", 0, "heldout/gold")));
    assert_true(tiny_metric("dpo", -1, "heldout/gold_std") >= 0);
    assert_true(tiny_metric("dpo", -1, "heldout/len_mean") > 0);
    assert_true(tiny_metric("dpo", -1, "heldout/missing_eos_frac") <= 1);
}

static void the_reference_can_be_interrupted(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    make();
    system_request_stop();
    Status status = tiny_stage("dpo", "dpo", COMMON "epochs=1", &report, &err);
    system_clear_stop();
    assert_int_equal(status, ERR_STOPPED);
    assert_non_null(strstr(err.msg, "stopped at answer"));
    tiny_run("dpo", "dpo", COMMON "epochs=1"); /* and begun again */
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    make();
    CHECK_FAILS(tiny_stage("dpo", "dpo", "model=@sft", &report, &err), ERR_OPTION,
                "option 'data' is not set: comparisons");
    CHECK_FAILS(
        tiny_stage("dpo", "dpo", COMMON "loss=ipo label_smoothing=0.1", &report, &err),
        ERR_OPTION, "label_smoothing has a meaning with loss: sigmoid alone");
    CHECK_FAILS(tiny_stage("dpo", "dpo", COMMON "world=@world", &report, &err),
                ERR_OPTION,
                "world is set, but neither heldout_prompts nor heldout_data: the gold "
                "score is of held-out prompts");
    char want[200];
    snprintf(want, sizeof want,
             "file '%s': line 1: it holds prompts, and comparisons ('chosen' with "
             "'rejected', or 'completions' with 'ranks') are wanted",
             temp_path("prompts.jsonl"));
    CHECK_FAILS(
        tiny_stage("dpo", "dpo", "model=@sft data=@prompts.jsonl", &report, &err),
        ERR_FORMAT, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(the_policy_begins_as_the_reference),
        TEMP_TEST(the_reference_stays),
        TEMP_TEST(a_preference_is_learned),
        TEMP_TEST(an_adapter_learns_a_preference_over_its_reference),
        TEMP_TEST(ipo_stops_at_its_aim),
        TEMP_TEST(the_micro_batch_does_not_matter),
        TEMP_TEST(order_does_not_matter),
        TEMP_TEST(of_two_answers_all_pairs_are_the_ends),
        TEMP_TEST(the_gold_score_is_measured_on_the_way),
        TEMP_TEST(the_reference_can_be_interrupted),
        TEMP_TEST(what_is_missing_is_named),
    };
    const struct CMUnitTest exact[] = {
        TEMP_TEST(the_policy_begins_as_the_reference),
    };
    int failed =
        cmocka_run_group_tests_name("f32", tests, tiny_make_ops, tiny_free_ops);
    tiny_compute = COMPUTE_BF16;
    return failed +
           cmocka_run_group_tests_name("bf16", exact, tiny_make_ops, tiny_free_ops);
}
