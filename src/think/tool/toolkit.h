/* toolkit.h - the tools that the options of a command ask for: built-in ones by name,
 * people's own and servers from manifests, a server by its command. */
#ifndef THINK_TOOL_TOOLKIT_H
#define THINK_TOOL_TOOLKIT_H

#include "base/options.h"
#include "think/tool/tool.h"

typedef struct ToolkitOptions {
    char *tool, *tools, *mcp;
    bool yes;
} ToolkitOptions;
extern const OptTable toolkit_options;

/* Do they ask for any tool? */
bool toolkit_wanted(const ToolkitOptions *o);
/* Is this one of the names of built-in tools? */
bool toolkit_names(const ToolkitOptions *o, Span name);
/* Adds all of them to the box, built-in ones first; a name that is in the box already is
 * no built-in tool, but that one. Servers are started here. */
NODISCARD Status toolkit_open(Toolbox *box, const ToolkitOptions *o, Err *err);
/* A command line as people type it, into words: at white space, but for 'text' and "text";
 * an unquoted ';' ends it, and *rest is what follows. A NULL-ended list, to be freed with
 * words_free (manifest.h). ERR_OPTION: a quote without an end, or no word. */
NODISCARD Status toolkit_split(Span text, char ***words, Span *rest, Err *err);

#endif
