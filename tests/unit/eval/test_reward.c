/* Scores of a reward model and of the gold judge. */
#include "support/chatter.h"

#include "data/world/judge.h"
#include "eval/reward.h"

enum { ITEMS = 100 };

static Model *reward_model(Chatter *c)
{
    Err err = {0};
    Model *model;
    ModelShape shape = c->model->shape;
    shape.head = HEAD_SCALAR;
    CHECK_OK(model_new(&model, c->ops, &shape, false, &err));
    CHECK_OK(model_init(model, 4, &err));
    c->ops->scale(c->ops, model->params, 10);
    model->score_bias = 0.25;
    model_changed(model);
    return model;
}

/* 100 sequences of 20 to 49 tokens: more than one pass of 2048. */
static void a_score_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    static int32_t ids[ITEMS][64];
    RewardItem items[ITEMS];
    Rng rng = rng_make(1, RNG_TEST, 0);
    chatter_init(&c, 64);
    Model *model = reward_model(&c);
    Reward reward;
    CHECK_OK(reward_from_model(&reward, model, &err));
    for (int i = 0; i < ITEMS; i++) {
        for (int k = 0; k < 64; k++)
            ids[i][k] = (int32_t)rng_below(&rng, 256);
        items[i] = (RewardItem){.prompt_ids = ids[i],
                                .n_prompt = 10 + i % 7,
                                .answer = ids[i] + 10 + i % 7,
                                .n_answer = 10 + i % 24};
    }
    CHECK_OK(reward_score(&reward, items, ITEMS, &err));
    Tape *tape;
    CHECK_OK(tape_new(&tape, model, 64, (TapeOptions){0}, &err));
    for (int i = 0; i < ITEMS; i++) {
        int64_t n = items[i].n_prompt + items[i].n_answer;
        int32_t positions[64], starts[64] = {0}, last = (int32_t)n - 1;
        float score;
        for (int32_t k = 0; k < 64; k++)
            positions[k] = k;
        ModelTokens tokens = {ids[i], positions, starts, n};
        model_forward(model, tape, &tokens);
        model_scores(model, tape, &last, 1, &score);
        CHECK_NEAR(items[i].score, score, 1e-6);
    }
    assert_true(items[0].score != items[1].score);
    items[3].n_prompt = 60;
    CHECK_FAILS(reward_score(&reward, items, ITEMS, &err), ERR_LIMIT,
                "reward model: prompt and answer have 73 tokens, the limit is 64");
    tape_free(tape);
    reward_release(&reward);
    reward_release(&reward);
    model_free(model);
    chatter_release(&c);
}

static void a_language_model_is_no_judge(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    Reward reward;
    chatter_init(&c, 16);
    CHECK_FAILS(reward_from_model(&reward, c.model, &err), ERR_OPTION,
                "a language model gives no scores: a reward model has a scalar head");
    reward_release(&reward);
    chatter_release(&c);
}

/* The judge hears the last message and the last question. */
static void the_gold_judge_reads_what_a_person_would(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    World *world;
    WorldOptions o;
    Reward reward;
    Conversation talk = {0};
    Ids plain = {0}, called = {0};
    chatter_init(&c, 16);
    CHECK_OK(opt_defaults(&world_options, &o, &err));
    CHECK_OK(world_new(&world, &o, &err));
    CHECK_OK(reward_from_judge(&reward, world, c.tok, c.chat, &err));
    CHECK_OK(conversation_add(&talk, ROLE_USER, SPAN("Hello."), &err));
    CHECK_OK(conversation_add(&talk, ROLE_ASSISTANT, SPAN("Hello."), &err));
    CHECK_OK(conversation_add(&talk, ROLE_USER, SPAN("What is 12 * 7?"), &err));
    chatter_ids(&c, "12 * 7 = 84.<|im_end|>", &plain);
    chatter_ids(&c,
                "<|call|>calculator(12*7)<|im_end|><|tool|>84<|im_end|><|assistant|>"
                "12 * 7 = 84.<|im_end|>",
                &called);
    RewardItem items[2] = {
        {.prompt = &talk, .answer = plain.ptr, .n_answer = (int64_t)plain.len},
        {.prompt = &talk, .answer = called.ptr, .n_answer = (int64_t)called.len}};
    items[0].ended = items[1].ended = true;
    CHECK_OK(reward_score(&reward, items, 2, &err));
    JudgeScore score;
    judge_score(world, SPAN("What is 12 * 7?"), SPAN("12 * 7 = 84."), true, &score);
    CHECK_NEAR(items[0].score, score.total, 0);
    CHECK_NEAR(items[1].score, score.total, 0);
    reward_release(&reward);
    conversation_release(&talk);
    ids_release(&plain);
    ids_release(&called);
    world_free(world);
    opt_release(&world_options, &o);
    chatter_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_score_does_not_depend_on_its_neighbours),
        cmocka_unit_test(a_language_model_is_no_judge),
        cmocka_unit_test(the_gold_judge_reads_what_a_person_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
