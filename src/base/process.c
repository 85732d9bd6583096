/* process.c - a child process at the end of three pipes, see process.h.
 *
 * posix_spawn, not fork: we have threads, and between fork and exec they leave little that
 * is safe. It also says by itself when a program cannot be run. Its closefrom, without
 * which a child would hold what others open here, is GNU's (CMakeLists.txt). */
#include "base/process.h"

#include "base/mem.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { IN, OUT, ERRORS, PIPES, CHUNK = 16384, TAIL = 4096 };

struct Process {
    pid_t pid;     /* -1: reaped */
    int fd[PIPES]; /* our ends; -1: closed */
    char tail[TAIL];
    size_t tail_len; /* of the end of what it wrote to its standard error */
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* --- starting ------------------------------------------------------------------------ */

/* Both ends close in every program that is started but for what it is given by name. */
static Status open_pipe(int ends[2], Err *err)
{
    if (pipe(ends) != 0) {
        ends[0] = ends[1] = -1;
        return err_system(err, "make", "a pipe");
    }
    for (int i = 0; i < 2; i++)
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    return OK;
}

/* Default actions for what we may ignore, no blocked signals, a group of its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    sigaddset(&ignored, SIGINT);
    sigaddset(&ignored, SIGTERM);
    int failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP |
                                                          POSIX_SPAWN_SETSIGDEF |
                                                          POSIX_SPAWN_SETSIGMASK);
    if (!failed)
        failed = posix_spawnattr_setpgroup(attributes, 0);
    if (!failed)
        failed = posix_spawnattr_setsigdefault(attributes, &ignored);
    return failed ? failed : posix_spawnattr_setsigmask(attributes, &none);
}

/* theirs: the child's ends, which become its descriptors 0, 1 and 2. */
static int spawn(Process *p, const int theirs[PIPES], int extra,
                 const char *const *argv, const char *const *variables)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    failed = set_attributes(&attributes);
    for (int i = 0; !failed && i < PIPES; i++)
        failed = posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
    if (!failed && extra >= 0)
        failed = posix_spawn_file_actions_adddup2(&actions, extra, PIPES);
    if (!failed)
        failed =
            posix_spawn_file_actions_addclosefrom_np(&actions, PIPES + (extra >= 0));
    /* It takes the words as char *const [], and changes none. */
    union {
        const char *const *given;
        char *const *wanted;
    } words = {.given = argv}, settings = {.given = variables};
    if (!failed)
        failed = posix_spawnp(&p->pid, argv[0], &actions, &attributes, words.wanted,
                              variables ? settings.wanted : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

Status process_start(Process **out, const char *const *argv, Err *err)
{
    return process_start_with(out, argv, NULL, -1, err);
}

Status process_start_with(Process **out, const char *const *argv,
                          const char *const *variables, int extra, Err *err)
{
    *out = NULL;
    Process *p;
    TRY(MEM_ARRAY(&p, 1, err));
    *p = (Process){.pid = -1, .fd = {-1, -1, -1}};
    int ends[PIPES][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, theirs[PIPES];
    Status status = OK;
    for (int i = 0; status == OK && i < PIPES; i++)
        status = open_pipe(ends[i], err);
    for (int i = 0; i < PIPES; i++) {
        p->fd[i] = ends[i][i == IN]; /* we write what it reads */
        theirs[i] = ends[i][i != IN];
        if (p->fd[i] >= 0)
            (void)fcntl(p->fd[i], F_SETFL, O_NONBLOCK);
    }
    if (status == OK) {
        errno = spawn(p, theirs, extra, argv, variables);
        if (errno != 0) {
            p->pid = -1;
            status = err_system(err, "run", argv[0]);
        }
    }
    for (int i = 0; i < PIPES; i++)
        close_end(&theirs[i]);
    if (status != OK) {
        process_free(p);
        return status;
    }
    *out = p;
    return OK;
}

/* --- talking ------------------------------------------------------------------------- */

/* write() to a pipe that nobody reads raises SIGPIPE, which would end us: it is held back
 * in this thread and taken away if it came. */
static ssize_t write_quietly(int fd, Span in)
{
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    ssize_t n = write(fd, in.ptr, in.len);
    int why = errno;
    if (n < 0 && why == EPIPE && !was_pending) {
        const struct timespec at_once = {0};
        (void)sigtimedwait(&broken, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return n;
}

static bool is_passing(int why)
{
    return why == EAGAIN || why == EWOULDBLOCK || why == EINTR;
}

static void give(Process *p, Span *in)
{
    ssize_t n = write_quietly(p->fd[IN], *in);
    if (n > 0) {
        in->ptr += n;
        in->len -= (size_t)n;
    } else if (n < 0 && !is_passing(errno)) {
        close_end(&p->fd[IN]); /* it reads no more: whether it answers will be seen */
    }
}

/* Reads what is there; closes our end at the end. Returns the bytes, -1 when none. */
static ssize_t hear(int *fd, char *bytes)
{
    ssize_t n = read(*fd, bytes, CHUNK);
    if (n == 0 || (n < 0 && !is_passing(errno)))
        close_end(fd);
    return n > 0 ? n : -1;
}

static void keep_tail(Process *p, const char *bytes, size_t n)
{
    if (n >= TAIL) {
        bytes += n - TAIL;
        n = TAIL;
    }
    size_t kept = p->tail_len < TAIL - n ? p->tail_len : TAIL - n;
    memmove(p->tail, p->tail + p->tail_len - kept, kept);
    memcpy(p->tail + kept, bytes, n);
    p->tail_len = kept + n;
}

/* Whether what it wrote to its standard error is worth waiting on: no news of the talk. */
static void hear_errors(Process *p)
{
    char bytes[CHUNK];
    ssize_t n = hear(&p->fd[ERRORS], bytes);
    if (n > 0)
        keep_tail(p, bytes, (size_t)n);
}

static Status hear_answer(Process *p, Str *out, ProcessEvent *event, Err *err)
{
    char bytes[CHUNK];
    ssize_t n = hear(&p->fd[OUT], bytes);
    if (n > 0) {
        str_append(out, bytes, (size_t)n);
        *event = PROCESS_TALKED;
        return str_check(out, err);
    }
    if (p->fd[OUT] < 0)
        *event = PROCESS_ENDED;
    return OK;
}

/* poll() until `until`; 0 when the time is over. */
static int wait_for(struct pollfd *fds, double until)
{
    for (;;) {
        double left = until - system_seconds();
        int ms = left > 0 ? (left < 1e6 ? (int)(left * 1000) + 1 : 1000000000) : 0;
        int n = poll(fds, PIPES, ms);
        if (n > 0 || (n < 0 && errno != EINTR))
            return n;
        if (n == 0 && ms == 0)
            return 0;
    }
}

Status process_talk(Process *p, Span *in, Str *out, double seconds, ProcessEvent *event,
                    Err *err)
{
    double until = system_seconds() + seconds;
    *event = PROCESS_QUIET;
    while (*event == PROCESS_QUIET) {
        bool speaks = in->len > 0 && p->fd[IN] >= 0;
        struct pollfd fds[PIPES] = {
            [IN] = {.fd = speaks ? p->fd[IN] : -1, .events = POLLOUT},
            [OUT] = {.fd = p->fd[OUT], .events = POLLIN},
            [ERRORS] = {.fd = p->fd[ERRORS], .events = POLLIN},
        };
        if (p->fd[OUT] < 0) {
            *event = PROCESS_ENDED;
            return OK;
        }
        int n = wait_for(fds, until);
        if (n < 0)
            return err_system(err, "wait for", "a child process");
        if (n == 0)
            return OK;
        if (fds[ERRORS].revents)
            hear_errors(p);
        size_t before = in->len;
        if (fds[IN].revents)
            give(p, in);
        if (in->len < before)
            *event = PROCESS_TALKED;
        if (fds[OUT].revents)
            TRY(hear_answer(p, out, event, err));
    }
    return OK;
}

void process_hush(Process *p)
{
    close_end(&p->fd[IN]);
}

void process_dismiss(Process *p)
{
    if (p->pid >= 0)
        (void)kill(-p->pid, SIGTERM);
}

/* --- ending -------------------------------------------------------------------------- */

/* The last line of the tail that says something. */
static Span last_line(const Process *p)
{
    Span all = span_trim((Span){p->tail, p->tail_len});
    size_t start = all.len;
    while (start > 0 && all.ptr[start - 1] != '\n')
        start--;
    return span_trim((Span){all.ptr + start, all.len - start});
}

/* One that closed its output is about to end by itself: it has a moment for it. */
static bool reap(Process *p, int *how)
{
    enum { TRIES = 200 };
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < (p->fd[OUT] < 0 ? TRIES : 1); i++) {
        if (waitpid(p->pid, how, WNOHANG) == p->pid)
            return true;
        if (p->fd[OUT] < 0)
            (void)nanosleep(&moment, NULL);
    }
    return false;
}

void process_end(Process *p, Str *how)
{
    int status = 0;
    if (p->pid < 0)
        return;
    bool ended = reap(p, &status);
    (void)kill(-p->pid, SIGKILL); /* what it started, and itself if it still runs */
    if (!ended) {
        (void)kill(p->pid, SIGKILL);
        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    p->pid = -1;
    if (p->fd[ERRORS] >= 0)
        hear_errors(p);
    for (int i = 0; i < PIPES; i++)
        close_end(&p->fd[i]);
    if (!how)
        return;
    if (!ended)
        str_puts(how, "was stopped");
    else if (WIFEXITED(status))
        str_printf(how, "ended with exit status %d", WEXITSTATUS(status));
    else
        str_printf(how, "was killed by signal %d", WTERMSIG(status));
    Span said = last_line(p);
    if (said.len > 0) {
        str_puts(how, " (");
        str_quote(how, said, 160);
        str_putc(how, ')');
    }
}

void process_free(Process *p)
{
    if (!p)
        return;
    process_end(p, NULL);
    for (int i = 0; i < PIPES; i++)
        close_end(&p->fd[i]);
    mem_free(p);
}
