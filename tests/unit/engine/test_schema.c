/* test_schema.c - JSON Schema: texts that wander through the automaton, and answers of
 * random draws, are valid under an independent validator; what the schema refuses is
 * refused; errors name keyword and place. */
#include "support/json_valid.h"
#include "support/scribe.h"

#include "engine/constraint/automaton.h"
#include "format/grammar/schema.h"
#include "format/json.h"

typedef struct Case {
    json_t *schema;
    Grammar g;
    Network *net;
    Automaton *a;
} Case;

static Status case_new(Case *c, const char *text, Err *err)
{
    int32_t root;
    *c = (Case){0};
    TRY(json_parse(span_of(text), &c->schema, err));
    TRY(schema_from_tree(&c->g, c->schema, &root, err));
    TRY(network_new(&c->net, &c->g, &root, 1, err));
    return automaton_new(&c->a, c->net, 0, err);
}

static void case_release(Case *c)
{
    automaton_free(c->a);
    network_free(c->net);
    grammar_release(&c->g);
    json_decref(c->schema);
}

static bool accepts(Case *c, const char *text)
{
    int32_t s = automaton_read(c->a, automaton_start(c->a), span_of(text));
    return s > 0 && automaton_accepts(c->a, s);
}

/* A random whole text; after `free_bytes` each byte leads nearer to an end. */
static void wander(Case *c, Rng *rng, size_t free_bytes, Str *out)
{
    int32_t s = automaton_start(c->a);
    str_reset(out);
    while (!automaton_accepts(c->a, s) ||
           (out->len < free_bytes && rng_below(rng, 4))) {
        uint8_t may[256];
        uint32_t n = 0;
        for (int b = 0; b < 256; b++) {
            int32_t next = automaton_step(c->a, s, (uint8_t)b);
            bool nearer =
                next > 0 && automaton_least(c->a, next) < automaton_least(c->a, s);
            if (next > 0 && (nearer || out->len < free_bytes))
                may[n++] = (uint8_t)b;
        }
        if (n == 0)
            break;
        uint8_t byte = may[rng_below(rng, n)];
        str_putc(out, (char)byte);
        s = automaton_step(c->a, s, byte);
    }
    assert_true(automaton_accepts(c->a, s));
}

static void check_valid(Case *c, Str *text)
{
    json_error_t why;
    json_t *value =
        json_loadb(text->ptr, text->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!value)
        fail_msg("'%s' is no JSON: %s", str_c(text), why.text);
    if (!json_valid(c->schema, c->schema, value))
        fail_msg("'%s' is not valid", str_c(text));
    json_decref(value);
}

static const char *const schemas[] = {
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":"
    "1,"
    "\"maxLength\":8},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150}},"
    "\"required\":[\"name\",\"age\"],\"additionalProperties\":false}",
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":"
    "\"boolean\"},\"c\":{\"enum\":[\"x\",1,[2,{\"y\":null}]]},\"d\":{\"const\":3}},"
    "\"required\":[\"c\"]}",
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":"
    "\"boolean\"}},\"additionalProperties\":{\"type\":\"integer\"}}",
    "{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"null\"]},\"minItems\":2,"
    "\"maxItems\":4}",
    "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}]"
    ","
    "\"items\":{\"type\":\"boolean\"},\"minItems\":3}",
    "{\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":{\"value\":{\"type\":"
    "\"integer\"},\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/tree\"}}},"
    "\"required\":[\"value\",\"kids\"]}},\"$ref\":\"#/$defs/tree\"}",
    "{\"type\":\"string\",\"pattern\":\"^[A-Z][a-z\\\\\\\"\\\\\\\\\\\\n]+$\"}",
    "{\"type\":\"string\",\"pattern\":\"[0-9]{3}\"}",
    "{\"type\":\"string\",\"pattern\":\"^a|b$\"}",
    "{\"type\":\"integer\",\"minimum\":-17,\"maximum\":305}",
    "{\"type\":\"integer\",\"exclusiveMinimum\":-2.5,\"exclusiveMaximum\":100}",
    "{\"type\":\"integer\",\"maximum\":-12}",
    "{\"type\":\"integer\",\"minimum\":98765}",
    "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
    "{\"type\":\"number\",\"exclusiveMinimum\":-3,\"exclusiveMaximum\":2}",
    "{\"type\":\"number\",\"minimum\":-5,\"exclusiveMaximum\":-2}",
    "{\"type\":\"number\"}",
    "{}",
    "{\"type\":\"object\"}",
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"},"
    "\"minProperties\":1,\"maxProperties\":3}",
    "{\"anyOf\":[{\"type\":\"string\",\"maxLength\":2},{\"type\":\"integer\"},"
    "{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}]}",
    "{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"a\"},\"n\":"
    "{\"type\":\"integer\"}},\"required\":[\"kind\",\"n\"]},{\"type\":\"object\","
    "\"properties\":{\"kind\":{\"enum\":[\"b\",\"c\"]}},\"required\":[\"kind\"]}]}",
    "{\"type\":\"object\",\"properties\":{\"when\":{\"type\":\"string\",\"format\":"
    "\"date-time\"},\"id\":{\"format\":\"uuid\"},\"to\":{\"type\":\"string\","
    "\"format\":"
    "\"email\"},\"at\":{\"type\":\"string\",\"format\":\"ipv4\"}},\"required\":["
    "\"when\","
    "\"id\",\"to\",\"at\",\"more\"]}",
    "{\"title\":\"t\",\"type\":\"object\",\"properties\":{\"x\":{\"allOf\":[{\"$ref\":"
    "\"#/definitions/"
    "p\"}],\"description\":\"d\"},\"\xC3\xA9\\\"\":{\"type\":\"null\"}},"
    "\"required\":[\"x\"],\"definitions\":{\"p\":{\"type\":\"number\"}}}",
};

static void whole_texts_are_valid(void **state)
{
    (void)state;
    Rng rng = check_rng();
    Str text = {0};
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        Err err = {0};
        Case c;
        CHECK_OK(case_new(&c, schemas[i], &err));
        for (size_t k = 0; k < 60; k++) {
            wander(&c, &rng, 2 * k, &text);
            check_valid(&c, &text);
        }
        case_release(&c);
    }
    str_release(&text);
}

/* Answers of a random model at temperature 1: whatever it would say, in the room there
 * is. */
static void drawn_answers_are_valid(void **state)
{
    (void)state;
    static Scribe s;
    Err err = {0};
    int n = 0;
    scribe_init(&s);
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i += 2) {
        Constraint *c;
        Case valid;
        ConstraintText text = {.kind = CONSTRAINT_JSON_SCHEMA,
                               .text = span_of(schemas[i])};
        CHECK_OK(constraint_new(&c, &text, s.trie, &err));
        CHECK_OK(case_new(&valid, schemas[i], &err));
        for (uint64_t key = 0; key < 20; key++) {
            ScribeAnswer a;
            scribe_answer(&s, c, key, 150 - (int64_t)key, key % 3 != 0, &a);
            assert_true(a.complete && a.result.finish == FINISH_STOP);
            check_valid(&valid, &a.text);
            scribe_answer_release(&a);
            n++;
        }
        case_release(&valid);
        constraint_free(c);
    }
    assert_true(n >= 200);
    scribe_release(&s);
}

static void ranges_of_integers_are_exact(void **state)
{
    (void)state;
    static const int ranges[][2] = {{0, 0},      {-1, 1},      {7, 123},
                                    {-305, -17}, {-10, 99},    {99, 101},
                                    {100, 999},  {-999, 1000}, {1, 200}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        char text[100];
        Err err = {0};
        Case c;
        (void)snprintf(text, sizeof text,
                       "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}",
                       ranges[i][0], ranges[i][1]);
        CHECK_OK(case_new(&c, text, &err));
        for (int n = -1200; n <= 1200; n++) {
            (void)snprintf(text, sizeof text, "%d", n);
            assert_int_equal(accepts(&c, text), n >= ranges[i][0] && n <= ranges[i][1]);
        }
        assert_false(accepts(&c, "-0"));
        assert_false(accepts(&c, "007"));
        case_release(&c);
    }
}

static void schemas_refuse_what_is_not_valid(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *yes, *no;
    } cases[] = {
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
         "\"required\":[\"a\"]}",
         "{\"a\": 12}", "{}"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}}}", "{\"b\":[1,2]}",
         "{\"b\":1,\"a\":2}"},
        {"{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"null\"}},"
         "\"additionalProperties\":{\"type\":\"integer\"}}",
         "{\"ab\":null,\"a\":1,\"abc\":2,\"\":3}", "{\"ab\":1}"},
        {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":2}", "\"\xC3\xA9\\n\"",
         "\"\xC3\xA9\""},
        {"{\"type\":\"string\"}", "\"\\ud7ff \\u00e9\"", "\"\\ud800\""},
        {"{\"enum\":[\"a\",2,\"b\"],\"type\":\"string\"}", "\"b\"", "2"},
        {"{\"type\":\"string\",\"format\":\"date\"}", "\"2024-02-28\"",
         "\"2024-02-30\""},
        {"{\"type\":\"array\",\"items\":false}", "[]", "[1]"},
        {"{\"type\":\"number\",\"minimum\":1,\"exclusiveMaximum\":2}", "1.50", "2.0"},
        {"{\"type\":\"number\",\"exclusiveMinimum\":0}", "0.001", "0.0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        Case c;
        CHECK_OK(case_new(&c, cases[i].schema, &err));
        if (!accepts(&c, cases[i].yes) || accepts(&c, cases[i].no))
            fail_msg("%s", cases[i].schema);
        case_release(&c);
    }
}

static void errors_name_the_keyword_and_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *message;
    } cases[] = {
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\","
         "\"uniqueItems\":"
         "true}}}",
         "at '#/properties/a': 'uniqueItems' is not supported"},
        {"{\"type\":\"integer\",\"multipleOf\":2}",
         "at '#': 'multipleOf' is not supported"},
        {"{\"type\":\"integer\",\"minLength\":2}",
         "at '#': 'minLength' says nothing about this type"},
        {"{\"type\":\"text\"}", "at '#': there is no type 'text'"},
        {"{\"$ref\":\"http://x/y\"}",
         "at '#': '$ref' to 'http://x/y': only places in this schema ('#/...')"},
        {"{\"$ref\":\"#/$defs/a\"}", "at '#': '$ref' to '#/$defs/a': there is nothing"},
        {"{\"items\":{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}}",
         "at '#/items': 'oneOf': a value might fit both 0 and 1; where that is no "
         "harm, "
         "write 'anyOf'"},
        {"{\"allOf\":[{},{}]}",
         "at '#': 'allOf' of more than one schema is not supported"},
        {"{\"type\":\"string\",\"format\":\"hostname\"}",
         "at '#': format 'hostname' is not supported"},
        {"{\"type\":\"string\",\"pattern\":\"a(\"}",
         "at '#': 'pattern': line 1, column 2: '(' is not closed"},
        {"{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}",
         "at '#': no number is within its bounds"},
        {"{\"type\":\"number\",\"maximum\":0.5}", "at '#': 'maximum' 0.5: bounds of a "
                                                  "number are supported only when they "
                                                  "are whole"},
        {"{\"type\":\"array\",\"maxItems\":-1}",
         "at '#': 'maxItems' is no whole number from 0 on"},
        {"{\"enum\":[1],\"type\":\"string\"}", "at '#': no value of 'enum' fits"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":"
         "[\"a\"]}",
         "'#' can never end: each way through it needs itself"},
        {"[]", "at '#': a schema is an object, true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        Case c;
        CHECK_FAILS(case_new(&c, cases[i].schema, &err), ERR_FORMAT, cases[i].message);
        case_release(&c);
    }
}

static void deep_schemas_are_refused(void **state)
{
    (void)state;
    Str text = {0};
    Err err = {0};
    Case c;
    for (int i = 0; i < 500; i++)
        str_puts(&text, "{\"items\":");
    str_puts(&text, "{}");
    for (int i = 0; i < 500; i++)
        str_puts(&text, "}");
    assert_int_equal(case_new(&c, str_c(&text), &err), ERR_FORMAT);
    assert_non_null(strstr(err.msg, "more than 60 schemas in each other"));
    case_release(&c);
    str_release(&text);
}

/* Twelve optional objects in each other: laid once each, not once a way. */
static void optional_properties_do_not_multiply(void **state)
{
    (void)state;
    Str text = {0};
    Err err = {0};
    Case c;
    for (int i = 0; i < 12; i++)
        str_puts(&text,
                 "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},"
                 "\"b\":");
    str_puts(&text, "{\"type\":\"null\"}");
    for (int i = 0; i < 12; i++)
        str_puts(&text, "}}");
    CHECK_OK(case_new(&c, str_c(&text), &err));
    assert_true(c.net->n_states < 4000);
    assert_true(accepts(&c, "{\"b\":{\"a\":null, \"b\":{}}}"));
    case_release(&c);
    str_release(&text);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i += 5) {
        json_t *tree;
        Err err = {0};
        Status status = ERR_NOMEM;
        CHECK_OK(json_parse(span_of(schemas[i]), &tree, &err));
        for (long n = 0; status != OK; n++) {
            Grammar g = {0};
            int32_t node;
            mem_fail_after(n);
            status = schema_from_tree(&g, tree, &node, &err);
            mem_fail_after(-1);
            assert_true(status == OK || status == ERR_NOMEM);
            grammar_release(&g);
            assert_true(n < 3000);
        }
        json_decref(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts_are_valid),
        cmocka_unit_test(drawn_answers_are_valid),
        cmocka_unit_test(ranges_of_integers_are_exact),
        cmocka_unit_test(schemas_refuse_what_is_not_valid),
        cmocka_unit_test(errors_name_the_keyword_and_its_place),
        cmocka_unit_test(deep_schemas_are_refused),
        cmocka_unit_test(optional_properties_do_not_multiply),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("engine/schema", tests, NULL, NULL);
}
