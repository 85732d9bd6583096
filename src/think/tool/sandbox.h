/* sandbox.h - running somebody's command so that it can do no harm: bubblewrap's
 * namespaces, a filter of system calls and limits on what it may use. No shell takes part.
 *
 *     sees      /usr and what leads into it, read-only; an empty /tmp; what `read` and
 *               `write` name; of /proc itself alone; no descriptor and no variable of ours
 *     network   none, if not given: not even the machine's own
 *     may not   trace, mount, make namespaces, load or change anything of the kernel
 *               (sandbox_filter.c); become another user; outlive its call
 *     limits    seconds, memory, processes, sizes of files and of the output
 *
 * Where the system does not allow namespaces to its users, nothing runs: sandbox_check()
 * says what is missing. As root, a command runs as `nobody`. */
#ifndef THINK_TOOL_SANDBOX_H
#define THINK_TOOL_SANDBOX_H

#include "base/err.h"
#include "base/options.h"
#include "base/str.h"

typedef struct SandboxLimits {
    int64_t seconds;   /* from start to end */
    int64_t memory_mb; /* address space of a process */
    int64_t processes; /* and threads, together */
    int64_t file_mb;   /* a file, and all of /tmp together */
} SandboxLimits;
extern const OptTable sandbox_options;

typedef struct Sandbox {
    SandboxLimits limits;
    bool network;
    char **read, **write; /* absolute paths, NULL-ended; NULL: none */
    char **variables;     /* names that are passed on, likewise */
} Sandbox;

/* ERR_OPTION: why commands cannot be run safely here, and what to do about it. */
NODISCARD Status sandbox_check(Err *err);
/* Runs argv (NULL-ended) with an empty standard input and appends what it writes to its
 * standard output, up to TOOL_RESULT_BYTES and a little. Whatever goes wrong with the
 * command sets *failed and is said in front: "exit status 1 (No such file)\n...".
 * ERR_STOPPED: the user asked to stop. */
NODISCARD Status sandbox_run(const Sandbox *s, const char *const *argv, Str *out,
                             bool *failed, Err *err);

/* A new descriptor from which the filter can be read (sandbox_filter.c). */
NODISCARD Status sandbox_filter(bool network, int *fd, Err *err);

#endif
