/* builtin.h - the tools that come with the program. All are trusted: they change nothing
 * outside, and but for date_time their results depend on their arguments alone.
 *
 *     calculator     expression                      calculator.h
 *     date_time      date, add_days, until           the calendar; now without a date
 *     count_letters  text, letters, case_sensitive   what tokens hide from a model
 *     length         text                            characters, words, lines
 *     reverse        text, by                        characters or words
 *     sort           items, descending               numbers by value, texts by letters
 *
 * Characters are what a reader takes for one (grapheme clusters), in UTF-8. */
#ifndef THINK_TOOL_BUILTIN_H
#define THINK_TOOL_BUILTIN_H

#include "think/tool/tool.h"

#include <time.h>

/* Adds the built-in tool of that name; ERR_OPTION names those there are. */
NODISCARD Status builtin_add(Toolbox *box, Span name, Err *err);
/* The i-th name, in the order above; NULL behind the last. */
const char *builtin_name(size_t i);

/* date_time with the clock at `now` (tests): appends its answer. */
NODISCARD Status date_time_answer(const json_t *arguments, time_t now, Str *out,
                                  bool *failed, Err *err);

#endif
