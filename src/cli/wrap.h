/* wrap.h - text on a terminal: how wide it is, broken into lines, cut to a width. What
 * a model wrote is never sent as it is: a control character becomes U+FFFD, so that no
 * answer can steer the terminal. Pure. */
#ifndef CLI_WRAP_H
#define CLI_WRAP_H

#include "base/str.h"

/* Columns that the text takes (wide characters two), control characters one. */
int wrap_columns(Span text);
/* Appends text in lines of at most `columns` columns, each begun with `first` or (from
 * the second on) `rest` and ended by '\n'. The prefixes count `prefix_columns` whatever
 * escapes are in them. Breaks at spaces, in a word only where it is longer than a line;
 * its own newlines stay. At least one line comes out. */
void wrap_text(Str *out, Span text, int columns, const char *first, const char *rest,
               int prefix_columns);
/* Appends what fits into `columns`, ended by "…" when something is cut; newlines become
 * spaces. Returns the columns used. */
int wrap_clip(Str *out, Span text, int columns);

#endif
