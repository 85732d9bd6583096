/* log.c - the one sink, progress lines, and numbers for people; see log.h.
 *
 * One lock guards all state, so lines of two threads never mix. A progress line is
 * drawn in place only by the standard sink on a terminal: "\r", text, "erase to the
 * end of the line". Every other sink (a file, a test, a pipe) gets whole lines, at
 * most one every ten seconds, and one at the end. */
#include "base/log.h"

#include "base/system.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_SIZE = 4096 };

static const double redraw_seconds = 0.1;
static const double line_seconds = 10;

static struct {
    pthread_mutex_t lock;
    LogSink sink;
    void *self;
    LogLevel least;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
    bool running;
    bool terminal; /* stderr is one; asked once, not at every step */
    bool drawn;    /* a line stands on the terminal and has no newline */
    double began, shown, done, total;
    char what[64], unit[32], detail[128];
    char line[256]; /* as drawn, to draw it again below a log line */
} progress;

void log_set_sink(LogSink sink, void *self, LogLevel least)
{
    pthread_mutex_lock(&state.lock);
    state.sink = sink;
    state.self = self;
    state.least = least;
    pthread_mutex_unlock(&state.lock);
}

void log_at(LogLevel level, const char *fmt, ...)
{
    char line[LINE_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    pthread_mutex_lock(&state.lock);
    if (state.sink && level >= state.least)
        state.sink(state.self, level, line);
    pthread_mutex_unlock(&state.lock);
}

static void erase(void)
{
    if (progress.drawn)
        fputs("\r\033[K", stderr);
    progress.drawn = false;
}

static void draw(void)
{
    fprintf(stderr, "\r%s\033[K", progress.line);
    fflush(stderr);
    progress.drawn = true;
}

void log_to_stderr(void *self, LogLevel level, const char *line)
{
    (void)self;
    bool again = progress.drawn;
    erase();
    const char *front = level == LOG_WARN    ? "warning: "
                        : level == LOG_ERROR ? "error: "
                                             : "";
    fprintf(stderr, "%s%s\n", front, line);
    if (again)
        draw();
}

/* --- progress -------------------------------------------------------------------- */
void log_progress_format(char *out, size_t size, const char *what, double done,
                         double total, const char *unit, double seconds,
                         const char *detail)
{
    char amount[96], pace[96] = "", left[64] = "";
    if (total > 0)
        snprintf(amount, sizeof amount, "%s of %s %s (%.0f %%)", log_count(done),
                 log_count(total), unit, floor(100 * done / total));
    else
        snprintf(amount, sizeof amount, "%s %s", log_count(done), unit);
    if (done > 0 && seconds > 0) {
        double rate = done / seconds;
        if (rate >= 0.1)
            snprintf(pace, sizeof pace, ", %s %s/s", log_count(rate), unit);
        else
            snprintf(pace, sizeof pace, ", %s for each of the %s",
                     log_seconds(1 / rate), unit);
        if (total > done)
            snprintf(left, sizeof left, ", %s left",
                     log_seconds((total - done) / rate));
    }
    snprintf(out, size, "%s: %s%s%s%s%s", what, amount, pace, left,
             detail && detail[0] ? ", " : "", detail ? detail : "");
}

/* Cuts what the terminal would wrap: "\r" returns to the start of one line only. */
static void fit_terminal(char *line)
{
    struct winsize window;
    size_t width = 80;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1)
        width = window.ws_col;
    if (strlen(line) >= width)
        line[width - 1] = 0;
}

/* The lock is held. */
static void show(double now)
{
    bool terminal = state.sink == log_to_stderr && progress.terminal;
    if (!state.sink ||
        now - progress.shown < (terminal ? redraw_seconds : line_seconds))
        return;
    progress.shown = now;
    log_progress_format(progress.line, sizeof progress.line, progress.what,
                        progress.done, progress.total, progress.unit,
                        now - progress.began, progress.detail);
    if (terminal) {
        fit_terminal(progress.line);
        draw();
    } else if (LOG_INFO >= state.least) {
        state.sink(state.self, LOG_INFO, progress.line);
    }
}

void log_progress_begin(const char *what, double total, const char *unit)
{
    pthread_mutex_lock(&state.lock);
    erase();
    memset(&progress, 0, sizeof progress);
    progress.running = true;
    progress.terminal = isatty(STDERR_FILENO) != 0;
    progress.total = total;
    progress.began = progress.shown = system_seconds();
    snprintf(progress.what, sizeof progress.what, "%s", what);
    snprintf(progress.unit, sizeof progress.unit, "%s", unit);
    pthread_mutex_unlock(&state.lock);
}

void log_progress(double done, const char *detail)
{
    pthread_mutex_lock(&state.lock);
    if (progress.running) {
        progress.done = done;
        snprintf(progress.detail, sizeof progress.detail, "%s", detail ? detail : "");
        show(system_seconds());
    }
    pthread_mutex_unlock(&state.lock);
}

/* "sft: 120 steps in 1 min 0 s, 2 steps/s, loss 2.31" */
void log_progress_end(void)
{
    pthread_mutex_lock(&state.lock);
    erase();
    if (progress.running && state.sink && LOG_INFO >= state.least) {
        double seconds = system_seconds() - progress.began;
        double rate = seconds > 0 ? progress.done / seconds : 0;
        char line[512];
        snprintf(line, sizeof line, "%s: %s %s in %s, %s %s/s%s%s", progress.what,
                 log_count(progress.done), progress.unit, log_seconds(seconds),
                 log_count(rate), progress.unit, progress.detail[0] ? ", " : "",
                 progress.detail);
        state.sink(state.self, LOG_INFO, line);
    }
    progress.running = false;
    pthread_mutex_unlock(&state.lock);
}

/* --- numbers for people ---------------------------------------------------------- */
enum { RING = 8, RING_SIZE = 40 };

static char *ring_next(void)
{
    static _Thread_local char ring[RING][RING_SIZE];
    static _Thread_local unsigned next;
    return ring[next++ % RING];
}

/* Three digits and a prefix; 999.5 k is already 1 M. */
static const char *with_prefix(double n, const char *const *prefixes, int last)
{
    int i = 0;
    while (fabs(n) >= 999.5 && i < last) {
        n /= 1000;
        i++;
    }
    char *out = ring_next();
    snprintf(out, RING_SIZE, fabs(n) >= 999.5 ? "%.0f%s" : "%.3g%s", n, prefixes[i]);
    return out;
}

const char *log_count(double n)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T"};
    return with_prefix(n, prefixes, 4);
}

const char *log_bytes(double n)
{
    static const char *const prefixes[] = {" B", " kB", " MB", " GB", " TB"};
    return with_prefix(n, prefixes, 4);
}

const char *log_seconds(double s)
{
    char *out = ring_next();
    if (!isfinite(s) || fabs(s) > 1e12)
        snprintf(out, RING_SIZE, "?");
    else if (s < 0.9995)
        snprintf(out, RING_SIZE, "%.3g ms", s * 1000);
    else if (s < 59.95)
        snprintf(out, RING_SIZE, "%.3g s", s);
    else if (s < 3599.5)
        snprintf(out, RING_SIZE, "%d min %d s", (int)lround(s) / 60,
                 (int)lround(s) % 60);
    else if (s < 86400 - 30)
        snprintf(out, RING_SIZE, "%d h %d min", (int)lround(s / 60) / 60,
                 (int)lround(s / 60) % 60);
    else
        snprintf(out, RING_SIZE, "%lld d %lld h", llround(s / 3600) / 24,
                 llround(s / 3600) % 24);
    return out;
}
