/* system2_lookup.h - an index of the records of E3's questions. A header of its own: what it
 * stands on knows another Measure than the study's. */
#ifndef STUDY_SYSTEM2_LOOKUP_H
#define STUDY_SYSTEM2_LOOKUP_H

#include "think/tool/tool.h"

/* The questions of <questions>/tests/unseen.jsonl with what is found for each in an index of
 * all their records in front (think/retrieval/search.h, k = 1), as a file of tests in
 * `work`, whose path *path gets; *recall is the share of questions whose own record that
 * is. */
NODISCARD Status look_up_records(const char *questions, const char *work, Str *path,
                                 double *recall, Err *err);

/* An index of the "documents" of <questions>/tests/VARIANT.jsonl, made in `work`, as a tool
 * search(query) that gives the text of the best passage, or says that there is none. */
NODISCARD Status lookup_tool(const char *questions, const char *variant,
                             const char *work, Toolbox *box, Err *err);

#endif
