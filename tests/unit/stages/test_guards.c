/* test_guards.c - each guard of reinforcement learning trips when it should, not before,
 * and the page says so; what the core does then. */
#include "unit/stages/tiny.h"

#include "stages/rl/guards.h"

#include <math.h>

static const GuardLimits limits = {
    .kl = 50, .length = 4, .repetition = 0.5, .entropy = 0.05, .gold = 0.5};
static const Vitals healthy = {.kl = 5,
                               .length = 20,
                               .repetition = 0.1,
                               .entropy = 1,
                               .score = 0,
                               .missing_eos = 0.01,
                               .clip_fraction = 0.05,
                               .explained = 0.6};

static void check_page(const Guards *g, const char *what)
{
    Str page = {0};
    guards_diagnose(g, "ppo", 0.05, 1e-4, &page);
    if (!strstr(str_c(&page), what))
        fail_msg("'%s' is not in:\n%s", what, str_c(&page));
    str_release(&page);
}

/* `bad` after a healthy start: nothing for two iterations, then `which`; and a healthy one
 * in between begins the count anew. */
static void check_trips(const Vitals *bad, Guard which, const char *what)
{
    Guards g = {.limits = limits};
    guards_add(&g, &healthy);
    guards_add(&g, bad);
    guards_add(&g, bad);
    assert_int_equal(g.tripped, GUARD_NONE);
    guards_add(&g, &healthy);
    guards_add(&g, bad);
    guards_add(&g, bad);
    assert_int_equal(g.tripped, GUARD_NONE);
    check_page(&g, "no guard has tripped");
    guards_add(&g, bad);
    assert_int_equal(g.tripped, which);
    check_page(&g, what);
    guards_add(&g, &healthy);
    assert_int_equal(g.tripped, which); /* stays */

    Guards off = {.limits = {0}};
    guards_add(&off, &healthy);
    for (int i = 0; i < 5; i++)
        guards_add(&off, bad);
    assert_int_equal(off.tripped, GUARD_NONE);
}

static void what_goes_wrong_trips_its_guard(void **state)
{
    (void)state;
    Vitals v = healthy;
    v.kl = 51;
    check_trips(&v, GUARD_KL, "Raise kl_coef two- to fourfold");
    v = healthy;
    v.length = 81;
    check_trips(&v, GUARD_LONG, "answers have grown from 20.0 tokens to 81.0");
    v.length = 4.9;
    check_trips(&v, GUARD_SHORT, "answers have shrunk from 20.0 tokens to 4.9");
    v = healthy;
    v.repetition = 0.6;
    check_trips(&v, GUARD_REPETITION, "60 % of their 4-grams");
    v = healthy;
    v.entropy = 0.049;
    check_trips(&v, GUARD_ENTROPY, "entropy_coef 0.01");
}

/* A model that repeats itself before anything is learned is no reason to stop. */
static void what_was_so_at_first_is_no_drift(void **state)
{
    (void)state;
    Vitals v = healthy;
    v.repetition = 0.7;
    Guards g = {.limits = limits};
    for (int i = 0; i < 6; i++)
        guards_add(&g, &v);
    assert_int_equal(g.tripped, GUARD_NONE);
}

static void a_gamed_reward_trips_the_guard_of_gold(void **state)
{
    (void)state;
    Guards g = {.limits = limits};
    guards_add_heldout(&g, 0, 1, 2);   /* the SFT model; gold has deviation 2 */
    guards_add_heldout(&g, 1, 3, 2);   /* the best */
    guards_add_heldout(&g, 2, 2.1, 2); /* 0.45 deviations below */
    assert_int_equal(g.tripped, GUARD_NONE);
    Guards falls = g; /* both fall: bad, but nothing is gamed */
    guards_add_heldout(&falls, 0.9, 1.5, 2);
    assert_int_equal(falls.tripped, GUARD_NONE);
    guards_add_heldout(&g, 2.5, 1.9, 2);
    assert_int_equal(g.tripped, GUARD_GOLD);
    check_page(&g, "rose from 1.000 to 2.500 while gold fell from 3.000 to 1.900");
    check_page(&g, "Stop earlier");
    check_page(&g, "- Nothing else stands out.");
}

static void the_page_says_what_the_numbers_say(void **state)
{
    (void)state;
    Guards g = {.limits = limits};
    Vitals v = healthy;
    guards_add(&g, &v);
    guards_add_heldout(&g, 0, 0, 1);
    check_page(&g, "- Nothing stands out.");
    v.clip_fraction = 0.5;
    v.explained = -2;
    v.missing_eos = 0.5;
    v.kl = 0.01;
    for (int i = 0; i < 4; i++)
        guards_add(&g, &v);
    check_page(&g, "50 % of the ratios are clipped");
    check_page(&g, "The critic explains nothing (-2.00");
    check_page(&g, "50 % of the answers do not end");
    check_page(&g, "The policy has hardly moved (0.010 nats)");
    v = healthy;
    v.kl = 15; /* in five iterations; they were one nat away before */
    guards_add(&g, &v);
    check_page(&g, "The policy has moved 2.5 nats an iteration");
    check_page(&g, "held out: gold");
}

static void state_comes_back_exactly(void **state)
{
    (void)state;
    Err err;
    Guards g = {.limits = limits}, back = {.limits = limits};
    Vitals v = healthy;
    v.kl = 60.1 / 3;
    v.length = 1.0 / 3;
    guards_add(&g, &healthy);
    guards_add(&g, &v);
    guards_add_heldout(&g, 0.1, 0.2, 0.3);
    guards_add_heldout(&g, 0.7, 0.1, 0.3);
    json_t *saved = guards_state(&g);
    CHECK_OK(guards_restore(&back, saved, &err));
    assert_memory_equal(&back.first, &g.first, sizeof g.first);
    assert_memory_equal(&back.last, &g.last, sizeof g.last);
    assert_memory_equal(back.held, g.held, sizeof g.held);
    CHECK_NEAR(back.best_gold, g.best_gold, 0);
    CHECK_NEAR(back.best_score, g.best_score, 0);
    CHECK_NEAR(back.gold_spread, g.gold_spread, 0);
    CHECK_NEAR(back.last_score, g.last_score, 0);
    assert_int_equal(back.iterations, 2);
    assert_int_equal(back.evaluations, 2);
    guards_add(&g, &v);
    guards_add(&back, &v);
    guards_add(&g, &v);
    guards_add(&back, &v);
    assert_int_equal(g.tripped, GUARD_SHORT);
    assert_int_equal(back.tripped, g.tripped);
    json_decref(saved);
    saved = json_object();
    CHECK_FAILS(guards_restore(&back, saved, &err), ERR_FORMAT,
                "the state of the guards is not whole");
    json_decref(saved);
}

static void repetition_is_the_share_of_grams_seen_before(void **state)
{
    (void)state;
    const int32_t none[] = {1, 2, 3, 4, 5, 6, 7}, all[] = {9, 9, 9, 9, 9, 9, 9, 9};
    const int32_t twice[] = {1, 2, 3, 4, 5, 1, 2, 3, 4, 5}; /* 1234 and 2345 of 7 */
    uint64_t scratch[16];
    CHECK_NEAR(guards_repetition(none, 7, scratch), 0, 0);
    CHECK_NEAR(guards_repetition(all, 8, scratch), 0.8, 1e-12);
    CHECK_NEAR(guards_repetition(twice, 10, scratch), 2.0 / 7, 1e-12);
    CHECK_NEAR(guards_repetition(all, 4, scratch), 0, 0);
    CHECK_NEAR(guards_repetition(all, 0, scratch), 0, 0);
}

/* --- in a stage ---------------------------------------------------------------------- */

#define COMMON                                                                         \
    "model=@sft reward=@reward prompts=@prompts.jsonl batch=8 max_new=8 episodes=64 "  \
    "minibatches=2 sample_every=0 lr=0.02 kl_coef=0 micro_batch=90 "

static void make(void)
{
    tiny_make_sft_and_reward();
    tiny_make_model("other", HEAD_SCALAR, 8);
}

static bool page_has(const char *what)
{
    Err err;
    Str page = {0};
    CHECK_OK(file_read(temp_path("out/diagnosis.txt"), 1 << 16, &page, &err));
    bool has = strstr(str_c(&page), what) != NULL;
    str_release(&page);
    return has;
}

static void a_guard_stops_the_stage_and_leaves_its_page(void **state)
{
    (void)state;
    Err err;
    StageReport report;
    make();
    const char *const kinds[] = {"ppo", "rloo", "grpo"};
    for (int k = 0; k < 3; k++) {
        Status status =
            tiny_stage(kinds[k], "out", COMMON "answers=4 guard_kl=1e-9 eval_every=0",
                       &report, &err);
        assert_int_equal(status, ERR_NUMERIC);
        assert_non_null(strstr(err.msg, "the policy has left the reference"));
        assert_true(page_has("stopped") && page_has("Raise kl_coef"));
        assert_false(file_exists(temp_path("out/config.json")));
        CHECK_OK(file_remove_tree(temp_path("out"), &err));
    }
    tiny_run("grpo", "out", COMMON "answers=4 guard_kl=1e-9 guards=false eval_every=0");
    assert_true(page_has("stopped")); /* what it would have done */
    CHECK_OK(file_remove_tree(temp_path("out"), &err));
    tiny_run("grpo", "out", COMMON "answers=4 eval_every=0");
    assert_true(page_has("no guard has tripped"));
}

static void a_second_reward_model_is_watched_as_gold(void **state)
{
    (void)state;
    make();
    tiny_run("rloo", "out",
             COMMON "answers=4 gold_reward=@other heldout_prompts=@prompts.jsonl "
                    "eval_prompts=8 eval_every=4 guards=false");
    double gold = tiny_metric("out", -1, "heldout/gold");
    assert_true(gold != tiny_metric("out", -1, "heldout/score"));
    assert_true(page_has("held out: gold"));
}

static void whitened_scores_have_unit_spread(void **state)
{
    (void)state;
    make();
    tiny_run("grpo", "out",
             COMMON "answers=4 whiten_scores=true missing_eos_penalty=0 eval_every=0");
    CHECK_NEAR(tiny_metric("out", 0, "objective/rlhf_reward"), 0, 1e-6);
    assert_true(fabs(tiny_metric("out", 0, "objective/scores")) > 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_wrong_trips_its_guard),
        cmocka_unit_test(what_was_so_at_first_is_no_drift),
        cmocka_unit_test(a_gamed_reward_trips_the_guard_of_gold),
        cmocka_unit_test(the_page_says_what_the_numbers_say),
        cmocka_unit_test(state_comes_back_exactly),
        cmocka_unit_test(repetition_is_the_share_of_grams_seen_before),
        TEMP_TEST(a_guard_stops_the_stage_and_leaves_its_page),
        TEMP_TEST(a_second_reward_model_is_watched_as_gold),
        TEMP_TEST(whitened_scores_have_unit_spread),
    };
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
