/* system.c - clock, processors, plain threads and the stop flag, see system.h.
 *
 * The flag is the only thing a signal handler touches. The handler of SIGINT is gone
 * after its first call (SA_RESETHAND), so the second Ctrl-C ends the process as if
 * nothing had been caught. Calls are not restarted (no SA_RESTART): a chat that waits
 * for a line must notice.
 *
 * The handler has a stack of its own. On that of the computation its frame would lie
 * just below the stack pointer, where oneDNN's generated matrix kernels keep values:
 * one Ctrl-C in ten ended in a corrupted heap. The system gives a process's signals to
 * its first thread as long as that does not block them. */
#include "base/system.h"

#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double system_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Bits in the hexadecimal mask of "Cpus_allowed:", which cpusets and taskset narrow;
 * 0 when the system has no such file. */
static int allowed_cpus(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    if (!f)
        return 0;
    char line[4096];
    int n = 0;
    while (fgets(line, sizeof line, f)) {
        static const char key[] = "Cpus_allowed:";
        if (strncmp(line, key, sizeof key - 1) != 0)
            continue;
        for (const char *p = line + sizeof key - 1; *p; p++) {
            static const char hex[] = "0123456789abcdef";
            const char *digit = strchr(hex, *p);
            for (int v = digit ? (int)(digit - hex) : 0; v; v &= v - 1)
                n++;
        }
        break;
    }
    (void)fclose(f);
    return n;
}

int system_cpus(void)
{
    int n = allowed_cpus();
    if (n < 1)
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n;
}

void system_timestamp(char out[32])
{
    time_t now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        out[0] = 0;
}

/* --- parallel work: threads take the next index until there is none --------------- */
typedef struct Work {
    void (*work)(void *self, int64_t i);
    void *self;
    int64_t n;
    atomic_llong next;
} Work;

static void *take_work(void *arg)
{
    Work *w = arg;
    for (;;) {
        int64_t i = atomic_fetch_add(&w->next, 1);
        if (i >= w->n)
            return NULL;
        w->work(w->self, i);
    }
}

static void parallel_on(int64_t threads, int64_t n, void (*work)(void *self, int64_t i),
                        void *self)
{
    enum { MOST_THREADS = 128 };
    pthread_t helper[MOST_THREADS];
    Work w = {work, self, n, 0};
    threads = threads > n ? n : threads;
    threads = threads > MOST_THREADS ? MOST_THREADS : threads;
    int started = 0;
    while (started < threads - 1 && /* this thread works too */
           pthread_create(&helper[started], NULL, take_work, &w) == 0)
        started++;
    take_work(&w);
    for (int i = 0; i < started; i++)
        pthread_join(helper[i], NULL);
}

void system_parallel(int64_t n, void (*work)(void *self, int64_t i), void *self)
{
    parallel_on(system_cpus(), n, work, self);
}

typedef struct Try {
    SystemTry work;
    void *self;
    pthread_mutex_t lock; /* of what follows */
    int64_t done;
    Status status; /* of the first that failed; *err is its message */
    Err *err;
} Try;

static Status try_status(Try *t)
{
    pthread_mutex_lock(&t->lock);
    Status status = t->status;
    pthread_mutex_unlock(&t->lock);
    return status;
}

static void try_one(void *self, int64_t i)
{
    Try *t = self;
    Err err = {0};
    if (try_status(t) != OK)
        return;
    Status status = t->work(t->self, i, &err);
    pthread_mutex_lock(&t->lock);
    if (status != OK && t->status == OK) {
        *t->err = err;
        t->status = status;
    }
    log_progress((double)++t->done, NULL);
    pthread_mutex_unlock(&t->lock);
}

Status system_try(int64_t threads, int64_t n, const char *name, const char *unit,
                  SystemTry work, void *self, Err *err)
{
    Try t = {.work = work, .self = self, .status = OK, .err = err};
    if (pthread_mutex_init(&t.lock, NULL) != 0)
        return err_set(err, ERR_NOMEM, "no memory for a lock");
    log_progress_begin(name, (double)n, unit);
    parallel_on(threads, n, try_one, &t);
    log_progress_end();
    pthread_mutex_destroy(&t.lock);
    return t.status;
}

/* --- stop ------------------------------------------------------------------------ */
static atomic_bool stop_flag;
static atomic_bool catching;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop_flag, true);
}

/* A sanitizer may have given the thread such a stack already. */
static void give_handlers_a_stack(void)
{
    static char bytes[1 << 16];
    stack_t now;
    const stack_t ours = {.ss_sp = bytes, .ss_size = sizeof bytes};
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0)
        sigaltstack(&ours, NULL);
}

void system_catch_stop(void)
{
    give_handlers_a_stack();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    action.sa_flags = (int)(SA_ONSTACK | SA_RESETHAND);
    sigaction(SIGINT, &action, NULL);
    atomic_store(&catching, true);
}

bool system_stop_requested(void)
{
    return atomic_load(&stop_flag);
}

void system_request_stop(void)
{
    atomic_store(&stop_flag, true);
}

/* The next Ctrl-C is a first one again. */
void system_clear_stop(void)
{
    atomic_store(&stop_flag, false);
    if (atomic_load(&catching))
        system_catch_stop();
}
