/* mcp_internal.h - the connection to a server (mcp_connection.c), below its tools. */
#ifndef THINK_TOOL_MCP_INTERNAL_H
#define THINK_TOOL_MCP_INTERNAL_H

#include "base/process.h"
#include "think/tool/mcp.h"
#include "think/tool/mcp_message.h"

enum {
    MCP_LINE_BYTES = 8 << 20,   /* the longest line */
    MCP_HEARD_BYTES = 32 << 20, /* of all lines until an answer comes */
    MCP_HEARD_LINES = 20000
};

typedef struct Mcp {
    char *name;
    char **argv;
    McpLimits limits;
    size_t users;     /* tools, and mcp_add while it works */
    Process *process; /* NULL: not running */
    bool modern;      /* revision 2026-07-28 */
    int64_t last_id;
    Str unsaid, heard; /* bytes to be written; read, and not yet a whole line */
} Mcp;

/* Starts the program and finds out which revision it speaks. */
NODISCARD Status mcp_connect(Mcp *m, Err *err);
/* Closes its input, waits a moment, asks it to end, ends it. */
void mcp_disconnect(Mcp *m);
/* One request; params (taken over) may be NULL. The answer is a result or an error of
 * JSON-RPC. ERR_IO: the server has ended, and is disconnected. ERR_LIMIT: no answer in
 * time (the request was cancelled), or far too many other lines. */
NODISCARD Status mcp_request(Mcp *m, const char *method, json_t *params, double seconds,
                             McpMessage *answer, Err *err);

#endif
