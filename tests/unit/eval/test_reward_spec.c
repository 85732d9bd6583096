/* test_reward_spec.c - descriptions of rewards: the forms, the defaults, and what is
 * refused with which words. */
#include "support/temp.h"

#include "base/mem.h"
#include "eval/reward_spec.h"

static RewardSpec parsed(const char *text)
{
    Err err = {0};
    RewardSpec spec;
    CHECK_OK(reward_spec_parse(span_of(text), &spec, &err));
    return spec;
}

static void a_folder_is_a_reward_model(void **state)
{
    (void)state;
    RewardSpec spec = parsed(" runs/my rm ");
    assert_int_equal(spec.n, 1);
    assert_int_equal(spec.parts[0].kind, REWARD_MODEL);
    assert_string_equal(spec.parts[0].what, "runs/my rm");
    assert_string_equal(spec.parts[0].o.name, "model");
    assert_true(spec.parts[0].o.weight == 1);
    assert_true(reward_spec_hash(&spec) == 0);
    reward_spec_release(&spec);
}

static void check_list(const char *text)
{
    RewardSpec spec = parsed(text);
    assert_int_equal(spec.n, 4);
    assert_string_equal(spec.parts[0].what, "runs/rm");
    assert_int_equal(spec.parts[1].kind, REWARD_PROGRAM);
    assert_string_equal(spec.parts[1].command[0], "./score.py");
    assert_string_equal(spec.parts[1].command[1], "-x");
    assert_null(spec.parts[1].command[2]);
    assert_true(spec.parts[1].o.weight == 0.5 && spec.parts[1].o.timeout == 10);
    assert_int_equal(spec.parts[1].o.attempts, 3);
    assert_int_equal(spec.parts[2].kind, REWARD_REGEX);
    assert_string_equal(spec.parts[2].what, "^Yes, [a-z]+$");
    assert_string_equal(spec.parts[2].o.name, "polite");
    assert_int_equal(spec.parts[3].kind, REWARD_REGEX);
    assert_string_equal(spec.parts[3].o.name, "regex");
    reward_spec_release(&spec);
}

static void a_list_is_yaml_or_json(void **state)
{
    (void)state;
    Err err = {0};
    check_list("- runs/rm\n"
               "- {program: [./score.py, -x], weight: 0.5, timeout: 10}\n"
               "- regex: ^Yes, [a-z]+$\n"
               "  name: polite\n"
               "- {regex: b}\n");
    check_list("[runs/rm, {program: [./score.py, -x], weight: 0.5, timeout: 10}, "
               "{regex: '^Yes, [a-z]+$', name: polite}, {regex: b}]");
    check_list("[{\"model\":\"runs/rm\"},{\"program\":[\"./score.py\",\"-x\"],"
               "\"weight\":0.5,\"timeout\":10},{\"regex\":\"^Yes, [a-z]+$\","
               "\"name\":\"polite\"},{\"regex\":\"b\"}]");
    RewardSpec spec = parsed("{length: target, tokens: 40}");
    assert_int_equal(spec.parts[0].how, LENGTH_TARGET);
    assert_int_equal(spec.parts[0].o.tokens, 40);
    reward_spec_release(&spec);
    spec = parsed("- {model: a}\n- {model: b}\n- {model: c}\n");
    assert_string_equal(spec.parts[2].o.name, "model_3");
    reward_spec_release(&spec);
    CHECK_OK(file_write_atomic(temp_path("r.yaml"), "regex: a\n", 9, &err));
    CHECK_OK(reward_spec_read(temp_path("r.yaml"), &spec, &err));
    assert_string_equal(spec.parts[0].what, "a");
    reward_spec_release(&spec);
    CHECK_OK(file_write_atomic(temp_path("r.yaml"), "regexp: a\n", 10, &err));
    char want[200];
    snprintf(want, sizeof want, "reward '%s': part 1: no kind", temp_path("r.yaml"));
    assert_int_equal(reward_spec_read(temp_path("r.yaml"), &spec, &err), ERR_OPTION);
    assert_ptr_equal(strstr(err.msg, want), err.msg);
}

static void rows_are_told_apart(void **state)
{
    (void)state;
    RewardSpec spec = parsed("- {regex: a, when: {skill: [steps, direct], n: 2}}\n"
                             "- {regex: a}\n");
    const RewardPart *part = &spec.parts[0];
    static const struct {
        const char *row;
        bool applies;
    } cases[] = {
        {"{\"skill\":\"steps\",\"n\":2}", true},
        {"{\"skill\":\"direct\",\"n\":2,\"x\":1}", true},
        {"{\"skill\":\"fact\",\"n\":2}", false},
        {"{\"skill\":\"steps\"}", false},
        {"{\"skill\":\"steps\",\"n\":3}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *row;
        Err err = {0};
        CHECK_OK(json_parse(span_of(cases[i].row), &row, &err));
        assert_int_equal(reward_part_applies(part, row), cases[i].applies);
        json_decref(row);
    }
    assert_false(reward_part_applies(part, NULL));
    assert_true(reward_part_applies(&spec.parts[1], NULL));
    reward_spec_release(&spec);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "reward: part 1: 'model' is no text"},
        {"[]", "reward: a reward of 0 parts, not 1 to 32"},
        {"[3]", "reward: part 1: a part is a mapping: {model: FOLDER, weight: 1}"},
        {"[a, {wieght: 1}]", "reward: part 2: no kind: a part has one of model, gold, "
                             "skill, program, exact, "
                             "regex, length, format, random"},
        {"[{model: a, wieght: 1}]",
         "reward: part 1: unknown option 'wieght'; did you mean 'weight'?"},
        {"[{model: a, gold: b}]",
         "reward: part 1: 'model' and 'gold' in one part: each is a part of its own"},
        {"[{model: a, timeout: 1}]",
         "reward: part 1: 'timeout' has a meaning with other parts alone"},
        {"[{program: a, timeout: 0}]",
         "reward: part 1: option 'timeout': 0 is not in the range 0.01 to 86400"},
        {"[{program: [a, 3]}]",
         "reward: part 1: word 2 of 'program' is no text; numbers want quotes"},
        {"[{program: a, failed: worst}]",
         "reward: part 1: 'failed' is 'worst', not a number"},
        {"[{length: taget, tokens: 4}]",
         "reward: part 1: 'length' is not one of target, penalty, over; did you mean "
         "'target'?"},
        {"[{length: target}]",
         "reward: part 1: 'tokens' is not set: the length that is meant"},
        {"[{length: over, tokens: 4}]",
         "reward: part 1: 'buffer' is 0, not 1 to 4 tokens"},
        {"[{format: xml}]",
         "reward: part 1: 'format' is not one of ended, answer, json, ..."},
        {"[{random: normal}]",
         "reward: part 1: 'random' is no seed: a whole number, 0 or more"},
        {"[{random: -1}]",
         "reward: part 1: 'random' is no seed: a whole number, 0 or more"},
        {"[{regex: a, when: steps}]",
         "reward: part 1: 'when' is no mapping of a row's fields: {skill: [steps]}"},
        {"[{regex: a, when: {skill: {}}}]",
         "reward: part 1: 'when': 'skill' is no value or list of them"},
        {"[{regex: a, name: 'a b'}]", "reward: part 1: 'name' is not a new word of up "
                                      "to 40 letters, digits, '_', '-' "
                                      "and '.'"},
        {"[{regex: a, name: x}, {regex: b, name: x}]",
         "reward: part 2: 'name' is not a new word of up to 40 letters, digits, '_', "
         "'-' "
         "and '.'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        RewardSpec spec;
        CHECK_FAILS(reward_spec_parse(span_of(cases[i].text), &spec, &err), ERR_OPTION,
                    cases[i].message);
        assert_null(spec.parts);
    }
}

/* A resumed run must not go on with another reward; a moved one may. */
static void the_hash_is_of_what_decides(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[{model: a, weight: 2}]",
        "[{model: a, weight: 3}]",
        "[{model: a}, {regex: x}]",
        "[{model: a}, {regex: y}]",
        "[{exact: f}, {regex: x}]",
        "[{exact: f, match: number}, {regex: x}]",
        "[{format: json}]",
        "[{format: json, when: {a: 1}}]",
        "[{length: penalty, tokens: 40}]",
        "[{length: target, tokens: 40}]",
        "[{random: 1}]",
        "[{random: 2}]",
    };
    enum { N = sizeof texts / sizeof *texts };
    uint64_t hash[N];
    for (int i = 0; i < N; i++) {
        RewardSpec spec = parsed(texts[i]);
        hash[i] = reward_spec_hash(&spec);
        for (int j = 0; j < i; j++)
            assert_true(hash[i] != hash[j]);
        reward_spec_release(&spec);
    }
    RewardSpec moved = parsed("[{model: elsewhere/a, weight: 2}]");
    assert_true(reward_spec_hash(&moved) == hash[0]);
    reward_spec_release(&moved);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Err err = {0};
        RewardSpec spec;
        mem_fail_after(n);
        status = reward_spec_parse(
            SPAN("[a, {program: [p, q], failed: 1, when: {x: 1}}]"), &spec, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        reward_spec_release(&spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_a_reward_model),
        TEMP_TEST(a_list_is_yaml_or_json),
        cmocka_unit_test(rows_are_told_apart),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(the_hash_is_of_what_decides),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
