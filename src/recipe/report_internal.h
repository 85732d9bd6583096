/* report_internal.h - the pieces of report.html. */
#ifndef RECIPE_REPORT_INTERNAL_H
#define RECIPE_REPORT_INTERNAL_H

#include "base/err.h"
#include "base/str.h"

/* Appends text with < > & " escaped. */
void report_escape(Str *out, const char *text);

/* Appends the curves of a stage folder's metrics.jsonl as inline SVG, one figure a
 * metric, the most telling first. No file: nothing. */
NODISCARD Status report_charts(Str *out, const char *stage_folder, Err *err);

#endif
