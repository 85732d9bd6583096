/* test_kto.c - the mechanics of KTO: what must hold whatever is learned, and that in
 * miniature ratings are. */
#include "unit/stages/tiny.h"

#include <math.h>

#define COMMON                                                                         \
    "model=@sft data=@comparisons.jsonl heldout=0.2 batch=16 sample_every=0 "          \
    "micro_batch=90 "

static void make(void)
{
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
}

/* Every log-ratio is 0 and so is the reference point: each answer loses half its weight,
 * and one good answer weighs as much as the two bad ones of its prompt. */
static void the_policy_begins_as_the_reference(void **state)
{
    (void)state;
    make();
    tiny_run("kto", "kto", COMMON "epochs=1");
    CHECK_NEAR(tiny_metric("kto", 0, "heldout/loss"), 1.0 / 3, 1e-12);
    CHECK_NEAR(tiny_metric("kto", 0, "heldout/kl"), 0, 0);
    CHECK_NEAR(tiny_metric("kto", 1, "kl"), 0, 0);
    CHECK_NEAR(tiny_metric("kto", 1, "rewards/chosen"), 0, 0);
    CHECK_NEAR(tiny_metric("kto", 1, "rewards/rejected"), 0, 0);
    tiny_run("kto", "heavy", COMMON "epochs=1 undesirable_weight=2");
    CHECK_NEAR(tiny_metric("heavy", 0, "heldout/loss"), 2.5 / 3, 1e-12);
}

static void the_reference_stays(void **state)
{
    (void)state;
    make();
    tiny_run("kto", "kto", COMMON "epochs=4 lr=0.01 beta=0.25");
    double before = tiny_metric("kto", 0, "heldout/logps/rejected");
    double after = tiny_metric("kto", -1, "heldout/logps/rejected");
    assert_true(fabs(after - before) > 0.5);
    CHECK_NEAR(after - tiny_metric("kto", -1, "heldout/rewards/rejected") / 0.25,
               before, 1e-4);
}

static void an_adapter_learns_ratings_over_its_reference(void **state)
{
    (void)state;
    make();
    tiny_run("kto", "kto", COMMON "epochs=12 lr=0.01 beta=0.3 lora_rank=4");
    CHECK_NEAR(tiny_metric("kto", 0, "heldout/loss"), 1.0 / 3, 1e-12);
    CHECK_NEAR(tiny_metric("kto", 0, "heldout/kl"), 0, 0);
    assert_true(tiny_metric("kto", -1, "heldout/rewards/margins") > 0.5);
    assert_false(file_exists(temp_path("kto/model.safetensors")));
    assert_true(file_exists(temp_path("kto/adapter_model.safetensors")));
}

static void ratings_are_learned(void **state)
{
    (void)state;
    make();
    tiny_run("kto", "kto", COMMON "epochs=12 lr=0.005 beta=0.3");
    print_message("chosen %.3f, rejected %.3f\n",
                  tiny_metric("kto", -1, "heldout/rewards/chosen"),
                  tiny_metric("kto", -1, "heldout/rewards/rejected"));
    assert_true(tiny_metric("kto", -1, "heldout/rewards/margins") > 0.5);
    assert_true(tiny_metric("kto", -1, "heldout/loss") < 0.27);
    /* The policy has moved, and the reference point with it. */
    bool moved = false;
    for (int line = 1; line < 40; line++) {
        double kl = tiny_metric("kto", line, "kl");
        assert_true(kl >= 0);
        moved = moved || kl > 0;
    }
    assert_true(moved);
}

/* The answers of the comparisons, one a row, with the label that their rank gives them. */
static void rated_rows_are_the_comparisons_they_come_from(void **state)
{
    (void)state;
    Err err;
    RecordList list;
    CorpusOptions o = {0};
    Str rows = {0};
    make();
    CHECK_OK(
        corpus_load(&list, temp_path("comparisons.jsonl"), RECORD_RATED, &o, &err));
    for (size_t i = 0; i < list.n; i++) {
        const Record *r = &list.records[i];
        for (int k = 0; k < r->n_answers; k++)
            str_printf(&rows,
                       "{\"prompt\":\"%s\",\"completion\":\"%s\",\"label\":%s}\n",
                       r->chat.messages[0].content, r->answers[k].messages[0].content,
                       r->labels[k] > 0 ? "true" : "false");
    }
    tiny_write("rated.jsonl", &rows);
    str_release(&rows);
    record_list_release(&list);
    tiny_run("kto", "compared", COMMON "epochs=1");
    tiny_run("kto", "rated",
             "model=@sft data=@rated.jsonl heldout=0.2 batch=16 sample_every=0 "
             "micro_batch=90 epochs=1");
    tiny_check_same_file("compared", "rated", "model.safetensors");
    tiny_check_same_file("compared", "rated", "metrics.jsonl");
}

static void the_micro_batch_does_not_matter(void **state)
{
    (void)state;
    make();
    tiny_run("kto", "small", COMMON "epochs=2 lr=0.002");
    tiny_run("kto", "large", COMMON "epochs=2 lr=0.002 micro_batch=4096");
    CHECK_NEAR(tiny_metric("small", -1, "heldout/loss"),
               tiny_metric("large", -1, "heldout/loss"), 1e-4);
    CHECK_NEAR(tiny_metric("small", -1, "heldout/rewards/chosen"),
               tiny_metric("large", -1, "heldout/rewards/chosen"), 1e-3);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    make();
    CHECK_FAILS(tiny_stage("kto", "kto", "model=@sft", &report, &err), ERR_OPTION,
                "option 'data' is not set: rated answers or comparisons");
    CHECK_FAILS(tiny_stage("kto", "kto", COMMON "world=@world", &report, &err),
                ERR_OPTION,
                "world is set, but neither heldout_prompts nor heldout_data: the gold "
                "score is of held-out prompts");
    char want[200];
    snprintf(want, sizeof want,
             "file '%s': line 1: it holds conversations, and rated answers ('prompt' "
             "with 'completion' and 'label') or comparisons are wanted",
             temp_path("demonstrations.jsonl"));
    CHECK_FAILS(tiny_stage("kto", "kto", "model=@sft data=@demonstrations.jsonl",
                           &report, &err),
                ERR_FORMAT, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(the_policy_begins_as_the_reference),
        TEMP_TEST(the_reference_stays),
        TEMP_TEST(an_adapter_learns_ratings_over_its_reference),
        TEMP_TEST(ratings_are_learned),
        TEMP_TEST(rated_rows_are_the_comparisons_they_come_from),
        TEMP_TEST(the_micro_batch_does_not_matter),
        TEMP_TEST(what_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
