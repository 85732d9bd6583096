/* test_process.c - children that answer, die, hang and write too much. */
#include "support/temp.h"

#include "base/mem.h"
#include "base/process.h"

#include <signal.h>
#include <unistd.h>

static Process *start(const char *script)
{
    Err err = {0};
    Process *p;
    const char *const argv[] = {"sh", "-c", script, NULL};
    CHECK_OK(process_start(&p, argv, &err));
    return p;
}

/* Talks until the child has ended or said nothing for `seconds`. */
static ProcessEvent talk(Process *p, const char *text, double seconds, Str *out)
{
    Err err = {0};
    Span in = span_of(text);
    ProcessEvent event = PROCESS_TALKED;
    while (event == PROCESS_TALKED)
        CHECK_OK(process_talk(p, &in, out, seconds, &event, &err));
    return event;
}

/* Talks until *out has `bytes` bytes: however slow the machine is. */
static void talk_until(Process *p, const char *text, size_t bytes, Str *out)
{
    Err err = {0};
    Span in = span_of(text);
    while (out->len < bytes) {
        ProcessEvent event;
        CHECK_OK(process_talk(p, &in, out, 60, &event, &err));
        assert_int_equal(event, PROCESS_TALKED);
    }
}

static void words_reach_the_program_as_they_are(void **state)
{
    (void)state;
    Err err = {0};
    Process *p;
    Str out = {0}, how = {0};
    const char *const argv[] = {"printf", "%s|", "a b", "$HOME;'x'", "", NULL};
    CHECK_OK(process_start(&p, argv, &err));
    assert_int_equal(talk(p, "", 20, &out), PROCESS_ENDED);
    assert_string_equal(str_c(&out), "a b|$HOME;'x'||");
    process_end(p, &how);
    assert_string_equal(str_c(&how), "ended with exit status 0");
    process_free(p);
    str_release(&out);
    str_release(&how);
}

static void lines_are_answered(void **state)
{
    (void)state;
    Process *p = start("while read -r line; do echo \"<$line>\"; done");
    Str out = {0};
    talk_until(p, "one\ntwo\n", 12, &out);
    assert_string_equal(str_c(&out), "<one>\n<two>\n");
    assert_int_equal(talk(p, "", 0.01, &out), PROCESS_QUIET);
    process_free(p);
    str_release(&out);
}

/* More than both pipes hold, both ways at once. */
static void much_is_said_both_ways(void **state)
{
    (void)state;
    Err err = {0};
    Process *p = start("exec cat");
    Str in = {0}, out = {0};
    for (int i = 0; i < 200000; i++)
        str_printf(&in, "line %d\n", i);
    Span left = str_span(&in);
    while (out.len < in.len) {
        ProcessEvent event;
        CHECK_OK(process_talk(p, &left, &out, 20, &event, &err));
        assert_int_equal(event, PROCESS_TALKED);
    }
    assert_true(span_equal(str_span(&in), str_span(&out)));
    process_free(p);
    str_release(&in);
    str_release(&out);
}

static void the_end_says_how_and_why(void **state)
{
    (void)state;
    static const struct {
        const char *script, *how;
    } cases[] = {
        {"exit 3", "ended with exit status 3"},
        {"echo first >&2; echo ' last words ' >&2; exit 1",
         "ended with exit status 1 (last words)"},
        {"kill -SEGV $$", "was killed by signal 11"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Process *p = start(cases[i].script);
        Str out = {0}, how = {0};
        assert_int_equal(talk(p, "", 20, &out), PROCESS_ENDED);
        process_end(p, &how);
        assert_string_equal(str_c(&how), cases[i].how);
        process_end(p, &how); /* nothing left to do */
        assert_string_equal(str_c(&how), cases[i].how);
        process_free(p);
        str_release(&out);
        str_release(&how);
    }
}

/* The child's own child would hold on to the pipes and outlive it. */
static void one_that_hangs_is_killed_with_its_children(void **state)
{
    (void)state;
    Str out = {0}, how = {0};
    Process *p = start("sleep 1000 & echo $!; wait");
    talk_until(p, "", 2, &out);
    assert_int_equal(talk(p, "", 0.05, &out), PROCESS_QUIET);
    pid_t grandchild = (pid_t)strtol(str_c(&out), NULL, 10);
    assert_true(grandchild > 1);
    process_end(p, &how);
    assert_string_equal(str_c(&how), "was stopped");
    process_free(p);
    char path[64], state_letter = 'R';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)grandchild);
    for (int i = 0; i < 2000 && state_letter != 'Z'; i++) {
        FILE *f = fopen(path, "r"); /* gone, or dead and not yet reaped */
        if (!f)
            break;
        if (fscanf(f, "%*d %*s %c", &state_letter) != 1)
            state_letter = 'R';
        fclose(f);
        usleep(10000);
        if (i == 1999)
            fail_msg("process %d outlived its parent", (int)grandchild);
    }
    str_release(&out);
    str_release(&how);
}

/* Without care the write would raise SIGPIPE and end the test. */
static void writing_to_one_that_is_gone_is_no_signal(void **state)
{
    (void)state;
    Str in = {0}, out = {0};
    for (int i = 0; i < 100000; i++)
        str_puts(&in, "more\n");
    Process *p = start("read -r line; exec <&-; echo heard; sleep 0.1; exit 0");
    assert_int_equal(talk(p, str_c(&in), 20, &out), PROCESS_ENDED);
    assert_string_equal(str_c(&out), "heard\n");
    process_free(p);
    str_release(&in);
    str_release(&out);
}

/* Its descriptor 3 is what it is given; nothing else that is open here, and of the
 * environment what is named. */
static void a_child_has_what_it_is_given_alone(void **state)
{
    (void)state;
    Err err = {0};
    Process *p;
    Str out = {0};
    int ends[2], other = dup(1); /* without FD_CLOEXEC */
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "given\n", 6), 6);
    (void)close(ends[1]);
    const char *const argv[] = {
        "/bin/sh", "-c",
        "cat <&3; for n in 4 5 6 7 8 9; do (: <&$n) 2>/dev/null && "
        "echo $n; done; echo \"$A,$HOME\"",
        NULL};
    const char *const variables[] = {"A=b", "PATH=/usr/bin:/bin", NULL};
    CHECK_OK(process_start_with(&p, argv, variables, ends[0], &err));
    process_hush(p);
    assert_int_equal(talk(p, "", 60, &out), PROCESS_ENDED);
    assert_string_equal(str_c(&out), "given\nb,\n");
    process_free(p);
    (void)close(ends[0]);
    (void)close(other);
    str_release(&out);
}

static void one_that_is_hushed_reads_to_the_end(void **state)
{
    (void)state;
    Process *p = start("cat; echo end");
    Str out = {0};
    talk_until(p, "heard\n", 6, &out);
    process_hush(p);
    assert_int_equal(talk(p, "", 60, &out), PROCESS_ENDED);
    assert_string_equal(str_c(&out), "heard\nend\n");
    process_free(p);
    str_release(&out);
}

static void what_cannot_be_run_is_an_error(void **state)
{
    (void)state;
    Err err = {0};
    Process *p;
    const char *const argv[] = {"/no/such/program", NULL};
    CHECK_FAILS(process_start(&p, argv, &err), ERR_IO,
                "cannot run '/no/such/program': No such file or directory");
    assert_null(p);
    mem_fail_after(0);
    assert_int_equal(process_start(&p, argv, &err), ERR_NOMEM);
    mem_fail_after(-1);
    process_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_reach_the_program_as_they_are),
        cmocka_unit_test(lines_are_answered),
        cmocka_unit_test(much_is_said_both_ways),
        cmocka_unit_test(the_end_says_how_and_why),
        cmocka_unit_test(one_that_hangs_is_killed_with_its_children),
        cmocka_unit_test(writing_to_one_that_is_gone_is_no_signal),
        cmocka_unit_test(a_child_has_what_it_is_given_alone),
        cmocka_unit_test(one_that_is_hushed_reads_to_the_end),
        cmocka_unit_test(what_cannot_be_run_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
