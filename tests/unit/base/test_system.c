/* test_system.c - the clock runs, work is done once each, and signals ask to stop. */
#include "support/check.h"

#include "base/system.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static void the_clock_runs_forward(void **state)
{
    (void)state;
    double before = system_seconds();
    usleep(2000);
    double passed = system_seconds() - before;
    assert_true(passed >= 0.002 && passed < 60);
}

static void timestamps_are_iso_in_utc(void **state)
{
    (void)state;
    char out[32];
    system_timestamp(out);
    int year, month, day, hour, minute, second, end = 0;
    int n = sscanf(out, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour,
                   &minute, &second, &end);
    assert_int_equal(n, 6);
    assert_int_equal(end, 20);
    assert_int_equal(strlen(out), 20);
    assert_true(year >= 2024 && month <= 12 && hour < 24);
}

static void there_is_a_processor(void **state)
{
    (void)state;
    int n = system_cpus();
    assert_true(n >= 1 && n <= sysconf(_SC_NPROCESSORS_CONF));
}

static void count_visit(void *self, int64_t i)
{
    atomic_int *visits = self;
    atomic_fetch_add(&visits[i], 1);
}

static void every_index_is_worked_on_once(void **state)
{
    (void)state;
    static atomic_int visits[1001];
    system_parallel(1000, count_visit, visits);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(visits[i], 1);
    assert_int_equal(visits[1000], 0);
    system_parallel(0, count_visit, visits);
    assert_int_equal(visits[0], 1);
}

static void a_request_stands_until_cleared(void **state)
{
    (void)state;
    assert_false(system_stop_requested());
    system_request_stop();
    assert_true(system_stop_requested());
    system_clear_stop();
    assert_false(system_stop_requested());
}

static void signals_set_the_flag(void **state)
{
    (void)state;
    system_catch_stop();
    raise(SIGTERM);
    assert_true(system_stop_requested());
    system_clear_stop();
    raise(SIGINT);
    assert_true(system_stop_requested());
    system_clear_stop();
    raise(SIGINT); /* a first one again */
    assert_true(system_stop_requested());
    system_clear_stop();
}

/* Generated kernels keep values below the stack pointer, where a handler's frame
 * would lie. */
static void handlers_leave_the_stack_of_the_computation_alone(void **state)
{
    (void)state;
    const int signals[] = {SIGTERM, SIGINT};
    stack_t stack;
    system_catch_stop();
    assert_int_equal(sigaltstack(NULL, &stack), 0);
    assert_int_equal(stack.ss_flags & SS_DISABLE, 0);
    for (int i = 0; i < 2; i++) {
        struct sigaction now;
        assert_int_equal(sigaction(signals[i], NULL, &now), 0);
        assert_true(now.sa_flags & SA_ONSTACK);
    }
}

static void the_second_interrupt_ends_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        system_catch_stop();
        raise(SIGINT);
        if (!system_stop_requested())
            _exit(3);
        raise(SIGINT);
        _exit(4);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_runs_forward),
        cmocka_unit_test(timestamps_are_iso_in_utc),
        cmocka_unit_test(there_is_a_processor),
        cmocka_unit_test(every_index_is_worked_on_once),
        cmocka_unit_test(a_request_stands_until_cleared),
        cmocka_unit_test(signals_set_the_flag),
        cmocka_unit_test(handlers_leave_the_stack_of_the_computation_alone),
        cmocka_unit_test(the_second_interrupt_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
