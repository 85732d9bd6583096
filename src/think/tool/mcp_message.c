/* mcp_message.c - see mcp_message.h. */
#include "think/tool/mcp_message.h"

#include "format/json.h"

#include <string.h>

void mcp_message_release(McpMessage *m)
{
    json_decref(m->tree);
    *m = (McpMessage){0};
}

static const char *text_or_nothing(const json_t *v)
{
    const char *text = json_string_value(v);
    return text ? text : "";
}

Status mcp_message_parse(Span line, McpMessage *out, Err *err)
{
    *out = (McpMessage){0};
    TRY(json_parse(line, &out->tree, err));
    const json_t *method = json_object_get(out->tree, "method"),
                 *result = json_object_get(out->tree, "result"),
                 *error = json_object_get(out->tree, "error");
    out->id = json_object_get(out->tree, "id");
    if (json_is_null(out->id))
        out->id = NULL;
    if (json_is_string(method)) {
        out->kind = out->id ? MCP_REQUEST : MCP_NOTIFICATION;
        out->text = json_string_value(method);
        out->body = json_object_get(out->tree, "params");
    } else if (json_is_object(error)) {
        out->kind = MCP_ERROR;
        out->text = text_or_nothing(json_object_get(error, "message"));
        out->code = json_integer_value(json_object_get(error, "code"));
        out->body = json_object_get(error, "data");
    } else if (result && out->id) {
        out->kind = MCP_RESULT;
        out->text = "";
        out->body = result;
    } else {
        mcp_message_release(out);
        return err_set(err, ERR_FORMAT, "no message of JSON-RPC");
    }
    return OK;
}

bool mcp_message_answers(const McpMessage *m, int64_t id)
{
    return (m->kind == MCP_RESULT || m->kind == MCP_ERROR) && json_is_integer(m->id) &&
           json_integer_value(m->id) == id;
}

/* --- what a tool returned ------------------------------------------------------------ */

static void put_blob(const char *kind, const json_t *part, const char *data, Str *out)
{
    const json_t *bytes = json_object_get(part, data);
    str_printf(out, "[%s %.100s, %zu bytes in base64]", kind,
               text_or_nothing(json_object_get(part, "mimeType")),
               json_string_length(bytes));
}

static void put_text(const json_t *text, Str *out)
{
    str_append(out, text_or_nothing(text), json_string_length(text));
}

static void put_part(const json_t *part, Str *out)
{
    const char *type = text_or_nothing(json_object_get(part, "type"));
    const json_t *resource = json_object_get(part, "resource");
    if (strcmp(type, "text") == 0) {
        put_text(json_object_get(part, "text"), out);
    } else if (strcmp(type, "image") == 0 || strcmp(type, "audio") == 0) {
        put_blob(type, part, "data", out);
    } else if (strcmp(type, "resource_link") == 0) {
        str_printf(out, "[link %.1000s]",
                   text_or_nothing(json_object_get(part, "uri")));
    } else if (json_is_string(json_object_get(resource, "text"))) {
        put_text(json_object_get(resource, "text"), out);
    } else if (resource) {
        put_blob("resource", resource, "blob", out);
    } else {
        str_printf(out, "[%.100s]", *type ? type : "something without a type");
    }
}

void mcp_result_text(const json_t *result, Str *out, bool *failed)
{
    const json_t *content = json_object_get(result, "content"),
                 *structured = json_object_get(result, "structuredContent");
    *failed = json_is_true(json_object_get(result, "isError"));
    for (size_t i = 0; i < json_array_size(content); i++) {
        if (i > 0)
            str_putc(out, '\n');
        put_part(json_array_get(content, i), out);
    }
    if (json_array_size(content) == 0 && structured)
        json_append(out, structured);
}
