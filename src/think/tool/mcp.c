/* mcp.c - the tools of a server as tools of ours, see mcp.h. */
#include "think/tool/mcp.h"

#include "base/log.h"
#include "base/mem.h"
#include "format/json.h"
#include "think/tool/mcp_internal.h"
#include "think/tool/schema.h"

#include <string.h>

enum { MAX_TOOLS = 512, MAX_PAGES = 64, MAX_DESCRIPTION = 4096 };

const McpLimits mcp_limits = {.discover = 3, .request = 30, .call = 120};

/* A tool, as its server knows it. */
typedef struct Remote {
    Mcp *server;
    char *name;
} Remote;

static void leave(Mcp *m)
{
    if (!m || --m->users > 0)
        return;
    mcp_disconnect(m);
    for (char **word = m->argv; word && *word; word++)
        mem_free(*word);
    mem_free(m->argv);
    mem_free(m->name);
    str_release(&m->unsaid);
    str_release(&m->heard);
    mem_free(m);
}

static Status make(Mcp **out, const char *name, const char *const *argv,
                   const McpLimits *limits, Err *err)
{
    Mcp *m;
    size_t n = 0;
    while (argv[n])
        n++;
    TRY(MEM_ARRAY(&m, 1, err));
    *m = (Mcp){.limits = *limits, .users = 1, .name = mem_dup(name, strlen(name))};
    Status status = m->name ? MEM_ARRAY(&m->argv, n + 1, err)
                            : err_set(err, ERR_NOMEM, "no memory for a server");
    for (size_t i = 0; status == OK && i < n; i++) {
        m->argv[i] = mem_dup(argv[i], strlen(argv[i]));
        if (!m->argv[i])
            status = err_set(err, ERR_NOMEM, "no memory for a server");
    }
    if (status != OK) {
        leave(m);
        return status;
    }
    *out = m;
    return OK;
}

/* --- calls --------------------------------------------------------------------------- */

/* A server may have ended since it was last spoken to: that is seen before a call is lost
 * on it. */
static void look_after(Mcp *m)
{
    Span nothing = {0};
    ProcessEvent event = PROCESS_QUIET;
    Err ignored;
    if (m->process &&
        (process_talk(m->process, &nothing, &m->heard, 0, &event, &ignored) != OK ||
         event == PROCESS_ENDED))
        mcp_disconnect(m);
}

/* One try; *lost: the server ended. */
static Status try_call(const Remote *r, const json_t *arguments, McpMessage *answer,
                       bool *lost, Err *err)
{
    Mcp *m = r->server;
    *answer = (McpMessage){0};
    look_after(m);
    if (!m->process)
        TRY(mcp_connect(m, err));
    json_t *params =
        json_pack("{s:s, s:O}", "name", r->name, "arguments", json_iterable(arguments));
    Status status =
        params ? mcp_request(m, "tools/call", params, m->limits.call, answer, err)
               : err_set(err, ERR_NOMEM, "no memory for a call");
    *lost = !m->process;
    return status;
}

static void read_answer(const Remote *r, const McpMessage *answer, Str *out,
                        bool *failed)
{
    const char *type = json_string_value(json_object_get(answer->body, "resultType"));
    if (answer->kind == MCP_ERROR) {
        *failed = true;
        str_printf(out, "the server '%s' refused the call: %s (%lld)", r->server->name,
                   answer->text, (long long)answer->code);
    } else if (type && strcmp(type, "complete") != 0) {
        *failed = true;
        str_printf(out,
                   "the server '%s' wants more of a person (%.40s), which is not to be "
                   "had here",
                   r->server->name, type);
    } else {
        mcp_result_text(answer->body, out, failed);
    }
}

static Status remote_call(void *self, const json_t *arguments, Str *out, bool *failed,
                          Err *err)
{
    const Remote *r = self;
    McpMessage answer;
    Err why = {0};
    bool lost = false;
    Status status = try_call(r, arguments, &answer, &lost, &why);
    if (status == ERR_IO && lost && r->server->modern) {
        log_warn("server '%s': %s; started once more", r->server->name, why.msg);
        status = try_call(r, arguments, &answer, &lost, &why);
    }
    if (status == OK) {
        read_answer(r, &answer, out, failed);
    } else if (status == ERR_NOMEM || status == ERR_STOPPED) {
        err_set(err, status, "%s", why.msg);
    } else { /* for the model: it may do without */
        *failed = true;
        str_printf(out, "%s: %s", r->server->name, why.msg);
        status = OK;
    }
    mcp_message_release(&answer);
    return status == OK ? str_check(out, err) : status;
}

static void remote_free(void *self)
{
    Remote *r = self;
    if (!r)
        return;
    leave(r->server);
    mem_free(r->name);
    mem_free(r);
}

/* --- the list ------------------------------------------------------------------------ */

/* server_tool, of the characters that a name may have. */
static char *joined_name(const char *server, const char *tool)
{
    Str name = {0};
    str_printf(&name, "%s_%s", server, tool);
    str_truncate(&name, name.len > TOOL_NAME_BYTES ? TOOL_NAME_BYTES : name.len);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!plain)
            name.ptr[i] = '_';
    }
    return str_take(&name);
}

/* One line of at most MAX_DESCRIPTION bytes: it stands among the words of a prompt. */
static char *plain_description(const json_t *description)
{
    Str out = {0};
    Span text = {json_string_value(description), json_string_length(description)};
    for (size_t i = 0, n = 1; i < text.len && n > 0 && out.len + 4 <= MAX_DESCRIPTION;
         i += n) {
        n = span_utf8(text, i); /* JSON is: never 0 */
        if ((unsigned char)text.ptr[i] < ' ')
            str_putc(&out, ' ');
        else
            str_append(&out, text.ptr + i, n);
    }
    return out.len > 0 ? str_take(&out) : mem_dup("", 0);
}

static Status add_one(Mcp *m, const json_t *listed, Toolbox *box, Err *err)
{
    const char *name = json_string_value(json_object_get(listed, "name"));
    json_t *schema = json_object_get(listed, "inputSchema");
    Err why = {0};
    if (!name || schema_is_parameters(schema, &why) != OK) {
        log_warn("server '%s': a tool is left out: %s", m->name,
                 name ? why.msg : "it has no name");
        return OK;
    }
    Remote *r;
    TRY(MEM_ARRAY(&r, 1, err));
    *r = (Remote){.server = m, .name = mem_dup(name, strlen(name))};
    m->users++;
    Tool tool = {.name = joined_name(m->name, name),
                 .description =
                     plain_description(json_object_get(listed, "description")),
                 .parameters = json_incref(schema),
                 .self = r,
                 .call = remote_call,
                 .free = remote_free};
    bool whole = r->name && tool.name && tool.description;
    if (whole && toolbox_find(box, span_of(tool.name)))
        log_warn("server '%s': '%s' is left out: there is one of that name", m->name,
                 tool.name);
    Status status = whole ? toolbox_add(box, tool, &why) : ERR_NOMEM;
    if (!whole) {
        remote_free(r);
        mem_free(tool.name);
        mem_free(tool.description);
        json_decref(schema);
        return err_set(err, ERR_NOMEM, "no memory for a tool");
    }
    return status == ERR_NOMEM ? err_set(err, ERR_NOMEM, "%s", why.msg) : OK;
}

/* One page; *cursor (owned) is where the next begins, NULL: there is none. */
static Status add_page(Mcp *m, char **cursor, Toolbox *box, Err *err)
{
    McpMessage answer;
    json_t *params = *cursor ? json_pack("{s:s}", "cursor", *cursor) : NULL;
    Status status =
        mcp_request(m, "tools/list", params, m->limits.request, &answer, err);
    mem_free(*cursor);
    *cursor = NULL;
    if (status == OK && answer.kind == MCP_ERROR)
        status = err_set(err, ERR_FORMAT, "it will not list its tools: %.160s (%lld)",
                         answer.text, (long long)answer.code);
    const json_t *tools = json_object_get(answer.body, "tools");
    for (size_t i = 0; status == OK && i < json_array_size(tools); i++) {
        if (m->users > MAX_TOOLS)
            status = err_set(err, ERR_LIMIT, "it lists more than %d tools", MAX_TOOLS);
        else
            status = add_one(m, json_array_get(tools, i), box, err);
    }
    const char *next = json_string_value(json_object_get(answer.body, "nextCursor"));
    if (status == OK && next) {
        *cursor = mem_dup(next, strlen(next));
        if (!*cursor)
            status = err_set(err, ERR_NOMEM, "no memory for a list");
    }
    mcp_message_release(&answer);
    return status;
}

static Status add_all(Mcp *m, Toolbox *box, Err *err)
{
    char *cursor = NULL;
    Status status = OK;
    int pages = 0;
    do
        status = add_page(m, &cursor, box, err);
    while (status == OK && cursor && ++pages < MAX_PAGES);
    if (status == OK && cursor)
        status = err_set(err, ERR_LIMIT, "its list of tools has more than %d pages",
                         MAX_PAGES);
    mem_free(cursor);
    return status;
}

Status mcp_add(Toolbox *box, const char *name, const char *const *argv,
               const McpLimits *limits, Err *err)
{
    Mcp *m;
    TRY(make(&m, name, argv, limits, err));
    Status status = mcp_connect(m, err);
    if (status == OK)
        status = add_all(m, box, err);
    leave(m);
    return status == OK ? OK : err_context(err, "server '%.64s'", name);
}
