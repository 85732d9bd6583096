/* test_json.c - parsing with limits and places, text of any bytes, typed members, and
 * options as objects. */
#include "support/temp.h"

#include "base/mem.h"
#include "format/json.h"

static Err err;

static json_t *parsed(const char *text)
{
    json_t *tree;
    CHECK_OK(json_parse(span_of(text), &tree, &err));
    return tree;
}

static void check_printed(const json_t *tree, const char *want)
{
    Str text = {0};
    json_append(&text, tree);
    assert_string_equal(str_c(&text), want);
    str_release(&text);
}

static void values_keep_order_type_and_digits(void **state)
{
    (void)state;
    static const char text[] = "{\"z\":1,\"a\":[1.5,\"\\u0000x\",true,null,{}],"
                               "\"i\":9223372036854775807,\"r\":0.10000000000000001}";
    json_t *tree;
    CHECK_OK(json_parse(SPAN(text), &tree, &err));
    check_printed(tree, text);
    json_decref(tree);
    tree = parsed("3");
    check_printed(tree, "3");
    json_decref(tree);
}

static void bad_json_has_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1, column 0: unexpected token near end of file"},
        {"{\"a\":1,\n\"a\":2}", "line 2, column 3: duplicate object key near '\"a\"'"},
        {"[1,]", "line 1, column 4: unexpected token near ']'"},
        {"[1] x", "line 1, column 5: end of file expected near 'x'"},
        {"\"\xff\"", "line 1, column 1: unable to decode byte 0xff near '\"'"},
        {"[99999999999999999999]",
         "line 1, column 21: too big integer near '99999999999999999999'"},
        {"[1e999]", "line 1, column 6: real number overflow near '1e999'"},
        {"[\"\x01\"]", "line 1, column 2: control character 0x1 near '\"'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *tree;
        CHECK_FAILS(json_parse(span_of(cases[i].text), &tree, &err), ERR_FORMAT,
                    cases[i].message);
        assert_null(tree);
    }
}

static void endless_nesting_is_an_error(void **state)
{
    (void)state;
    static char deep[100000];
    memset(deep, '[', sizeof deep);
    json_t *tree;
    assert_int_equal(json_parse((Span){deep, sizeof deep}, &tree, &err), ERR_FORMAT);
    assert_non_null(strstr(err.msg, "maximum parsing depth reached"));
}

static void files_are_indented_and_end_with_a_newline(void **state)
{
    (void)state;
    json_t *tree = parsed("{\"b\":[1],\"a\":\"\xc3\xa9\"}"), *back;
    CHECK_OK(json_write_file(temp_path("a.json"), tree, &err));
    Str text;
    CHECK_OK(file_read(temp_path("a.json"), 1000, &text, &err));
    assert_string_equal(text.ptr,
                        "{\n  \"b\": [\n    1\n  ],\n  \"a\": \"\xc3\xa9\"\n}\n");
    str_release(&text);
    CHECK_OK(json_read_file(temp_path("a.json"), &back, &err));
    assert_true(json_equal(tree, back));
    json_decref(back);
    json_decref(tree);
    CHECK_OK(file_write_atomic(temp_path("bad"), "{", 1, &err));
    char want[200];
    snprintf(want, sizeof want,
             "'%s/bad': line 1, column 1: string or '}' expected near end of file",
             temp_folder);
    CHECK_FAILS(json_read_file(temp_path("bad"), &back, &err), ERR_FORMAT, want);
}

static void any_bytes_become_a_string(void **state)
{
    (void)state;
    static const char bytes[] = "a\"\\\n\t\x01\xc3\xa9\xff\xe2\x82z\0e";
    static const char want[] = "\"a\\\"\\\\\\n\\u0009\\u0001\xc3\xa9\xef\xbf\xbd"
                               "\xef\xbf\xbd\xef\xbf\xbdz\\u0000e\"";
    Span span = {bytes, sizeof bytes - 1};
    Str text = {0};
    json_append_string(&text, span);
    assert_string_equal(str_c(&text), want);
    json_t *literal = parsed(str_c(&text)), *direct = json_from_bytes(span);
    assert_true(json_equal(literal, direct));
    json_decref(literal);
    json_decref(direct);
    str_release(&text);
    json_t *none = json_from_bytes((Span){0});
    assert_int_equal(json_string_length(none), 0);
    json_decref(none);
}

static void members_have_their_type_or_an_error(void **state)
{
    (void)state;
    json_t *o = parsed("{\"i\":3,\"r\":1.5,\"b\":true,\"t\":\"x\",\"n\":null}");
    int64_t i;
    double r;
    bool b;
    Span t;
    CHECK_OK(json_get_int(o, "i", &i, &err));
    assert_int_equal(i, 3);
    CHECK_OK(json_get_int_or(o, "none", 7, &i, &err));
    assert_int_equal(i, 7);
    CHECK_OK(json_get_real_or(o, "i", 0, &r, &err));
    assert_true(r == 3);
    CHECK_OK(json_get_real_or(o, "none", 0.5, &r, &err));
    assert_true(r == 0.5);
    CHECK_OK(json_get_bool_or(o, "b", false, &b, &err));
    assert_true(b);
    CHECK_OK(json_get_bool_or(o, "none", false, &b, &err));
    assert_false(b);
    CHECK_OK(json_get_text(o, "t", &t, &err));
    assert_true(span_equal(t, SPAN("x")));

    CHECK_FAILS(json_get_int(o, "none", &i, &err), ERR_FORMAT, "'none' is missing");
    CHECK_FAILS(json_get_text(o, "none", &t, &err), ERR_FORMAT, "'none' is missing");
    CHECK_FAILS(json_get_int(o, "r", &i, &err), ERR_FORMAT,
                "'r' is a real, not an integer");
    CHECK_FAILS(json_get_int_or(o, "n", 1, &i, &err), ERR_FORMAT,
                "'n' is null, not an integer");
    CHECK_FAILS(json_get_real_or(o, "t", 1, &r, &err), ERR_FORMAT,
                "'t' is a string, not a number");
    CHECK_FAILS(json_get_bool_or(o, "i", 1, &b, &err), ERR_FORMAT,
                "'i' is an integer, not true or false");
    CHECK_FAILS(json_get_text(o, "b", &t, &err), ERR_FORMAT,
                "'b' is true, not a string");
    CHECK_FAILS(json_get_int(json_object_get(o, "t"), "x", &i, &err), ERR_FORMAT,
                "a string where an object with 'x' belongs");
    CHECK_FAILS(json_get_int(NULL, "x", &i, &err), ERR_FORMAT,
                "nothing where an object with 'x' belongs");
    json_decref(o);
}

/* --- options --------------------------------------------------------------------- */
typedef struct Sample {
    double lr;
    int64_t warmup_steps;
    bool shuffle;
    char *data, *tree;
    int schedule;
} Sample;

static const char *const schedules[] = {"cosine", "linear", NULL};
static const OptField fields[] = {
    OPT_REAL(Sample, lr, 1e-3, 0, 1, "rate"),
    OPT_INT(Sample, warmup_steps, 100, 0, 1e18, "steps"),
    OPT_BOOL(Sample, shuffle, true, "mix"),
    OPT_TEXT(Sample, data, "corpus.txt", "file"),
    OPT_TREE(Sample, tree, NULL, "list"),
    OPT_CHOICE(Sample, schedule, 1, schedules, "fall"),
    OPT_END,
};
static const OptTable table = {"sample", "", sizeof(Sample), fields};

static void options_read_from_an_object(void **state)
{
    (void)state;
    Sample o;
    CHECK_OK(opt_defaults(&table, &o, &err));
    json_t *tree = parsed("{\"lr\":0.1,\"warmup-steps\":7,\"shuffle\":\"no\","
                          "\"data\":null,\"schedule\":\"cosine\"}");
    CHECK_OK(json_to_options(tree, &table, &o, &err));
    assert_true(o.lr == 0.1 && o.warmup_steps == 7 && !o.shuffle && o.schedule == 0);
    assert_null(o.data);
    json_decref(tree);
    opt_release(&table, &o);
}

static void options_written_read_back_the_same(void **state)
{
    (void)state;
    Rng r = check_rng();
    for (int i = 0; i < 100; i++) {
        Sample o, copy;
        CHECK_OK(opt_defaults(&table, &o, &err));
        CHECK_OK(opt_defaults(&table, &copy, &err));
        o.lr = rng_uniform(&r);
        o.warmup_steps = (int64_t)(rng_u64(&r) >> 5);
        o.shuffle = i % 2;
        o.schedule = i % 2;
        if (i % 3 == 0)
            CHECK_OK(opt_set(&table, &o, "data", "", &err));
        json_t *tree = json_from_options(&table, &o);
        CHECK_OK(json_to_options(tree, &table, &copy, &err));
        json_t *again = json_from_options(&table, &copy);
        assert_true(json_equal(tree, again));
        assert_true(copy.lr == o.lr && copy.warmup_steps == o.warmup_steps);
        json_decref(tree);
        json_decref(again);
        opt_release(&table, &o);
        opt_release(&table, &copy);
    }
}

/* A list where one may be is kept as text, and written as a list again. */
static void an_option_may_be_a_tree(void **state)
{
    (void)state;
    static const struct {
        const char *given, *text; /* the member; the field */
        json_type written;
    } cases[] = {
        {"[{\"a\":1.5},\"b\"]", "[{\"a\":1.5},\"b\"]", JSON_ARRAY},
        {"{\"a\":[true,null]}", "{\"a\":[true,null]}", JSON_OBJECT},
        {"\"runs/rm\"", "runs/rm", JSON_STRING},
        {"\"[a\"", "[a", JSON_STRING},
        {"\"[1]\"", "[1]", JSON_ARRAY},
        {"[[[[[[[[[1]]]]]]]]]", "[[[[[[[[[1]]]]]]]]]", JSON_STRING}, /* too deep */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Sample o, copy;
        Str text = {0};
        CHECK_OK(opt_defaults(&table, &o, &err));
        CHECK_OK(opt_defaults(&table, &copy, &err));
        str_printf(&text, "{\"tree\":%s}", cases[i].given);
        json_t *tree = parsed(str_c(&text));
        CHECK_OK(json_to_options(tree, &table, &o, &err));
        assert_string_equal(o.tree, cases[i].text);
        json_t *written = json_from_options(&table, &o);
        assert_int_equal(json_typeof(json_object_get(written, "tree")),
                         cases[i].written);
        CHECK_OK(json_to_options(written, &table, &copy, &err));
        assert_string_equal(copy.tree, o.tree);
        json_decref(tree);
        json_decref(written);
        str_release(&text);
        opt_release(&table, &o);
        opt_release(&table, &copy);
    }
}

static void bad_options_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[1]", "the options of 'sample' are an array, not an object"},
        {"{\"lrr\":1}", "unknown option 'lrr'; did you mean 'lr'?"},
        {"{\"lr\":2}", "option 'lr': 2 is not in the range 0 to 1"},
        {"{\"lr\":true}", "option 'lr': 'true' is not a number"},
        {"{\"lr\":null}", "option 'lr' has no value"},
        {"{\"data\":[\"a\"]}", "option 'data' is an array, not a single value"},
        {"{\"data\":\"a\\u0000b\"}", "option 'data' holds a NUL"},
        {"{\"warmup_steps\":1.5}",
         "option 'warmup_steps': '1.5' is not a whole number"},
        {"{\"warmup_steps\":1,\"warmup-steps\":2}",
         "option 'warmup_steps' is given twice, also as 'warmup-steps'"},
    };
    Sample o;
    CHECK_OK(opt_defaults(&table, &o, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *tree = parsed(cases[i].text);
        CHECK_FAILS(json_to_options(tree, &table, &o, &err), ERR_OPTION,
                    cases[i].message);
        json_decref(tree);
    }
    opt_release(&table, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_keep_order_type_and_digits),
        cmocka_unit_test(bad_json_has_line_and_column),
        cmocka_unit_test(endless_nesting_is_an_error),
        TEMP_TEST(files_are_indented_and_end_with_a_newline),
        cmocka_unit_test(any_bytes_become_a_string),
        cmocka_unit_test(members_have_their_type_or_an_error),
        cmocka_unit_test(options_read_from_an_object),
        cmocka_unit_test(options_written_read_back_the_same),
        cmocka_unit_test(an_option_may_be_a_tree),
        cmocka_unit_test(bad_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
