/* mcp_message.h - one line of a server of the Model Context Protocol: a message of
 * JSON-RPC 2.0. Pure; what it holds may be anything. */
#ifndef THINK_TOOL_MCP_MESSAGE_H
#define THINK_TOOL_MCP_MESSAGE_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum McpKind { MCP_RESULT, MCP_ERROR, MCP_REQUEST, MCP_NOTIFICATION } McpKind;

typedef struct McpMessage {
    McpKind kind;
    json_t *tree;       /* owned; what follows is borrowed from it */
    const json_t *id;   /* NULL of a notification */
    const json_t *body; /* the result, or the error's data; NULL: none */
    const char *text;   /* the method, or the error's message; "" if it is no text */
    int64_t code;       /* of an error */
} McpMessage;

/* ERR_FORMAT: the line is none. */
NODISCARD Status mcp_message_parse(Span line, McpMessage *out, Err *err);
void mcp_message_release(McpMessage *m); /* accepts zeroed */
/* Is it the answer to our request of this number? */
bool mcp_message_answers(const McpMessage *m, int64_t id);

/* Appends what a tool returned, as text: {"content": [...], "structuredContent": ...}.
 * What is no text is named: "[image image/png, 1234 bytes]". *failed as "isError" says. */
void mcp_result_text(const json_t *result, Str *out, bool *failed);

#endif
