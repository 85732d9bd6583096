/* test_gbnf_write.c - a grammar that was written allows what it allowed: both automata, run
 * beside one another over every byte, are alive and may end at the same places. */
#include "support/check.h"

#include "base/mem.h"
#include "engine/constraint/automaton.h"
#include "format/grammar/gbnf.h"
#include "format/grammar/gbnf_write.h"
#include "format/grammar/regex.h"
#include "format/grammar/schema.h"

static Err err;

typedef struct Machine {
    Network *net;
    Automaton *a;
} Machine;

static Machine machine_of(const Grammar *g, int32_t node)
{
    Machine m;
    CHECK_OK(network_new(&m.net, g, &node, 1, &err));
    CHECK_OK(automaton_new(&m.a, m.net, 0, &err));
    return m;
}

static void machine_release(Machine *m)
{
    automaton_free(m->a);
    network_free(m->net);
}

enum { MOST_PAIRS = 3000 };
typedef struct Pairs {
    int32_t left[MOST_PAIRS], right[MOST_PAIRS];
    size_t n;
} Pairs;

static void add_pair(Pairs *p, int32_t left, int32_t right)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->left[i] == left && p->right[i] == right)
            return;
    }
    if (p->n < MOST_PAIRS) {
        p->left[p->n] = left;
        p->right[p->n++] = right;
    }
}

static void check_equal(Machine *l, Machine *r, const char *what)
{
    static Pairs pairs;
    pairs.n = 0;
    add_pair(&pairs, automaton_start(l->a), automaton_start(r->a));
    for (size_t i = 0; i < pairs.n; i++) {
        if (automaton_accepts(l->a, pairs.left[i]) !=
            automaton_accepts(r->a, pairs.right[i]))
            fail_msg("%s: one may end, the other not", what);
        for (int byte = 0; byte < 256; byte++) {
            int32_t left = automaton_step(l->a, pairs.left[i], (uint8_t)byte),
                    right = automaton_step(r->a, pairs.right[i], (uint8_t)byte);
            if ((left == AUTOMATON_DEAD) != (right == AUTOMATON_DEAD))
                fail_msg("%s: byte %02x is allowed by one alone", what, byte);
            if (left != AUTOMATON_DEAD)
                add_pair(&pairs, left, right);
        }
    }
}

/* Writes, reads back, and compares. */
static void check_written(const Grammar *g, int32_t node, const char *what)
{
    Grammar back = {0};
    int32_t again = 0;
    Str text = {0};
    CHECK_OK(gbnf_write(g, node, &text, &err));
    if (gbnf_parse(&back, str_span(&text), &again, &err) != OK)
        fail_msg("%s: %s in %s", what, err.msg, str_c(&text));
    Machine left = machine_of(g, node), right = machine_of(&back, again);
    check_equal(&left, &right, what);
    machine_release(&left);
    machine_release(&right);
    grammar_release(&back);
    str_release(&text);
}

static void regular_expressions_are_written(void **state)
{
    (void)state;
    static const char *const all[] = {"[0-9]+",
                                      "a|bc|",
                                      "(ab|c){2,3}d?",
                                      "[^\"\\\\\\]\\-^\n]*x",
                                      "\\w+@\\w+",
                                      "(a*b+)*",
                                      "\\u{1F600}|.",
                                      "((a|b)c){2,}",
                                      "[\xc3\xa9-\xe2\x82\xac]",
                                      "\"quoted\\\\\"",
                                      "a{0}b",
                                      "(|a)b"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        Grammar g = {0};
        int32_t node;
        CHECK_OK(regex_parse(&g, span_of(all[i]), (RegexOptions){0}, &node, &err));
        check_written(&g, node, all[i]);
        grammar_release(&g);
    }
}

static void schemas_are_written(void **state)
{
    (void)state;
    static const char *const all[] = {
        "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\","
        "\"maxLength\":"
        "3},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":120}},\"required\":"
        "["
        "\"name\",\"age\"],\"additionalProperties\":false}",
        "{\"type\":\"array\",\"items\":{\"enum\":[\"a\",1,null,true]},\"maxItems\":2}",
        "{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{"
        "\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/t\"},{\"type\":\"null\"}]}},"
        "\"required\":[\"next\"],\"additionalProperties\":false}}}"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        Grammar g = {0};
        int32_t node;
        CHECK_OK(schema_parse(&g, span_of(all[i]), &node, &err));
        check_written(&g, node, all[i]);
        grammar_release(&g);
    }
}

static void grammars_with_rules_are_written(void **state)
{
    (void)state;
    const char *text =
        "root ::= \"x\" list \"\\n\"\nlist ::= item (\",\" item){0,2} | \"\"\n"
        "item ::= [a-c]+ | \"(\" list \")\"\n";
    Grammar g = {0};
    int32_t node;
    CHECK_OK(gbnf_parse(&g, span_of(text), &node, &err));
    check_written(&g, node, text);
    grammar_release(&g);
}

static void what_has_no_form_is_named(void **state)
{
    (void)state;
    Grammar g = {0};
    Str out = {0};
    const Span stop = SPAN("x");
    int32_t node = grammar_until(&g, &stop, 1);
    CHECK_FAILS(gbnf_write(&g, node, &out, &err), ERR_OPTION,
                "a grammar text has no form for a text up to another");
    grammar_release(&g);
    str_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regular_expressions_are_written),
        cmocka_unit_test(schemas_are_written),
        cmocka_unit_test(grammars_with_rules_are_written),
        cmocka_unit_test(what_has_no_form_is_named),
    };
    return cmocka_run_group_tests_name("engine/gbnf_write", tests, NULL, NULL);
}
