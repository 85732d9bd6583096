/* system2_lookup.h - an index of the records of E3's questions. A header of its own: what it
 * stands on knows another Measure than the study's. */
#ifndef STUDY_SYSTEM2_LOOKUP_H
#define STUDY_SYSTEM2_LOOKUP_H

#include "base/str.h"

/* The questions of <questions>/tests/unseen.jsonl with what is found for each in an index of
 * all their records in front (think/retrieval/search.h, k = 1), as a file of tests in
 * `work`, whose path *path gets; *recall is the share of questions whose own record that
 * is. */
NODISCARD Status look_up_records(const char *questions, const char *work, Str *path,
                                 double *recall, Err *err);

#endif
