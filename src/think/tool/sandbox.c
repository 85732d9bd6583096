/* sandbox.c - the command line of bubblewrap, and watching over what it runs; see
 * sandbox.h.
 *
 * The order of the words is the order in which bubblewrap builds the file system. Limits
 * are set by prlimit inside: the sandbox itself is not to be limited, and processes are
 * counted in the new user namespace alone. */
#include "think/tool/sandbox.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/system.h"
#include "think/tool/tool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const OptField fields[] = {
    OPT_INT(SandboxLimits, seconds, 10, 1, 3600, "from start to end"),
    OPT_INT(SandboxLimits, memory_mb, 512, 16, 1048576, "address space of a process"),
    OPT_INT(SandboxLimits, processes, 32, 1, 4096, "processes and threads together"),
    OPT_INT(SandboxLimits, file_mb, 16, 1, 65536, "a file, and all of /tmp"),
    OPT_END,
};
const OptTable sandbox_options = {"limits", "limits of a tool", sizeof(SandboxLimits),
                                  fields};

/* The words of a command line that is put together: constants, borrowed words, and
 * numbers in `numbers`. */
typedef struct Words {
    const char **v;
    size_t n, cap;
    char numbers[8][40];
    size_t n_numbers;
    bool failed;
} Words;

static void put(Words *w, const char *word)
{
    if (!w->failed && MEM_PUSH_ROOM(&w->v, w->n, &w->cap, NULL) != OK)
        w->failed = true;
    if (!w->failed)
        w->v[w->n++] = word;
}

static void put_all(Words *w, const char *const *words)
{
    for (; *words; words++)
        put(w, *words);
}

static void put_number(Words *w, const char *option, int64_t v)
{
    ASSERT(w->n_numbers < sizeof w->numbers / sizeof *w->numbers);
    char *text = w->numbers[w->n_numbers++];
    (void)snprintf(text, sizeof w->numbers[0], "%s%lld", option, (long long)v);
    put(w, text);
}

static void put_mount(Words *w, const char *option, const char *path)
{
    put(w, option);
    put(w, path);
    put(w, path);
}

static void put_files(Words *w, const Sandbox *s)
{
    static const char *const system[] = {"--ro-bind",
                                         "/usr",
                                         "/usr",
                                         "--symlink",
                                         "usr/bin",
                                         "/bin",
                                         "--symlink",
                                         "usr/lib",
                                         "/lib",
                                         "--symlink",
                                         "usr/sbin",
                                         "/sbin",
                                         "--ro-bind-try",
                                         "/etc/ld.so.cache",
                                         "/etc/ld.so.cache",
                                         "--ro-bind-try",
                                         "/etc/alternatives",
                                         "/etc/alternatives",
                                         "--proc",
                                         "/proc",
                                         "--dev",
                                         "/dev",
                                         "--size",
                                         "16777216",
                                         "--tmpfs",
                                         "/dev/shm",
                                         "--remount-ro",
                                         "/dev",
                                         NULL};
    static const char *const names[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/ssl",
                                        "/etc/nsswitch.conf"};
    put_all(w, system);
    if (file_is_folder("/usr/lib64")) {
        put(w, "--symlink");
        put(w, "usr/lib64");
        put(w, "/lib64");
    }
    put(w, "--size");
    put_number(w, "", s->limits.file_mb << 20);
    put(w, "--tmpfs");
    put(w, "/tmp");
    for (size_t i = 0; s->network && i < sizeof names / sizeof *names; i++)
        put_mount(w, "--ro-bind-try", names[i]);
    for (char **path = s->read; path && *path; path++)
        put_mount(w, "--ro-bind", *path);
    for (char **path = s->write; path && *path; path++)
        put_mount(w, "--bind", *path);
    put(w, "--remount-ro");
    put(w, "/");
}

/* The whole environment. bubblewrap gets no other one either: what it was started with can
 * be read inside, in /proc/1/environ. */
static void put_variables(Words *w, const Sandbox *s, Str *texts)
{
    static const char *const always[] = {"PATH=/usr/bin:/bin", "HOME=/tmp",
                                         "LANG=C.UTF-8", NULL};
    put_all(w, always);
    for (char **name = s->variables; name && *name; name++)
        if (getenv(*name))
            str_printf(texts, "%s=%s%c", *name, getenv(*name), '\0');
    w->failed = w->failed || texts->failed;
    for (size_t i = 0; !w->failed && i < texts->len; i += strlen(texts->ptr + i) + 1)
        put(w, texts->ptr + i);
    put(w, NULL);
}

static void put_sandbox(Words *w, const Sandbox *s)
{
    /* Root's own processes are never counted, and what it may do is the most there is. */
    static const char *const as_nobody[] = {"setpriv", "--reuid=65534", "--regid=65534",
                                            "--clear-groups", NULL};
    static const char *const apart[] = {"bwrap",
                                        "--unshare-all",
                                        "--unshare-user",
                                        "--disable-userns",
                                        "--die-with-parent",
                                        "--new-session",
                                        "--cap-drop",
                                        "ALL",
                                        "--hostname",
                                        "sandbox",
                                        "--seccomp",
                                        "3",
                                        NULL};
    if (geteuid() == 0)
        put_all(w, as_nobody);
    put_all(w, apart);
    if (s->network)
        put(w, "--share-net");
    put_files(w, s);
    put(w, "--chdir");
    put(w, "/tmp");
    put(w, "--");
}

static void put_limits(Words *w, const SandboxLimits *l)
{
    put(w, "/usr/bin/prlimit");
    put_number(w, "--as=", l->memory_mb << 20);
    put_number(w, "--cpu=", l->seconds);
    put_number(w, "--nproc=", l->processes);
    put_number(w, "--fsize=", l->file_mb << 20);
    put(w, "--nofile=64");
    put(w, "--core=0");
    put(w, "--");
}

/* --- watching ------------------------------------------------------------------------ */

typedef enum Ending { ENDED, TOO_LONG, TOO_MUCH, STOPPED } Ending;

/* Hears the command to its end, or to the end of patience with it. */
static Status listen(Process *p, double seconds, Str *out, Ending *how, Err *err)
{
    double until = system_seconds() + seconds;
    Span nothing = {0};
    ProcessEvent event = PROCESS_QUIET;
    size_t start = out->len;
    *how = ENDED;
    while (event != PROCESS_ENDED) {
        double left = until - system_seconds();
        if (left <= 0)
            *how = TOO_LONG;
        else if (out->len - start > TOOL_RESULT_BYTES)
            *how = TOO_MUCH;
        else if (system_stop_requested())
            *how = STOPPED;
        if (*how != ENDED)
            return OK;
        TRY(process_talk(p, &nothing, out, left < 0.2 ? left : 0.2, &event, err));
    }
    return OK;
}

/* prlimit names itself in front of what exec said; what it is does not matter to anyone. */
static void put_ending(Ending how, const SandboxLimits *l, Span said, Str *out,
                       bool *failed)
{
    static const char whole[] = "ended with exit status 0";
    if (how == TOO_LONG) {
        *failed = true;
        str_printf(out, "stopped after %lld s", (long long)l->seconds);
    } else if (how == ENDED && !span_starts(said, SPAN(whole))) {
        *failed = true;
        str_puts(out, "the command ");
        str_span_append(out, said);
    }
}

static Status watch(Process *p, const SandboxLimits *l, Str *out, bool *failed,
                    Err *err)
{
    Str said = {0}, how = {0};
    Ending ending;
    Status status = listen(p, (double)l->seconds, &said, &ending, err);
    process_end(p, &how);
    if (status == OK && ending == STOPPED)
        status = err_set(err, ERR_STOPPED, "stopped while a tool ran");
    if (status == OK) {
        put_ending(ending, l, str_span(&how), out, failed);
        if (*failed && said.len > 0)
            str_putc(out, '\n');
        str_span_append(out, str_span(&said));
    }
    if (status == OK)
        status = str_check(out, err);
    str_release(&said);
    str_release(&how);
    return status;
}

Status sandbox_run(const Sandbox *s, const char *const *argv, Str *out, bool *failed,
                   Err *err)
{
    Words w = {0}, variables = {0};
    Str texts = {0}; /* of the variables */
    Process *p = NULL;
    int filter = -1;
    put_sandbox(&w, s);
    put_limits(&w, &s->limits);
    put_all(&w, argv);
    put(&w, NULL);
    put_variables(&variables, s, &texts);
    Status status = w.failed || variables.failed
                        ? err_set(err, ERR_NOMEM, "no memory for a command line")
                        : sandbox_filter(s->network, &filter, err);
    if (status == OK)
        status = process_start_with(&p, w.v, variables.v, filter, err);
    if (filter >= 0)
        (void)close(filter);
    if (status == OK) {
        process_hush(p);
        status = watch(p, &s->limits, out, failed, err);
    }
    process_free(p);
    mem_free(w.v);
    mem_free(variables.v);
    str_release(&texts);
    return status;
}

Status sandbox_check(Err *err)
{
    static const char *const nothing[] = {"/usr/bin/true", NULL};
    const Sandbox s = {
        .limits = {.seconds = 10, .memory_mb = 64, .processes = 8, .file_mb = 1}};
    Str out = {0};
    bool failed = false;
    Err why = {0};
    Status status = sandbox_run(&s, nothing, &out, &failed, &why);
    if (status == ERR_NOMEM || status == ERR_STOPPED) {
        str_release(&out);
        return err_set(err, status, "%s", why.msg);
    }
    if (status != OK || failed)
        status =
            err_set(err, ERR_OPTION,
                    "commands of tools run in a sandbox alone, and there is none here: "
                    "%.200s. It needs bubblewrap (bwrap) and a system that lets users "
                    "make namespaces (user.max_user_namespaces above 0)",
                    status != OK ? why.msg : str_c(&out));
    str_release(&out);
    return status;
}
