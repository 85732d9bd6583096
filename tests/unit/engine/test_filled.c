/* test_filled.c - templates with blanks: what is wrong with one and where, what the blanks
 * of a text hold, and templates filled by a random model. */
#include "support/scribe.h"

#include "engine/constraint/filled.h"
#include "format/grammar/blanks.h"

static int setup(void **state)
{
    static Scribe scribe;
    scribe_init(&scribe);
    *state = &scribe;
    return 0;
}

static int teardown(void **state)
{
    scribe_release(*state);
    return 0;
}

static void errors_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the template is empty"},
        {"a\n{{gen", "line 2, column 6: a text in quotes is needed"},
        {"{{gen \"a\" regex=\"(\"}}",
         "line 1, column 11: regex: line 1, column 1: '(' is not closed"},
        {"{{gen \"a\" grammar=\"x\"}}", "line 1, column 11: grammar: line 1, column 2: "
                                        "'::=' is needed, not 'the end'"},
        {"{{gen \"a\" schema={\"type\":1}}}",
         "line 1, column 18: schema: at '#': there is no type '?'"},
        {"{{gen \"a\" schema={}",
         "line 1, column 20: regex=, grammar=, schema=, stop= or "
         "max_tokens= is needed"},
        {"{{gen \"a\" words=3}}", "line 1, column 11: a blank has no 'words'"},
        {"{{gen \"a\" max_tokens=0}}",
         "line 1, column 22: a number of tokens is needed"},
        {"{{gen \"a\"}} and", "line 1, column 1: blank 'a' has no end: give it regex=, "
                              "stop= or max_tokens="},
        {"{{gen \"a\" regex=\"x\" stop=\".\"}}",
         "line 1, column 1: blank 'a' ends by itself: it needs no stop"},
        {"{{gen \"a\" stop=\"\"}}", "line 1, column 11: a stop is an empty text"},
        {"{{gen \"a\"}}\n{{gen \"a\"}}",
         "line 2, column 7: there is a blank 'a' already"},
        {"{{who}}", "line 1, column 1: there is no value 'who' (blanks are {{gen "
                    "\"...\"}} and {{select \"...\"}})"},
        {"{{select \"a\" x | }}", "line 1, column 18: a text in quotes is needed"},
        {"{{\"a}}", "line 1, column 3: '\"' is not closed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        Blanks b;
        Status status = blanks_parse(&b, span_of(cases[i].text), NULL, 0, &err);
        if (status != ERR_FORMAT || strcmp(err.msg, cases[i].message) != 0)
            fail_msg("%s: '%s', not '%s'", cases[i].text, err.msg, cases[i].message);
    }
}

/* "name=value;" of each blank of a text. */
static void read_is(const char *template, const char *text, const char *want)
{
    Err err = {0};
    Blanks b;
    Span values[16];
    Str got = {0};
    const BlanksValue given[] = {{SPAN("who"), SPAN("Duna")}};
    CHECK_OK(blanks_parse(&b, span_of(template), given, 1, &err));
    assert_true(b.n <= 16);
    Status status = filled_read(&b, span_of(text), NULL, values, &err);
    for (size_t i = 0; status == OK && i < b.n; i++) {
        if (b.parts[i].name)
            str_printf(&got, "%s=%.*s;", b.parts[i].name, (int)values[i].len,
                       values[i].ptr);
    }
    assert_string_equal(status == OK ? str_c(&got) : err.msg, want);
    str_release(&got);
    blanks_release(&b);
}

static void blanks_are_found_in_a_text(void **state)
{
    (void)state;
    read_is("{{who}} is {{gen \"age\" regex=\"\\d+\"}} years", "Duna is 42 years",
            "age=42;");
    read_is("{{gen \"a\"}}\n{{gen \"b\"}}\n", "x y\nz\nw", "a=x y;b=z\nw;");
    read_is("{{gen \"a\" stop=\", \"}}{{select \"b\" yes | \"no way\" | no}}",
            "p,q, no way", "a=p,q;b=no way;");
    read_is("{{gen \"a\" regex=\"a*\"}}{{gen \"b\" regex=\"a*b?\"}}", "aaab",
            "a=aaa;b=b;");
    read_is("{{gen \"a\" regex=\"a*\"}}{{gen \"b\" regex=\"ab\"}}", "aaab",
            "a=aa;b=ab;");
    read_is("{{gen \"a\" max_tokens=9}}/{{gen \"b\" max_tokens=9}}/", "x/y/z/",
            "a=x/y;b=z;");
    read_is("{{gen \"o\" schema={\"type\":\"object\",\"properties\":{\"k\":{\"type\":"
            "\"integer\"}}}}}!",
            "{\"k\":7}!", "o={\"k\":7};");
    read_is("{{\"{{\"}}{{gen \"a\" stop=\"}\"}}", "{{x}", "a=x;");
    read_is("a{{gen \"a\" regex=\"b\"}}", "ac", "the text is not of this template");
}

/* Blanks with a cut end there, even if they could be longer. */
static void cuts_are_heeded(void **state)
{
    (void)state;
    Err err = {0};
    Blanks b;
    Span values[4];
    const int64_t cuts[] = {1, -1, 3, -1};
    CHECK_OK(
        blanks_parse(&b, SPAN("{{gen \"a\" max_tokens=1}}/{{gen \"b\" max_tokens=1}}/"),
                     NULL, 0, &err));
    CHECK_OK(filled_read(&b, SPAN("x/y/"), cuts, values, &err));
    assert_true(span_equal(values[0], SPAN("x")) && span_equal(values[2], SPAN("y")));
    blanks_release(&b);
}

/* --- filled by a model ------------------------------------------------------------------------ */
static const char letter[] =
    "{\"name\": {{gen \"name\" regex=\"\\\"[a-z]+\\\"\" max_tokens=6}}, \"likes\": "
    "{{select \"likes\" \"abc\" | \"yes\" | \"no\"}},\nand {{gen \"free\" stop=\".\" "
    "max_tokens=5}} "
    "so {{gen \"cut\" max_tokens=3}}; 12 km: {{gen \"last\" max_tokens=4}}";

static void templates_are_filled(void **state)
{
    Scribe *s = *state;
    Err err = {0};
    Blanks b;
    Constraint *c;
    CHECK_OK(blanks_parse(&b, span_of(letter), NULL, 0, &err));
    CHECK_OK(filled_constraint(&c, &b, s->trie, &err));
    for (uint64_t key = 0; key < 60; key++) {
        ScribeAnswer a;
        Span values[16];
        int64_t cuts[16];
        scribe_answer(s, c, key, 100, key % 4 != 3, &a);
        for (size_t i = 0; i < b.n; i++)
            cuts[i] = a.cuts[i];
        assert_true(a.complete);
        Status status = filled_read(&b, str_span(&a.text), cuts, values, &err);
        if (status != OK)
            fail_msg("'%s': %s", str_c(&a.text), err.msg);
        for (size_t i = 0; i < b.n; i++) {
            if (b.parts[i].name && strcmp(b.parts[i].name, "free") == 0)
                assert_true(memchr(values[i].ptr, '.', values[i].len) == NULL);
            if (!b.parts[i].name)
                assert_true(span_equal(values[i], str_span(&b.parts[i].text)));
        }
        assert_true(span_starts(str_span(&a.text), SPAN("{\"name\": \"")));
        scribe_answer_release(&a);
    }
    constraint_free(c);
    blanks_release(&b);
}

/* The prompt's own text is under the constraint: nothing of it is drawn, and its last
 * token is the one that the continuation makes it. */
static void a_prompt_is_healed_at_its_end(void **state)
{
    Scribe *s = *state;
    Err err = {0};
    Blanks b;
    Constraint *c;
    ConstraintRun *run;
    Ids prompt = {0};
    Str text = {0};
    CHECK_OK(blanks_parse(&b,
                          SPAN("say {\"na{{gen \"x\" regex=\"me\\\":[0-9]|[a-z]\"}}"),
                          NULL, 0, &err));
    CHECK_OK(filled_constraint(&c, &b, s->trie, &err));
    CHECK_OK(constraint_run_new(&run, c, &s->end, 1, &err));
    CHECK_OK(ids_push(&prompt, s->bos, &err));
    CHECK_OK(constraint_run_prompt(run, 20, &prompt, &err));
    CHECK_OK(tokenizer_decode(s->tok, prompt.ptr, prompt.len, false, &text, &err));
    assert_string_equal(str_c(&text), "say {\""); /* "na" may become "name" */
    uint32_t allowed[16] = {0};
    assert_true(constraint_run_allow(run, NULL, 0, allowed));
    for (int32_t id = 0; id < s->trie->vocab; id++) {
        bool want = false;
        Span bytes = tokenizer_bytes(s->tok, id);
        want = span_equal(bytes, SPAN("n")) || span_equal(bytes, SPAN("na")) ||
               span_equal(bytes, SPAN("name"));
        assert_int_equal(allowed[id / 32] >> (id % 32) & 1, want);
    }
    str_release(&text);
    ids_release(&prompt);
    constraint_run_free(run);
    constraint_free(c);
    blanks_release(&b);
}

/* A prompt longer than what is forced at a time. */
static void long_prompts_are_forced_in_pieces(void **state)
{
    Scribe *s = *state;
    Err err = {0};
    Blanks b = {0};
    Constraint *c;
    ConstraintRun *run;
    Ids prompt = {0};
    Str text = {0}, got = {0};
    for (int i = 0; i < 3000; i++)
        str_puts(&text, i % 7 ? "abc " : "yes no\n");
    CHECK_OK(blanks_add_text(&b, str_span(&text), &err));
    CHECK_OK(blanks_add(&b, SPAN("x"), grammar_text(&b.g, "!"), 0, &err));
    CHECK_OK(filled_constraint(&c, &b, s->trie, &err));
    CHECK_OK(constraint_run_new(&run, c, &s->end, 1, &err));
    CHECK_OK(constraint_run_prompt(run, 20, &prompt, &err));
    CHECK_OK(tokenizer_decode(s->tok, prompt.ptr, prompt.len, false, &got, &err));
    str_puts(&text, "!");
    assert_string_equal(str_c(&got), str_c(&text));
    str_release(&text);
    str_release(&got);
    ids_release(&prompt);
    constraint_run_free(run);
    constraint_free(c);
    blanks_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_their_place),
        cmocka_unit_test(blanks_are_found_in_a_text),
        cmocka_unit_test(cuts_are_heeded),
        cmocka_unit_test(templates_are_filled),
        cmocka_unit_test(a_prompt_is_healed_at_its_end),
        cmocka_unit_test(long_prompts_are_forced_in_pieces),
    };
    return cmocka_run_group_tests_name("engine/filled", tests, setup, teardown);
}
