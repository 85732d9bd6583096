/* answers.c - a chat model's answers to prompts, see answers.h. */
#include "stages/answers.h"

#include "base/log.h"
#include "base/mem.h"
#include "think/answer.h"
#include "think/tools.h"

/* --- prompts ------------------------------------------------------------------------- */

Status prompts_load(Prompts *out, const char *spec, const CorpusOptions *corpus,
                    const ChatTemplate *chat, int64_t context, int64_t max_new,
                    int64_t most, Err *err)
{
    *out = (Prompts){0};
    Status status = corpus_load(&out->list, spec, RECORD_PROMPT, corpus, err);
    if (status == OK)
        status = MEM_ARRAY(&out->record, out->list.n, err);
    int64_t too_long = 0;
    for (size_t i = 0; status == OK && i < out->list.n; i++) {
        if (most > 0 && out->n == most)
            break;
        status =
            documents_add(&out->rendered, chat, &out->list.records[i].chat, true, err);
        if (status != OK)
            break;
        if (documents_len(&out->rendered, out->n) + max_new > context) {
            documents_drop_last(&out->rendered);
            too_long++;
            continue;
        }
        out->record[out->n++] = (int64_t)i;
    }
    if (status == OK && too_long > 0)
        log_warn(
            "'%s': %lld prompts leave no room for %lld tokens in a context of %lld "
            "and are not used",
            spec, (long long)too_long, (long long)max_new, (long long)context);
    if (status == OK && out->n == 0)
        status = err_set(err, too_long > 0 ? ERR_LIMIT : ERR_FORMAT,
                         "'%s' has no prompt that leaves room for %lld tokens in a "
                         "context of %lld",
                         spec, (long long)max_new, (long long)context);
    if (status != OK)
        prompts_release(out);
    return status;
}

void prompts_release(Prompts *p)
{
    if (!p)
        return;
    record_list_release(&p->list);
    documents_release(&p->rendered);
    mem_free(p->record);
    *p = (Prompts){0};
}

int32_t prompts_capacity(const Prompts *p, int64_t max_new, const ModelShape *shape)
{
    int64_t most = documents_longest(&p->rendered) + max_new;
    return most < shape->context ? (int32_t)most : shape->context;
}

const Conversation *prompts_chat(const Prompts *p, int64_t i)
{
    return &p->list.records[p->record[i]].chat;
}

const json_t *prompts_row(const Prompts *p, int64_t i)
{
    return p->list.records[p->record[i]].row;
}

/* --- answers ------------------------------------------------------------------------- */

struct Answerer {
    Engine *engine;
    Tools *tools; /* or NULL */
    const Tokenizer *tok;
    const ChatTemplate *chat;
    int32_t stop[2];
    int32_t n_stop;
    EngineRequest *requests; /* reused */
    size_t cap;
};

enum { MOST_CALLS = 4 }; /* tool calls in one answer */

Status answerer_new(Answerer **out, Model *model, const Tokenizer *tok,
                    const ChatTemplate *chat, int32_t slots, int32_t capacity,
                    bool tools, Err *err)
{
    *out = NULL;
    Answerer *a;
    TRY(MEM_ARRAY(&a, 1, err));
    a->tok = tok;
    a->chat = chat;
    a->stop[a->n_stop++] = template_end(chat);
    if (tokenizer_eos(tok) >= 0)
        a->stop[a->n_stop++] = tokenizer_eos(tok);
    Status status = engine_new(&a->engine, model, slots, capacity, NULL, err);
    if (status == OK && tools)
        status = tools_new(&a->tools, tok, chat, MOST_CALLS, err);
    if (status != OK) {
        answerer_free(a);
        return status;
    }
    *out = a;
    return OK;
}

void answerer_free(Answerer *a)
{
    if (!a)
        return;
    engine_free(a->engine);
    tools_free(a->tools);
    mem_free(a->requests);
    mem_free(a);
}

Status answerer_run(Answerer *a, const Prompts *p, const int64_t *which, int64_t n,
                    uint64_t first_index, const AnswerOptions *o, EngineResult *results,
                    const char *progress, Err *err)
{
    if ((size_t)n > a->cap) {
        mem_free(a->requests);
        a->requests = NULL;
        a->cap = 0;
        TRY(MEM_ARRAY(&a->requests, (size_t)n, err));
        a->cap = (size_t)n;
    }
    for (int64_t i = 0; i < n; i++) {
        a->requests[i] = (EngineRequest){
            .prompt = documents_ids(&p->rendered, which[i]),
            .n_prompt = documents_len(&p->rendered, which[i]),
            .sample = sample_plain(o->temperature, o->max_new, o->seed),
            .index = first_index + (uint64_t)i,
            .stop_ids = a->stop,
            .n_stop_ids = a->n_stop,
            .hook = a->tools ? tools_hook : NULL,
            .self = a->tools,
        };
    }
    return engine_run(a->engine, a->requests, n, results, progress, err);
}

Engine *answerer_engine(Answerer *a)
{
    return a->engine;
}

bool answerer_ended(const Answerer *a, const EngineResult *r)
{
    return answer_ended(a->chat, r);
}

RewardItem answerer_item(const Answerer *a, const Prompts *p, int64_t i,
                         const EngineResult *r)
{
    return (RewardItem){
        .prompt = prompts_chat(p, i),
        .row = prompts_row(p, i),
        .prompt_ids = documents_ids(&p->rendered, i),
        .n_prompt = documents_len(&p->rendered, i),
        .answer = r->ids,
        .n_answer = r->n,
        .ended = answerer_ended(a, r),
    };
}

static json_t *text_of(const Tokenizer *tok, const int32_t *ids, int64_t n)
{
    Str text = {0};
    Err err;
    json_t *value = NULL;
    if (tokenizer_decode(tok, ids, (size_t)n, true, &text, &err) == OK)
        value = json_from_bytes(str_span(&text));
    str_release(&text);
    return value ? value : json_null();
}

json_t *answerer_sample(const Answerer *a, const Prompts *p, int64_t i,
                        const EngineResult *r)
{
    const Conversation *chat = prompts_chat(p, i);
    json_t *sample = json_object();
    const Message *last = &chat->messages[chat->n - 1];
    json_object_set_new(sample, "prompt",
                        json_from_bytes((Span){last->content, last->len}));
    bool ended = answerer_ended(a, r);
    json_object_set_new(sample, "answer", text_of(a->tok, r->ids, r->n - ended));
    json_object_set_new(sample, "ended", json_boolean(ended));
    return sample;
}

Status answerer_show(Answerer *a, const Prompts *p, int64_t n, const AnswerOptions *o,
                     json_t *samples, Err *err)
{
    int64_t which[ANSWERS_SHOWN] = {0};
    EngineResult results[ANSWERS_SHOWN];
    ASSERT(n <= ANSWERS_SHOWN);
    for (int64_t i = 0; i < n; i++)
        which[i] = i;
    TRY(answerer_run(a, p, which, n, 0, o, results, NULL, err));
    for (int64_t i = 0; i < n; i++) {
        json_array_append_new(samples, answerer_sample(a, p, i, &results[i]));
        engine_result_release(&results[i]);
    }
    return OK;
}
