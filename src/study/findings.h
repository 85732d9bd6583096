/* findings.h - what the reports of studies share: the table of checks, what did not pass, the
 * runs and what they took, the file and its folder of plots. Markdown. */
#ifndef STUDY_FINDINGS_H
#define STUDY_FINDINGS_H

#include "study/check.h"

/* "**3 of 5 checks pass, 1 miss, 1 are open.**" */
void findings_put_counts(Str *out, const Check *checks, int n);
void findings_put_checks(Str *out, const Check *checks, int n);
/* A section of its own under `mark` ("##"), or nothing where all passed. */
void findings_put_misses(Str *out, const char *mark, const Check *checks, int n);
/* The ledger of a run folder: what all took, then each. */
NODISCARD Status findings_put_runs(Str *out, const char *run_folder, Err *err);

/* "dir/name" of the report "dir/name.md": where its plots go. */
void findings_plots_folder(Str *out, const char *path);
/* Writes the report; its folder is made. */
NODISCARD Status findings_write(const Str *text, const char *path, Err *err);

#endif
