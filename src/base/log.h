/* log.h - what the libraries have to say while they work. A library never prints: it
 * calls log_*(), and cli/ decides where the lines go (log_set_sink). Without a sink
 * nothing is shown. Threads: any. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#include <stddef.h>

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;
typedef void (*LogSink)(void *self, LogLevel level, const char *line);

void log_set_sink(LogSink sink, void *self, LogLevel least);
void log_at(LogLevel level, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

/* The standard sink: stderr, warnings with "warning: "; erases a progress line that
 * is showing and redraws it. */
void log_to_stderr(void *self, LogLevel level, const char *line);

/* --- progress: one line with rate and time left; plain lines when stderr is not a
 * terminal (at most one every ten seconds). Shown only when a sink is set. ---------- */
void log_progress_begin(const char *what, double total, const char *unit);
/* done of total; `detail` (may be NULL) is shown at the end, e.g. "loss 2.31". */
void log_progress(double done, const char *detail);
void log_progress_end(void);
/* What such a line says: "sft: 30 of 120 steps (25 %), 2 steps/s, 45 s left, loss 2.31".
 * total 0: not known. */
void log_progress_format(char *out, size_t size, const char *what, double done,
                         double total, const char *unit, double seconds,
                         const char *detail);

/* "1.5M", "12.3 s", "4 min 10 s", "1.2 GB" in a small ring of static buffers of the
 * calling thread: good until eight more calls. */
const char *log_count(double n);
const char *log_seconds(double s);
const char *log_bytes(double n);

#endif
