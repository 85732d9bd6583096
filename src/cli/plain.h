/* plain.h - what a model, a tool or a document says, shown on a terminal without steering
 * it: no control character but tab and line feed gets through (U+FFFD stands for it), so no
 * text moves the cursor, renames the window or writes to the clipboard. */
#ifndef CLI_PLAIN_H
#define CLI_PLAIN_H

#include "base/str.h"

#include <stdio.h>

/* Whole UTF-8 characters. */
void plain_append(Str *out, Span text);
/* The same to a terminal. What goes to a pipe or a file goes as it is. */
void plain_put(FILE *out, Span text);

#endif
