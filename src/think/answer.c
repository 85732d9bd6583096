/* answer.c - render, run, keep; see answer.h. */
#include "think/answer.h"

#include "base/mem.h"
#include "data/record_json.h"
#include "think/tools.h"

static Status render_prompts(const ChatTemplate *chat, const Record *prompts, int64_t n,
                             Answers *out, Err *err)
{
    TRY(MEM_ARRAY(&out->prompts, (size_t)n, err));
    out->n_prompts = n;
    for (int64_t p = 0; p < n; p++) {
        if (template_render(chat, &prompts[p].chat, true, &out->prompts[p], NULL,
                            err) != OK)
            return err_context(err, "prompt %lld", (long long)p + 1);
    }
    return OK;
}

static EngineRequest make_request(const Answers *a, int64_t i, const AskOptions *o,
                                  const int32_t *end, Tools *tools)
{
    int64_t p = i / a->per_prompt, k = i % a->per_prompt;
    return (EngineRequest){
        .prompt = a->prompts[p].ptr,
        .n_prompt = (int64_t)a->prompts[p].len,
        .sample = o->sample,
        .index = (uint64_t)k << 32 | (uint64_t)p,
        .stop_ids = end,
        .n_stop_ids = 1,
        .hook = tools ? tools_hook : NULL,
        .self = tools,
    };
}

Status answers_sample(Engine *engine, const Tokenizer *tok, const ChatTemplate *chat,
                      const Record *prompts, int64_t n, const AskOptions *o,
                      const char *progress, Answers *out, Err *err)
{
    ASSERT(o->per_prompt >= 1);
    *out = (Answers){.per_prompt = o->per_prompt};
    int64_t total = n * o->per_prompt;
    int32_t end = template_end(chat);
    EngineRequest *requests = NULL;
    Tools *tools = NULL;
    Status status = render_prompts(chat, prompts, n, out, err);
    if (status == OK)
        status = MEM_ARRAY(&out->results, (size_t)total, err);
    if (status == OK)
        status = MEM_ARRAY(&requests, (size_t)total, err);
    if (status == OK && o->max_calls > 0)
        status = tools_new(&tools, tok, chat, o->max_calls, err);
    if (status == OK && tools && o->tools)
        tools_use(tools, o->tools, NULL, NULL);
    if (status == OK) {
        for (int64_t i = 0; i < total; i++)
            requests[i] = make_request(out, i, o, &end, tools);
        status = engine_run(engine, requests, total, out->results, progress, err);
    }
    tools_free(tools);
    mem_free(requests);
    if (status != OK)
        answers_release(out);
    return status;
}

void answers_release(Answers *a)
{
    for (int64_t p = 0; a->prompts && p < a->n_prompts; p++)
        ids_release(&a->prompts[p]);
    for (int64_t i = 0; a->results && i < a->n_prompts * a->per_prompt; i++)
        engine_result_release(&a->results[i]);
    mem_free(a->prompts);
    mem_free(a->results);
    *a = (Answers){0};
}

bool answer_ended(const ChatTemplate *chat, const EngineResult *r)
{
    return r->finish == FINISH_STOP && r->n > 0 &&
           r->ids[r->n - 1] == template_end(chat);
}

bool answer_called(const ChatTemplate *chat, const EngineResult *r)
{
    for (int64_t i = 0; i < r->n; i++) {
        if (r->forced[i] && r->ids[i] == template_id(chat, ROLE_TOOL))
            return true;
    }
    return false;
}

Status answer_text(const Tokenizer *tok, const ChatTemplate *chat, const int32_t *ids,
                   int64_t n, Str *out, Err *err)
{
    int64_t start = n;
    while (start > 0 && ids[start - 1] != template_id(chat, ROLE_ASSISTANT))
        start--;
    if (start < n && ids[start] == template_call(chat))
        return OK;
    return tokenizer_decode(tok, ids + start, (size_t)(n - start), false, out, err);
}

/* A model may write text in front of a call; rows of data sets hold one or the other. */
static bool has_text_beside_a_call(const Conversation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->messages[i].call_name && c->messages[i].len > 0)
            return true;
    }
    return false;
}

Status answer_conversation(const Tokenizer *tok, const ChatTemplate *chat,
                           const int32_t *ids, int64_t n, Conversation *out, Err *err)
{
    Str text = {0};
    Err why;
    Status status = template_parse_answer(chat, ids, (size_t)n, out, &why);
    if (status == OK && out->n > 0 && (out->n > 1 || !out->messages[0].call_name) &&
        !has_text_beside_a_call(out))
        return OK;
    conversation_reset(out);
    status = tokenizer_decode(tok, ids, (size_t)n, false, &text, err);
    if (status == OK)
        status = conversation_add(out, ROLE_ASSISTANT, str_span(&text), err);
    str_release(&text);
    return status;
}

Status answer_completion(const Tokenizer *tok, const ChatTemplate *chat,
                         const int32_t *ids, int64_t n, json_t **out, Err *err)
{
    Conversation answer = {0};
    Status status = answer_conversation(tok, chat, ids, n, &answer, err);
    if (status == OK)
        *out = answer_json(&answer);
    conversation_release(&answer);
    return status;
}
