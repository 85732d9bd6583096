/* test_judge.c - the judges against what they are made of: the gold judge's score of the
 * text, a reward model's of the ids, a chat model's letters; and both orders. */
#include "support/chatter.h"
#include "support/temp.h"

#include "data/world/judge.h"
#include "eval/judge.h"
#include "model/folder.h"

static Err err;

static void parse(Record *r, const char *row)
{
    CHECK_OK(record_parse(span_of(row), r, &err));
}

static Judge *open_judge(TensorOps *ops, const char *world, const char *reward,
                         const char *chat, const char *instruction)
{
    Judge *j;
    JudgeOptions o = {0};
    Str names[4] = {{0}, {0}, {0}, {0}};
    const char *given[] = {world, reward, chat, instruction};
    char **fields[] = {&o.world, &o.reward, &o.judge, &o.instruction};
    for (int i = 0; i < 4; i++) {
        str_puts(&names[i], given[i] ? given[i] : "");
        *fields[i] = given[i] ? names[i].ptr : NULL;
    }
    CHECK_OK(judge_open(&j, ops, &o, &err));
    for (int i = 0; i < 4; i++)
        str_release(&names[i]);
    return j;
}

static void ranks_are_of_scores(void **state)
{
    (void)state;
    static const struct {
        double scores[4], tie;
        int32_t ranks[4];
    } rows[] = {{{1, 3, 2, 0}, 0, {3, 1, 2, 4}},
                {{1, 1, 0, 2}, 0, {2, 2, 3, 1}},
                {{0, 0, 0, 0}, 0, {1, 1, 1, 1}},
                {{3, 2.5, 2, 1.5}, 0.5, {1, 1, 2, 2}}, /* a group ties with its best */
                {{-5, -7, -5.4, -9}, 0.5, {1, 2, 1, 3}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t ranks[4];
        judge_ranks(rows[i].scores, 4, rows[i].tie, ranks);
        assert_memory_equal(ranks, rows[i].ranks, sizeof ranks);
    }
}

static void one_judge_is_to_be_given(void **state)
{
    (void)state;
    Judge *j;
    char name[] = "x";
    static const char want[] =
        "give one judge: --world FOLDER (the gold judge), --reward FOLDER or --judge "
        "FOLDER (a chat model)";
    CHECK_FAILS(judge_open(&j, NULL, &(JudgeOptions){0}, &err), ERR_OPTION, want);
    CHECK_FAILS(
        judge_open(&j, NULL, &(JudgeOptions){.world = name, .judge = name}, &err),
        ERR_OPTION, want);
    assert_null(j);
}

static void the_question_is_filled_in(void **state)
{
    (void)state;
    Str out = {0};
    CHECK_OK(judge_question("{b}{prompt} {a}|{a} {c}", SPAN("p{a}"), SPAN("1"),
                            SPAN("2"), &out, &err));
    assert_string_equal(str_c(&out), "2p{a} 1|1 {c}");
    CHECK_FAILS(
        judge_question("{prompt} {a}", SPAN(""), SPAN(""), SPAN(""), &out, &err),
        ERR_FORMAT, "the judge's instruction has no {b}");
    str_reset(&out);
    CHECK_OK(judge_question(judge_instruction, SPAN("why?"), SPAN("so"), SPAN("thus"),
                            &out, &err));
    assert_non_null(strstr(str_c(&out), "Answer A: so"));
    str_release(&out);
}

static void the_gold_judge_reads_the_last_words(void **state)
{
    (void)state;
    World *world;
    WorldOptions o;
    CHECK_OK(opt_defaults(&world_options, &o, &err));
    o.text_bytes = 10000;
    o.demonstrations = o.prompts = o.comparisons = 4;
    o.heldout_prompts = o.heldout_comparisons = 2;
    o.tests = 1;
    CHECK_OK(world_new(&world, &o, &err));
    CHECK_OK(world_write(world, temp_path("world"), &err));
    Record r = {0};
    parse(&r,
          "{\"prompt\":\"What is 6 * 7?\",\"completions\":[[{\"role\":\"assistant\","
          "\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"calculator\","
          "\"arguments\":\"6*7\"}}]},{\"role\":\"tool\",\"content\":\"42\"},"
          "{\"role\":\"assistant\",\"content\":\"6 * 7 = 42.\"}],"
          "\"6 * 7 = 43.\",\"6 * 7 = 42.\",\"6 * 7 = 42.\"]}");
    Judge *j = open_judge(NULL, temp_path("world"), NULL, NULL, NULL);
    JudgeCase c = {.record = &r, .cut = 1u << 3};
    static const char *const texts[] = {"6 * 7 = 42.", "6 * 7 = 43.", "6 * 7 = 42.",
                                        "6 * 7 = 42."};
    CHECK_OK(judge_rank(j, &c, 1, &err));
    for (int k = 0; k < 4; k++) {
        JudgeScore score;
        judge_score(world, SPAN("What is 6 * 7?"), span_of(texts[k]), k != 3, &score);
        CHECK_NEAR(c.scores[k], score.total, 1e-12);
    }
    assert_int_equal(c.ranks[0], 1);
    assert_int_equal(c.ranks[2], 1);
    assert_true(c.ranks[1] > 1 && c.ranks[3] > 1); /* wrong; cut */
    assert_int_equal(judge_bias(j).pairs, 0);
    record_release(&r);
    judge_free(j);
    world_free(world);
}

/* A random model, saved with its tokenizer; head: what it says. */
static void save_model(Chatter *c, ModelHead head, const char *name)
{
    Model *model;
    ModelShape shape = c->model->shape;
    shape.head = head;
    CHECK_OK(model_new(&model, c->ops, &shape, false, &err));
    CHECK_OK(model_init(model, 4, &err));
    c->ops->scale(c->ops, model->params, 8);
    CHECK_OK(file_make_folders(temp_path(name), &err));
    ModelSpecials specials = {.bos = tokenizer_bos(c->tok),
                              .pad = tokenizer_pad(c->tok),
                              .eos = {template_end(c->chat)},
                              .n_eos = 1};
    CHECK_OK(model_folder_save(model, &specials, temp_path(name), &err));
    CHECK_OK(tokenizer_save(c->tok, temp_path(name), &err));
    model_free(model);
}

static void a_reward_model_scores_prompt_and_answer(void **state)
{
    (void)state;
    Chatter c;
    Model *model;
    Reward reward;
    Record r[2] = {{0}, {0}};
    chatter_init(&c, 64);
    save_model(&c, HEAD_SCALAR, "rm");
    Judge *j = open_judge(c.ops, NULL, temp_path("rm"), NULL, NULL);
    parse(&r[0], "{\"prompt\":\"why?\",\"completions\":[\"so\",\"because\",\"\"]}");
    parse(&r[1], "{\"prompt\":\"why, and so on and on and on and on?\",\"completions\":"
                 "[\"so\",\"because it is so, and so it is, and is\"]}");
    JudgeCase cases[2] = {{.record = &r[1]}, {.record = &r[0], .cut = 2}};
    CHECK_OK(judge_rank(j, cases, 2, &err));
    assert_true(cases[0].too_long);
    assert_false(cases[1].too_long);
    CHECK_OK(model_folder_load(&model, c.ops, temp_path("rm"), false, NULL, &err));
    CHECK_OK(reward_from_model(&reward, model, &err));
    static const char *const answers[] = {"so<|im_end|>", "because", "<|im_end|>"};
    for (int k = 0; k < 3; k++) {
        Ids prompt = {0}, answer = {0};
        chatter_ids(&c, "<|bos|><|user|>why?<|im_end|><|assistant|>", &prompt);
        chatter_ids(&c, answers[k], &answer);
        RewardItem item = {.prompt_ids = prompt.ptr,
                           .n_prompt = (int64_t)prompt.len,
                           .answer = answer.ptr,
                           .n_answer = (int64_t)answer.len};
        CHECK_OK(reward_score(&reward, &item, 1, &err));
        CHECK_NEAR(cases[1].scores[k], item.score, 1e-5);
        ids_release(&prompt);
        ids_release(&answer);
    }
    reward_release(&reward);
    model_free(model);
    record_release(&r[0]);
    record_release(&r[1]);
    judge_free(j);
    chatter_release(&c);
}

/* Log-probability of one letter after the question, by the engine itself. */
static double letter(const Chatter *c, Engine *engine, const char *question, char which)
{
    Ids ids = {0};
    float logprobs[256] = {0};
    chatter_ids(c, question, &ids);
    CHECK_OK(ids_push(&ids, tokenizer_special(c->tok, TOKEN_ASSISTANT), &err));
    char text[2] = {which, '\0'};
    chatter_ids(c, text, &ids);
    EngineScore item = {.ids = ids.ptr,
                        .n = (int64_t)ids.len,
                        .first = (int64_t)ids.len - 1,
                        .logprobs = logprobs};
    assert_true(ids.len < 256);
    CHECK_OK(engine_score(engine, &item, 1, &err));
    double logprob = (double)logprobs[ids.len - 1];
    ids_release(&ids);
    return logprob;
}

static bool prefers_a(const Chatter *c, Engine *engine, const char *a, const char *b)
{
    char question[200];
    (void)snprintf(question, sizeof question, "<|bos|><|user|>q | %s | %s<|im_end|>", a,
                   b);
    return letter(c, engine, question, 'A') > letter(c, engine, question, 'B');
}

/* Answers that a random model likes by chance: in some pairs both orders agree. */
static void a_chat_model_is_asked_in_both_orders(void **state)
{
    (void)state;
    static const char *const answers[] = {"so", "no", "because", "x", "it is", "7"};
    Chatter c;
    Model *model;
    Engine *engine;
    Record r = {0}, turned = {0};
    chatter_init(&c, 256);
    save_model(&c, HEAD_LM, "lm");
    CHECK_OK(file_write_atomic(temp_path("ask"), "{prompt} | {a} | {b}", 20, &err));
    Judge *j = open_judge(c.ops, NULL, NULL, temp_path("lm"), temp_path("ask"));
    CHECK_OK(model_folder_load(&model, c.ops, temp_path("lm"), false, NULL, &err));
    CHECK_OK(engine_new(&engine, model, 1, 0, NULL, &err));
    parse(&r, "{\"prompt\":\"q\",\"completions\":[\"so\",\"no\",\"because\",\"x\","
              "\"it is\",\"7\"]}");
    parse(&turned, "{\"prompt\":\"q\",\"completions\":[\"7\",\"it is\",\"x\","
                   "\"because\",\"no\",\"so\"]}");
    JudgeCase cases[2] = {{.record = &r}, {.record = &turned}};
    CHECK_OK(judge_rank(j, cases, 2, &err));
    double wins[6] = {0};
    int64_t agreed = 0, first = 0;
    for (int a = 0; a < 6; a++) {
        for (int b = a + 1; b < 6; b++) {
            bool x = prefers_a(&c, engine, answers[a], answers[b]),
                 y = prefers_a(&c, engine, answers[b], answers[a]);
            wins[a] += x == y ? 0.5 : x;
            wins[b] += x == y ? 0.5 : y;
            agreed += x != y;
            first += x + y;
        }
    }
    for (int k = 0; k < 6; k++) {
        CHECK_NEAR(cases[0].scores[k], wins[k], 1e-12);
        CHECK_NEAR(cases[1].scores[5 - k], wins[k], 1e-12); /* order does not matter */
        assert_int_equal(cases[0].ranks[k], cases[1].ranks[5 - k]);
    }
    JudgeBias bias = judge_bias(j);
    assert_int_equal(bias.pairs, 30);
    assert_int_equal(bias.agreed, 2 * agreed);
    assert_int_equal(bias.for_first, 2 * first);
    assert_in_range(agreed, 1, 14);
    engine_free(engine);
    model_free(model);
    record_release(&r);
    record_release(&turned);
    judge_free(j);
    chatter_release(&c);
}

static void what_does_not_fit_is_told(void **state)
{
    (void)state;
    Chatter c;
    Record r = {0};
    chatter_init(&c, 64); /* the instruction alone is longer */
    save_model(&c, HEAD_LM, "lm");
    Judge *j = open_judge(c.ops, NULL, NULL, temp_path("lm"), NULL);
    parse(&r, "{\"prompt\":\"q\",\"completions\":[\"so\",\"no\"]}");
    JudgeCase one = {.record = &r};
    CHECK_OK(judge_rank(j, &one, 1, &err));
    assert_true(one.too_long);
    assert_int_equal(judge_bias(j).pairs, 0);
    record_release(&r);
    judge_free(j);
    chatter_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_of_scores),
        cmocka_unit_test(one_judge_is_to_be_given),
        cmocka_unit_test(the_question_is_filled_in),
        TEMP_TEST(the_gold_judge_reads_the_last_words),
        TEMP_TEST(a_reward_model_scores_prompt_and_answer),
        TEMP_TEST(a_chat_model_is_asked_in_both_orders),
        TEMP_TEST(what_does_not_fit_is_told),
    };
    return cmocka_run_group_tests_name("eval/judge", tests, NULL, NULL);
}
