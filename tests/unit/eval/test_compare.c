/* test_compare.c - assertions, variables and files of comparisons, and a comparison of two
 * made-up models whose answers are known. */
#include "support/check.h"

#include "base/mem.h"
#include "eval/compare.h"
#include "format/json.h"

static Err err;

static json_t *tree_of(const char *text)
{
    json_t *tree;
    CHECK_OK(json_parse(span_of(text), &tree, &err));
    return tree;
}

static const char vars_text[] = "{\"n\": 3, \"name\": \"Mira\", \"of\": [\"a\", 1]}";

static bool holds(const char *assertion, const char *output)
{
    json_t *tree = tree_of(assertion), *vars = tree_of(vars_text);
    Assertion a;
    Str why = {0};
    bool yes = false;
    CHECK_OK(assertion_parse(tree, &a, &err));
    CHECK_OK(assertion_holds(&a, vars, span_of(output), 0.5, &yes, &why, &err));
    assert_int_equal(why.len > 0, !yes);
    str_release(&why);
    json_decref(tree);
    json_decref(vars);
    return yes;
}

static void assertions_hold_as_their_names_say(void **state)
{
    (void)state;
    assert_true(
        holds("{\"type\": \"equals\", \"value\": \"{{name}} 3\"}", " Mira 3\n"));
    assert_false(holds("{\"type\": \"equals\", \"value\": 3}", "33"));
    assert_true(holds("{\"type\": \"equals\", \"value\": 3}", "3"));
    assert_true(holds("{\"type\": \"contains\", \"value\": \"ir\"}", "Mira"));
    assert_false(holds("{\"type\": \"contains\", \"value\": \"IR\"}", "Mira"));
    assert_true(holds("{\"type\": \"icontains\", \"value\": \"IR\"}", "Mira"));
    assert_true(holds("{\"type\": \"not-contains\", \"value\": \"x\"}", "Mira"));
    assert_true(holds("{\"type\": \"starts-with\", \"value\": \"Mi\"}", "Mira"));
    assert_false(holds("{\"type\": \"starts-with\", \"value\": \"ira\"}", "Mira"));
    assert_true(holds("{\"type\": \"contains-any\", \"value\": [\"x\", 3]}", "13"));
    assert_false(holds("{\"type\": \"contains-all\", \"value\": [\"x\", 3]}", "13"));
    assert_true(
        holds("{\"type\": \"icontains-all\", \"value\": [\"{{name}}\"]}", "MIRA"));
    assert_true(holds("{\"type\": \"regex\", \"value\": \"^M.+a$\"}", "Mira"));
    assert_false(holds("{\"type\": \"not-regex\", \"value\": \"[0-9]\"}", "a1"));
    assert_true(holds("{\"type\": \"is-json\"}", "{\"a\": [1]}"));
    assert_false(holds("{\"type\": \"is-json\"}", "so: {\"a\": [1]}"));
    assert_true(holds("{\"type\": \"contains-json\"}", "so: {\"a\": [1]} it is"));
    assert_false(holds("{\"type\": \"contains-json\"}", "so: {a}"));
    assert_true(holds("{\"type\": \"latency\", \"threshold\": 501}", ""));
    assert_false(holds("{\"type\": \"latency\", \"threshold\": 499}", ""));
}

static void refuse(const char *assertion, const char *message)
{
    json_t *tree = tree_of(assertion);
    Assertion a;
    CHECK_FAILS(assertion_parse(tree, &a, &err), ERR_OPTION, message);
    json_decref(tree);
}

static void wrong_assertions_are_named(void **state)
{
    (void)state;
    refuse("{\"type\": \"equal\", \"value\": \"x\"}",
           "no assert 'equal'; did you mean 'equals'?");
    refuse("{\"value\": \"x\"}", "an assert has no type");
    refuse("{\"type\": \"equals\"}", "assert 'equals' needs a text as its value");
    refuse("{\"type\": \"contains-any\", \"value\": \"x\"}",
           "assert 'contains-any' needs a list as its value");
    refuse("{\"type\": \"latency\"}",
           "assert 'latency' needs a threshold in milliseconds");
    refuse("{\"type\": \"is-json\", \"value\": {}}",
           "assert 'is-json': a schema is not supported yet");
}

static void check_render(const char *text, const char *want)
{
    json_t *vars = tree_of(vars_text);
    Str out = {0};
    CHECK_OK(vars_render(span_of(text), vars, &out, &err));
    assert_string_equal(str_c(&out), want);
    str_release(&out);
    json_decref(vars);
}

static void variables_are_put_in_once(void **state)
{
    (void)state;
    check_render("{{name}} has {{ n }} of {{of}}.", "Mira has 3 of [\"a\",1].");
    check_render("no {{ end", "no {{ end");
    check_render("{{name}}{{name}}", "MiraMira");
    json_t *vars = tree_of("{\"a\": \"{{b}}\"}");
    Str out = {0};
    CHECK_OK(vars_render(SPAN("{{a}}"), vars, &out, &err));
    assert_string_equal(str_c(&out), "{{b}}");
    CHECK_FAILS(vars_render(SPAN("{{b}}"), vars, &out, &err), ERR_OPTION,
                "there is no variable 'b' for {{b}}");
    assert_int_equal(vars_render(SPAN("{% if a %}"), vars, &out, &err), ERR_OPTION);
    assert_int_equal(vars_render(SPAN("{{a | upper}}"), vars, &out, &err), ERR_OPTION);
    str_release(&out);
    json_decref(vars);
}

/* --- files ------------------------------------------------------------------------------ */

static const char file_text[] =
    "prompts: ['{{q}}', {label: loud, raw: '{{q}}!'}]\n"
    "providers:\n"
    "  - even\n"
    "  - {id: all, label: every, config: {temperature: 1, max_tokens: 9, seed: 4}}\n"
    "defaultTest: {options: {extract: number}, assert: [{type: equals, value: "
    "'{{want}}'}]}\n"
    "tests:\n"
    "  - vars: {q: '0', want: '0'}\n"
    "  - {vars: {q: '1', want: '1'}, assert: [{type: contains, value: '1'}]}\n"
    "  - vars: {q: '2', want: '2'}\n"
    "  - vars: {q: none, want: '2'}\n";

static void a_file_is_read(void **state)
{
    (void)state;
    CompareFile f;
    CHECK_OK(compare_file_parse(span_of(file_text), &f, &err));
    assert_int_equal(f.n_prompts, 2);
    assert_string_equal(f.prompts[1].label, "loud");
    assert_int_equal(f.n_providers, 2);
    assert_string_equal(f.providers[0].think, "direct");
    assert_string_equal(f.providers[1].label, "every");
    assert_int_equal(f.providers[1].sample.max_new, 9);
    assert_int_equal(f.providers[1].sample.seed, 4);
    CHECK_NEAR(f.providers[1].sample.temperature, 1, 0);
    assert_int_equal(f.n_tests, 4);
    assert_int_equal(f.tests[1].n, 2);
    assert_string_equal(f.extract, "number");
    compare_file_release(&f);
}

static void rows_of_a_file_are_tests_or_variables(void **state)
{
    (void)state;
    CompareFile f;
    CHECK_OK(compare_file_parse(
        SPAN("prompts: ['{{q}}']\nproviders: [m]\ntests: file://t.jsonl\n"), &f, &err));
    assert_string_equal(f.tests_file, "file://t.jsonl");
    CHECK_OK(compare_file_add_tests(
        &f,
        SPAN("{\"q\": \"a\"}\n\n{\"vars\": {\"q\": \"b\"}, \"assert\": [{\"type\": "
             "\"is-json\"}]}"),
        &err));
    assert_int_equal(f.n_tests, 2);
    assert_int_equal(f.tests[1].n, 1);
    assert_string_equal(json_string_value(json_object_get(f.tests[0].vars, "q")), "a");
    compare_file_release(&f);
}

static void refuse_file(const char *yaml, const char *message)
{
    CompareFile f;
    assert_int_not_equal(compare_file_parse(span_of(yaml), &f, &err), OK);
    assert_string_equal(err.msg, message);
    assert_null(f.tree);
}

static void what_has_no_effect_is_refused(void **state)
{
    (void)state;
    refuse_file("prompts: [a]\nproviders: [m]\ntests: [{vars: {}}]\nsharing: true\n",
                "a comparison: 'sharing' is not supported");
    refuse_file("prompts: []\nproviders: [m]\ntests: [{vars: {}}]\n",
                "there are no 'prompts' (a list)");
    refuse_file("prompts: [a]\nproviders: [{label: x}]\ntests: [{vars: {}}]\n",
                "a provider has no 'id': a model's folder or an endpoint");
    refuse_file("prompts: [a]\nproviders: [{id: x, config: {temprature: 1}}]\n"
                "tests: [{vars: {}}]\n",
                "a provider's config: 'temprature' is not supported; did you mean "
                "'temperature'?");
    refuse_file("prompts: [a]\nproviders: [m]\ntests: [{vars: {}, assert: [{type: "
                "wrong}]}]\n",
                "test 1: no assert 'wrong'");
}

/* --- a comparison ----------------------------------------------------------------------- */

/* Repeats its question; the model "even" says so of odd numbers: "no idea". */
static Status repeat_question(void *self, const LmRequest *request, LmAnswer *answers,
                              LmUsage *usage, Err *e)
{
    (void)e;
    const bool *even = self;
    const Message *last = &request->talk->messages[request->talk->n - 1];
    if (*even && last->content[0] == '1')
        str_puts(&answers[0].text, "no idea");
    else
        str_printf(&answers[0].text, "It is %s", last->content);
    answers[0].tokens = 2;
    answers[0].finish = FINISH_STOP;
    usage->answer_tokens += 2;
    usage->requests++;
    return OK;
}

static bool is_even[2] = {true, false};

static Status open_fake(void *self, const CompareProvider *p, Lm **out, Err *e)
{
    (void)self;
    (void)e;
    static Lm models[2];
    int which = strcmp(p->id, "even") != 0;
    models[which] =
        (Lm){.name = p->id, .self = &is_even[which], .complete = repeat_question};
    *out = mem_alloc_array(1, sizeof **out);
    **out = models[which];
    return OK;
}

static void arms_are_compared_in_pairs(void **state)
{
    (void)state;
    CompareFile f;
    CompareOptions o;
    CompareReport r;
    Str lines = {0};
    CHECK_OK(opt_defaults(&compare_options, &o, &err));
    o.repeat = 2;
    CHECK_OK(compare_file_parse(span_of(file_text), &f, &err));
    CHECK_OK(compare_run(&f, &o, open_fake, NULL, &r, &err));
    assert_int_equal(r.n, 4);
    assert_int_equal(compare_n(&r), 8);
    assert_int_equal(r.arms[0].passed, 4);  /* of 0, 1, 2, none: 0 and 2, twice */
    assert_int_equal(r.arms[0].invalid, 4); /* "no idea", "It is none" */
    assert_int_equal(r.arms[2].passed, 6);
    assert_int_equal(r.arms[2].invalid, 2);
    assert_int_equal(r.arms[2].gained, 2);
    assert_int_equal(r.arms[2].lost, 0);
    CHECK_NEAR(r.arms[2].difference, 0.25, 1e-12);
    CHECK_NEAR(r.arms[2].p, 0.5, 1e-12);
    CHECK_NEAR(r.arms[0].tokens, 2, 1e-12);
    CHECK_OK(compare_lines(&f, &r, &lines, &err));
    int64_t n = 0;
    for (size_t i = 0; i < lines.len; i++)
        n += lines.ptr[i] == '\n';
    assert_int_equal(n, 32);
    str_release(&lines);
    compare_release(&r);
    compare_file_release(&f);
    opt_release(&compare_options, &o);
}

/* Fails at some questions, or at all. */
static Status fail_at(void *self, const LmRequest *r, LmAnswer *answers, LmUsage *usage,
                      Err *e)
{
    bool all = *(bool *)self;
    if (all || r->talk->messages[r->talk->n - 1].content[0] == '1')
        return err_set(e, ERR_IO, "it fell");
    return repeat_question(&is_even[1], r, answers, usage, e);
}

static Status open_failing(void *self, const CompareProvider *p, Lm **out, Err *e)
{
    (void)e;
    *out = mem_alloc_array(1, sizeof **out);
    **out = (Lm){.name = p->id, .self = self, .complete = fail_at};
    return OK;
}

static void a_question_that_fails_is_told_and_the_others_are_asked(void **state)
{
    (void)state;
    CompareFile f;
    CompareOptions o;
    CompareReport r;
    bool all = false;
    CHECK_OK(opt_defaults(&compare_options, &o, &err));
    o.concurrency = 1;
    CHECK_OK(compare_file_parse(span_of(file_text), &f, &err));
    CHECK_OK(compare_run(&f, &o, open_failing, &all, &r, &err));
    int64_t failed = 0;
    for (int64_t i = 0; i < compare_n(&r); i++) {
        const CompareAnswer *a = &r.arms[0].answers[i];
        failed += a->why.len > 0 && strstr(str_c(&a->why), "it fell") != NULL;
    }
    assert_int_equal(failed, 1);
    assert_true(r.arms[0].passed > 0);
    compare_release(&r);
    all = true;
    o.repeat = 4;
    assert_int_equal(compare_run(&f, &o, open_failing, &all, &r, &err), ERR_IO);
    compare_release(&r);
    compare_file_release(&f);
    opt_release(&compare_options, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assertions_hold_as_their_names_say),
        cmocka_unit_test(wrong_assertions_are_named),
        cmocka_unit_test(variables_are_put_in_once),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(rows_of_a_file_are_tests_or_variables),
        cmocka_unit_test(what_has_no_effect_is_refused),
        cmocka_unit_test(arms_are_compared_in_pairs),
        cmocka_unit_test(a_question_that_fails_is_told_and_the_others_are_asked),
    };
    return cmocka_run_group_tests_name("eval/compare", tests, NULL, NULL);
}
