/* template.c - conversations to ids and back, see template.h.
 *
 * Rendering walks the messages once; every id is appended together with its mask bit, so
 * that the two cannot drift apart. A check of the order of roles comes first: what is
 * rendered is always a conversation that generation could have produced. */
#include "text/template.h"

#include "base/mem.h"

#include <string.h>

struct ChatTemplate {
    const Tokenizer *tok; /* borrowed: outlives us */
    int32_t bos, end, call;
    int32_t role[4];
};

/* --- roles and conversations -------------------------------------------------------- */
static const char *const role_names[] = {"system", "user", "assistant", "tool"};

const char *role_name(Role role)
{
    return role_names[role];
}

Status role_parse(Span name, Role *out, Err *err)
{
    static const struct {
        const char *name;
        Role role;
    } known[] = {
        {"system", ROLE_SYSTEM},   {"developer", ROLE_SYSTEM}, {"user", ROLE_USER},
        {"human", ROLE_USER},      {"assistant", ROLE_ASSISTANT}, {"gpt", ROLE_ASSISTANT},
        {"model", ROLE_ASSISTANT}, {"tool", ROLE_TOOL},        {"function", ROLE_TOOL},
        {"observation", ROLE_TOOL},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (span_equal(name, span_of(known[i].name))) {
            *out = known[i].role;
            return OK;
        }
    }
    return err_set(err, ERR_FORMAT,
                   "role '%.*s' is not system, user, assistant or tool",
                   (int)(name.len < 40 ? name.len : 40), name.ptr);
}

static void message_release(Message *m)
{
    mem_free(m->content);
    mem_free(m->call_name);
    mem_free(m->call_args);
    *m = (Message){0};
}

static Status add(Conversation *c, Role role, Span content, const Span *name,
                  const Span *args, Err *err)
{
    TRY(MEM_PUSH_ROOM(&c->messages, c->n, &c->cap, err));
    Message m = {.role = role,
                 .content = mem_dup(content.ptr, content.len),
                 .len = content.len,
                 .call_name = name ? mem_dup(name->ptr, name->len) : NULL,
                 .call_args = args ? mem_dup(args->ptr, args->len) : NULL};
    if (!m.content || (name && !m.call_name) || (args && !m.call_args)) {
        message_release(&m);
        return err_set(err, ERR_NOMEM, "no memory for a message");
    }
    c->messages[c->n++] = m;
    return OK;
}

Status conversation_add(Conversation *c, Role role, Span content, Err *err)
{
    return add(c, role, content, NULL, NULL, err);
}

Status conversation_add_call(Conversation *c, Span name, Span args, Err *err)
{
    return add(c, ROLE_ASSISTANT, SPAN(""), &name, &args, err);
}

Status conversation_copy(Conversation *dst, const Conversation *src, Err *err)
{
    conversation_reset(dst);
    for (size_t i = 0; i < src->n; i++) {
        const Message *m = &src->messages[i];
        Span name = m->call_name ? span_of(m->call_name) : SPAN("");
        Span args = m->call_args ? span_of(m->call_args) : SPAN("");
        TRY(add(dst, m->role, (Span){m->content, m->len}, m->call_name ? &name : NULL,
                m->call_args ? &args : NULL, err));
    }
    return OK;
}

void conversation_reset(Conversation *c)
{
    for (size_t i = 0; i < c->n; i++)
        message_release(&c->messages[i]);
    c->n = 0;
}

void conversation_release(Conversation *c)
{
    conversation_reset(c);
    mem_free(c->messages);
    *c = (Conversation){0};
}

/* May `role` follow message i-1 of c? NULL, or what is wrong. */
static const char *out_of_order(const Conversation *c, size_t i)
{
    const Message *m = &c->messages[i], *before = i > 0 ? &c->messages[i - 1] : NULL;
    switch (m->role) {
    case ROLE_SYSTEM:
        return i == 0 ? NULL : "a system message may only be the first";
    case ROLE_USER:
        if (!before || before->role == ROLE_SYSTEM)
            return NULL;
        if (before->role == ROLE_ASSISTANT && !before->call_name)
            return NULL;
        return before->role == ROLE_USER ? "two user messages in a row"
                                         : "a user message in the middle of a tool call";
    case ROLE_ASSISTANT:
        if (before && (before->role == ROLE_USER || before->role == ROLE_TOOL))
            return NULL;
        return "an assistant message must follow a user or tool message";
    case ROLE_TOOL:
        if (before && before->call_name)
            return NULL;
        return "a tool message must follow an assistant's call";
    }
    return "an unknown role";
}

Status conversation_check(const Conversation *c, Err *err)
{
    if (c->n == 0)
        return err_set(err, ERR_FORMAT, "a conversation without messages");
    for (size_t i = 0; i < c->n; i++) {
        const Message *m = &c->messages[i];
        const char *wrong = out_of_order(c, i);
        if (!wrong && m->role == ROLE_USER && m->len == 0)
            wrong = "an empty user message";
        if (wrong)
            return err_set(err, ERR_FORMAT, "message %zu (%s): %s", i + 1,
                           role_name(m->role), wrong);
    }
    if (c->messages[c->n - 1].role == ROLE_SYSTEM)
        return err_set(err, ERR_FORMAT, "a conversation with a system message alone");
    return OK;
}

/* --- the template --------------------------------------------------------------------- */
static Status find_special(const Tokenizer *tok, const char *name, int32_t *out, Err *err)
{
    *out = tokenizer_special(tok, name);
    if (*out < 0)
        return err_set(err, ERR_FORMAT,
                       "the tokenizer has no special token '%s', which conversations "
                       "need; it is a base vocabulary of another kind",
                       name);
    return OK;
}

Status template_new(ChatTemplate **out, const Tokenizer *tok, Err *err)
{
    ChatTemplate t = {.tok = tok};
    *out = NULL;
    TRY(find_special(tok, TOKEN_BOS, &t.bos, err));
    TRY(find_special(tok, TOKEN_SYSTEM, &t.role[ROLE_SYSTEM], err));
    TRY(find_special(tok, TOKEN_USER, &t.role[ROLE_USER], err));
    TRY(find_special(tok, TOKEN_ASSISTANT, &t.role[ROLE_ASSISTANT], err));
    TRY(find_special(tok, TOKEN_TOOL, &t.role[ROLE_TOOL], err));
    TRY(find_special(tok, TOKEN_CALL, &t.call, err));
    TRY(find_special(tok, TOKEN_END, &t.end, err));
    TRY(MEM_ARRAY(out, 1, err));
    **out = t;
    return OK;
}

void template_free(ChatTemplate *t)
{
    mem_free(t);
}

int32_t template_id(const ChatTemplate *t, Role role)
{
    return t->role[role];
}

int32_t template_end(const ChatTemplate *t)
{
    return t->end;
}

int32_t template_call(const ChatTemplate *t)
{
    return t->call;
}

/* Whatever was appended to ids since the mask was last level with it gets this bit. */
static void level_mask(const Ids *ids, Str *mask, bool learned)
{
    while (mask && !mask->failed && mask->len < ids->len)
        str_putc(mask, learned ? 1 : 0);
}

static Status put_id(Ids *ids, Str *mask, int32_t id, bool learned, Err *err)
{
    TRY(ids_push(ids, id, err));
    level_mask(ids, mask, learned);
    return OK;
}

static Status put_text(const ChatTemplate *t, Ids *ids, Str *mask, Span text, bool learned,
                       Err *err)
{
    TRY(tokenizer_encode(t->tok, text, ids, err));
    level_mask(ids, mask, learned);
    return OK;
}

static Status put_call(const ChatTemplate *t, const Message *m, Ids *ids, Str *mask,
                       Err *err)
{
    Str call = {0};
    str_printf(&call, "%s(%s)", m->call_name, m->call_args);
    Status status = str_check(&call, err);
    if (status == OK)
        status = put_id(ids, mask, t->call, true, err);
    if (status == OK)
        status = put_text(t, ids, mask, str_span(&call), true, err);
    str_release(&call);
    return status;
}

static Status put_message(const ChatTemplate *t, const Message *m, Ids *ids, Str *mask,
                          Err *err)
{
    bool learned = m->role == ROLE_ASSISTANT;
    TRY(put_id(ids, mask, t->role[m->role], false, err));
    TRY(put_text(t, ids, mask, (Span){m->content, m->len}, learned, err));
    if (m->call_name)
        TRY(put_call(t, m, ids, mask, err));
    return put_id(ids, mask, t->end, learned, err);
}

Status template_render(const ChatTemplate *t, const Conversation *c, bool generation_prompt,
                       Ids *ids, Str *mask, Err *err)
{
    TRY(conversation_check(c, err));
    ASSERT(!mask || mask->len == ids->len);
    TRY(put_id(ids, mask, t->bos, false, err));
    for (size_t i = 0; i < c->n; i++)
        TRY(put_message(t, &c->messages[i], ids, mask, err));
    if (generation_prompt)
        TRY(put_id(ids, mask, t->role[ROLE_ASSISTANT], false, err));
    return mask ? str_check(mask, err) : OK;
}

/* --- and back --------------------------------------------------------------------------- */

/* "calculator(12*7)" into name and arguments; false when it is not of that form. */
static bool split_call(Span text, Span *name, Span *args)
{
    ptrdiff_t open = span_find(text, SPAN("("), 0);
    if (open <= 0 || text.len < 3 || text.ptr[text.len - 1] != ')')
        return false;
    *name = (Span){text.ptr, (size_t)open};
    *args = (Span){text.ptr + open + 1, text.len - (size_t)open - 2};
    return true;
}

/* One turn's ids (without role and end) as a message. */
static Status parse_turn(const ChatTemplate *t, Role role, const int32_t *ids, size_t n,
                         Conversation *c, Err *err)
{
    bool call = role == ROLE_ASSISTANT && n > 0 && ids[0] == t->call;
    Str text = {0};
    Span name, args;
    Status status = tokenizer_decode(t->tok, ids, n, false, &text, err);
    if (status == OK)
        status = str_check(&text, err);
    if (status == OK && call && split_call(str_span(&text), &name, &args))
        status = conversation_add_call(c, name, args, err);
    else if (status == OK)
        status = conversation_add(c, role, str_span(&text), err);
    str_release(&text);
    return status;
}

Status template_parse_answer(const ChatTemplate *t, const int32_t *ids, size_t n,
                             Conversation *c, Err *err)
{
    Role role = ROLE_ASSISTANT;
    size_t i = 0;
    while (i < n) {
        size_t end = i;
        while (end < n && ids[end] != t->end)
            end++;
        TRY(parse_turn(t, role, ids + i, end - i, c, err));
        i = end + 1;
        if (i < n && ids[i] == t->role[ROLE_TOOL])
            role = ROLE_TOOL;
        else if (i < n && ids[i] == t->role[ROLE_ASSISTANT])
            role = ROLE_ASSISTANT;
        else
            break;
        i++;
    }
    return OK;
}

const char *template_jinja(void)
{
    return "{{- bos_token -}}"
           "{%- for m in messages -%}"
           "{{- '<|' + m['role'] + '|>' -}}"
           "{%- if m['content'] -%}{{- m['content'] -}}{%- endif -%}"
           "{%- for c in m['tool_calls'] or [] -%}"
           "{%- set f = c['function'] or c -%}"
           "{%- set a = f['arguments'] -%}"
           "{%- if a is mapping -%}{%- set a = (a.values() | list)[0] -%}{%- endif -%}"
           "{{- '<|call|>' + f['name'] + '(' + a + ')' -}}"
           "{%- endfor -%}"
           "{{- '<|im_end|>' -}}"
           "{%- endfor -%}"
           "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}";
}
