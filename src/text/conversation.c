/* conversation.c - messages and the order in which roles may speak, see template.h. */
#include "base/mem.h"
#include "text/template.h"

#include <string.h>

static const char *const names[] = {
    [ROLE_SYSTEM] = "system",
    [ROLE_USER] = "user",
    [ROLE_ASSISTANT] = "assistant",
    [ROLE_TOOL] = "tool",
};

const char *role_name(Role role)
{
    return names[role];
}

Status role_parse(Span name, Role *out, Err *err)
{
    /* The names of other data sets: ShareGPT's, OpenAI's functions, Gemma's. */
    static const struct {
        const char *name;
        Role role;
    } all[] = {{"system", ROLE_SYSTEM},   {"user", ROLE_USER},
               {"human", ROLE_USER},      {"assistant", ROLE_ASSISTANT},
               {"gpt", ROLE_ASSISTANT},   {"bot", ROLE_ASSISTANT},
               {"model", ROLE_ASSISTANT}, {"tool", ROLE_TOOL},
               {"function", ROLE_TOOL}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (span_equal(name, span_of(all[i].name))) {
            *out = all[i].role;
            return OK;
        }
    }
    Str shown = {0};
    str_quote(&shown, name, 40);
    Status status =
        err_set(err, ERR_FORMAT,
                "role '%s' is not one of system, user, assistant, tool", str_c(&shown));
    str_release(&shown);
    return status;
}

/* --- making ---------------------------------------------------------------------- */
static Status copy_text(char **out, Span text, Err *err)
{
    *out = mem_dup(text.ptr, text.len);
    return *out ? OK : err_set(err, ERR_NOMEM, "no memory for a message");
}

Span message_call_name(const Message *m)
{
    return m->call_name ? span_of(m->call_name) : (Span){0};
}

Span message_call_args(const Message *m)
{
    return m->call_args ? span_of(m->call_args) : (Span){0};
}

static void message_release(Message *m)
{
    mem_free(m->content);
    mem_free(m->call_name);
    mem_free(m->call_args);
}

/* Fills the message behind the last one; name.ptr NULL: no call. */
static Status add(Conversation *c, Role role, Span content, Span name, Span args,
                  Err *err)
{
    TRY(MEM_PUSH_ROOM(&c->messages, c->n, &c->cap, err));
    Message m = {.role = role, .len = content.len};
    Status status = copy_text(&m.content, content, err);
    if (status == OK && name.ptr)
        status = copy_text(&m.call_name, name, err);
    if (status == OK && name.ptr && args.ptr)
        status = copy_text(&m.call_args, args, err);
    if (status != OK) {
        message_release(&m);
        return status;
    }
    c->messages[c->n++] = m;
    return OK;
}

Status conversation_add(Conversation *c, Role role, Span content, Err *err)
{
    return add(c, role, content, (Span){0}, (Span){0}, err);
}

static bool has_nul(Span s)
{
    return s.len > 0 && memchr(s.ptr, 0, s.len);
}

static bool is_name(Span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
        bool digit = (ch >= '0' && ch <= '9') || ch == '-' || ch == '.';
        if (!letter && !(digit && i > 0))
            return false;
    }
    return s.len > 0 && s.len <= 64;
}

bool call_parse(Span text, Span *name, Span *args)
{
    ptrdiff_t open = span_find(text, SPAN("("), 0);
    if (open < 0 || text.ptr[text.len - 1] != ')')
        return false;
    *name = (Span){text.ptr, (size_t)open};
    *args = (Span){text.ptr + open + 1, text.len - (size_t)open - 2};
    return is_name(*name) && !has_nul(*args);
}

Status conversation_add_call(Conversation *c, Span name, Span args, Err *err)
{
    bool unparsed = !args.ptr && name.len > 0 && !has_nul(name);
    if (unparsed || (args.ptr && is_name(name) && !has_nul(args)))
        return add(c, ROLE_ASSISTANT, SPAN(""), name, args, err);
    Str shown = {0};
    str_quote(&shown, name, 64);
    Status status = err_set(err, ERR_FORMAT,
                            "'%s' is no name of a tool, or its argument holds a NUL",
                            str_c(&shown));
    str_release(&shown);
    return status;
}

Status conversation_append(Conversation *dst, const Conversation *src, size_t from,
                           size_t to, Err *err)
{
    for (size_t i = from; i < to; i++) {
        const Message *m = &src->messages[i];
        TRY(add(dst, m->role, (Span){m->content, m->len}, message_call_name(m),
                message_call_args(m), err));
    }
    return OK;
}

Status conversation_copy(Conversation *dst, const Conversation *src, Err *err)
{
    conversation_reset(dst);
    return conversation_append(dst, src, 0, src->n, err);
}

void conversation_reset(Conversation *c)
{
    for (size_t i = 0; i < c->n; i++)
        message_release(&c->messages[i]);
    c->n = 0;
}

void conversation_release(Conversation *c)
{
    if (!c)
        return;
    conversation_reset(c);
    mem_free(c->messages);
    *c = (Conversation){0};
}

/* --- checking -------------------------------------------------------------------- */

/* What is wrong with m behind `before` (NULL: at the start, or behind system). */
static const char *fault_of(const Message *m, const Message *before)
{
    bool answers_call = before && before->call_name;
    bool to_assistant =
        before && (before->role == ROLE_USER || before->role == ROLE_TOOL);
    if (m->call_name && m->role != ROLE_ASSISTANT)
        return "only an assistant calls a tool";
    if (answers_call && m->role != ROLE_TOOL)
        return "a tool must answer the call before it";
    switch (m->role) {
    case ROLE_SYSTEM:
        return "a system message stands only at the start";
    case ROLE_USER:
        if (to_assistant)
            return "an assistant must answer first";
        return span_trim((Span){m->content, m->len}).len == 0 ? "its text is empty"
                                                              : NULL;
    case ROLE_ASSISTANT:
        return to_assistant ? NULL : "an assistant answers a user or a tool";
    case ROLE_TOOL:
        return answers_call ? NULL : "a tool answers a call of the assistant";
    }
    return "unknown role";
}

Status conversation_check(const Conversation *c, Err *err)
{
    size_t first = c->n > 0 && c->messages[0].role == ROLE_SYSTEM ? 1 : 0;
    if (c->n == first)
        return err_set(err, ERR_FORMAT, "a conversation without a user");
    for (size_t i = first; i < c->n; i++) {
        const Message *m = &c->messages[i];
        const char *fault = fault_of(m, i > first ? m - 1 : NULL);
        if (fault)
            return err_set(err, ERR_FORMAT, "message %zu (%s): %s", i + 1,
                           role_name(m->role), fault);
    }
    return OK;
}
