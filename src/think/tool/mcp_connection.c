/* mcp_connection.c - starting a server, finding its era, asking and hearing; see mcp.h. */
#include "think/tool/mcp_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "format/json.h"

#include <string.h>

#define MODERN "2026-07-28"
#define LEGACY "2025-11-25"

static const char *const legacy_versions[] = {LEGACY, "2025-06-18", "2025-03-26",
                                              "2024-11-05"};

/* --- saying -------------------------------------------------------------------------- */

/* Takes message over. */
static Status say(Mcp *m, json_t *message, Err *err)
{
    if (!message)
        return err_set(err, ERR_NOMEM, "no memory for a message");
    json_append(&m->unsaid, message);
    str_putc(&m->unsaid, '\n');
    json_decref(message);
    return str_check(&m->unsaid, err);
}

static json_t *client_info(void)
{
    return json_pack("{s:s, s:s}", "name", "tame", "version", TAME_VERSION);
}

/* params with "_meta", which each request of the stateless revision has. */
static json_t *with_meta(json_t *params)
{
    json_t *meta =
        json_pack("{s:s, s:o, s:{}}", "io.modelcontextprotocol/protocolVersion", MODERN,
                  "io.modelcontextprotocol/clientInfo", client_info(),
                  "io.modelcontextprotocol/clientCapabilities");
    if (!params)
        params = json_object();
    if (params && json_object_set_new(params, "_meta", meta) != 0) {
        json_decref(params);
        return NULL;
    }
    return params;
}

static Status ask(Mcp *m, const char *method, json_t *params, bool modern, int64_t *id,
                  Err *err)
{
    *id = ++m->last_id;
    if (modern)
        params = with_meta(params);
    return say(m,
               json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id",
                         (json_int_t)*id, "method", method, "params", params),
               err);
}

static Status notify(Mcp *m, const char *method, json_t *params, Err *err)
{
    return say(m,
               json_pack("{s:s, s:s, s:o*}", "jsonrpc", "2.0", "method", method,
                         "params", params),
               err);
}

/* Servers of before 2026 may ask whether we live; nothing else is offered to them. */
static Status answer_request(Mcp *m, const McpMessage *request, Err *err)
{
    json_t *id = json_deep_copy(request->id);
    if (strcmp(request->text, "ping") == 0)
        return say(m,
                   json_pack("{s:s, s:o, s:{}}", "jsonrpc", "2.0", "id", id, "result"),
                   err);
    return say(m,
               json_pack("{s:s, s:o, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id,
                         "error", "code", -32601, "message",
                         "the client has no such method"),
               err);
}

/* --- hearing ------------------------------------------------------------------------- */

static Status ended(Mcp *m, Err *err)
{
    Str how = {0};
    process_end(m->process, &how);
    mcp_disconnect(m);
    Status status = err_set(err, ERR_IO, "the server %s", str_c(&how));
    str_release(&how);
    return status;
}

/* Talks until a line is there, and takes it into *line; *none: time is over. */
static Status hear_line(Mcp *m, double until, Str *line, bool *none, Err *err)
{
    for (;;) {
        const char *end =
            m->heard.len > 0 ? memchr(m->heard.ptr, '\n', m->heard.len) : NULL;
        if (end) {
            size_t n = (size_t)(end - m->heard.ptr);
            str_reset(line);
            str_append(line, m->heard.ptr, n);
            memmove(m->heard.ptr, end + 1, m->heard.len - n - 1);
            str_truncate(&m->heard, m->heard.len - n - 1);
            return str_check(line, err);
        }
        if (m->heard.len > MCP_LINE_BYTES)
            return err_set(err, ERR_LIMIT, "the server wrote a line of over %d MB",
                           MCP_LINE_BYTES >> 20);
        if (system_stop_requested())
            return err_set(err, ERR_STOPPED, "stopped while a server was asked");
        double left = until - system_seconds();
        *none = left <= 0;
        if (*none)
            return OK;
        Span rest = str_span(&m->unsaid);
        ProcessEvent event;
        TRY(process_talk(m->process, &rest, &m->heard, left < 0.2 ? left : 0.2, &event,
                         err));
        size_t said = m->unsaid.len - rest.len;
        if (said > 0) {
            memmove(m->unsaid.ptr, m->unsaid.ptr + said, rest.len);
            str_truncate(&m->unsaid, rest.len);
        }
        if (event == PROCESS_ENDED)
            return ended(m, err);
    }
}

/* Hears the answer to request id, or to `also` (0: none); *answer->tree NULL: none came in
 * time. Everything else on the way is passed over, within limits. */
static Status hear(Mcp *m, int64_t id, int64_t also, double seconds, McpMessage *answer,
                   Err *err)
{
    double until = system_seconds() + seconds;
    Str line = {0};
    Status status = OK;
    size_t bytes = 0, lines = 0;
    bool none = false, found = false;
    *answer = (McpMessage){0};
    while (status == OK && !found) {
        status = hear_line(m, until, &line, &none, err);
        if (status != OK || none)
            break;
        bytes += line.len;
        if (++lines > MCP_HEARD_LINES || bytes > MCP_HEARD_BYTES) {
            status =
                err_set(err, ERR_LIMIT,
                        "the server wrote %zu lines and no answer among them", lines);
            break;
        }
        Err why;
        if (mcp_message_parse(str_span(&line), answer, &why) != OK) {
            if (why.code == ERR_NOMEM)
                status = err_set(err, ERR_NOMEM, "%s", why.msg);
            continue; /* a program's chatter */
        }
        found = mcp_message_answers(answer, id) ||
                (also && mcp_message_answers(answer, also));
        if (answer->kind == MCP_REQUEST)
            status = answer_request(m, answer, err);
        if (!found)
            mcp_message_release(answer);
    }
    str_release(&line);
    return status;
}

/* Tells the server that nobody waits any more; it need not hear it. */
static void cancel(Mcp *m, int64_t id)
{
    Err ignored;
    ProcessEvent event;
    json_t *params = json_pack("{s:I, s:s}", "requestId", (json_int_t)id, "reason",
                               "no answer in time");
    if (notify(m, "notifications/cancelled", params, &ignored) != OK)
        return;
    Span rest = str_span(&m->unsaid);
    (void)!process_talk(m->process, &rest, &m->heard, 0.1, &event, &ignored);
    size_t said = m->unsaid.len - rest.len;
    memmove(m->unsaid.ptr, m->unsaid.ptr + said, rest.len);
    str_truncate(&m->unsaid, rest.len);
}

Status mcp_request(Mcp *m, const char *method, json_t *params, double seconds,
                   McpMessage *answer, Err *err)
{
    int64_t id;
    *answer = (McpMessage){0};
    TRY(ask(m, method, params, m->modern, &id, err));
    TRY(hear(m, id, 0, seconds, answer, err));
    if (answer->tree)
        return OK;
    cancel(m, id);
    return err_set(err, ERR_LIMIT, "no answer to %s within %.3g s", method, seconds);
}

/* --- the beginning ------------------------------------------------------------------- */

static bool has_text(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        if (one && strcmp(one, text) == 0)
            return true;
    }
    return false;
}

/* A server of the stateless revision says so in its result, or in an error that lists what
 * it speaks. */
static bool speaks_modern(const McpMessage *answer)
{
    if (answer->kind == MCP_RESULT)
        return has_text(json_object_get(answer->body, "supportedVersions"), MODERN);
    return answer->code == -32022 &&
           has_text(json_object_get(answer->body, "supported"), MODERN);
}

static Status check_initialized(const McpMessage *answer, Err *err)
{
    if (answer->kind == MCP_ERROR) {
        Str shown = {0};
        str_quote(&shown, span_of(answer->text), 160);
        Status status = err_set(err, ERR_FORMAT, "it will not initialize: %s (%lld)",
                                str_c(&shown), (long long)answer->code);
        str_release(&shown);
        return status;
    }
    const char *version =
        json_string_value(json_object_get(answer->body, "protocolVersion"));
    for (size_t i = 0; version && i < sizeof legacy_versions / sizeof *legacy_versions;
         i++) {
        if (strcmp(version, legacy_versions[i]) == 0)
            return OK;
    }
    Str shown = {0};
    str_quote(&shown, span_of(version ? version : "none"), 40);
    Status status =
        err_set(err, ERR_FORMAT,
                "it speaks revision '%s' of the protocol, which is not known here",
                str_c(&shown));
    str_release(&shown);
    return status;
}

/* discovered: the number of the first question, which may still be answered. */
static Status initialize(Mcp *m, int64_t discovered, Err *err)
{
    int64_t id;
    McpMessage answer;
    json_t *params = json_pack("{s:s, s:{}, s:o}", "protocolVersion", LEGACY,
                               "capabilities", "clientInfo", client_info());
    TRY(ask(m, "initialize", params, false, &id, err));
    double until = system_seconds() + m->limits.request;
    for (;;) {
        TRY(hear(m, id, discovered, until - system_seconds(), &answer, err));
        if (!answer.tree)
            return err_set(err, ERR_LIMIT, "no answer to initialize within %.3g s",
                           m->limits.request);
        bool late = mcp_message_answers(&answer, discovered);
        m->modern = late && speaks_modern(&answer);
        Status status = late ? OK : check_initialized(&answer, err);
        mcp_message_release(&answer);
        if (status != OK || m->modern)
            return status;
        if (!late)
            return notify(m, "notifications/initialized", NULL, err);
    }
}

static Status greet(Mcp *m, Err *err)
{
    int64_t id;
    McpMessage answer;
    TRY(ask(m, "server/discover", NULL, true, &id, err));
    TRY(hear(m, id, 0, m->limits.discover, &answer, err));
    m->modern = answer.tree && speaks_modern(&answer);
    mcp_message_release(&answer);
    return m->modern ? OK : initialize(m, id, err);
}

/* Some servers of the older era end at a message they do not know: they are asked again,
 * in their own way. */
static Status greet_again(Mcp *m, Err *err)
{
    TRY(process_start(&m->process, (const char *const *)m->argv, err));
    return initialize(m, 0, err);
}

Status mcp_connect(Mcp *m, Err *err)
{
    TRY(process_start(&m->process, (const char *const *)m->argv, err));
    Status status = greet(m, err);
    if (status == ERR_IO && !m->process)
        status = greet_again(m, err);
    if (status != OK)
        mcp_disconnect(m);
    return status;
}

void mcp_disconnect(Mcp *m)
{
    Process *p = m->process;
    m->process = NULL;
    str_reset(&m->unsaid);
    str_reset(&m->heard);
    if (!p)
        return;
    process_hush(p);
    Str rest = {0};
    Span nothing = {0};
    Err ignored;
    double until = system_seconds() + 1;
    ProcessEvent event = PROCESS_QUIET;
    for (bool dismissed = false; event != PROCESS_ENDED && system_seconds() < until;) {
        if (!dismissed && system_seconds() > until - 0.5) {
            process_dismiss(p);
            dismissed = true;
        }
        if (process_talk(p, &nothing, &rest, 0.1, &event, &ignored) != OK ||
            rest.len > MCP_LINE_BYTES)
            break;
    }
    str_release(&rest);
    process_free(p);
}
