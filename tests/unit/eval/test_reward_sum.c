/* test_reward_sum.c - parts, weights and rows. */
#include "support/chatter.h"
#include "support/temp.h"

#include "eval/reward_sum.h"
#include "model/folder.h"

enum { ITEMS = 3 };

typedef struct Scene {
    Chatter c;
    RewardSum *sum;
    Reward reward;
    Conversation prompt;
    Ids prompt_ids, answers[ITEMS];
    RewardItem items[ITEMS];
    json_t *rows[ITEMS];
} Scene;

static void save_reward_model(Chatter *c, const char *folder)
{
    Err err = {0};
    Model *model;
    ModelShape shape = c->model->shape;
    ModelSpecials specials = {.bos = tokenizer_bos(c->tok),
                              .pad = tokenizer_pad(c->tok)};
    shape.head = HEAD_SCALAR;
    shape.tied = false;
    CHECK_OK(model_new(&model, c->ops, &shape, false, &err));
    CHECK_OK(model_init(model, 4, &err));
    c->ops->scale(c->ops, model->params, 10);
    model->score_bias = 0.25;
    model_changed(model);
    CHECK_OK(file_make_folders(folder, &err));
    CHECK_OK(model_folder_save(model, &specials, folder, &err));
    model_free(model);
}

static Status open_sum(Scene *s, const char *text, Err *err)
{
    RewardSpec spec = {0};
    RewardEnv env = {s->c.ops, &s->c.model->shape, s->c.tok, s->c.chat};
    if (reward_spec_parse(span_of(text), &spec, err) != OK)
        fail_msg("%s", err->msg);
    Status status = reward_sum_open(&s->sum, &spec, &env, err);
    assert_null(spec.parts);
    return status;
}

static void scene_init(Scene *s)
{
    static const char *const answers[ITEMS] = {"12<|im_end|>", "7", "x 7<|im_end|>"};
    static const char *const rows[ITEMS] = {"{\"kind\":\"sum\",\"is\":12}",
                                            "{\"kind\":\"sum\",\"is\":8}",
                                            "{\"kind\":\"talk\"}"};
    Err err = {0};
    *s = (Scene){0};
    chatter_init(&s->c, 64);
    CHECK_OK(conversation_add(&s->prompt, ROLE_USER, SPAN("How?"), &err));
    CHECK_OK(template_render(s->c.chat, &s->prompt, true, &s->prompt_ids, NULL, &err));
    for (int i = 0; i < ITEMS; i++) {
        chatter_ids(&s->c, answers[i], &s->answers[i]);
        CHECK_OK(json_parse(span_of(rows[i]), &s->rows[i], &err));
        s->items[i] = (RewardItem){.prompt = &s->prompt,
                                   .row = s->rows[i],
                                   .prompt_ids = s->prompt_ids.ptr,
                                   .n_prompt = (int64_t)s->prompt_ids.len,
                                   .answer = s->answers[i].ptr,
                                   .n_answer = (int64_t)s->answers[i].len,
                                   .ended = i != 1};
    }
}

static void scene_release(Scene *s)
{
    reward_sum_free(s->sum);
    conversation_release(&s->prompt);
    ids_release(&s->prompt_ids);
    for (int i = 0; i < ITEMS; i++) {
        ids_release(&s->answers[i]);
        json_decref(s->rows[i]);
    }
    chatter_release(&s->c);
}

static void a_sum_is_of_weighted_parts_where_they_apply(void **state)
{
    (void)state;
    Err err = {0};
    Scene s;
    scene_init(&s);
    CHECK_OK(open_sum(&s,
                      "- {exact: is, match: number, when: {kind: sum}, weight: 2}\n"
                      "- {format: ended, weight: -0.5}\n"
                      "- {regex: never, when: {kind: song}, name: sings}\n",
                      &err));
    CHECK_OK(reward_sum_prepare(s.sum, &s.reward, &err));
    for (int i = 0; i < ITEMS; i++)
        CHECK_OK(reward_sum_check(s.sum, s.rows[i], &err));
    CHECK_OK(reward_sum_check(s.sum, NULL, &err)); /* `when` leaves it out */
    CHECK_OK(reward_score(&s.reward, s.items, ITEMS, &err));
    CHECK_NEAR(s.items[0].score, 2 - 0.5, 0);
    CHECK_NEAR(s.items[1].score, 0, 0);
    CHECK_NEAR(s.items[2].score, -0.5, 0);
    RewardPartStats stats;
    reward_sum_part(s.sum, 0, &stats);
    assert_string_equal(stats.name, "exact");
    assert_int_equal(stats.n, 2);
    CHECK_NEAR(stats.mean, 0.5, 0);
    CHECK_NEAR(stats.sd, 0.70710678118654752, 1e-15);
    reward_sum_part(s.sum, 2, &stats);
    assert_string_equal(stats.name, "sings");
    assert_int_equal(stats.n, 0);
    assert_null(reward_sum_model(s.sum, 0, NULL));
    /* Counted over calls, until it begins anew. */
    CHECK_OK(reward_score(&s.reward, s.items, ITEMS, &err));
    reward_sum_part(s.sum, 0, &stats);
    assert_int_equal(stats.n, 4);
    CHECK_NEAR(stats.mean, 0.5, 0);
    reward_sum_begin(s.sum);
    CHECK_OK(reward_score(&s.reward, s.items, 1, &err));
    reward_sum_part(s.sum, 0, &stats);
    assert_int_equal(stats.n, 1);
    CHECK_NEAR(stats.mean, 1, 0);
    CHECK_NEAR(stats.sd, 0, 0);
    scene_release(&s);
}

/* The same bits as the model's own: old runs go on as they were. */
static void a_model_alone_is_what_it_says(void **state)
{
    (void)state;
    Err err = {0};
    Scene s;
    Reward alone;
    double want[ITEMS];
    char text[300];
    scene_init(&s);
    save_reward_model(&s.c, temp_path("rm"));
    CHECK_OK(open_sum(&s, temp_path("rm"), &err));
    CHECK_OK(reward_sum_prepare(s.sum, &s.reward, &err));
    const char *folder = NULL;
    Model *model = NULL;
    assert_non_null(reward_sum_model(s.sum, 0, &folder));
    assert_null(reward_sum_model(s.sum, 1, NULL));
    assert_string_equal(folder, temp_path("rm"));
    CHECK_OK(model_folder_load(&model, s.c.ops, folder, false, NULL, &err));
    CHECK_OK(reward_from_model(&alone, model, &err));
    CHECK_OK(reward_score(&alone, s.items, ITEMS, &err));
    for (int i = 0; i < ITEMS; i++)
        want[i] = s.items[i].score;
    CHECK_OK(reward_score(&s.reward, s.items, ITEMS, &err));
    for (int i = 0; i < ITEMS; i++)
        CHECK_NEAR(s.items[i].score, want[i], 0);
    reward_sum_free(s.sum);
    snprintf(text, sizeof text, "[{model: '%s', weight: 2}, {format: ended}]",
             temp_path("rm"));
    CHECK_OK(open_sum(&s, text, &err));
    CHECK_OK(reward_sum_prepare(s.sum, &s.reward, &err));
    CHECK_OK(reward_score(&s.reward, s.items, ITEMS, &err));
    for (int i = 0; i < ITEMS; i++)
        CHECK_NEAR(s.items[i].score, 2 * want[i] + (i != 1), 1e-12);
    reward_release(&alone);
    model_free(model);
    scene_release(&s);
}

static void the_practice_world_judges_and_tests(void **state)
{
    (void)state;
    Err err = {0};
    Scene s;
    World *world;
    WorldOptions o;
    char text[300];
    scene_init(&s);
    CHECK_OK(opt_defaults(&world_options, &o, &err));
    o.text_bytes = 20000;
    o.demonstrations = o.prompts = o.heldout_prompts = 4;
    o.comparisons = o.heldout_comparisons = o.tests = 4;
    CHECK_OK(world_new(&world, &o, &err));
    CHECK_OK(world_write(world, temp_path("world"), &err));
    conversation_reset(&s.prompt);
    CHECK_OK(conversation_add(&s.prompt, ROLE_USER, SPAN("What is 3 * 4?"), &err));
    snprintf(text, sizeof text, "[{skill: '%s'}, {gold: '%s'}]", temp_path("world"),
             temp_path("world"));
    CHECK_OK(open_sum(&s, text, &err));
    CHECK_OK(reward_sum_prepare(s.sum, &s.reward, &err));
    CHECK_OK(reward_score(&s.reward, s.items, ITEMS, &err));
    RewardPartStats skill, gold;
    reward_sum_part(s.sum, 0, &skill);
    reward_sum_part(s.sum, 1, &gold);
    CHECK_NEAR(skill.mean, 1.0 / 3, 1e-12); /* "12" alone is right */
    assert_true(gold.sd > 0);
    world_free(world);
    opt_release(&world_options, &o);
    scene_release(&s);
}

static void a_part_that_does_not_open_is_named(void **state)
{
    (void)state;
    Err err = {0};
    Scene s;
    char text[300], want[300];
    scene_init(&s);
    CHECK_FAILS(open_sum(&s, "[{format: ended}, {regex: '(', name: odd}]", &err),
                ERR_FORMAT, "reward 'odd': missing closing parenthesis, at byte 1");
    s.sum = NULL;
    ModelSpecials specials = {.bos = 0};
    CHECK_OK(file_make_folders(temp_path("lm"), &err));
    CHECK_OK(model_folder_save(s.c.model, &specials, temp_path("lm"), &err));
    snprintf(want, sizeof want, "'%s' is no reward model: it has no score head",
             temp_path("lm"));
    CHECK_FAILS(open_sum(&s, temp_path("lm"), &err), ERR_OPTION, want);
    snprintf(text, sizeof text, "[{model: '%s'}, {format: ended}]", temp_path("lm"));
    snprintf(want, sizeof want,
             "reward 'model': '%s' is no reward model: it has no score head",
             temp_path("lm"));
    CHECK_FAILS(open_sum(&s, text, &err), ERR_OPTION, want);
    scene_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_of_weighted_parts_where_they_apply),
        TEMP_TEST(a_model_alone_is_what_it_says),
        TEMP_TEST(the_practice_world_judges_and_tests),
        TEMP_TEST(a_part_that_does_not_open_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
