/* test_schema_dsl.c - short schemas are the JSON Schemas that simonw/llm makes of them, made
 * strict. */
#include "format/schema_dsl.h"

#include "format/json.h"
#include "support/check.h"

static Err err;

static void check(const char *text, bool several, const char *want)
{
    json_t *got = NULL, *tree = NULL;
    CHECK_OK(schema_dsl_parse(span_of(text), several, &got, &err));
    CHECK_OK(json_parse(span_of(want), &tree, &err));
    if (!json_equal(got, tree)) {
        Str shown = {0};
        json_append(&shown, got);
        fail_msg("'%s' is %s", text, str_c(&shown));
    }
    json_decref(got);
    json_decref(tree);
}

#define OBJECT(properties, required)                                                   \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required     \
    "],\"additionalProperties\":false}"
#define PERSON                                                                         \
    OBJECT("\"name\":{\"type\":\"string\"},\"age\":{\"type\":\"integer\"},\"bio\":{"   \
           "\"type\":\"string\"}",                                                     \
           "\"name\",\"age\",\"bio\"")

static void members_have_names_types_and_descriptions(void **state)
{
    (void)state;
    check("name, age int, bio", false, PERSON);
    check("  name ,age   int,bio str ", false, PERSON);
    check("name\nage int,\n\nbio\n", false, PERSON);
    check("ok bool: whether, x float: a number\ny int\n", false,
          OBJECT("\"ok\":{\"type\":\"boolean\",\"description\":\"whether, x float: a "
                 "number\"},\"y\":{\"type\":\"integer\"}",
                 "\"ok\",\"y\""));
    check("ok bool: whether, x float: a number: in m", false,
          OBJECT("\"ok\":{\"type\":\"boolean\",\"description\":\"whether\"},\"x\":{"
                 "\"type\":\"number\",\"description\":\"a number: in m\"}",
                 "\"ok\",\"x\""));
}

static void several_are_a_list_of_items(void **state)
{
    (void)state;
    check("name, age int, bio", true,
          OBJECT("\"items\":{\"type\":\"array\",\"items\":" PERSON "}", "\"items\""));
}

static void json_schema_is_itself(void **state)
{
    (void)state;
    check(" {\"type\": \"array\"}", false, "{\"type\":\"array\"}");
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "schema: it has no members; 'name, age int' has"},
        {"name,,age", "schema: there is nothing between two commas"},
        {"name text",
         "schema: 'name text' has a type that is not str, int, float or bool"},
        {"a b c", "schema: 'a b c' has a type that is not str, int, float or bool"},
        {": what", "schema: ': what' has no name"},
        {"a, b, a int", "schema: 'a int' has a name that was there before"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *tree;
        CHECK_FAILS(schema_dsl_parse(span_of(cases[i].text), false, &tree, &err),
                    ERR_FORMAT, cases[i].message);
        assert_null(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_have_names_types_and_descriptions),
        cmocka_unit_test(several_are_a_list_of_items),
        cmocka_unit_test(json_schema_is_itself),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests_name("format/schema_dsl", tests, NULL, NULL);
}
