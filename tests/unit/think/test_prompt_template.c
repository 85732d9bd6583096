/* test_prompt_template.c - templates are read, filled, written and found. */
#include "think/prompt_template.h"

#include "format/json.h"
#include "support/check.h"
#include "support/temp.h"

static Err err;

static PromptTemplate parse(const char *yaml)
{
    PromptTemplate t;
    CHECK_OK(prompt_template_parse(span_of(yaml), &t, &err));
    return t;
}

static void check_fill(const char *text, const char *input, const char *want)
{
    static const TemplateParam params[] = {{{"language", 8}, {"German", 6}},
                                           {{"x", 1}, {"$input", 6}},
                                           {{"language", 8}, {"Italian", 7}}};
    PromptTemplate t =
        parse("prompt: p\ndefaults: {language: French, n: 3, on: true}\n");
    Str out = {0};
    bool used = false;
    CHECK_OK(prompt_template_fill(&t, span_of(text), params, 3, span_of(input), &out,
                                  &used, &err));
    assert_string_equal(str_c(&out), want);
    str_release(&out);
    prompt_template_release(&t);
}

static void parameters_are_put_in_once(void **state)
{
    (void)state;
    check_fill("To $language: $input", "Hi $x", "To Italian: Hi $x");
    check_fill("${x}y $n $on", "", "$inputy 3 true");
    check_fill("$$input costs 5$ or $5, $", "", "$input costs 5$ or $5, $");
    check_fill("${ ${1} ${language", "", "${ ${1} ${language");
    check_fill("$input$input", "a", "aa");
}

static void a_parameter_that_is_missing_is_named(void **state)
{
    (void)state;
    PromptTemplate t = parse("prompt: To $language\n");
    Str prompt = {0}, system = {0};
    CHECK_FAILS(prompt_template_apply(&t, NULL, 0, SPAN("x"), &prompt, &system, &err),
                ERR_OPTION, "the template's $language is not given: -p language VALUE");
    str_release(&prompt);
    str_release(&system);
    prompt_template_release(&t);
}

static void input_without_a_place_stands_behind(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *prompt, *system;
    } cases[] = {
        {"prompt: Sum up\n", "Sum up\n\ntext", ""},
        {"system: Sum up\n", "text", "Sum up"},
        {"system: About $input\nprompt: Go\n", "Go", "About text"},
        {"system: About $input\n", "text", "About text"},
        {"Sum up $input", "Sum up text", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PromptTemplate t = parse(cases[i].yaml);
        Str prompt = {0}, system = {0};
        CHECK_OK(
            prompt_template_apply(&t, NULL, 0, SPAN("text"), &prompt, &system, &err));
        assert_string_equal(str_c(&prompt), cases[i].prompt);
        assert_string_equal(str_c(&system), cases[i].system);
        str_release(&prompt);
        str_release(&system);
        prompt_template_release(&t);
    }
}

static void everything_is_read_and_written(void **state)
{
    (void)state;
    PromptTemplate t = parse(
                       "prompt: |\n  a: $input\n  b\nsystem: 'yes'\nmodel: m#x\n"
                       "think: cot\ndefaults: {k: v}\noptions: {temperature: 0.5}\n"
                       "schema: name, age int\nextract: last\n"),
                   again;
    Str yaml = {0};
    assert_string_equal(t.prompt, "a: $input\nb\n");
    assert_string_equal(t.system, "yes");
    assert_string_equal(t.think, "cot");
    assert_int_equal(t.extract, EXTRACT_LAST);
    assert_int_equal(json_object_size(json_object_get(t.schema, "properties")), 2);
    CHECK_OK(prompt_template_write(&t, &yaml, &err));
    CHECK_OK(prompt_template_parse(str_span(&yaml), &again, &err));
    assert_string_equal(again.prompt, t.prompt);
    assert_string_equal(again.model, "m#x");
    assert_true(json_equal(again.schema, t.schema));
    assert_true(json_equal(again.options, t.options));
    assert_true(json_equal(again.defaults, t.defaults));
    assert_int_equal(again.extract, EXTRACT_LAST);
    str_release(&yaml);
    prompt_template_release(&t);
    prompt_template_release(&again);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        Status status;
        const char *message;
    } cases[] = {
        {"promt: x\n", ERR_OPTION, "no key 'promt'; did you mean 'prompt'?"},
        {"prompt: [a]\n", ERR_FORMAT, "`prompt` is not a text"},
        {"prompt: a\ndefaults: {k: [1]}\n", ERR_FORMAT,
         "`defaults`: 'k' is not one value"},
        {"prompt: a\nextract: 3\n", ERR_FORMAT, "`extract` is not true, false or last"},
        {"- a\n", ERR_FORMAT, "a template is a mapping: `prompt: Sum up: $input`"},
        {"schema: a b c\n", ERR_FORMAT,
         "schema: 'a b c' has a type that is not str, int, float or bool"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PromptTemplate t;
        CHECK_FAILS(prompt_template_parse(span_of(cases[i].yaml), &t, &err),
                    cases[i].status, cases[i].message);
        assert_null(t.prompt);
    }
}

static void a_saved_template_is_found_by_its_name(void **state)
{
    (void)state;
    PromptTemplate t = parse("prompt: Sum up $input\n"), again;
    char message[400];
    setenv("TAME_TEMPLATES", temp_path("a/b"), 1);
    CHECK_OK(prompt_template_save("sum.up-1", &t, &err));
    CHECK_OK(prompt_template_load("sum.up-1", &again, &err));
    assert_string_equal(again.prompt, t.prompt);
    prompt_template_release(&again);
    CHECK_OK(prompt_template_load(temp_path("a/b/sum.up-1.yaml"), &again, &err));
    prompt_template_release(&again);
    (void)snprintf(message, sizeof message,
                   "there is no template 'x' (%s); --save x makes one",
                   temp_path("a/b/x.yaml"));
    CHECK_FAILS(prompt_template_load("x", &again, &err), ERR_IO, message);
    static const char *const odd[] = {"..", ".x", "", "a b", "a\nb"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(prompt_template_save(odd[i], &t, &err), ERR_OPTION);
    prompt_template_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_put_in_once),
        cmocka_unit_test(a_parameter_that_is_missing_is_named),
        cmocka_unit_test(input_without_a_place_stands_behind),
        cmocka_unit_test(everything_is_read_and_written),
        cmocka_unit_test(what_is_wrong_is_said),
        TEMP_TEST(a_saved_template_is_found_by_its_name),
    };
    return cmocka_run_group_tests_name("think/prompt_template", tests, NULL, NULL);
}
