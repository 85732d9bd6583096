/* process.h - a child process that is spoken to over its standard input and output, line
 * by line. No shell takes part: the words of argv reach the program as they are.
 *
 * The child is the leader of a process group of its own, so that Ctrl-C in the terminal
 * does not reach it and killing it kills what it started. Its standard error is read too;
 * the last of it is kept for the message that says why the child ended. Writing to a child
 * that is gone is an event, not a signal.
 *
 *     process_start(&p, argv, &err);
 *     while (there is something to say or to hear)
 *         process_talk(p, &in, &out, seconds, &event, &err);
 *     process_free(p);                                        kills it if it still runs
 *
 * Threads: one at a time. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include "base/err.h"
#include "base/str.h"

typedef struct Process Process;

typedef enum ProcessEvent {
    PROCESS_TALKED, /* bytes were taken or given */
    PROCESS_QUIET,  /* nothing in all the time there was */
    PROCESS_ENDED,  /* its standard output is closed, all of it has been read */
} ProcessEvent;

/* argv ends with NULL; argv[0] without a slash is looked for in PATH. ERR_IO says what
 * the system said of it. */
NODISCARD Status process_start(Process **out, const char *const *argv, Err *err);
/* The same for a child that has these variables ("NAME=value", NULL-ended; NULL: ours) and
 * also reads our descriptor `extra`, as its descriptor 3; -1: none. */
NODISCARD Status process_start_with(Process **out, const char *const *argv,
                                    const char *const *variables, int extra, Err *err);
/* Waits up to `seconds` until the child takes bytes of *in, which moves on, or gives some,
 * which are appended to *out. in->len 0: listens alone. A child that reads no more is not
 * ended: it may still answer. */
NODISCARD Status process_talk(Process *p, Span *in, Str *out, double seconds,
                              ProcessEvent *event, Err *err);
/* Kills the child and its group if it still runs, reaps it, and appends how it ended, with
 * the last line that it wrote to its standard error:
 * "ended with exit status 1 (NameError: name 'x' is not defined)", "was killed by signal 11
 * (...)", "was stopped". */
void process_end(Process *p, Str *how);
/* Tells the child that nothing more will be said: the end of its standard input. */
void process_hush(Process *p);
/* Asks the child and its group to end (SIGTERM). */
void process_dismiss(Process *p);
void process_free(Process *p); /* kills it; NULL allowed */

#endif
