/* line.h - lines that a person types (libedit: editing keys, history of this session) or
 * that come through a pipe. */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

typedef struct LineReader LineReader;
/* prompt (borrowed) is shown on a terminal only. */
NODISCARD Status line_reader_new(LineReader **out, const char *prompt, Err *err);
void line_reader_free(LineReader *r); /* accepts NULL */
bool line_is_interactive(const LineReader *r);
/* The next line without its newline, borrowed until the next call; *end at the end of
 * the input. On a terminal Ctrl-C ends the program here. */
NODISCARD Status line_read(LineReader *r, Span *line, bool *end, Err *err);

#endif
