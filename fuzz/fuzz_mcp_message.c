// floor: think
/* Any line: a message whose parts are what they are said to be, or an error; and any result
 * of a tool is text. */
#include "base/err.h"
#include "think/tool/mcp_message.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    McpMessage m;
    Str text = {0};
    bool failed;
    if (mcp_message_parse((Span){(const char *)data, size}, &m, &err) != OK) {
        ASSERT(err.msg[0] && !m.tree);
        return 0;
    }
    ASSERT(m.tree && m.text);
    ASSERT((m.kind == MCP_NOTIFICATION) == !m.id || m.kind == MCP_ERROR);
    ASSERT(!mcp_message_answers(&m, 7) || m.kind == MCP_RESULT || m.kind == MCP_ERROR);
    mcp_result_text(m.body, &text, &failed);
    ASSERT(!text.failed);
    str_release(&text);
    mcp_message_release(&m);
    return 0;
}
