/* journal.h - the three line logs of a stage folder:
 *
 *   metrics.jsonl  one object an iteration; deterministic, so that two equal runs have
 *                  equal files
 *   samples.jsonl  {"step", "samples"}: what the model said at that time
 *   timings.jsonl  seconds and rates: what differs from run to run
 *
 * A checkpoint records their lengths; a resumed run cuts them back to these, so that
 * no step stands in them twice. */
#ifndef TRAIN_JOURNAL_H
#define TRAIN_JOURNAL_H

#include "base/file.h"
#include "format/json.h"

enum { JOURNAL_METRICS, JOURNAL_SAMPLES, JOURNAL_TIMINGS, JOURNAL_FILES };

typedef struct Journal {
    FileAppend *file[JOURNAL_FILES];
    Str line; /* the one being written; its memory stays for the next */
} Journal;

/* Opens the logs in `folder`, each cut back to its length in `lengths`. A log that is
 * shorter than that has lost lines, which is worth a warning and no more. */
NODISCARD Status journal_open(Journal *j, const char *folder,
                              const int64_t lengths[JOURNAL_FILES], Err *err);
void journal_close(Journal *j);
/* Appends `row` as one line of the log `which`. */
NODISCARD Status journal_put(Journal *j, int which, const json_t *row, Err *err);
/* Makes all lines durable and tells how long the logs are now. */
NODISCARD Status journal_sync(Journal *j, int64_t lengths[JOURNAL_FILES], Err *err);

#endif
