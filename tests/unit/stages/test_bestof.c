/* test_bestof.c - rejection sampling keeps the best answers that end, says what best-of-n is
 * worth, and what it writes fine-tunes a model. */
#include "unit/stages/tiny.h"

#include "data/corpus.h"

static void load(const char *name, RecordList *list)
{
    Err err;
    CorpusOptions o;
    CHECK_OK(opt_defaults(&corpus_options, &o, &err));
    CHECK_OK(corpus_load(list, temp_path(name), RECORD_CHAT, &o, &err));
    opt_release(&corpus_options, &o);
}

/* A model that knows some answers, and a reward. */
static void make(void)
{
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    tiny_make_model("reward", HEAD_SCALAR, 7);
    tiny_run(
        "sft", "sft",
        "model=@base data=@demonstrations.jsonl heldout=0 epochs=6 batch_tokens=384 "
        "lr=0.01 sample_every=0 eval_every=0");
}

static double metric(const StageReport *r, const char *key)
{
    const json_t *value = json_object_get(r->metrics, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

#define COMMON "model=@sft prompts=@prompts.jsonl reward=@reward max_new=8 "

static void the_best_that_end_are_kept(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    RecordList list = {0};
    make();
    CHECK_OK(tiny_stage("bestof", "best", COMMON "answers=16", &report, &err));
    double one = metric(&report, "best_of/1"), all = metric(&report, "best_of/16");
    print_message("%s\n", report.data);
    assert_true(metric(&report, "best_of/2") > one);
    assert_true(metric(&report, "best_of/4") > metric(&report, "best_of/2"));
    assert_true(all > metric(&report, "best_of/8"));
    /* This reward likes answers that do not end, which are not kept. */
    assert_true(metric(&report, "score") <= all + 1e-9);
    stage_report_release(&report);
    load("best/demonstrations.jsonl", &list);
    assert_true(list.n > 24 && list.n <= 48);
    for (size_t i = 0; i < list.n; i++) {
        const Conversation *c = &list.records[i].chat;
        assert_int_equal(c->n, 2);
        assert_int_equal(c->messages[1].role, ROLE_ASSISTANT);
    }
    record_list_release(&list);
    tiny_run("sft", "next",
             "model=@sft data=@best/demonstrations.jsonl heldout=0 epochs=1 "
             "batch_tokens=384 sample_every=0 eval_every=0");
}

/* The answers of a prompt do not depend on how many prompts there are. */
static void more_may_be_kept_and_a_score_asked_for(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    RecordList one = {0}, three = {0};
    make();
    tiny_run("bestof", "one", COMMON "answers=16 max_prompts=8");
    tiny_run("bestof", "three", COMMON "answers=16 max_prompts=8 keep=3");
    load("one/demonstrations.jsonl", &one);
    load("three/demonstrations.jsonl", &three);
    assert_true(one.n <= 8 && three.n > one.n && three.n <= 3 * one.n);
    assert_string_equal(one.records[0].chat.messages[1].content,
                        three.records[0].chat.messages[1].content);
    record_list_release(&one);
    record_list_release(&three);
    CHECK_FAILS(tiny_stage("bestof", "no",
                           COMMON "answers=2 max_prompts=4 min_score=1e8", &report,
                           &err),
                ERR_FORMAT, "no answer of 8 came to its end with a score of 1e+08");
    CHECK_FAILS(
        tiny_stage("bestof", "no", "model=@sft prompts=@prompts.jsonl max_new=8",
                   &report, &err),
        ERR_OPTION, "option 'reward' is not set: a practice world or a reward model");
    assert_false(file_exists(temp_path("no/demonstrations.jsonl")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(the_best_that_end_are_kept),
        TEMP_TEST(more_may_be_kept_and_a_score_asked_for),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
