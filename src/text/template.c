/* template.c - the chat template in its two forms: template_render() and the Jinja text
 * of the same. They give the same ids because special tokens cut the text: whoever
 * encodes, encodes what is between two of them by itself. The one difference: special
 * tokens that a user typed are letters to template_render, tokens to transformers. */
#include "text/template.h"

#include "base/mem.h"
#include "text/tokenizer_internal.h"

#include <string.h>

struct ChatTemplate {
    const Tokenizer *tok; /* borrowed: outlives us */
    int32_t bos, end, call;
    int32_t roles[4];
};

/* Arguments of a call are a string, or an object with one value, which is rendered. */
static const char jinja[] =
    "{{- '" TOKEN_BOS "' }}\n"
    "{%- for message in messages %}\n"
    "    {%- if message['role'] not in ['system', 'user', 'assistant', 'tool'] %}\n"
    "        {{- raise_exception('unknown role ' ~ message['role']) }}\n"
    "    {%- endif %}\n"
    "    {{- '<|' ~ message['role'] ~ '|>' }}\n"
    "    {%- if message['content'] %}\n"
    "        {{- message['content'] }}\n"
    "    {%- endif %}\n"
    "    {%- for call in message['tool_calls'] or [] %}\n"
    "        {%- if not loop.first %}\n"
    "            {{- raise_exception('one tool call a message') }}\n"
    "        {%- endif %}\n"
    "        {%- set arguments = call['function']['arguments'] %}\n"
    "        {%- if arguments is mapping %}\n"
    "            {%- if arguments | length != 1 %}\n"
    "                {{- raise_exception('a tool takes one argument') }}\n"
    "            {%- endif %}\n"
    "            {%- set arguments = arguments.values() | first %}\n"
    "        {%- endif %}\n"
    "        {{- '" TOKEN_CALL
    "' ~ call['function']['name'] ~ '(' ~ arguments ~ ')' }}\n"
    "    {%- endfor %}\n"
    "    {{- '" TOKEN_END "' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '" TOKEN_ASSISTANT "' }}\n"
    "{%- endif %}\n";

const char *template_jinja(void)
{
    return jinja;
}

Status template_new(ChatTemplate **out, const Tokenizer *tok, Err *err)
{
    *out = NULL;
    if (tokenizer_has_foreign_template(tok))
        return err_set(err, ERR_FORMAT,
                       "the tokenizer's chat template is not tame's: a "
                       "model trained with it would be misread");
    const char *missing = tokenizer_missing_special(tok);
    if (missing)
        return err_set(err, ERR_FORMAT, "the tokenizer has no special token '%s'",
                       missing);
    ChatTemplate *t;
    TRY(MEM_ARRAY(&t, 1, err));
    *t = (ChatTemplate){.tok = tok,
                        .bos = tokenizer_special(tok, TOKEN_BOS),
                        .end = tokenizer_special(tok, TOKEN_END),
                        .call = tokenizer_special(tok, TOKEN_CALL)};
    t->roles[ROLE_SYSTEM] = tokenizer_special(tok, TOKEN_SYSTEM);
    t->roles[ROLE_USER] = tokenizer_special(tok, TOKEN_USER);
    t->roles[ROLE_ASSISTANT] = tokenizer_special(tok, TOKEN_ASSISTANT);
    t->roles[ROLE_TOOL] = tokenizer_special(tok, TOKEN_TOOL);
    *out = t;
    return OK;
}

void template_free(ChatTemplate *t)
{
    mem_free(t);
}

int32_t template_id(const ChatTemplate *t, Role role)
{
    return t->roles[role];
}

int32_t template_end(const ChatTemplate *t)
{
    return t->end;
}

int32_t template_call(const ChatTemplate *t)
{
    return t->call;
}

/* --- rendering ------------------------------------------------------------------- */
typedef struct Render {
    const ChatTemplate *t;
    Ids *ids;
    Str *mask; /* NULL: not asked for */
    Err *err;
} Render;

static void put_mask(const Render *r, size_t n, bool learned)
{
    for (size_t i = 0; r->mask && i < n; i++)
        str_putc(r->mask, learned ? 1 : 0);
}

static Status put_id(const Render *r, int32_t id, bool learned)
{
    put_mask(r, 1, learned);
    return ids_push(r->ids, id, r->err);
}

static Status put_text(const Render *r, Span text, bool learned)
{
    size_t before = r->ids->len;
    TRY(tokenizer_encode(r->t->tok, text, r->ids, r->err));
    put_mask(r, r->ids->len - before, learned);
    return OK;
}

/* The call as one text, "name(args)": merges go across its parts. */
static Status put_call(const Render *r, const Message *m)
{
    Str text = {0};
    str_puts(&text, m->call_name);
    if (m->call_args)
        str_printf(&text, "(%s)", m->call_args);
    Status status = str_check(&text, r->err);
    if (status == OK)
        status = put_id(r, r->t->call, true);
    if (status == OK)
        status = put_text(r, str_span(&text), true);
    str_release(&text);
    return status;
}

static Status put_message(const Render *r, const Message *m)
{
    bool learned = m->role == ROLE_ASSISTANT;
    TRY(put_id(r, r->t->roles[m->role], false));
    TRY(put_text(r, (Span){m->content, m->len}, learned));
    if (m->call_name)
        TRY(put_call(r, m));
    return put_id(r, r->t->end, learned);
}

Status template_render(const ChatTemplate *t, const Conversation *c,
                       bool generation_prompt, Ids *ids, Str *mask, Err *err)
{
    Render r = {t, ids, mask, err};
    TRY(put_id(&r, t->bos, false));
    for (size_t i = 0; i < c->n; i++)
        TRY(put_message(&r, &c->messages[i]));
    if (generation_prompt)
        TRY(put_id(&r, t->roles[ROLE_ASSISTANT], false));
    return mask ? str_check(mask, err) : OK;
}

/* --- parsing --------------------------------------------------------------------- */

/* A role, a begin or an end of text where there should be text: the answer ends. */
static bool ends_turn(const ChatTemplate *t, int32_t id)
{
    return id != t->call && tokenizer_is_special(t->tok, id);
}

static Status add_assistant(Conversation *c, Span content, bool has_call, Span call,
                            Err *err)
{
    Span name, args;
    /* No message can hold a call of nothing or with a NUL in it: what stands before it
     * is all that is read. */
    if (!has_call || call.len == 0 || memchr(call.ptr, 0, call.len))
        return conversation_add(c, ROLE_ASSISTANT, content, err);
    if (!call_parse(call, &name, &args)) { /* kept as it was written */
        name = call;
        args = (Span){0};
    }
    TRY(conversation_add_call(c, name, args, err));
    Message *m = &c->messages[c->n - 1];
    char *text = mem_dup(content.ptr, content.len);
    if (!text)
        return err_set(err, ERR_NOMEM, "no memory for a message");
    mem_free(m->content);
    m->content = text;
    m->len = content.len;
    return OK;
}

/* One turn: ids[0..n) have no special token but calls. */
static Status add_turn(const ChatTemplate *t, Role role, const int32_t *ids, size_t n,
                       Conversation *c, Err *err)
{
    size_t cut = 0;
    while (cut < n && !(role == ROLE_ASSISTANT && ids[cut] == t->call))
        cut++;
    Str content = {0}, call = {0};
    Status status = tokenizer_decode(t->tok, ids, cut, false, &content, err);
    if (status == OK && cut < n)
        status = tokenizer_decode(t->tok, ids + cut, n - cut, false, &call, err);
    if (status == OK && role == ROLE_ASSISTANT)
        status = add_assistant(c, str_span(&content), cut < n, str_span(&call), err);
    else if (status == OK)
        status = conversation_add(c, role, str_span(&content), err);
    str_release(&content);
    str_release(&call);
    return status;
}

Status template_parse_answer(const ChatTemplate *t, const int32_t *ids, size_t n,
                             Conversation *c, Err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= tokenizer_vocab(t->tok))
            return err_set(err, ERR_FORMAT, "id %d at %zu is not in [0, %d)",
                           (int)ids[i], i, (int)tokenizer_vocab(t->tok));
    }
    Role role = ROLE_ASSISTANT;
    for (size_t at = 0;;) {
        size_t end = at;
        while (end < n && !ends_turn(t, ids[end]))
            end++;
        TRY(add_turn(t, role, ids + at, end - at, c, err));
        /* Another turn follows as <|im_end|> and the other of tool and assistant. */
        bool calls = c->messages[c->n - 1].call_name != NULL;
        if (role == ROLE_ASSISTANT && !calls)
            return OK; /* nothing that a tool could answer was kept */
        role = role == ROLE_ASSISTANT ? ROLE_TOOL : ROLE_ASSISTANT;
        if (n - end < 2 || ids[end] != t->end || ids[end + 1] != t->roles[role])
            return OK;
        at = end + 2;
    }
}
