/* toolbox.c - see tool.h. Whatever is wrong with a call becomes its result, worded for the
 * model that made it: what it wrote, and what there is instead. */
#include "think/tool/tool.h"

#include "base/mem.h"
#include "format/json.h"
#include "text/template.h"
#include "text/utf8.h"
#include "think/tool/schema.h"

#include <string.h>

static void tool_release(Tool *t)
{
    if (t->free)
        t->free(t->self);
    mem_free(t->name);
    mem_free(t->description);
    mem_free(t->argument);
    json_decref(t->parameters);
    *t = (Tool){0};
}

void toolbox_release(Toolbox *box)
{
    for (size_t i = 0; i < box->n; i++)
        tool_release(&box->tools[i]);
    mem_free(box->tools);
    *box = (Toolbox){0};
}

static bool is_name(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t n = name ? strlen(name) : 0;
    return n > 0 && n <= TOOL_NAME_BYTES && strspn(name, allowed) == n;
}

static Status check_tool(const Toolbox *box, const Tool *t, Err *err)
{
    if (!is_name(t->name)) {
        Str shown = {0};
        str_quote(&shown, t->name ? span_of(t->name) : SPAN(""), TOOL_NAME_BYTES);
        Status status =
            err_set(err, ERR_OPTION,
                    "'%s' is no name of a tool: up to %d letters, digits, '_' "
                    "and '-'",
                    str_c(&shown), TOOL_NAME_BYTES);
        str_release(&shown);
        return status;
    }
    if (toolbox_find(box, span_of(t->name)))
        return err_set(err, ERR_OPTION, "there are two tools of the name '%s'",
                       t->name);
    if (schema_is_parameters(t->parameters, err) != OK) {
        if (err)
            err->code = ERR_OPTION;
        return err_context(err, "tool '%s'", t->name);
    }
    return OK;
}

Status toolbox_add(Toolbox *box, Tool tool, Err *err)
{
    Status status = check_tool(box, &tool, err);
    if (status == OK)
        status = MEM_PUSH_ROOM(&box->tools, box->n, &box->cap, err);
    if (status != OK) {
        tool_release(&tool);
        return status;
    }
    box->tools[box->n++] = tool;
    return OK;
}

const Tool *toolbox_find(const Toolbox *box, Span name)
{
    for (size_t i = 0; i < box->n; i++) {
        if (span_equal(span_of(box->tools[i].name), name))
            return &box->tools[i];
    }
    return NULL;
}

/* --- calls --------------------------------------------------------------------------- */

static void no_such_tool(const Toolbox *box, Span name, Str *out)
{
    str_puts(out, "error: no tool '");
    str_quote(out, name, 32);
    str_puts(out, box->n == 1 ? "', only '" : box->n ? "'; there are '" : "'");
    for (size_t i = 0; i < box->n && i < 32; i++)
        str_printf(out, "%s%s'", i ? ", '" : "", box->tools[i].name);
}

/* Cut at a whole character, and said so: a model must not take a part for all. */
static void cut(Str *out, size_t start)
{
    static const char mark[] = "\n[cut here: the result is longer]";
    if (out->len - start <= TOOL_RESULT_BYTES)
        return;
    size_t end = start + TOOL_RESULT_BYTES - (sizeof mark - 1);
    for (int back = 0; back < 4 && (out->ptr[end] & 0xc0) == 0x80; back++)
        end--;
    str_truncate(out, end);
    str_puts(out, mark);
}

/* Appends what a tool wrote as text that a terminal and a model can take: valid UTF-8
 * without control characters but tabs and newlines. */
static void put_clean(Span said, Str *out)
{
    Utf8Stream utf8 = {0};
    size_t from = 0;
    for (size_t i = 0; i <= said.len; i++) {
        unsigned char c = i < said.len ? (unsigned char)said.ptr[i] : 0;
        if (i < said.len && (c >= ' ' || c == '\t' || c == '\n') && c != 0x7f)
            continue;
        utf8_stream_put(&utf8, (Span){said.ptr + from, i - from}, out);
        from = i + 1;
    }
    utf8_stream_end(&utf8, out);
}

/* A failed result says "error: " in front, whatever the tool wrote. */
static Status run(const Tool *tool, const json_t *arguments, Str *out, bool *failed,
                  Err *err)
{
    Str said = {0};
    Status status = tool->call(tool->self, arguments, &said, failed, err);
    if (status == OK)
        status = str_check(&said, err);
    if (status == OK) {
        if (*failed && !span_starts(str_span(&said), SPAN("error: ")))
            str_puts(out, "error: ");
        put_clean(str_span(&said), out);
    }
    str_release(&said);
    return status;
}

static Status call_tool(const Tool *tool, const json_t *arguments, ToolApprove approve,
                        void *self, Str *out, bool *failed, Err *err)
{
    Err why = {0};
    Status status = schema_check(tool->parameters, arguments, "the arguments", &why);
    if (status != OK) {
        *failed = true;
        str_printf(out, "error: %s: %s", tool->name, why.msg);
        return OK;
    }
    Str shown = {0};
    bool allowed = tool->trusted;
    if (!allowed && approve) {
        json_append(&shown, arguments);
        status = str_check(&shown, err);
        allowed = status == OK && approve(self, tool, str_c(&shown));
    }
    str_release(&shown);
    TRY(status);
    if (!allowed) {
        *failed = true;
        str_printf(out, "error: the call of %s was not allowed", tool->name);
        return OK;
    }
    return run(tool, arguments, out, failed, err);
}

Status toolbox_call(const Toolbox *box, Span name, Span arguments, ToolApprove approve,
                    void *self, Str *out, bool *failed, Err *err)
{
    size_t start = out->len;
    json_t *tree = NULL;
    Err why = {0};
    Status status = OK;
    *failed = false;
    const Tool *tool = toolbox_find(box, name);
    if (!tool) {
        *failed = true;
        no_such_tool(box, name, out);
    } else if (json_parse(arguments, &tree, &why) != OK || !json_is_object(tree)) {
        *failed = true;
        str_printf(out, "error: %s: the arguments are not a JSON object%s%s",
                   tool->name, why.msg[0] ? ": " : "", why.msg);
    } else {
        status = call_tool(tool, tree, approve, self, out, failed, err);
    }
    json_decref(tree);
    if (status != OK)
        return status;
    cut(out, start);
    return str_check(out, err);
}

/* --- plain text ---------------------------------------------------------------------- */

/* "3, 1, 2" and "c b a" as a list; items that read as numbers are numbers when the schema
 * lets them. */
static json_t *split(Span text)
{
    json_t *list = json_array();
    bool commas = span_find(text, SPAN(","), 0) >= 0;
    size_t start = 0;
    for (size_t i = 0; i <= text.len; i++) {
        bool ends =
            i == text.len ||
            (commas ? text.ptr[i] == ',' : text.ptr[i] == ' ' || text.ptr[i] == '\n');
        if (!ends)
            continue;
        Span item = span_trim((Span){text.ptr + start, i - start});
        if (item.len > 0)
            json_array_append_new(list, json_from_bytes(item));
        start = i + 1;
    }
    return list;
}

static json_t *plain_value(const Tool *tool, Span text)
{
    const json_t *properties = json_object_get(tool->parameters, "properties"),
                 *of = json_object_get(properties, tool->argument);
    const char *type = json_string_value(json_object_get(of, "type"));
    if (!type || strcmp(type, "string") == 0)
        return json_from_bytes(text);
    json_t *value = NULL;
    Err ignored;
    if (json_parse(text, &value, &ignored) == OK)
        return value;
    return strcmp(type, "array") == 0 ? split(text) : json_from_bytes(text);
}

Status tool_arguments(const Tool *tool, Span text, Str *out, Err *err)
{
    Span trimmed = span_trim(text);
    json_t *tree = NULL;
    Err ignored;
    bool is_object = span_starts(trimmed, SPAN("{")) &&
                     json_parse(trimmed, &tree, &ignored) == OK && json_is_object(tree);
    json_decref(tree);
    if (is_object || !tool->argument) {
        str_span_append(out, trimmed.len > 0 ? trimmed : SPAN("{}"));
        return str_check(out, err);
    }
    json_t *object = json_object();
    json_t *value = plain_value(tool, text);
    if (!object || !value || json_object_set_new(object, tool->argument, value) != 0) {
        json_decref(object);
        return err_set(err, ERR_NOMEM, "no memory for the arguments of a tool");
    }
    json_append(out, object);
    json_decref(object);
    return str_check(out, err);
}

Status toolbox_call_text(const Toolbox *box, Span call, ToolApprove approve, void *self,
                         Str *out, bool *failed, Err *err)
{
    Span name, text;
    if (!call_parse(span_trim(call), &name, &text)) {
        *failed = true;
        str_puts(out, "error: a call is name(arguments)");
        return str_check(out, err);
    }
    Str arguments = {0};
    const Tool *tool = toolbox_find(box, name);
    Status status = tool ? tool_arguments(tool, text, &arguments, err) : OK;
    if (status == OK)
        status = toolbox_call(box, name, str_span(&arguments), approve, self, out,
                              failed, err);
    str_release(&arguments);
    return status;
}
