/* test_yaml.c - documents read as the trees they mean, bad ones name their line, and
 * what is written reads back. */
#include "support/check.h"

#include "base/mem.h"
#include "format/json.h"
#include "format/yaml.h"

static Err err;

static void check_reads(const char *yaml, const char *json)
{
    json_t *tree;
    CHECK_OK(yaml_parse(span_of(yaml), &tree, &err));
    Str text = {0};
    json_append(&text, tree);
    assert_string_equal(str_c(&text), json);
    str_release(&text);
    json_decref(tree);
}

static void blocks_and_flows_are_trees(void **state)
{
    (void)state;
    check_reads("name: demo\n"
                "stages:\n"
                "  - kind: sft   # a comment\n"
                "    lr: 1e-3\n"
                "  - {kind: ppo, words: [a, 'b', \"c\\n\"]}\n"
                "text: |\n"
                "  two\n"
                "  lines\n",
                "{\"name\":\"demo\",\"stages\":[{\"kind\":\"sft\",\"lr\":0.001},"
                "{\"kind\":\"ppo\",\"words\":[\"a\",\"b\",\"c\\n\"]}],"
                "\"text\":\"two\\nlines\\n\"}");
}

static void plain_scalars_have_the_core_schemas_types(void **state)
{
    (void)state;
    check_reads("[~, null, '', true, False, yes, on, 'true']",
                "[null,null,\"\",true,false,\"yes\",\"on\",\"true\"]");
    check_reads("[1, -2, +3, 010, 0x1F, 0o17, 1_000, 0x, 08]",
                "[1,-2,3,10,31,15,\"1_000\",\"0x\",8]");
    check_reads("[1.5, .5, 5., -1e3, 1e, ., '1.5', 1.2.3, 1e+2]",
                "[1.5,0.5,5.0,-1000.0,\"1e\",\".\",\"1.5\",\"1.2.3\",100.0]");
    check_reads("a:\nb: ~\n", "{\"a\":null,\"b\":null}");
    check_reads("1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}");
}

static void nothing_is_null(void **state)
{
    (void)state;
    check_reads("", "null");
    check_reads("# only this\n", "null");
    check_reads("---\n...\n", "null");
}

static void mistakes_name_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is there twice"},
        {"a: &x 1\n", "line 1: anchors and tags are not supported"},
        {"a: 1\nb: *x\n", "line 2: anchors and tags are not supported"},
        {"a: !!str 1\n", "line 1: anchors and tags are not supported"},
        {"&k a: 1\n", "line 1: anchors and tags are not supported"},
        {"- !t [1]\n", "line 1: anchors and tags are not supported"},
        {"--- 1\n--- 2\n", "line 2: a second document"},
        {"? [a]\n: 1\n", "line 1: a key must be a single word or text"},
        {"\"a\\0b\": 1\n", "line 1: a key holds a NUL"},
        {"a:\n  b: [1,\n", "line 3: did not find expected node content"},
        {"a: 1\n\tb: 2\n", "line 2: found a tab character that violates indentation"},
        {"x: 99999999999999999999\n", "line 1: an integer beyond 64 bits"},
        {"x: .inf\n", "line 1: a number that is not finite"},
        {"x: 1e999\n", "line 1: a number that is not finite"},
        {"a: \xff\n", "byte 3: invalid leading UTF-8 octet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *tree;
        CHECK_FAILS(yaml_parse(span_of(cases[i].text), &tree, &err), ERR_FORMAT,
                    cases[i].message);
        assert_null(tree);
    }
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    char deep[200] = {0};
    json_t *tree;
    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    CHECK_FAILS(yaml_parse(span_of(deep), &tree, &err), ERR_LIMIT,
                "line 1: nested deeper than 32 levels");
    deep[32] = '7'; /* 32 levels, and a number in the last */
    CHECK_OK(yaml_parse((Span){deep, 65}, &tree, &err));
    json_decref(tree);
}

static void writing_is_block_style(void **state)
{
    (void)state;
    json_t *tree;
    CHECK_OK(
        json_parse(SPAN("{\"name\":\"demo\",\"stages\":[{\"lr\":0.5,\"n\":[]},"
                        "[1,[2,{}]]],\"no\":\"null\",\"t\":\"a: b\\n\",\"e\":\"\"}"),
                   &tree, &err));
    Str text = {0};
    yaml_append(&text, tree);
    assert_string_equal(str_c(&text), "name: demo\n"
                                      "stages:\n"
                                      "  - lr: 0.5\n"
                                      "    n: []\n"
                                      "  - - 1\n"
                                      "    - - 2\n"
                                      "      - {}\n"
                                      "no: \"null\"\n"
                                      "t: \"a: b\\n\"\n"
                                      "e: \"\"\n");
    str_release(&text);
    json_decref(tree);
}

static json_t *random_text(Rng *r)
{
    static const char *const parts[] = {"a",
                                        "Z",
                                        "9",
                                        "-",
                                        ".",
                                        "_",
                                        " ",
                                        ":",
                                        "#",
                                        "\n",
                                        "\t",
                                        "\r",
                                        "'",
                                        "\"",
                                        "\\",
                                        "{",
                                        "[",
                                        "&",
                                        "*",
                                        "!",
                                        "%",
                                        "@",
                                        "~",
                                        "null",
                                        "true",
                                        "1e5",
                                        "0x1",
                                        "\x01",
                                        "\x7f",
                                        "\xc2\x85",
                                        "\xc2\xa0",
                                        "\xc3\xa9",
                                        "\xe2\x80\xa8",
                                        "\xef\xbb\xbf",
                                        "\xef\xbf\xbe",
                                        "\xf0\x9f\x98\x80"};
    Str s = {0};
    uint32_t n = rng_below(r, 20) == 0 ? 300 : rng_below(r, 6);
    for (uint32_t i = 0; i < n; i++)
        str_puts(&s, parts[rng_below(r, sizeof parts / sizeof *parts)]);
    json_t *v = json_from_bytes(str_span(&s));
    str_release(&s);
    return v;
}

static json_t *random_tree(Rng *r, int depth)
{
    json_t *v;
    switch (rng_below(r, depth > 4 ? 5 : 8)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(rng_below(r, 2));
    case 2:
        return json_integer((int64_t)rng_u64(r) >> rng_below(r, 63));
    case 3:
        return json_real(rng_normal(r) * (rng_below(r, 2) ? 1e30 : 1));
    case 4:
    case 5:
        return random_text(r);
    case 6:
        v = json_array();
        for (uint32_t i = rng_below(r, 5); i > 0; i--)
            json_array_append_new(v, random_tree(r, depth + 1));
        return v;
    default:
        v = json_object();
        for (uint32_t i = rng_below(r, 5); i > 0; i--) {
            json_t *key = random_text(r);
            json_object_set_new(v, json_string_value(key), random_tree(r, depth + 1));
            json_decref(key);
        }
        return v;
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    Rng r = check_rng();
    for (int i = 0; i < 2000; i++) {
        json_t *tree = random_tree(&r, 0), *back;
        Str text = {0};
        yaml_append(&text, tree);
        Status status = yaml_parse(str_span(&text), &back, &err);
        if (status != OK || !json_equal(tree, back))
            fail_msg("%s: %s", err.msg, str_c(&text));
        str_release(&text);
        json_decref(back);
        json_decref(tree);
    }
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        json_t *tree;
        mem_fail_after(n);
        Status status = yaml_parse(SPAN("a: {b: [1]}\nc: d\n"), &tree, &err);
        mem_fail_after(-1);
        if (status == OK) {
            assert_int_equal(n, 3); /* its keys */
            json_decref(tree);
            return;
        }
        assert_int_equal(status, ERR_NOMEM);
        assert_null(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_and_flows_are_trees),
        cmocka_unit_test(plain_scalars_have_the_core_schemas_types),
        cmocka_unit_test(nothing_is_null),
        cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(writing_is_block_style),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
