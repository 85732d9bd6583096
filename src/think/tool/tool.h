/* tool.h - what a model may call: a name, what it is for, the JSON Schema of its
 * arguments, and a function. Built-in tools, people's own commands (manifest.h) and
 * those of MCP servers (mcp.h) are all of this form; the formats in which models write
 * calls are in call_format.h.
 *
 * What a tool returns is untrusted text: it is shown to the model as a tool's turn, never
 * as instructions, and cut at a limit. */
#ifndef THINK_TOOL_TOOL_H
#define THINK_TOOL_TOOL_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

enum { TOOL_NAME_BYTES = 64, TOOL_RESULT_BYTES = 64 * 1024 };

typedef struct Tool {
    char *name;         /* [A-Za-z0-9_-]+, owned */
    char *description;  /* owned */
    json_t *parameters; /* JSON Schema of an object, owned */
    char *argument;     /* the parameter that a call's plain text means, as in
                           calculator(12*7); NULL: calls are JSON only; owned */
    bool trusted; /* may run without asking a person: it changes nothing outside */
    void *self;
    /* Appends the result for checked arguments. A tool that fails says so in *failed and
     * its text, and the model reads it; only what makes going on senseless (no memory) is
     * an error. Called from one thread at a time. */
    Status (*call)(void *self, const json_t *arguments, Str *out, bool *failed,
                   Err *err);
    void (*free)(void *self); /* NULL: nothing to free */
} Tool;

typedef struct Toolbox {
    Tool *tools;
    size_t n, cap;
} Toolbox;
/* Takes over what the tool owns, also when it fails. ERR_OPTION: a bad name, or one that
 * is there already. */
NODISCARD Status toolbox_add(Toolbox *box, Tool tool, Err *err);
const Tool *toolbox_find(const Toolbox *box, Span name);
void toolbox_release(Toolbox *box); /* accepts zeroed */

/* The arguments that a call's plain text means, as JSON text appended to *out: an object
 * as it stands, anything else as the value of tool->argument ("c, a, b" for a list). */
NODISCARD Status tool_arguments(const Tool *tool, Span text, Str *out, Err *err);

/* May this call be made? A person is asked, or an option says so. */
typedef bool (*ToolApprove)(void *self, const Tool *tool, const char *arguments);

/* Makes one call: finds the tool, parses and checks the arguments (JSON text of an
 * object), asks `approve` (NULL: all but trusted tools are refused), runs it and appends
 * its result, as valid UTF-8 without control characters and cut at TOOL_RESULT_BYTES. Whatever goes wrong with the call is the result
 * "error: ..." with *failed set. */
NODISCARD Status toolbox_call(const Toolbox *box, Span name, Span arguments,
                              ToolApprove approve, void *self, Str *out, bool *failed,
                              Err *err);
/* The same for a call as the native format writes it, "calculator(12*7)". */
NODISCARD Status toolbox_call_text(const Toolbox *box, Span call, ToolApprove approve,
                                   void *self, Str *out, bool *failed, Err *err);

#endif
