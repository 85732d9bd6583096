/* trace.h - runs a child and counts the system calls that all its threads make between
 * two marks, by ptrace.
 *
 * A child marks the beginning and the end of what is counted by a call that nothing else
 * makes, trace_mark(). Where the system permits no tracing, the child runs untraced. */
#ifndef SUPPORT_TRACE_H
#define SUPPORT_TRACE_H

#include "support/check.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRACE_CALLS = 1024 };

typedef struct Trace {
    bool traced;
    int marks, status;       /* status: as waitpid gives it */
    long calls[TRACE_CALLS]; /* by number */
} Trace;

static inline void trace_mark(void)
{
    syscall(SYS_getppid);
}

/* A thread has stopped because of a system call: counts those that begin. */
static inline void trace_note(Trace *t, pid_t thread)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof info, &info) <= 0)
        t->traced = false; /* Linux before 5.3 */
    else if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    else if (info.entry.nr == SYS_getppid)
        t->marks++;
    else if (t->marks == 1 && info.entry.nr < TRACE_CALLS)
        t->calls[info.entry.nr]++;
}

/* The signal to go on with after a stop: none for stops that tracing makes. */
static inline long trace_signal(Trace *t, pid_t thread, int status)
{
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80))
        trace_note(t, thread);
    bool is_ours = signal == (SIGTRAP | 0x80) || status >> 16 != 0 || signal == SIGSTOP;
    return is_ours ? 0 : signal;
}

/* Threads of the child are traced from their first instruction (TRACECLONE). */
static inline void trace_all(Trace *t, pid_t child)
{
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                         PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    t->traced = ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options) == 0;
    pid_t thread = child;
    int status = SIGSTOP << 8 | 0x7f;
    do {
        if (WIFSTOPPED(status))
            ptrace(PTRACE_SYSCALL, thread, NULL,
                   (void *)trace_signal(t, thread, status));
        else if (thread == child)
            t->status = status;
        thread = waitpid(-1, &status, __WALL);
    } while (thread > 0);
}

/* Runs argv, whose argv[0] is a path, to its end. */
static inline Trace trace_run(char *const argv[], bool traced)
{
    Trace t = {0};
    pid_t child = fork();
    if (child == 0) {
        if (traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
            raise(SIGSTOP);
        execv(argv[0], argv);
        _exit(126);
    }
    assert_int_equal(waitpid(child, &t.status, __WALL), child);
    if (WIFSTOPPED(t.status))
        trace_all(&t, child);
    return t;
}

#endif
