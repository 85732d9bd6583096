/* Manifests: what they say, what is wrong with them, the words that a call becomes. */
#include "support/temp.h"

#include "format/json.h"
#include "think/tool/manifest.h"

#include <sys/stat.h>

#define PARAMETERS                                                                     \
    "    parameters: {type: object, properties: {town: {type: string}, days: {type: "  \
    "integer}, tags: {type: array}}}\n"

static void a_manifest_says_what_there_is(void **state)
{
    (void)state;
    Err err = {0};
    Manifest m;
    CHECK_OK(manifest_parse(
        SPAN("tools:\n"
             "  - name: forecast\n"
             "    description: the weather\n" PARAMETERS "    argument: town\n"
             "    command: [./forecast.py, --days, \"{days}\", --, \"{town}\"]\n"
             "    limits: {seconds: 5, file_mb: 2}\n"
             "    read: [data, /etc/hosts]\n"
             "    network: true\n"
             "    variables: [API_KEY]\n"
             "  - name: now\n"
             "    command: [date]\n"
             "servers:\n"
             "  - name: files\n"
             "    command: [mcp-files, /srv]\n"),
        &m, &err));
    assert_int_equal(m.n_tools, 2);
    assert_int_equal(m.n_servers, 1);
    const ManifestTool *t = &m.tools[0];
    assert_string_equal(t->name, "forecast");
    assert_string_equal(t->description, "the weather");
    assert_string_equal(t->argument, "town");
    assert_int_equal(json_array_size(t->command), 5);
    assert_int_equal(t->sandbox.limits.seconds, 5);
    assert_int_equal(t->sandbox.limits.file_mb, 2);
    assert_int_equal(t->sandbox.limits.processes, 32);
    assert_string_equal(t->sandbox.read[1], "/etc/hosts");
    assert_null(t->sandbox.read[2]);
    assert_null(t->sandbox.write);
    assert_true(t->sandbox.network);
    assert_string_equal(t->sandbox.variables[0], "API_KEY");
    assert_false(m.tools[1].sandbox.network);
    assert_string_equal(m.servers[0].name, "files");
    manifest_release(&m);
}

static void fails(const char *yaml, Status code, const char *message)
{
    Err err = {0};
    Manifest m;
    CHECK_FAILS(manifest_parse(span_of(yaml), &m, &err), code, message);
    assert_int_equal(m.n_tools, 0);
}

static void faults_are_named(void **state)
{
    (void)state;
    fails("[]", ERR_FORMAT, "a manifest has 'tools', 'servers' or both");
    fails("tool: []", ERR_OPTION,
          "'tool' means nothing here: a manifest has 'tools' and 'servers'");
    fails("tools: {}", ERR_FORMAT, "'tools' is a list");
    fails("tools: [{command: [a]}]", ERR_FORMAT, "tool 1: a tool without a 'name'");
    fails("tools: [{name: a}]", ERR_FORMAT, "tool 'a': it has no 'command'");
    fails("tools: [{name: a, command: a b}]", ERR_FORMAT,
          "tool 'a': 'command' is no list and no mapping");
    fails("tools: [{name: a, command: []}]", ERR_FORMAT,
          "tool 'a': 'command' is a list of words, such as [python3, tool.py, "
          "\"{text}\"] (in quotes what YAML takes for a number)");
    fails("tools: [{name: a, command: [a, 1]}]", ERR_FORMAT,
          "tool 'a': 'command' is a list of words, such as [python3, tool.py, "
          "\"{text}\"] (in quotes what YAML takes for a number)");
    fails("tools: [{name: a, command: [a, \"{x}\"]}]", ERR_FORMAT,
          "tool 'a': '{x}' in the command is no parameter");
    fails("tools: [{name: a, parameters: {type: object, properties: {x: {}}}, command: "
          "[\"{x}\"]}]",
          ERR_FORMAT,
          "tool 'a': '{x}' in the command is no parameter: the program is given");
    fails("tools: [{name: a, parameters: {type: object, properties: {x: {}}}, command: "
          "[a, \"--y={x}\"]}]",
          ERR_FORMAT,
          "tool 'a': {x} is a part of the word '--y={x}': a value is a word of its "
          "own, as "
          "in [--x, \"{x}\"]");
    fails("tools: [{name: a, command: [a], comand: [b]}]", ERR_OPTION,
          "tool 'a': unknown option 'comand'; did you mean 'command'?");
    fails("tools: [{name: a, command: [a], limits: {second: 1}}]", ERR_OPTION,
          "tool 'a': limits: unknown option 'second'; did you mean 'seconds'?");
    fails("tools: [{name: a, command: [a], parameters: {type: string}}]", ERR_FORMAT,
          "tool 'a': the schema of parameters is an object of type \"object\"");
    fails("tools: [{name: a, command: [a], argument: x}]", ERR_FORMAT,
          "tool 'a': 'argument' x is no parameter");
    fails("servers: [{name: a}]", ERR_FORMAT, "server 'a': it has no 'command'");
    fails("servers: [{command: [a]}]", ERR_FORMAT,
          "server 1: a server without a 'name'");
}

/* command and arguments as JSON; expected: the words with '|' between them. */
static void becomes(const char *command, const char *arguments, const char *expected)
{
    Err err = {0};
    json_t *c = NULL, *a = NULL;
    char **words = NULL;
    Str out = {0};
    CHECK_OK(json_parse(span_of(command), &c, &err));
    CHECK_OK(json_parse(span_of(arguments), &a, &err));
    if (manifest_words(c, a, &words, &err) != OK)
        str_printf(&out, "error: %s", err.msg);
    for (char **w = words; w && *w; w++)
        str_printf(&out, "%s%s", w == words ? "" : "|", *w);
    assert_string_equal(str_c(&out), expected);
    words_free(words);
    json_decref(c);
    json_decref(a);
    str_release(&out);
}

static void values_are_words_of_their_own(void **state)
{
    (void)state;
    becomes("[\"a\",\"{x}\"]", "{\"x\":\"b c; rm -rf / $(id) `id` 'q'\"}",
            "a|b c; rm -rf / $(id) `id` 'q'");
    becomes("[\"a\",\"{x}\",\"z\"]", "{\"x\":[\"b\",2,true]}", "a|b|2|true|z");
    becomes("[\"a\",\"{x}\"]", "{\"x\":{\"k\":[1]}}", "a|{\"k\":[1]}");
    becomes("[\"a\",\"{x}\"]", "{\"x\":\"\"}", "a|");
    becomes("[\"a\",\"--n\",\"{n}\",\"{x}\"]", "{\"x\":\"b\"}", "a|b");
    becomes("[\"a\",\"--n\",\"{n}\",\"{x}\"]", "{\"n\":-3}", "a|--n|-3");
    becomes("[\"a\",\"--\",\"{x}\"]", "{}", "a|--");
    becomes("[\"jq\",\"{a: .b}\"]", "{}", "jq|{a: .b}");
}

static void no_value_passes_for_an_option(void **state)
{
    (void)state;
    becomes("[\"a\",\"{x}\"]", "{\"x\":\"--output=/etc/passwd\"}",
            "error: a value that begins with '-' could be taken for an option");
    becomes("[\"a\",\"{x}\"]", "{\"x\":[\"b\",\"-c\"]}",
            "error: a value that begins with '-' could be taken for an option");
    becomes("[\"a\",\"--\",\"{y}\",\"{x}\"]", "{\"x\":\"-v\",\"y\":\"b\"}",
            "a|--|b|-v");
    becomes("[\"a\",\"{x}\"]", "{\"x\":\"b\\u0000c\"}",
            "error: an argument of a command holds no NUL");
}

/* --- a manifest's tool, run ----------------------------------------------------------- */

static void put_file(const char *name, const char *text, mode_t mode)
{
    Err err = {0};
    const char *path = temp_path(name);
    CHECK_OK(file_write_atomic(path, text, strlen(text), &err));
    assert_int_equal(chmod(path, mode), 0);
}

static bool yes(void *self, const Tool *tool, const char *arguments)
{
    (void)self, (void)tool, (void)arguments;
    return true;
}

static void a_tool_runs_with_what_it_may_see(void **state)
{
    (void)state;
    Err err = {0};
    if (sandbox_check(&err) != OK) {
        print_message("skipped: %s\n", err.msg);
        skip();
    }
    Manifest m;
    Toolbox box = {0};
    Str out = {0};
    bool failed;
    assert_int_equal(chmod(temp_folder, 0755), 0);
    put_file("tool.sh", "#!/bin/sh\necho \"$# $1\"\ncat data\ncat secret\n", 0755);
    put_file("data", "seen\n", 0644);
    put_file("secret", "hidden\n", 0644);
    CHECK_OK(
        manifest_parse(SPAN("tools:\n  - name: show\n" PARAMETERS "    argument: town\n"
                            "    command: [./tool.sh, \"{town}\"]\n"
                            "    limits: {seconds: 60}\n"
                            "    read: [data]\n"),
                       &m, &err));
    put_file("tool.sh",
             "#!/bin/sh\ncd ${0%/*}\necho \"$# $1\"\ncat data\ncat secret 2>/dev/null "
             "|| echo "
             "'no secret'\n",
             0755);
    CHECK_OK(manifest_add(&m, temp_folder, &box, &err));
    CHECK_OK(
        toolbox_call_text(&box, SPAN("show(a b)"), yes, NULL, &out, &failed, &err));
    assert_string_equal(str_c(&out), "1 a b\nseen\nno secret\n");
    assert_false(failed);
    str_reset(&out);
    CHECK_OK(toolbox_call_text(&box, SPAN("show(-x)"), yes, NULL, &out, &failed, &err));
    assert_string_equal(
        str_c(&out),
        "error: a value that begins with '-' could be taken for an option");
    assert_true(failed);
    str_reset(&out);
    CHECK_OK(toolbox_call_text(&box, SPAN("show(a)"), NULL, NULL, &out, &failed, &err));
    assert_string_equal(str_c(&out), "error: the call of show was not allowed");
    str_release(&out);
    toolbox_release(&box);
    manifest_release(&m);
}

static void what_is_not_there_is_said_before_any_call(void **state)
{
    (void)state;
    Err err = {0};
    if (sandbox_check(&err) != OK) {
        print_message("skipped: %s\n", err.msg);
        skip();
    }
    Manifest m;
    Toolbox box = {0};
    CHECK_OK(manifest_parse(SPAN("tools: [{name: a, command: [./no.sh]}]"), &m, &err));
    CHECK_FAILS(manifest_add(&m, "/nowhere", &box, &err), ERR_IO,
                "tool 'a': cannot find '/nowhere/./no.sh': No such file or directory");
    manifest_release(&m);
    toolbox_release(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_says_what_there_is),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(values_are_words_of_their_own),
        cmocka_unit_test(no_value_passes_for_an_option),
        TEMP_TEST(a_tool_runs_with_what_it_may_see),
        cmocka_unit_test(what_is_not_there_is_said_before_any_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
