/* approve.h - a person is asked before a tool that is not trusted is called. */
#ifndef CLI_APPROVE_H
#define CLI_APPROVE_H

#include "think/tool/tool.h"

enum { APPROVE_ALWAYS = 64 }; /* tools that are remembered */

typedef struct Approver {
    bool yes;                           /* to everything: --yes */
    const Tool *always[APPROVE_ALWAYS]; /* borrowed: answered "always" */
    size_t n_always;
} Approver;

/* A ToolApprove; self is the Approver. Asks at the terminal, whatever stdin is; without a
 * terminal the answer is no, and a remark on stderr says why. */
bool approve_at_terminal(void *self, const Tool *tool, const char *arguments);
/* Text from outside, so that a terminal shows all of it and obeys none of it: control
 * characters and those that turn or hide text become <U+202E>. */
void approve_show(Span text, Str *out);

#endif
