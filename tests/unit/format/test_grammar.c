/* test_grammar.c - what is wrong with a grammar or a regular expression, and where. What
 * they allow is in tests/unit/engine/test_automaton.c. */
#include "support/check.h"

#include "base/mem.h"
#include "format/grammar/gbnf.h"
#include "format/grammar/regex.h"

static Status gbnf(const char *text, Err *err)
{
    Grammar g = {0};
    int32_t node;
    Status status = gbnf_parse(&g, span_of(text), &node, err);
    grammar_release(&g);
    return status;
}

static Status regex(const char *pattern, Err *err)
{
    Grammar g = {0};
    int32_t node;
    Status status = regex_parse(&g, span_of(pattern), (RegexOptions){0}, &node, err);
    grammar_release(&g);
    return status;
}

static void errors_of_gbnf_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "there is no rule 'root', with which a text begins"},
        {"a ::= \"x\"", "there is no rule 'root', with which a text begins"},
        {"root ::= thing", "line 1, column 10: there is no rule 'thing'"},
        {"root ::= \"a\"\nroot ::= \"b\"",
         "line 2, column 1: rule 'root' is there already"},
        {"root ::= \"a", "line 1, column 10: '\"' is not closed"},
        {"root ::= [a-", "line 1, column 10: '[' is not closed"},
        {"root ::= [z-a]", "line 1, column 10: a range of this class is upside down"},
        {"root ::= []", "line 1, column 10: no character is in this class"},
        {"root ::= (\"a\"", "line 1, column 10: '(' is not closed"},
        {"root ::= \"a\")",
         "line 1, column 13: the end of the rule is needed, not ')'"},
        {"root ::= *",
         "line 1, column 10: a literal, class, group or rule is needed, not '*'"},
        {"root ::= <think>", "line 1, column 10: tokens in '<' and '>' are not known "
                             "here: write text, not '<think>'"},
        {"root ::= \"a\"{2", "line 1, column 13: '{' of a repetition is not closed"},
        {"root ::= \"a\"{3,2}", "line 1, column 13: {3,2} is upside down"},
        {"root ::= \"a\"{99999}", "line 1, column 14: more than 10000 repetitions"},
        {"root ::= \"\\q\"",
         "line 1, column 11: a known escape is needed, not '\\\\q\"'"},
        {"root ::= \"\\uD800\"", "line 1, column 13: there is no character U+D800"},
        {"root = \"a\"", "line 1, column 6: '::=' is needed, not '= \"a\"'"},
        {"# \xC3\xA9\n\"\xC3\xA9\"",
         "line 2, column 1: the name of a rule is needed, not '\"\xC3\xA9\"'"},
        {"root ::= \"\xFF\"", "line 1, column 11: bytes that are not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        CHECK_FAILS(gbnf(cases[i].text, &err), ERR_FORMAT, cases[i].message);
    }
}

static void errors_of_patterns_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a(b", "line 1, column 2: '(' is not closed"},
        {"a)b", "line 1, column 2: ')' closes nothing"},
        {"[a", "line 1, column 1: '[' is not closed"},
        {"a|*b", "line 1, column 3: '*' has nothing to repeat"},
        {"a**", "line 1, column 2: a repetition is repeated: put it in parentheses"},
        {"(?=a)", "line 1, column 1: '(?=' is not understood: no look-around, names or "
                  "flags"},
        {"(a)\\1", "line 1, column 4: '\\1' is not understood: no back references"},
        {"\\bword", "line 1, column 1: '\\b' is not understood"},
        {"a^b", "line 1, column 2: '^' is understood only at the beginning of the "
                "pattern"},
        {"a$b", "line 1, column 2: '$' is understood only at the end of the pattern"},
        {"\\u{110000}", "line 1, column 4: there is no character U+110000"},
        {"[[:alpha:]]", "line 1, column 2: '[:' is not understood"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        CHECK_FAILS(regex(cases[i].text, &err), ERR_FORMAT, cases[i].message);
    }
}

/* 60,000 parentheses crashed a well-known server. */
static void depth_has_a_limit(void **state)
{
    (void)state;
    static char deep[60001], grammar[60020];
    Err err = {0};
    memset(deep, '(', sizeof deep - 1);
    CHECK_FAILS(regex(deep, &err), ERR_FORMAT,
                "line 1, column 201: more than 200 parentheses in each other");
    (void)snprintf(grammar, sizeof grammar, "root ::= %s", deep);
    CHECK_FAILS(gbnf(grammar, &err), ERR_FORMAT,
                "line 1, column 210: more than 200 parentheses in each other");
}

static void choices_are_not_empty(void **state)
{
    (void)state;
    Grammar g = {0};
    Err err = {0};
    int32_t node;
    const Span two[] = {SPAN("yes"), SPAN("")};
    CHECK_FAILS(grammar_choices(&g, two, 0, &node, &err), ERR_OPTION,
                "there is nothing to choose from");
    CHECK_FAILS(grammar_choices(&g, two, 2, &node, &err), ERR_OPTION,
                "choice 2 is empty");
    grammar_release(&g);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Err err = {0};
        mem_fail_after(n);
        status = gbnf("root ::= \"a\" ([b-d] | other){2,3}\nother ::= \"x\"*", &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_of_gbnf_name_their_place),
        cmocka_unit_test(errors_of_patterns_name_their_place),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(choices_are_not_empty),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("format/grammar", tests, NULL, NULL);
}
