/* tools.c - from the ids of a call to the ids of its result, see tools.h.
 *
 * The hook keeps no state between tokens: whether a turn is a call, and how many calls
 * there were, is read from the ids of the sequence itself, which cost nothing to scan
 * once a turn. So one Tools serves any number of sequences in any order. */
#include "think/tools.h"

#include "base/mem.h"
#include "think/tool/builtin.h"

#include <string.h>

struct Tools {
    const Tokenizer *tok;     /* borrowed: outlives us */
    const ChatTemplate *chat; /* borrowed: outlives us */
    int64_t max_calls;
    Toolbox calculator; /* what there is when nothing else is said */
    const Toolbox *box; /* &calculator, or borrowed */
    ToolApprove approve;
    void *approve_self;
    Str call, result; /* reused */
    Ids ids;          /* reused */
};

Status tools_new(Tools **out, const Tokenizer *tok, const ChatTemplate *chat,
                 int64_t max_calls, Err *err)
{
    Tools *t;
    TRY(MEM_ARRAY(&t, 1, err));
    *t = (Tools){.tok = tok, .chat = chat, .max_calls = max_calls};
    t->box = &t->calculator;
    Status status = builtin_add(&t->calculator, SPAN("calculator"), err);
    if (status != OK) {
        tools_free(t);
        return status;
    }
    *out = t;
    return OK;
}

void tools_free(Tools *t)
{
    if (!t)
        return;
    toolbox_release(&t->calculator);
    str_release(&t->call);
    str_release(&t->result);
    ids_release(&t->ids);
    mem_free(t);
}

void tools_use(Tools *t, const Toolbox *box, ToolApprove approve, void *self)
{
    t->box = box;
    t->approve = approve;
    t->approve_self = self;
}

/* --- the hook ------------------------------------------------------------------------ */
/* Where the turn that ids[n-1] ends begins; *calls counts the results before it. */
static int64_t turn_start(const Tools *t, const int32_t *ids, int64_t n, int64_t *calls)
{
    int32_t assistant = template_id(t->chat, ROLE_ASSISTANT);
    int32_t tool = template_id(t->chat, ROLE_TOOL);
    int64_t start = 0;
    *calls = 0;
    for (int64_t i = 0; i < n - 1; i++) {
        if (ids[i] == assistant)
            start = i + 1;
        *calls += ids[i] == tool;
    }
    return start;
}

/* <|tool|> result <|im_end|> <|assistant|> into t->ids. */
static Status render_result(Tools *t, Err *err)
{
    ids_reset(&t->ids);
    TRY(ids_push(&t->ids, template_id(t->chat, ROLE_TOOL), err));
    TRY(tokenizer_encode(t->tok, str_span(&t->result), &t->ids, err));
    TRY(ids_push(&t->ids, template_end(t->chat), err));
    return ids_push(&t->ids, template_id(t->chat, ROLE_ASSISTANT), err);
}

Status tools_hook(void *self, int64_t request, const int32_t *ids, int64_t n,
                  bool *go_on, int32_t *force, int64_t room, int64_t *n_force, Err *err)
{
    (void)request;
    Tools *t = self;
    if (ids[n - 1] != template_end(t->chat))
        return OK;
    int64_t calls, start = turn_start(t, ids, n, &calls);
    if (ids[start] != template_call(t->chat) || calls >= t->max_calls)
        return OK;
    str_reset(&t->call);
    str_reset(&t->result);
    TRY(tokenizer_decode(t->tok, ids + start + 1, (size_t)(n - start - 2), false,
                         &t->call, err));
    bool failed; /* the text says it too */
    TRY(toolbox_call_text(t->box, str_span(&t->call), t->approve, t->approve_self,
                          &t->result, &failed, err));
    TRY(render_result(t, err));
    if ((int64_t)t->ids.len > room)
        return OK;
    memcpy(force, t->ids.ptr, t->ids.len * sizeof *force);
    *n_force = (int64_t)t->ids.len;
    *go_on = true;
    return OK;
}
