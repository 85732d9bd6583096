/* series.h - metrics.jsonl of a finished run as numbers over its steps. */
#ifndef STUDY_SERIES_H
#define STUDY_SERIES_H

#include "format/json.h"

typedef struct Series {
    json_t *rows; /* one object a line; owned */
    size_t n;
} Series;

/* Reads <folder>/metrics.jsonl. */
NODISCARD Status series_read(Series *out, const char *folder, Err *err);
/* Reads <folder>/<name>, any JSON Lines. */
NODISCARD Status series_read_file(Series *out, const char *folder, const char *name,
                                  Err *err);
void series_release(Series *s); /* accepts zeroed */

/* NAN where a row (or no row) has the key. */
double series_at(const Series *s, size_t row, const char *key);
double series_first(const Series *s, const char *key);
double series_last(const Series *s, const char *key);
double series_max(const Series *s, const char *key);
/* Mean over the rows that have the key, of those at [from, to) of the run: 0..1. */
double series_mean(const Series *s, const char *key, double from, double to);

#endif
