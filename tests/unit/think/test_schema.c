/* JSON Schema by hand: what holds, what does not, and what is said of it. */
#include "support/check.h"

#include "format/json.h"
#include "think/tool/schema.h"

static json_t *tree(const char *text)
{
    Err err = {0};
    json_t *out = NULL;
    CHECK_OK(json_parse(span_of(text), &out, &err));
    return out;
}

/* message "": it holds. */
static void says(const char *schema, const char *value, const char *message)
{
    Err err = {0};
    json_t *s = tree(schema), *v = tree(value);
    Status status = schema_check(s, v, "the arguments", &err);
    if (status == OK)
        err.msg[0] = '\0';
    if (strcmp(err.msg, message) != 0)
        fail_msg("%s against %s: '%s', not '%s'", value, schema, err.msg, message);
    json_decref(s);
    json_decref(v);
}

static void holds(const char *schema, const char *value)
{
    says(schema, value, "");
}

static void types(void **state)
{
    (void)state;
    holds("{}", "3");
    holds("true", "3");
    says("false", "3", "the arguments must be absent, not 3");
    holds("{\"type\":\"integer\"}", "3");
    holds("{\"type\":\"integer\"}", "3.0");
    says("{\"type\":\"integer\"}", "3.5", "the arguments must be an integer, not 3.5");
    says("{\"type\":\"string\"}", "3", "the arguments must be a string, not 3");
    says("{\"type\":\"number\"}", "\"3\"", "the arguments must be a number, not \"3\"");
    holds("{\"type\":\"number\"}", "3");
    says("{\"type\":\"object\"}", "[]", "the arguments must be an object, not []");
    says("{\"type\":\"array\"}", "{}", "the arguments must be an array, not {}");
    says("{\"type\":\"boolean\"}", "0", "the arguments must be a boolean, not 0");
    says("{\"type\":\"null\"}", "false", "the arguments must be null, not false");
    holds("{\"type\":\"null\"}", "null");
    holds("{\"type\":[\"string\",\"null\"]}", "null");
    says("{\"type\":[\"string\",\"null\"]}", "1",
         "the arguments must be a string or null, not 1");
}

static void values(void **state)
{
    (void)state;
    holds("{\"enum\":[\"a\",1]}", "1");
    says("{\"enum\":[\"a\",1]}", "\"b\"",
         "the arguments must be one of \"a\", 1, not \"b\"");
    holds("{\"const\":{\"a\":[1]}}", "{\"a\":[1]}");
    says("{\"const\":1}", "2", "the arguments must be 1, not 2");
    says("{\"minimum\":1}", "0.5", "the arguments must be at least 1, not 0.5");
    says("{\"maximum\":1}", "2", "the arguments must be at most 1, not 2");
    says("{\"exclusiveMinimum\":1}", "1", "the arguments must be above 1, not 1");
    says("{\"exclusiveMaximum\":1}", "1", "the arguments must be below 1, not 1");
    holds("{\"minimum\":1,\"maximum\":1}", "1");
    holds("{\"multipleOf\":0.1}", "0.7");
    says("{\"multipleOf\":2}", "3", "the arguments must be a multiple of 2, not 3");
    holds("{\"minLength\":2,\"maxLength\":2}", "\"\u20ac\u20ac\"");
    says("{\"minLength\":3}", "\"\u20ac\u20ac\"",
         "the arguments must be at least 3 characters, not \"\u20ac\u20ac\"");
    says("{\"maxLength\":1}", "\"ab\"",
         "the arguments must be at most 1 characters, not \"ab\"");
    holds("{\"pattern\":\"^a+$\"}", "\"aaa\"");
    says("{\"pattern\":\"^a+$\"}", "\"b\"",
         "the arguments must be text that matches ^a+$, not \"b\"");
    holds("{\"minimum\":1,\"minLength\":9}", "null");
}

static void members(void **state)
{
    (void)state;
    const char *schema = "{\"properties\":{\"n\":{\"type\":\"integer\"},\"s\":{}},"
                         "\"required\":[\"n\"],\"additionalProperties\":false}";
    holds(schema, "{\"n\":1}");
    holds(schema, "{\"n\":1,\"s\":[]}");
    says(schema, "{}", "'n' is missing in the arguments");
    says(schema, "{\"n\":\"1\"}", "'n' must be an integer, not \"1\"");
    says(schema, "{\"n\":1,\"m\":2}", "the arguments has no 'm'; there are n, s");
    says("{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":1}",
         "'a' must be a string, not 1");
    says("{\"maxProperties\":1}", "{\"a\":1,\"b\":2}",
         "the arguments must be at most 1 members, not {\"a\":1,\"b\":2}");
    says("{\"properties\":{\"p\":{\"properties\":{\"x\":{\"type\":\"array\",\"items\":{"
         "\"type\":\"null\"}}}}}}",
         "{\"p\":{\"x\":[null,3]}}", "item 2 of 'x' of 'p' must be null, not 3");
}

static void items(void **state)
{
    (void)state;
    holds("{\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2}", "[1,2]");
    says("{\"minItems\":1}", "[]", "the arguments must be at least 1 items, not []");
    says("{\"maxItems\":1}", "[1,2]",
         "the arguments must be at most 1 items, not [1,2]");
    says("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"null\"}}",
         "[\"a\",1]", "item 2 of the arguments must be null, not 1");
    says("{\"uniqueItems\":true}", "[1,2,1]",
         "the arguments must be an array without repeats, not [1,2,1]");
}

static void schemas_of_schemas(void **state)
{
    (void)state;
    const char *any = "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}";
    holds(any, "\"a\"");
    holds(any, "4");
    says(any, "1",
         "the arguments must be one of the forms that its schema allows, not 1");
    says("{\"anyOf\":[{\"type\":\"string\"}]}", "1",
         "the arguments must be a string, not 1");
    holds("{\"oneOf\":[{\"minimum\":3},{\"maximum\":1}]}", "0");
    says(
        "{\"oneOf\":[{\"minimum\":3},{\"maximum\":9}]}", "5",
        "the arguments must be exactly one of the forms that its schema allows, not 5");
    says("{\"allOf\":[{\"minimum\":3},{\"maximum\":9}]}", "10",
         "the arguments must be at most 9, not 10");
    holds("{\"not\":{\"type\":\"string\"}}", "1");
    says("{\"not\":{\"type\":\"string\"}}", "\"a\"",
         "the arguments must be something else, not \"a\"");
    const char *list =
        "{\"$ref\":\"#/$defs/a~1b\",\"$defs\":{\"a/b\":{\"type\":\"object\","
        "\"properties\":{\"next\":{\"$ref\":\"#/$defs/a~1b\"}}}}}";
    holds(list, "{\"next\":{\"next\":{}}}");
    says(list, "{\"next\":{\"next\":1}}", "'next' of 'next' must be an object, not 1");
    says("{\"$ref\":\"#/x\"}", "1", "the schema refers to #/x, which it lacks");
}

static void work_is_limited(void **state)
{
    (void)state;
    says("{\"$ref\":\"#\"}", "1", "the arguments take too long to check");
    says("{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "1",
         "the arguments take too long to check");
}

static void not_parameters(const char *schema, const char *message)
{
    Err err = {0};
    json_t *s = tree(schema);
    CHECK_FAILS(schema_is_parameters(s, &err), ERR_FORMAT, message);
    json_decref(s);
}

static void what_is_no_schema_is_found_before_a_call(void **state)
{
    (void)state;
    Err err = {0};
    json_t *good =
        tree("{\"type\":\"object\",\"properties\":{\"a\":{\"pattern\":\"x\"}}}");
    CHECK_OK(schema_is_parameters(good, &err));
    json_decref(good);
    not_parameters("[]", "the schema of parameters is an object of type \"object\"");
    not_parameters("{\"type\":\"string\"}",
                   "the schema of parameters is an object of type \"object\"");
#define WITH(x) "{\"type\":\"object\",\"properties\":{\"a\":{" x "}}}"
    not_parameters(WITH("\"type\":\"text\""),
                   "'type' of a schema is the name of a type, or a list of them");
    not_parameters(WITH("\"type\":[]"),
                   "'type' of a schema is the name of a type, or a list of them");
    not_parameters(WITH("\"required\":[1]"),
                   "'required' of a schema is a list of names");
    not_parameters(WITH("\"enum\":1"), "'enum' of a schema is a list of values");
    not_parameters(WITH("\"minimum\":\"1\""), "'minimum' of a schema is a number");
    not_parameters(WITH("\"multipleOf\":0"), "'multipleOf' of a schema is above 0");
    not_parameters(WITH("\"anyOf\":{}"), "'anyOf' of a schema is a list of schemas");
    not_parameters(WITH("\"properties\":[]"),
                   "'properties' of a schema is an object of schemas");
    not_parameters(WITH("\"items\":1"), "a schema is an object");
    not_parameters(WITH("\"pattern\":1"),
                   "'pattern' of a schema is a regular expression");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(values),
        cmocka_unit_test(members),
        cmocka_unit_test(items),
        cmocka_unit_test(schemas_of_schemas),
        cmocka_unit_test(work_is_limited),
        cmocka_unit_test(what_is_no_schema_is_found_before_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
