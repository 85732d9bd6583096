/* system.h - the clock, the processors, threads for work above the kernels, and the
 * request to stop. */
#ifndef BASE_SYSTEM_H
#define BASE_SYSTEM_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

double system_seconds(void); /* monotonic */
int system_cpus(void);       /* processors this process may use */
/* "2026-01-31T12:00:00Z" into out[32]. */
void system_timestamp(char out[32]);

/* Runs work(self, i) for i in [0, n) on up to system_cpus() threads and waits. Any
 * order; work must not touch what another i writes. Falls back to this thread. */
void system_parallel(int64_t n, void (*work)(void *self, int64_t i), void *self);
/* The same on up to `threads`, for work that waits for others rather than computes, and may
 * fail: after the first failure, which is what comes back, nothing more is begun. Shows its
 * progress as `name`, in `unit`. */
typedef Status (*SystemTry)(void *self, int64_t i, Err *err);
NODISCARD Status system_try(int64_t threads, int64_t n, const char *name,
                            const char *unit, SystemTry work, void *self, Err *err);

/* SIGINT and SIGTERM set a flag that long jobs look at between steps; the second
 * SIGINT ends the process at once. */
void system_catch_stop(void);
bool system_stop_requested(void);
void system_request_stop(void); /* as if the signal had come (tests) */
void system_clear_stop(void);

#endif
