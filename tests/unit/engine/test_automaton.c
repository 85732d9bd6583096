/* test_automaton.c - what grammars allow: the automaton against a matcher that tries all
 * ways over the grammar's tree, and regular expressions against PCRE2. */
#include "support/check.h"

#include "base/mem.h"
#include "engine/constraint/automaton.h"
#include "format/grammar/gbnf.h"
#include "format/grammar/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* --- the slow way ---------------------------------------------------------------------- */
/* Bit i of the result: a text that the node allows begins at `at` and ends at i. */
static uint64_t ends_of(const Grammar *g, int32_t number, Span text, size_t at);

static uint64_t ends_from(const Grammar *g, int32_t node, Span text, uint64_t from)
{
    uint64_t out = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (from >> i & 1)
            out |= ends_of(g, node, text, i);
    }
    return out;
}

static uint64_t loop_ends(const Grammar *g, const GrammarNode *n, Span text, size_t at)
{
    uint64_t here = 1ULL << at, out = n->min == 0 ? here : 0, seen = 0;
    for (int32_t i = 1; n->max == -1 ? i < 200 : i <= n->max; i++) {
        here = ends_from(g, g->kids[n->first], text, here);
        if (i >= n->min)
            out |= here;
        if (here == 0 || (i > n->min && (here & ~seen) == 0))
            break;
        seen |= i > n->min ? here : 0;
    }
    return out;
}

static uint64_t until_ends(const Grammar *g, const GrammarNode *n, Span text, size_t at)
{
    for (size_t i = at + 1; i <= text.len; i++) {
        for (int32_t k = 0; k < n->n; k++) {
            const GrammarNode *kid = &g->nodes[g->kids[n->first + k]];
            size_t len = (size_t)kid->n;
            if (i - at >= len &&
                memcmp(text.ptr + i - len, g->bytes.ptr + kid->first, len) == 0)
                return 1ULL << i;
        }
    }
    return 0;
}

static uint64_t char_ends(const Grammar *g, const GrammarNode *n, Span text, size_t at)
{
    uint32_t c;
    size_t len;
    Err err;
    if (at >= text.len || grammar_read_char(text, at, &c, &len, &err) != OK)
        return 0;
    for (int32_t i = 0; i < n->n; i++) {
        if (c >= g->ranges[n->first + i].low && c <= g->ranges[n->first + i].high)
            return 1ULL << (at + len);
    }
    return 0;
}

static uint64_t ends_unknown(const Grammar *g, int32_t number, Span text, size_t at)
{
    const GrammarNode *n = &g->nodes[number];
    uint64_t out = 0;
    Span rest = {text.ptr + at, text.len - at};
    switch (n->kind) {
    case GRAMMAR_EMPTY:
        return 1ULL << at;
    case GRAMMAR_CHARS:
        return char_ends(g, n, text, at);
    case GRAMMAR_BYTES:
        return span_starts(rest, (Span){g->bytes.ptr + n->first, (size_t)n->n})
                   ? 1ULL << (at + (size_t)n->n)
                   : 0;
    case GRAMMAR_SEQUENCE:
        out = 1ULL << at;
        for (int32_t i = 0; i < n->n; i++)
            out = ends_from(g, g->kids[n->first + i], text, out);
        return out;
    case GRAMMAR_CHOICE:
        for (int32_t i = 0; i < n->n; i++)
            out |= ends_of(g, g->kids[n->first + i], text, at);
        return out;
    case GRAMMAR_LOOP:
        return loop_ends(g, n, text, at);
    case GRAMMAR_CALL:
        return ends_of(g, g->rules[n->first].node, text, at);
    case GRAMMAR_UNTIL:
        return until_ends(g, n, text, at);
    }
    return 0;
}

/* What was tried is not tried again, or it would take for ever. */
enum { MEMO_NODES = 4096, MEMO_BYTES = 64 };
static uint64_t memo[MEMO_NODES][MEMO_BYTES];
static bool known[MEMO_NODES][MEMO_BYTES];

static uint64_t ends_of(const Grammar *g, int32_t number, Span text, size_t at)
{
    assert_true(number < MEMO_NODES && at < MEMO_BYTES);
    if (!known[number][at]) {
        memo[number][at] = ends_unknown(g, number, text, at);
        known[number][at] = true;
    }
    return memo[number][at];
}

static bool slow_accepts(const Grammar *g, int32_t node, Span text)
{
    memset(known, 0, g->n_nodes * sizeof *known);
    return ends_of(g, node, text, 0) >> text.len & 1;
}

/* --- one grammar at a time ----------------------------------------------------------------- */
typedef struct Case {
    Grammar g;
    int32_t root;
    Network *net;
    Automaton *a;
} Case;

static Status case_compile(Case *c, Status parsed, Err *err)
{
    Status status = parsed;
    if (status == OK)
        status = network_new(&c->net, &c->g, &c->root, 1, err);
    if (status == OK)
        status = automaton_new(&c->a, c->net, 0, err);
    return status;
}

static Status case_gbnf(Case *c, const char *text, Err *err)
{
    *c = (Case){0};
    return case_compile(c, gbnf_parse(&c->g, span_of(text), &c->root, err), err);
}

static Status case_regex(Case *c, const char *text, Err *err)
{
    *c = (Case){0};
    return case_compile(
        c, regex_parse(&c->g, span_of(text), (RegexOptions){0}, &c->root, err), err);
}

static void case_release(Case *c)
{
    automaton_free(c->a);
    network_free(c->net);
    grammar_release(&c->g);
}

static bool accepts(Case *c, Span text)
{
    int32_t state = automaton_read(c->a, automaton_start(c->a), text);
    assert_true(state >= 0);
    return state > 0 && automaton_accepts(c->a, state);
}

/* A text that the automaton allows, up to 40 bytes; true when it is a whole one. */
static bool wander(Case *c, Rng *rng, char out[40], size_t *len)
{
    int32_t state = automaton_start(c->a);
    for (*len = 0; *len < 40;) {
        uint8_t may[256];
        uint32_t n = 0;
        if (automaton_accepts(c->a, state) && rng_below(rng, 4) == 0)
            return true;
        for (int b = 0; b < 256; b++) {
            if (automaton_step(c->a, state, (uint8_t)b) > 0)
                may[n++] = (uint8_t)b;
        }
        if (n == 0)
            break;
        out[*len] = (char)may[rng_below(rng, n)];
        state = automaton_step(c->a, state, (uint8_t)out[(*len)++]);
    }
    return automaton_accepts(c->a, state);
}

/* --- random grammars -------------------------------------------------------------------- */
static void write_item(Rng *rng, Str *out, int depth, bool rules)
{
    static const char *const leaves[] = {"\"a\"",
                                         "\"b\"",
                                         "[a-c]",
                                         "[^a]",
                                         "\"ab\"",
                                         "\"\xC3\xA9\"",
                                         "[\xC3\xA0-\xC3\xAF]",
                                         "\"\""};
    static const char *const after[] = {"", "", "", "*", "?", "+", "{2}", "{1,3}"};
    uint32_t kind = rng_below(rng, depth > 2 ? 4 : 8);
    if (kind < 4)
        str_puts(out, leaves[rng_below(rng, 8)]);
    else if (kind < 6 && rules)
        str_printf(out, "r%u", rng_below(rng, 3));
    else {
        str_puts(out, "(");
        for (uint32_t i = 1 + rng_below(rng, 2); i > 0; i--) {
            write_item(rng, out, depth + 1, rules);
            str_puts(out, i > 1 ? (rng_below(rng, 2) ? " | " : " ") : "");
        }
        str_puts(out, ")");
    }
    str_puts(out, after[rng_below(rng, 8)]);
    str_puts(out, " ");
}

static void write_grammar(Rng *rng, Str *out)
{
    str_puts(out, "root ::= r0 r1?\n");
    for (int r = 0; r < 3; r++) {
        str_printf(out, "r%d ::= ", r);
        for (uint32_t i = 1 + rng_below(rng, 3); i > 0; i--) {
            for (uint32_t k = 1 + rng_below(rng, 3); k > 0; k--)
                write_item(rng, out, 0, true);
            str_puts(out, i > 1 ? "| " : "\n");
        }
    }
}

static void write_text(Rng *rng, Str *out)
{
    static const char *const pieces[] = {"a", "b", "c", "ab", "\xC3\xA9", "\xC3", "d"};
    str_reset(out);
    for (uint32_t i = rng_below(rng, 9); i > 0; i--)
        str_puts(out, pieces[rng_below(rng, 7)]);
}

static void compare_on(Case *c, Rng *rng, const char *grammar, int *yes)
{
    Str text = {0};
    for (int i = 0; i < 30; i++) {
        char walked[40];
        size_t len;
        write_text(rng, &text);
        if (i % 2) {
            bool whole = wander(c, rng, walked, &len);
            if (len > 30)
                continue;
            str_reset(&text);
            str_append(&text, walked, len);
            assert_true(whole == accepts(c, str_span(&text)));
        }
        bool slow = slow_accepts(&c->g, c->root, str_span(&text));
        *yes += slow;
        if (slow != accepts(c, str_span(&text)))
            fail_msg("'%s' %s\n%s", str_c(&text), slow ? "is lost" : "is too much",
                     grammar);
    }
    str_release(&text);
}

static void random_grammars_allow_what_trying_all_ways_allows(void **state)
{
    (void)state;
    Rng rng = check_rng();
    Str text = {0};
    int compiled = 0, left = 0, never = 0, yes = 0;
    for (int i = 0; i < 400; i++) {
        Err err = {0};
        Case c;
        str_reset(&text);
        write_grammar(&rng, &text);
        Status status = case_gbnf(&c, str_c(&text), &err);
        if (status == OK) {
            compiled++;
            compare_on(&c, &rng, str_c(&text), &yes);
        } else {
            assert_int_equal(status, ERR_FORMAT);
            left += strstr(err.msg, "left recursion") != NULL;
            never += strstr(err.msg, "never end") != NULL;
        }
        case_release(&c);
    }
    print_message("%d compiled, %d left-recursive, %d endless, %d texts allowed\n",
                  compiled, left, never, yes);
    assert_true(compiled > 100 && left > 20 && yes > 1000);
    str_release(&text);
}

/* --- regular expressions against PCRE2 ------------------------------------------------------ */
static bool pcre_accepts(const char *pattern, Span text)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *p = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                  PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF |
                                      PCRE2_DOLLAR_ENDONLY,
                                  &code, &at, NULL);
    assert_non_null(p);
    pcre2_match_data *m = pcre2_match_data_create(1, NULL);
    int found = pcre2_match(p, (PCRE2_SPTR)text.ptr, text.len, 0, 0, m, NULL);
    pcre2_match_data_free(m);
    pcre2_code_free(p);
    return found >= 0;
}

static const char *const patterns[] = {
    "[0-9]+ (km|miles)",
    "(yes|no|yesterday)",
    "-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?",
    "\\w+@\\w+\\.(com|org)",
    "a*b*c*",
    "(a|ab)(c|bcd)(d*)",
    "((a|b)*c){2,3}",
    "[^a\\n]{1,3}.",
    "(?:\xC3\xA9|[\xC3\xA0-\xC3\xBF])+x?",
    "\\d{4}-\\d{2}-\\d{2}",
    "(a?){3}a{3}",
    "\\s*\\S+\\s*",
    "^abc$|^a.c$",
    "x{0,2}?y",
    "[\\]\\-a^]+",
};

static void random_pattern(Rng *rng, Str *out, int depth)
{
    static const char *const leaves[] = {"a",    "b", "c",   "[ab]",
                                         "[^a]", ".", "\\d", "\xC3\xA9"};
    static const char *const after[] = {"", "", "", "", "*", "?", "+", "{2}", "{1,2}"};
    for (uint32_t n = 1 + rng_below(rng, 3); n > 0; n--) {
        if (depth < 3 && rng_below(rng, 3) == 0) {
            str_puts(out, "(");
            random_pattern(rng, out, depth + 1);
            str_puts(out, "|");
            random_pattern(rng, out, depth + 1);
            str_puts(out, ")");
        } else {
            str_puts(out, leaves[rng_below(rng, 8)]);
        }
        str_puts(out, after[rng_below(rng, 9)]);
    }
}

static void compare_pattern(Rng *rng, const char *pattern, int *yes)
{
    static const char *const pieces[] = {"a",   "b",  "c", "1",        "20",
                                         " ",   "km", "x", "\xC3\xA9", "-",
                                         "yes", "\n", "@", ".com",     "y"};
    Err err = {0};
    Case c;
    Str text = {0};
    CHECK_OK(case_regex(&c, pattern, &err));
    for (int i = 0; i < 60; i++) {
        str_reset(&text);
        for (uint32_t n = rng_below(rng, 7); n > 0; n--)
            str_puts(&text, pieces[rng_below(rng, 15)]);
        if (i % 2) {
            char walked[40];
            size_t len;
            if (!wander(&c, rng, walked, &len))
                continue; /* half a character would not be UTF-8 */
            str_reset(&text);
            str_append(&text, walked, len);
        }
        bool want = pcre_accepts(pattern, str_span(&text));
        *yes += want;
        if (want != accepts(&c, str_span(&text)))
            fail_msg("'%s' and '%s': PCRE2 says %d", pattern, str_c(&text), want);
    }
    str_release(&text);
    case_release(&c);
}

static void patterns_match_what_pcre2_matches(void **state)
{
    (void)state;
    Rng rng = check_rng();
    Str pattern = {0};
    int yes = 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        compare_pattern(&rng, patterns[i], &yes);
    for (int i = 0; i < 150; i++) {
        str_reset(&pattern);
        random_pattern(&rng, &pattern, 0);
        compare_pattern(&rng, str_c(&pattern), &yes);
    }
    assert_true(yes > 2000);
    str_release(&pattern);
}

/* --- GBNF as its manual has it --------------------------------------------------------------- */
static void llama_cpps_own_examples_work(void **state)
{
    (void)state;
    static const struct {
        const char *grammar, *yes, *no;
    } cases[] = {
        {"root ::= (expr \"=\" term \"\\n\")+\n"
         "expr ::= term ([-+*/] term)*\n"
         "term ::= num | \"(\" expr \")\" # a comment\n"
         "num ::= [0-9]+\n",
         "1+(2*33)=7\n(4)=4\n", "1+=2\n"},
        {"root ::= item+\n\n# Excludes various line break characters\n"
         "item ::= \"- \" [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]+ \"\\n\"\n",
         "- a\n- \xC3\xA9\xE2\x82\xAC\n", "- a\xE2\x80\xA8\n"},
        {"root  ::= (\n  \"x\"\n  | \"y\" ) [ \\t\\n]\n  | \"z\" {2}\n", "zz", "z"},
        {"root ::= jp-char+ ([ \\t\\n] jp-char+)*\n"
         "jp-char ::= hiragana | katakana\n"
         "hiragana ::= [\xE3\x81\x81-\xE3\x82\x9F]\nkatakana ::= "
         "[\xE3\x82\xA1-\xE3\x83\xBF]\n",
         "\xE3\x81\x82 \xE3\x82\xA2", "\xE3\x81\x82 a"},
        {"root ::= a\na ::= \"(\" a \")\" | b\nb ::= \"x\"", "(((x)))", "((x)"},
        {"root ::= . \"\\U0001F600\"", "\xC3\xA9\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        Case c;
        CHECK_OK(case_gbnf(&c, cases[i].grammar, &err));
        assert_true(accepts(&c, span_of(cases[i].yes)));
        assert_false(accepts(&c, span_of(cases[i].no)));
        case_release(&c);
    }
}

static void what_cannot_work_names_the_rule(void **state)
{
    (void)state;
    static const struct {
        const char *grammar, *message;
    } cases[] = {
        {"root ::= expr\nexpr ::= expr \"+\" \"1\" | \"1\"",
         "line 2, column 1: rule 'expr' calls itself before it reads anything (left "
         "recursion): repeat with * or call it on the right"},
        {"root ::= a\na ::= \"x\"? b\nb ::= (a | \"y\")",
         "line 2, column 1: rule 'a' calls itself before it reads anything (left "
         "recursion): repeat with * or call it on the right"},
        {"root ::= a\na ::= \"x\" a",
         "line 1, column 1: rule 'root' can never end: each way through it needs "
         "itself"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        Case c;
        CHECK_FAILS(case_gbnf(&c, cases[i].grammar, &err), ERR_FORMAT,
                    cases[i].message);
        case_release(&c);
    }
}

static void large_grammars_are_refused(void **state)
{
    (void)state;
    Err err = {0};
    Case c;
    CHECK_FAILS(case_regex(&c, "((a{1000}){1000}){1000}", &err), ERR_LIMIT,
                "the grammar is too large: it needs over 524288 states");
    case_release(&c);
    CHECK_FAILS(case_regex(&c, "(((){9999}){9999}){9999}", &err), ERR_LIMIT,
                "the grammar is too large: it needs over 524288 states");
    case_release(&c);
}

/* --- the machine --------------------------------------------------------------------------- */
static void right_recursion_takes_no_depth(void **state)
{
    (void)state;
    Err err = {0};
    Case c;
    static char text[4000];
    CHECK_OK(case_gbnf(&c, "root ::= list\nlist ::= \"a\" list | \"b\"", &err));
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 'b';
    assert_true(accepts(&c, (Span){text, sizeof text}));
    assert_false(automaton_was_limited(c.a));
    int32_t s1 = automaton_read(c.a, automaton_start(c.a), SPAN("aaaa"));
    assert_int_equal(s1, automaton_read(c.a, automaton_start(c.a), SPAN("aaaaaaaa")));
    case_release(&c);
}

static void depth_ends_where_the_limit_is(void **state)
{
    (void)state;
    Err err = {0};
    Case c;
    static char text[2 * AUTOMATON_DEPTH];
    CHECK_OK(case_gbnf(&c, "root ::= a\na ::= \"(\" a \")\" | \"x\"", &err));
    memset(text, '(', sizeof text);
    int32_t state_there =
        automaton_read(c.a, automaton_start(c.a), (Span){text, AUTOMATON_DEPTH - 2});
    assert_true(state_there > 0);
    assert_int_equal(
        automaton_read(c.a, automaton_start(c.a), (Span){text, sizeof text}),
        AUTOMATON_DEAD);
    assert_true(automaton_was_limited(c.a));
    case_release(&c);
}

static void the_fewest_bytes_to_an_end_are_counted(void **state)
{
    (void)state;
    Err err = {0};
    Case c;
    CHECK_OK(case_gbnf(
        &c, "root ::= \"<\" a \">\"\na ::= \"(\" a \")\" | \"xyz\" | \"\xC3\xA9\"",
        &err));
    int32_t s = automaton_start(c.a);
    assert_int_equal(automaton_least(c.a, s), 4);
    s = automaton_read(c.a, s, SPAN("<(("));
    assert_int_equal(automaton_least(c.a, s), 5);
    s = automaton_read(c.a, s, SPAN("x"));
    assert_int_equal(automaton_least(c.a, s), 5);
    assert_int_equal(automaton_only_byte(c.a, s), 'y');
    case_release(&c);
}

static void a_full_automaton_forgets_and_goes_on(void **state)
{
    (void)state;
    Err err = {0};
    Case c;
    CHECK_OK(
        case_gbnf(&c, "root ::= a\na ::= \"(\" a \")\" | \"[\" a \"]\" | \"x\"", &err));
    automaton_free(c.a);
    CHECK_OK(automaton_new(&c.a, c.net, 200 * 1000, &err));
    Rng rng = check_rng();
    int forgot = 0;
    for (int i = 0; i < 500; i++) {
        char text[101];
        for (int k = 0; k < 50; k++) {
            bool round = rng_below(&rng, 2);
            text[k] = round ? '(' : '[';
            text[100 - k] = round ? ')' : ']';
        }
        text[50] = 'x';
        int64_t generation = automaton_generation(c.a);
        int32_t s = automaton_start(c.a);
        s = s > 0 ? automaton_read(c.a, s, (Span){text, 101}) : s;
        if (s == AUTOMATON_FULL) {
            automaton_forget(c.a);
            assert_int_equal(automaton_generation(c.a), generation + 1);
            s = automaton_read(c.a, automaton_start(c.a), (Span){text, 101});
            forgot++;
        }
        assert_true(s > 0 && automaton_accepts(c.a, s));
    }
    assert_true(forgot > 5);
    case_release(&c);
}

static void until_ends_at_the_first_stop(void **state)
{
    (void)state;
    Rng rng = check_rng();
    const Span stops[] = {SPAN("aab"), SPAN("ba"), SPAN("\xC3\xA9x")};
    Err err = {0};
    Case c = {0};
    c.root = grammar_until(&c.g, stops, 3);
    CHECK_OK(case_compile(&c, OK, &err));
    int yes = 0;
    compare_on(&c, &rng, "until", &yes);
    for (int i = 0; i < 2000; i++) {
        static const char *const pieces[] = {"a", "a", "b", "\xC3\xA9", "x", "c"};
        Str text = {0};
        for (uint32_t n = rng_below(&rng, 9); n > 0; n--)
            str_puts(&text, pieces[rng_below(&rng, 6)]);
        bool slow = slow_accepts(&c.g, c.root, str_span(&text));
        yes += slow;
        assert_int_equal(slow, accepts(&c, str_span(&text)));
        str_release(&text);
    }
    assert_true(yes > 100);
    case_release(&c);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Err err = {0};
        Case c;
        mem_fail_after(n);
        status = case_gbnf(&c, "root ::= a{2}\na ::= \"(\" a \")\" | [x-z]", &err);
        if (status == OK) {
            int32_t s = automaton_start(c.a);
            s = s > 0 ? automaton_read(c.a, s, SPAN("((x))y")) : s;
            assert_true(s == AUTOMATON_FULL || automaton_accepts(c.a, s));
            status = s == AUTOMATON_FULL ? ERR_NOMEM : OK;
        }
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        case_release(&c);
        assert_true(n < 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_grammars_allow_what_trying_all_ways_allows),
        cmocka_unit_test(patterns_match_what_pcre2_matches),
        cmocka_unit_test(llama_cpps_own_examples_work),
        cmocka_unit_test(what_cannot_work_names_the_rule),
        cmocka_unit_test(large_grammars_are_refused),
        cmocka_unit_test(right_recursion_takes_no_depth),
        cmocka_unit_test(depth_ends_where_the_limit_is),
        cmocka_unit_test(the_fewest_bytes_to_an_end_are_counted),
        cmocka_unit_test(a_full_automaton_forgets_and_goes_on),
        cmocka_unit_test(until_ends_at_the_first_stop),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("engine/automaton", tests, NULL, NULL);
}
