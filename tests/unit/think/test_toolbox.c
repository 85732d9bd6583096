/* Tools are found, checked, asked for and run; the built-in ones give what they should. */
#include "support/check.h"

#include "base/mem.h"
#include "format/json.h"
#include "think/tool/builtin.h"

#include <time.h>

/* --- the box -------------------------------------------------------------------------- */

typedef struct Probe {
    const char *result;
    bool fails, freed, allowed;
    int calls;
    char seen[128]; /* what approve was shown */
} Probe;

static Status probe_call(void *self, const json_t *arguments, Str *out, bool *failed,
                         Err *err)
{
    Probe *p = self;
    (void)arguments, (void)err;
    p->calls++;
    *failed = p->fails;
    str_puts(out, p->result);
    return OK;
}

static void probe_free(void *self)
{
    ((Probe *)self)->freed = true;
}

static bool probe_approve(void *self, const Tool *tool, const char *arguments)
{
    Probe *p = self;
    (void)snprintf(p->seen, sizeof p->seen, "%s %s", tool->name, arguments);
    return p->allowed;
}

static Tool probe_tool(Probe *p, const char *name, const char *parameters)
{
    Err err = {0};
    Tool t = {.name = mem_dup(name, strlen(name)),
              .description = mem_dup("", 0),
              .self = p,
              .call = probe_call,
              .free = probe_free};
    CHECK_OK(json_parse(span_of(parameters), &t.parameters, &err));
    return t;
}

#define ONE_NUMBER                                                                     \
    "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":" \
    "[\"n\"]}"

static void calls(const Toolbox *box, const char *name, const char *arguments, Probe *p,
                  const char *expected, bool fails)
{
    Err err = {0};
    Str out = {0};
    bool failed = !fails;
    CHECK_OK(toolbox_call(box, span_of(name), span_of(arguments), probe_approve, p,
                          &out, &failed, &err));
    assert_string_equal(str_c(&out), expected);
    assert_int_equal(failed, fails);
    str_release(&out);
}

static void a_call_is_checked_approved_and_made(void **state)
{
    (void)state;
    Err err = {0};
    Probe p = {.result = "done", .allowed = true};
    Toolbox box = {0};
    CHECK_OK(toolbox_add(&box, probe_tool(&p, "probe", ONE_NUMBER), &err));
    calls(&box, "probe", "{\"n\": 3}", &p, "done", false);
    assert_string_equal(p.seen, "probe {\"n\":3}");
    calls(&box, "probe", "{}", &p, "error: probe: 'n' is missing in the arguments",
          true);
    calls(&box, "probe", "[]", &p, "error: probe: the arguments are not a JSON object",
          true);
    calls(&box, "probe", "{", &p,
          "error: probe: the arguments are not a JSON object: line 1, column 1: string "
          "or '}' expected near end of file",
          true);
    calls(&box, "robe", "{}", &p, "error: no tool 'robe', only 'probe'", true);
    assert_int_equal(p.calls, 1);
    p.fails = true;
    calls(&box, "probe", "{\"n\":1}", &p, "error: done", true);
    p.result = "error: as it says";
    calls(&box, "probe", "{\"n\":1}", &p, "error: as it says", true);
    toolbox_release(&box);
    assert_true(p.freed);
}

static void what_is_not_approved_is_not_run(void **state)
{
    (void)state;
    Err err = {0};
    Probe p = {.result = "done"};
    Toolbox box = {0};
    CHECK_OK(toolbox_add(&box, probe_tool(&p, "probe", ONE_NUMBER), &err));
    calls(&box, "probe", "{\"n\":1}", &p, "error: the call of probe was not allowed",
          true);
    Str out = {0};
    bool failed = false;
    CHECK_OK(toolbox_call(&box, SPAN("probe"), SPAN("{\"n\":1}"), NULL, NULL, &out,
                          &failed, &err));
    assert_true(failed);
    box.tools[0].trusted = true;
    CHECK_OK(toolbox_call(&box, SPAN("probe"), SPAN("{\"n\":1}"), NULL, NULL, &out,
                          &failed, &err));
    assert_false(failed);
    assert_int_equal(p.calls, 1);
    str_release(&out);
    toolbox_release(&box);
}

static void names_and_schemas_are_checked_when_a_tool_comes(void **state)
{
    (void)state;
    Err err = {0};
    Probe p = {0};
    Toolbox box = {0};
    CHECK_OK(toolbox_add(&box, probe_tool(&p, "a-b_9", ONE_NUMBER), &err));
    CHECK_FAILS(toolbox_add(&box, probe_tool(&p, "a-b_9", ONE_NUMBER), &err),
                ERR_OPTION, "there are two tools of the name 'a-b_9'");
    assert_true(p.freed);
    CHECK_FAILS(toolbox_add(&box, probe_tool(&p, "a b", ONE_NUMBER), &err), ERR_OPTION,
                "'a b' is no name of a tool: up to 64 letters, digits, '_' and '-'");
    CHECK_FAILS(toolbox_add(&box, probe_tool(&p, "", ONE_NUMBER), &err), ERR_OPTION,
                "'' is no name of a tool: up to 64 letters, digits, '_' and '-'");
    CHECK_FAILS(toolbox_add(&box, probe_tool(&p, "x", "{}"), &err), ERR_OPTION,
                "tool 'x': the schema of parameters is an object of type \"object\"");
    assert_int_equal(box.n, 1);
    toolbox_release(&box);
}

static void long_results_are_cut_at_a_whole_character(void **state)
{
    (void)state;
    Err err = {0};
    Str flood = {0}, out = {0};
    for (int i = 0; i < 40000; i++)
        str_puts(&flood, "\u20ac");
    Probe p = {.result = str_c(&flood), .allowed = true};
    Toolbox box = {0};
    bool failed;
    CHECK_OK(toolbox_add(&box, probe_tool(&p, "probe", ONE_NUMBER), &err));
    str_puts(&out, "before ");
    CHECK_OK(toolbox_call(&box, SPAN("probe"), SPAN("{\"n\":1}"), probe_approve, &p,
                          &out, &failed, &err));
    assert_in_range(out.len, TOOL_RESULT_BYTES, TOOL_RESULT_BYTES + 7);
    for (size_t i = 7; i < out.len;) {
        size_t n = span_utf8(str_span(&out), i);
        assert_true(n > 0);
        i += n;
    }
    assert_non_null(strstr(str_c(&out), "\u20ac\n[cut here: the result is longer]"));
    str_release(&flood);
    str_release(&out);
    toolbox_release(&box);
}

static void results_are_clean_text(void **state)
{
    (void)state;
    Err err = {0};
    Probe p = {.result = "a\x1b[2J\x07"
                         "b\xff\tc\r\n\xe2\x82",
               .allowed = true};
    Toolbox box = {0};
    CHECK_OK(toolbox_add(&box, probe_tool(&p, "probe", ONE_NUMBER), &err));
    calls(&box, "probe", "{\"n\":1}", &p, "a[2Jb\ufffd\tc\n\ufffd", false);
    toolbox_release(&box);
}

/* --- built in ------------------------------------------------------------------------- */

static void gives(const char *call, const char *expected)
{
    Err err = {0};
    Toolbox box = {0};
    Str out = {0};
    bool failed;
    for (size_t i = 0; builtin_name(i); i++)
        CHECK_OK(builtin_add(&box, span_of(builtin_name(i)), &err));
    CHECK_OK(toolbox_call_text(&box, span_of(call), NULL, NULL, &out, &failed, &err));
    if (strcmp(str_c(&out), expected) != 0)
        fail_msg("%s: '%s', not '%s'", call, str_c(&out), expected);
    assert_int_equal(failed, strncmp(expected, "error: ", 7) == 0);
    str_release(&out);
    toolbox_release(&box);
}

static void plain_text_means_the_one_argument(void **state)
{
    (void)state;
    gives("calculator(12*7)", "84");
    gives("calculator({\"expression\": \"12*7\"})", "84");
    gives("calculator({12)", "error: expected a number at 1, found '{'");
    gives("calculator({})",
          "error: calculator: 'expression' is missing in the arguments");
    gives("reverse(abc)", "cba");
    gives("sort(3, 10, 2)", "2, 3, 10");
    gives("sort([3, 10, 2])", "2, 3, 10");
    gives("sort(pear fig)", "fig, pear");
    gives(
        "count_letters(abc)",
        "error: count_letters: the arguments are not a JSON object: line 1, column 3: "
        "invalid token near 'abc'");
    gives("none()", "error: no tool 'none'; there are 'calculator', 'date_time', "
                    "'count_letters', 'length', 'reverse', 'sort'");
}

static void letters_are_counted(void **state)
{
    (void)state;
    gives("count_letters({\"text\":\"Strawberry\",\"letters\":\"r\"})", "r: 3");
    gives("count_letters({\"text\":\"Strawberry\",\"letters\":\"S, t\"})",
          "s: 1, t: 1");
    gives("count_letters({\"text\":\"sSs\",\"letters\":\"S\",\"case_sensitive\":true})",
          "S: 1");
    gives("count_letters({\"text\":\"sSs\",\"letters\":\"Ss\"})", "s: 3");
    /* e and an accent, once in one code point and once in two; no plain e */
    gives("count_letters({\"text\":\"\u00e9 e\u0301\",\"letters\":\"\u00e9e\"})",
          "\u00e9: 2, e: 0");
    gives("count_letters({\"text\":\"x\",\"letters\":\" ,\"})",
          "error: 'letters' holds no letter");
}

static void lengths_are_of_characters(void **state)
{
    (void)state;
    gives("length(two words)", "9 characters, 2 words, 1 lines");
    gives("length({\"text\":\"e\u0301\\nb \\n\"})", "5 characters, 2 words, 2 lines");
    gives("length()", "0 characters, 0 words, 0 lines");
    /* a family of three people joined to one sign */
    gives("length(\U0001f468\u200d\U0001f469\u200d\U0001f467)",
          "1 characters, 1 words, 1 lines");
}

static void texts_are_reversed(void **state)
{
    (void)state;
    gives("reverse(na\u00efve)", "ev\u00efan");
    gives("reverse(e\u0301a)", "ae\u0301");
    gives("reverse({\"text\":\" one two  three\",\"by\":\"words\"})", "three two one");
    gives("reverse()", "");
    gives(
        "reverse({\"text\":\"a\",\"by\":\"lines\"})",
        "error: reverse: 'by' must be one of \"characters\", \"words\", not \"lines\"");
}

static void lists_are_sorted(void **state)
{
    (void)state;
    gives("sort(banana, Apple, cherry)", "Apple, banana, cherry");
    gives("sort(10, 9, apple, 1.5)", "1.5, 9, 10, apple");
    gives("sort({\"items\":[2,10,1],\"descending\":true})", "10, 2, 1");
    gives("sort({\"items\":[\"b\",\"a\",\"B\"]})", "a, b, B");
    gives("sort([])", "");
    gives("sort({\"items\":[null]})",
          "error: sort: item 1 of 'items' must be a string or a number, not null");
}

/* --- dates ---------------------------------------------------------------------------- */

static void date_gives(const char *arguments, time_t now, const char *expected)
{
    Err err = {0};
    Str out = {0};
    bool failed = false;
    json_t *tree = NULL;
    CHECK_OK(json_parse(span_of(arguments), &tree, &err));
    CHECK_OK(date_time_answer(tree, now, &out, &failed, &err));
    assert_string_equal(str_c(&out), expected);
    json_decref(tree);
    str_release(&out);
}

static void dates_are_counted(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    date_gives("{}", 0, "1970-01-01, a Thursday, 00:00:00 +0000");
    date_gives("{\"date\":\"2024-02-28\",\"add_days\":2}", 0, "2024-03-01, a Friday");
    date_gives("{\"add_days\":-1}", 0, "1969-12-31, a Wednesday");
    date_gives("{\"date\":\"2000-01-01\",\"until\":\"2001-01-01\"}", 0,
               "2000-01-01, a Saturday; 366 days until 2001-01-01, a Monday");
    date_gives("{\"until\":\"1969-07-20\"}", 86400,
               "1970-01-02, a Friday; -166 days until 1969-07-20, a Sunday");
    date_gives("{\"date\":\"1582-10-15\"}", 0, "1582-10-15, a Friday");
    date_gives("{\"date\":\"2023-02-29\"}", 0,
               "'date' is no date YYYY-MM-DD of the years 1 to 9999");
    date_gives("{\"date\":\"9999-12-31\",\"add_days\":1}", 0,
               "a day outside of the years 1 to 9999");
}

/* Against the C library's calendar. */
static void every_day_agrees_with_gmtime(void **state)
{
    (void)state;
    static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
    for (int day = -719162; day <= 2932896; day += 997) { /* years 1 to 9999 */
        time_t t = (time_t)day * 86400;
        struct tm tm;
        char arguments[64], expected[128];
        assert_non_null(gmtime_r(&t, &tm));
        (void)snprintf(arguments, sizeof arguments,
                       "{\"date\":\"1970-01-01\",\"add_days\":%d}", day);
        (void)snprintf(expected, sizeof expected, "%04d-%02d-%02d, a %s",
                       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, names[tm.tm_wday]);
        date_gives(arguments, 0, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_checked_approved_and_made),
        cmocka_unit_test(what_is_not_approved_is_not_run),
        cmocka_unit_test(names_and_schemas_are_checked_when_a_tool_comes),
        cmocka_unit_test(long_results_are_cut_at_a_whole_character),
        cmocka_unit_test(results_are_clean_text),
        cmocka_unit_test(plain_text_means_the_one_argument),
        cmocka_unit_test(letters_are_counted),
        cmocka_unit_test(lengths_are_of_characters),
        cmocka_unit_test(texts_are_reversed),
        cmocka_unit_test(lists_are_sorted),
        cmocka_unit_test(dates_are_counted),
        cmocka_unit_test(every_day_agrees_with_gmtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
