/* test_log.c - levels reach the sink, progress lines keep their distance, and numbers
 * read as people write them. The terminal is a pseudo-terminal in place of stderr. */
#include "support/check.h"

#include "base/log.h"
#include "base/str.h"

#include <pty.h>
#include <unistd.h>

static Str lines;

static void collect(void *self, LogLevel level, const char *line)
{
    (void)self;
    str_printf(&lines, "%d %s\n", (int)level, line);
}

static int setup(void **state)
{
    (void)state;
    str_reset(&lines);
    log_set_sink(collect, NULL, LOG_INFO);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL, LOG_DEBUG);
    str_release(&lines);
    return 0;
}

static void lines_below_the_least_level_are_dropped(void **state)
{
    (void)state;
    log_debug("no");
    log_info("%d", 1);
    log_warn("careful");
    log_error("broken");
    assert_string_equal(str_c(&lines), "1 1\n2 careful\n3 broken\n");
}

static void without_a_sink_nothing_happens(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL, LOG_DEBUG);
    log_error("lost");
    log_progress_begin("sft", 10, "steps");
    log_progress(1, NULL);
    log_progress_end();
    assert_string_equal(str_c(&lines), "");
}

static void quick_progress_is_one_line_at_its_end(void **state)
{
    (void)state;
    log_progress(3, "not begun");
    log_progress_begin("sft", 100, "steps");
    for (int i = 1; i <= 100; i++)
        log_progress(i, "loss 2.31");
    log_progress_end();
    log_progress_end();
    static const char front[] = "1 sft: 100 steps in ";
    assert_memory_equal(str_c(&lines), front, sizeof front - 1);
    assert_non_null(strstr(str_c(&lines), " steps/s, loss 2.31\n"));
    assert_int_equal(strlen(strchr(str_c(&lines), '\n')), 1);
}

static void progress_has_rate_and_time_left(void **state)
{
    (void)state;
    char line[200];
    log_progress_format(line, sizeof line, "sft", 30, 120, "steps", 15, "loss 2.31");
    assert_string_equal(line,
                        "sft: 30 of 120 steps (25 %), 2 steps/s, 45 s left, loss 2.31");
    log_progress_format(line, sizeof line, "read", 5e6, 0, "bytes", 2, NULL);
    assert_string_equal(line, "read: 5M bytes, 2.5M bytes/s");
    log_progress_format(line, sizeof line, "eval", 0, 10, "samples", 3, "");
    assert_string_equal(line, "eval: 0 of 10 samples (0 %)");
    log_progress_format(line, sizeof line, "ppo", 10, 10, "steps", 300, "");
    assert_string_equal(line,
                        "ppo: 10 of 10 steps (100 %), 30 s for each of the steps");
}

static void a_terminal_gets_one_line_drawn_in_place(void **state)
{
    (void)state;
    int master, slave, old = dup(STDERR_FILENO);
    struct winsize window = {.ws_row = 24, .ws_col = 30};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &window), 0);
    log_set_sink(log_to_stderr, NULL, LOG_INFO);
    dup2(slave, STDERR_FILENO);
    log_progress_begin("sft", 100, "steps");
    usleep(150000);
    log_progress(50, "a detail that does not fit the width");
    log_progress(51, "too soon to draw again");
    log_warn("careful");
    log_progress_end();
    dup2(old, STDERR_FILENO);
    close(old);
    close(slave);

    char got[1000] = {0};
    size_t n = 0;
    for (ssize_t k; n < 900 && (k = read(master, got + n, 900 - n)) > 0;)
        n += (size_t)k;
    close(master);
    const char *line = "\rsft: 50 of 100 steps (50 %), \033[K";
    assert_memory_equal(got, line, strlen(line));
    const char *rest = got + strlen(line);
    static const char warning[] = "\r\033[Kwarning: careful\r\n";
    assert_memory_equal(rest, warning, sizeof warning - 1);
    rest += sizeof warning - 1;
    assert_memory_equal(rest, line, strlen(line));
    rest += strlen(line);
    static const char end[] = "\r\033[Ksft: 51 steps in ";
    assert_memory_equal(rest, end, sizeof end - 1);
}

static void numbers_read_as_people_write_them(void **state)
{
    (void)state;
    assert_string_equal(log_count(0), "0");
    assert_string_equal(log_count(999), "999");
    assert_string_equal(log_count(999.6), "1k");
    assert_string_equal(log_count(1500000), "1.5M");
    assert_string_equal(log_count(124439808), "124M");
    assert_string_equal(log_count(5e15), "5000T");
    assert_string_equal(log_bytes(1.2e9), "1.2 GB");
    assert_string_equal(log_bytes(17), "17 B");
    assert_string_equal(log_seconds(0.25), "250 ms");
    assert_string_equal(log_seconds(12.34), "12.3 s");
    assert_string_equal(log_seconds(59.96), "1 min 0 s");
    assert_string_equal(log_seconds(250), "4 min 10 s");
    assert_string_equal(log_seconds(3599.9), "1 h 0 min");
    assert_string_equal(log_seconds(7500), "2 h 5 min");
    assert_string_equal(log_seconds(86400 * 3 + 4 * 3600), "3 d 4 h");
    assert_string_equal(log_seconds(1.0 / 0.0), "?");
}

static void eight_numbers_fit_one_line(void **state)
{
    (void)state;
    const char *n[8];
    for (int i = 0; i < 8; i++)
        n[i] = log_count(i);
    for (int i = 0; i < 8; i++)
        assert_int_equal(n[i][0], '0' + i);
}

int main(void)
{
#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        LOG_TEST(lines_below_the_least_level_are_dropped),
        LOG_TEST(without_a_sink_nothing_happens),
        LOG_TEST(quick_progress_is_one_line_at_its_end),
        LOG_TEST(progress_has_rate_and_time_left),
        LOG_TEST(a_terminal_gets_one_line_drawn_in_place),
        cmocka_unit_test(numbers_read_as_people_write_them),
        cmocka_unit_test(eight_numbers_fit_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
