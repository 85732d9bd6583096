/* mcp.h - tools of a server of the Model Context Protocol, a program that is spoken to over
 * its standard input and output, one message of JSON-RPC a line.
 *
 * Two eras of the protocol are spoken. First `server/discover` is asked, which servers of
 * revision 2026-07-28 answer; they keep no state, and each request says who asks and by
 * which revision. One that refuses it, or is silent, is asked to `initialize` by revision
 * 2025-11-25 (down to 2024-11-05, as it answers). One that starts slowly may still answer
 * the first question late.
 *
 * A server may be hostile or broken: what it writes is limited (a line, all lines of one
 * request, pages of a list, tools), lines that are no messages and answers to nothing are
 * passed over, and each request has its time, after which it is cancelled. One that ends
 * is started once more: the call is then repeated if the server keeps no state (nothing
 * could have been lost), and else has failed. Its tools are not trusted: a person is asked
 * before a call. */
#ifndef THINK_TOOL_MCP_H
#define THINK_TOOL_MCP_H

#include "think/tool/tool.h"

typedef struct McpLimits {
    double discover, request, call; /* seconds */
} McpLimits;
extern const McpLimits mcp_limits; /* 3, 30, 120 */

/* Starts the server and adds its tools, each as NAME_TOOL (what a name may not hold is
 * "_"), in its order; those whose schema is none are left out with a warning. The server
 * ends with the last of them. argv ends with NULL, and is copied. */
NODISCARD Status mcp_add(Toolbox *box, const char *name, const char *const *argv,
                         const McpLimits *limits, Err *err);

#endif
