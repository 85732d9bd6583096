/* test_endpoint.c - which words name an endpoint, and what is made of them. */
#include "think/lm/endpoint.h"

#include "support/check.h"
#include "support/temp.h"

static Err err;

typedef struct Case {
    const char *word, *endpoint, *model;
} Case;

static void an_address_is_completed(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"http://localhost:8080/v1#qwen2.5", "http://localhost:8080/v1", "qwen2.5"},
        {"http://localhost:8080", "http://localhost:8080/v1", NULL},
        {"http://localhost:8080/#a/b:c", "http://localhost:8080/v1", "a/b:c"},
        {"https://h/api/v3/", "https://h/api/v3", NULL},
        {"http://[::1]:80#m", "http://[::1]:80/v1", "m"},
        {"https://h/d?api-version=2#m", "https://h/d?api-version=2", "m"},
        {"https://h?x=/a", "https://h/v1?x=/a", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EndpointOptions o;
        assert_true(endpoint_is(cases[i].word));
        CHECK_OK(endpoint_parse(cases[i].word, &o, &err));
        assert_string_equal(o.endpoint, cases[i].endpoint);
        if (cases[i].model)
            assert_string_equal(o.model, cases[i].model);
        else
            assert_null(o.model);
        opt_release(&endpoint_options, &o);
    }
}

static void a_wrong_address_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *word, *message;
    } cases[] = {
        {"http://", "endpoint 'http://': it names no host"},
        {"http:///v1", "endpoint 'http:///v1': it names no host"},
        {"http://a[b:1",
         "endpoint 'http://a[b:1': its host has a bracket out of place"},
        {"http://[::1", "endpoint 'http://[::1': its host has a bracket out of place"},
        {"http://a b",
         "endpoint 'http://a b': it has a space or a byte that is no letter"},
        {"http://h#", "endpoint 'http://h#': there is no model's name behind #"},
        {"http://me:secret@h/v1", "an endpoint's address has an '@': give the key by "
                                  "key_env or key_file, not in the address"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EndpointOptions o;
        CHECK_FAILS(endpoint_parse(cases[i].word, &o, &err), ERR_OPTION,
                    cases[i].message);
        opt_release(&endpoint_options, &o);
    }
}

static void a_query_stays_behind_the_path(void **state)
{
    (void)state;
    Str url = {0};
    endpoint_url("https://h/d?v=2", "/chat/completions", &url);
    assert_string_equal(str_c(&url), "https://h/d/chat/completions?v=2");
    str_release(&url);
}

static void write_text(const char *path, const char *text)
{
    CHECK_OK(file_write_atomic(path, text, strlen(text), &err));
}

static void a_file_names_one_too(void **state)
{
    (void)state;
    EndpointOptions o;
    const char *path = temp_path("e.yaml");
    write_text(path, "endpoint: http://h:1\nmodel: gpt\nkey_env: K\nlogprobs: 'yes'\n"
                     "grammar: llama.cpp\ntimeout: 5\n");
    assert_true(endpoint_is(path));
    CHECK_OK(endpoint_parse(path, &o, &err));
    assert_string_equal(o.endpoint, "http://h:1/v1");
    assert_string_equal(o.model, "gpt");
    assert_string_equal(o.key_env, "K");
    assert_int_equal(o.logprobs, LOGPROBS_YES);
    assert_int_equal(o.grammar, 1);
    CHECK_NEAR(o.timeout, 5, 0);
    opt_release(&endpoint_options, &o);
}

static void a_wrong_file_says_what_is_wrong(void **state)
{
    (void)state;
    EndpointOptions o;
    char message[300];
    const char *path = temp_path("e.yaml");
    write_text(path, "model: gpt\n");
    (void)snprintf(message, sizeof message,
                   "endpoint '%s': it does not say its `endpoint`", path);
    CHECK_FAILS(endpoint_parse(path, &o, &err), ERR_OPTION, message);
    opt_release(&endpoint_options, &o);
    write_text(path, "endpoint: http://h\ntimout: 3\n");
    assert_int_equal(endpoint_parse(path, &o, &err), ERR_OPTION);
    assert_non_null(strstr(err.msg, "timeout"));
    opt_release(&endpoint_options, &o);
}

static void a_folder_is_none(void **state)
{
    (void)state;
    CHECK_OK(file_make_folders(temp_path("model.yaml"), &err));
    assert_false(endpoint_is(temp_path("model.yaml")));
    assert_false(endpoint_is("runs/demo/ppo"));
    assert_false(endpoint_is("httpx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_completed),
        cmocka_unit_test(a_wrong_address_is_refused),
        cmocka_unit_test(a_query_stays_behind_the_path),
        TEMP_TEST(a_file_names_one_too),
        TEMP_TEST(a_wrong_file_says_what_is_wrong),
        TEMP_TEST(a_folder_is_none),
    };
    return cmocka_run_group_tests_name("think/endpoint", tests, NULL, NULL);
}
