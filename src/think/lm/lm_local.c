/* lm_local.c - see lm_local.h. A request becomes n requests of the engine that share
 * their prompt; ids become text in answer_reader.h. */
#include "think/lm/lm_local.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/system.h"
#include "think/lm/answer_reader.h"
#include "think/lm/constraint_book.h"
#include "think/lm/lm_document.h"
#include "think/lm/shared_engine.h"
#include "think/tool/call_guard.h"

#include <math.h>
#include <string.h>

static const OptField fields[] = {
    OPT_INT(LmLocalOptions, batch, 8, 1, 4096, "answers written side by side"),
    OPT_INT(LmLocalOptions, context, 0, 0, 1e9,
            "tokens that a question and its answer may have; 0: all the model can"),
    OPT_BOOL(LmLocalOptions, as_document, 0,
             "show a chat model the question as a document, as to a base model"),
    OPT_END,
};
const OptTable lm_local_options = {"model", "model folders", sizeof(LmLocalOptions),
                                   fields};

enum { MOST_STOPS = 32, MOST_STOP_IDS = 16 };

typedef struct LmLocal {
    Lm *lm;
    Loaded owned; /* of lm_local_open; else zeroed */
    const Loaded *loaded;
    const ChatTemplate *chat; /* NULL: conversations become documents */
    Engine *engine;
    SharedEngine *shared;
    ConstraintBook *constraints;
    Span *token_bytes; /* (vocab): a special token has no text */
    Str name;
    int32_t turn_stops[MOST_STOP_IDS], n_turn_stops;
    int32_t n_turn_ends; /* the first ones: they end a turn that is whole */
} LmLocal;

/* --- the prompt ---------------------------------------------------------------------- */
static Status push_begin(const Loaded *l, Ids *ids, Err *err)
{
    int32_t bos = loaded_begin(l);
    return bos >= 0 ? ids_push(ids, bos, err) : OK;
}

/* Is the request a conversation that this model reads as turns? */
static bool in_turns(const LmLocal *m, const LmRequest *r)
{
    return r->talk && m->chat;
}

/* What stands before the answer, and the text that is encoded last and in one piece,
 * because what follows may join it: special tokens alone keep texts apart. */
static Status prompt_parts(const LmLocal *m, const LmRequest *r, Ids *ids, Str *text,
                           Err *err)
{
    if (in_turns(m, r)) {
        TRY(template_render(m->chat, r->talk, true, ids, NULL, err));
    } else {
        TRY(push_begin(m->loaded, ids, err));
        if (r->talk)
            TRY(lm_document_render(r->talk, text, err));
        else
            str_span_append(text, r->document);
    }
    str_span_append(text, r->prefix);
    return str_check(text, err);
}

static Status make_prompt(const LmLocal *m, const LmRequest *r, Ids *ids, Err *err)
{
    Str text = {0};
    Status status = prompt_parts(m, r, ids, &text, err);
    if (status == OK && text.len > 0)
        status = tokenizer_encode(m->loaded->tok, str_span(&text), ids, err);
    str_release(&text);
    if (status == OK && ids->len == 0)
        status = err_set(err, ERR_OPTION,
                         "nothing to continue: the text is empty and the tokenizer has "
                         "no token that begins a document");
    if (status == OK && ids->len >= (size_t)engine_capacity(m->engine))
        status = err_set(err, ERR_LIMIT,
                         "the prompt has %zu tokens and the context of '%s' holds %d",
                         ids->len, str_c(&m->name), engine_capacity(m->engine));
    return status;
}

static Status local_render(void *self, const LmRequest *r, Str *out, Err *err)
{
    const LmLocal *m = self;
    Ids ids = {0};
    Status status = make_prompt(m, r, &ids, err);
    if (status == OK)
        status = tokenizer_decode(m->loaded->tok, ids.ptr, ids.len, true, out, err);
    ids_release(&ids);
    return status;
}

/* --- answers ------------------------------------------------------------------------- */
/* One answer of it. */
typedef struct Sequence {
    AnswerReader reader;
    ConstraintRun *run;  /* NULL: free */
    Ids begin;           /* what the constraint leaves no choice about */
    CallGuardRun *calls; /* NULL: calls of tools are free */
} Sequence;

/* One LmRequest on its way through the engine. */
typedef struct Asking {
    const LmLocal *m;
    const LmRequest *request;
    Ids prompt;
    Span stops[MOST_STOPS];
    int32_t n_stops;
    Constraint *constraint; /* NULL: none */
    CallGuard *guard;       /* of calls; NULL: there are no tools, or a constraint */
    Sequence *sequences;    /* (n) */
    EngineRequest *requests;
    EngineResult *results;
} Asking;

static Status check(const LmLocal *m, const LmRequest *r, Err *err)
{
    ASSERT(r->n >= 1 && r->first >= 0 && (!r->on_text || r->n == 1));
    (void)m;
    if (r->n_stops > MOST_STOPS - 1)
        return err_set(err, ERR_OPTION, "%zu texts that end an answer, %d at most",
                       r->n_stops, MOST_STOPS - 1);
    for (size_t i = 0; i < r->n_stops; i++) {
        if (r->stops[i].len < 1 || r->stops[i].len > ENGINE_STOP_BYTES)
            return err_set(err, ERR_OPTION,
                           "a text that ends an answer has %zu bytes, not 1 to %d",
                           r->stops[i].len, ENGINE_STOP_BYTES);
    }
    return OK;
}

static uint64_t draw_index(const LmRequest *r, int32_t k)
{
    uint64_t words[2] = {r->key, (uint64_t)(r->first + k)};
    return rng_hash(words, sizeof words, 0);
}

static bool on_token(void *self, int64_t request, int32_t id, bool forced)
{
    (void)request;
    (void)forced;
    AnswerReader *reader = &((Sequence *)self)->reader;
    return answer_reader_put(reader, id) && !system_stop_requested() &&
           (reader->deadline <= 0 || system_seconds() < reader->deadline);
}

static bool allow(void *self, const int32_t *ids, int64_t n, uint32_t *allowed)
{
    return constraint_run_allow(((Sequence *)self)->run, ids, n, allowed);
}

static Status force(void *self, int64_t request, const int32_t *ids, int64_t n,
                    bool *go_on, int32_t *more, int64_t room, int64_t *n_more, Err *err)
{
    (void)request;
    (void)go_on;
    return constraint_run_force(((Sequence *)self)->run, ids, n, more, room, n_more,
                                err);
}

static void init_reader(const Asking *a, AnswerReader *reader)
{
    const LmRequest *r = a->request;
    bool turns = in_turns(a->m, r);
    answer_reader_init(reader, a->m->loaded->tok, turns ? a->m->chat : NULL);
    reader->stops = a->stops;
    reader->n_stops = a->n_stops;
    reader->on_text = r->on_text;
    reader->self = r->self;
    reader->deadline = r->deadline;
    reader->skip_space = r->talk && !turns && r->prefix.len == 0;
    if (!turns)
        reader->before = a->prompt.ptr[a->prompt.len - 1];
}

/* Holds one answer to the constraint. */
static Status constrain(Asking *a, Sequence *s, EngineRequest *e, Err *err)
{
    const LmLocal *m = a->m;
    int64_t room = engine_capacity(m->engine) - e->n_prompt;
    if (e->sample.max_new < room)
        room = e->sample.max_new;
    bool turns = in_turns(m, a->request);
    TRY(constraint_run_new(&s->run, a->constraint,
                           turns ? m->turn_stops : m->loaded->ends,
                           turns ? m->n_turn_ends : m->loaded->n_ends, err));
    TRY(constraint_run_begin(s->run, a->prompt.ptr[a->prompt.len - 1], room, &s->begin,
                             err));
    e->begin = s->begin.ptr;
    e->n_begin = (int64_t)s->begin.len;
    e->constraint = allow;
    e->hook = force;
    return OK;
}

static bool allow_call(void *self, const int32_t *ids, int64_t n, uint32_t *allowed)
{
    return call_guard_allow(((Sequence *)self)->calls, ids, n, allowed);
}

/* Holds the calls of one answer to what its tools take. */
static Status guard_calls(Asking *a, Sequence *s, EngineRequest *e, Err *err)
{
    int64_t room = engine_capacity(a->m->engine) - e->n_prompt;
    if (e->sample.max_new < room)
        room = e->sample.max_new;
    e->constraint = allow_call;
    return call_guard_run(a->guard, room, &s->calls, err);
}

static Status prepare_one(Asking *a, int32_t k, Err *err)
{
    const LmLocal *m = a->m;
    const LmRequest *r = a->request;
    bool turns = in_turns(m, r);
    Sequence *s = &a->sequences[k];
    init_reader(a, &s->reader);
    a->requests[k] = (EngineRequest){
        .prompt = a->prompt.ptr,
        .n_prompt = (int64_t)a->prompt.len,
        .sample = r->sample,
        .index = draw_index(r, k),
        .share_prompt = true,
        .stop_ids = turns ? m->turn_stops : m->loaded->ends,
        .n_stop_ids = turns ? m->n_turn_stops : m->loaded->n_ends,
        .stop_strings = a->stops,
        .n_stop_strings = a->n_stops,
        .on_token = on_token,
        .self = s,
    };
    if (a->guard)
        return guard_calls(a, s, &a->requests[k], err);
    return a->constraint ? constrain(a, s, &a->requests[k], err) : OK;
}

static Status prepare(Asking *a, Err *err)
{
    const LmLocal *m = a->m;
    const LmRequest *r = a->request;
    size_t n = (size_t)r->n;
    TRY(make_prompt(m, r, &a->prompt, err));
    TRY(MEM_ARRAY(&a->sequences, n, err));
    TRY(MEM_ARRAY(&a->requests, n, err));
    TRY(MEM_ARRAY(&a->results, n, err));
    if (r->constraint)
        TRY(constraint_book_get(m->constraints, r->constraint, &a->constraint, err));
    else if (r->tools && r->tools->n > 0 && in_turns(m, r))
        TRY(call_guard_new(&a->guard, m->loaded->tok, m->chat, r->tools, err));
    for (size_t i = 0; i < r->n_stops; i++)
        a->stops[a->n_stops++] = r->stops[i];
    if (r->talk && !in_turns(m, r))
        a->stops[a->n_stops++] = SPAN(LM_DOCUMENT_STOP);
    for (int32_t k = 0; k < r->n; k++)
        TRY(prepare_one(a, k, err));
    return OK;
}

static void sum_up(const EngineResult *r, LmAnswer *out)
{
    double entropy = 0;
    out->tokens = r->n;
    out->kept = engine_result_kept(r);
    for (int64_t i = 0; i < r->n; i++) {
        out->forced += r->forced[i];
        out->logprob += (double)r->logprobs[i];
        if (!r->forced[i])
            entropy += (double)r->entropies[i];
    }
    int64_t drawn = out->tokens - out->forced;
    out->entropy = drawn > 0 ? entropy / (double)drawn : (double)NAN;
    out->finish = r->finish;
}

/* The k-th answer, from its ids. */
static Status read_answer(Asking *a, int32_t k, LmAnswer *out, Err *err)
{
    AnswerReader *reader = &a->sequences[k].reader;
    const EngineResult *r = &a->results[k];
    bool complete = true;
    sum_up(r, out);
    if (a->constraint)
        TRY(constraint_run_end(a->sequences[k].run, r->ids, r->n, &complete, err));
    if (!complete && out->finish == FINISH_STOP)
        out->finish = FINISH_LENGTH; /* no room was left for all of it */
    answer_reader_end(reader, r, &out->text);
    TRY(str_check(&out->text, err));
    if (!reader->is_call || r->finish != FINISH_STOP)
        return OK;
    TRY(MEM_ARRAY(&out->calls, 1, err));
    out->n_calls = 1;
    return answer_reader_call(reader, a->request->tools, &out->calls[0], err);
}

static void release(Asking *a)
{
    for (int32_t k = 0; k < a->request->n; k++) {
        if (a->results)
            engine_result_release(&a->results[k]);
        if (a->sequences) {
            answer_reader_release(&a->sequences[k].reader);
            constraint_run_free(a->sequences[k].run);
            call_guard_run_free(a->sequences[k].calls);
            ids_release(&a->sequences[k].begin);
        }
    }
    call_guard_free(a->guard);
    if (a->constraint)
        constraint_book_put(a->m->constraints, a->constraint);
    mem_free(a->results);
    mem_free(a->requests);
    mem_free(a->sequences);
    ids_release(&a->prompt);
}

static Status local_complete(void *self, const LmRequest *r, LmAnswer *answers,
                             LmUsage *usage, Err *err)
{
    LmLocal *m = self;
    Asking a = {.m = m, .request = r};
    LmUsage used = {.requests = 1};
    double begin = system_seconds();
    TRY(check(m, r, err));
    Status status = prepare(&a, err);
    if (status == OK)
        status = shared_engine_run(m->shared, a.requests, r->n, a.results, err);
    for (int32_t k = 0; status == OK && k < r->n; k++) {
        status = read_answer(&a, k, &answers[k], err);
        used.answer_tokens += answers[k].tokens;
    }
    used.prompt_tokens = (int64_t)a.prompt.len;
    used.seconds = system_seconds() - begin;
    lm_usage_add(usage, &used);
    release(&a);
    return status;
}

/* --- log-probabilities --------------------------------------------------------------- */
/* The ids of what stands before and the text together; *first: of the text, with what
 * its beginning changes in the encoding of what stands before. */
static Status score_ids(const LmLocal *m, const LmRequest *r, Span text, Ids *ids,
                        int64_t *first, Err *err)
{
    Str joined = {0};
    Ids alone = {0};
    Status status = prompt_parts(m, r, ids, &joined, err);
    size_t fixed = ids->len;
    if (status == OK)
        status = ids_append(&alone, ids->ptr, ids->len, err);
    if (status == OK && joined.len > 0)
        status = tokenizer_encode(m->loaded->tok, str_span(&joined), &alone, err);
    if (r->talk && !in_turns(m, r) && r->prefix.len == 0)
        str_putc(&joined, ' '); /* as answers on a page begin */
    str_span_append(&joined, text);
    if (status == OK)
        status = str_check(&joined, err);
    if (status == OK && joined.len > 0)
        status = tokenizer_encode(m->loaded->tok, str_span(&joined), ids, err);
    size_t same = fixed;
    while (status == OK && same < alone.len && same < ids->len &&
           alone.ptr[same] == ids->ptr[same])
        same++;
    if (status == OK && same == 0)
        status = err_set(err, ERR_OPTION, "nothing stands before the text to score");
    if (status == OK && ids->len > (size_t)engine_capacity(m->engine))
        status = err_set(err, ERR_LIMIT,
                         "prompt and text to score have %zu tokens and the context of "
                         "'%s' holds %d",
                         ids->len, str_c(&m->name), engine_capacity(m->engine));
    *first = (int64_t)same;
    str_release(&joined);
    ids_release(&alone);
    return status;
}

static Status score_items(LmLocal *m, const LmRequest *r, const Span *texts, size_t n,
                          EngineScore *items, Ids *ids, LmUsage *used, Err *err)
{
    for (size_t i = 0; i < n; i++) {
        TRY(score_ids(m, r, texts[i], &ids[i], &items[i].first, err));
        TRY(MEM_ARRAY(&items[i].logprobs, ids[i].len, err));
        items[i].ids = ids[i].ptr;
        items[i].n = (int64_t)ids[i].len;
        used->prompt_tokens += items[i].n;
    }
    return shared_engine_score(m->shared, items, (int64_t)n, err);
}

static Status local_score(void *self, const LmRequest *r, const Span *texts, size_t n,
                          double *logprobs, int64_t *tokens, LmUsage *usage, Err *err)
{
    LmLocal *m = self;
    EngineScore *items = NULL;
    Ids *ids = NULL;
    LmUsage used = {.requests = 1};
    double begin = system_seconds();
    Status status = MEM_ARRAY(&items, n, err);
    if (status == OK)
        status = MEM_ARRAY(&ids, n, err);
    if (status == OK && n > 0)
        status = score_items(m, r, texts, n, items, ids, &used, err);
    for (size_t i = 0; status == OK && i < n; i++) {
        logprobs[i] = 0;
        tokens[i] = items[i].n - items[i].first;
        for (int64_t t = items[i].first; t < items[i].n; t++)
            logprobs[i] += (double)items[i].logprobs[t];
    }
    for (size_t i = 0; items && ids && i < n; i++) {
        mem_free(items[i].logprobs);
        ids_release(&ids[i]);
    }
    mem_free(items);
    mem_free(ids);
    used.seconds = system_seconds() - begin;
    lm_usage_add(usage, &used);
    return status;
}

static int64_t local_count(void *self, Span text)
{
    const LmLocal *m = self;
    Ids ids = {0};
    Err err;
    int64_t n = tokenizer_encode(m->loaded->tok, text, &ids, &err) == OK
                    ? (int64_t)ids.len
                    : (int64_t)text.len;
    ids_release(&ids);
    return n;
}

/* --- life ---------------------------------------------------------------------------- */
static void local_free(void *self)
{
    LmLocal *m = self;
    if (!m)
        return;
    shared_engine_free(m->shared);
    engine_free(m->engine);
    constraint_book_free(m->constraints);
    mem_free(m->token_bytes);
    str_release(&m->name);
    loaded_release(&m->owned);
    mem_free(m);
}

/* A turn ends with its end, with a document's, and where another would begin. */
static void find_turn_stops(LmLocal *m)
{
    m->turn_stops[m->n_turn_stops++] = template_end(m->chat);
    for (int32_t i = 0; i < m->loaded->n_ends; i++)
        m->turn_stops[m->n_turn_stops++] = m->loaded->ends[i];
    m->n_turn_ends = m->n_turn_stops;
    for (int role = ROLE_SYSTEM; role <= ROLE_TOOL; role++)
        m->turn_stops[m->n_turn_stops++] = template_id(m->chat, (Role)role);
}

static Status find_token_bytes(LmLocal *m, Err *err)
{
    const Tokenizer *tok = m->loaded->tok;
    TRY(MEM_ARRAY(&m->token_bytes, (size_t)m->loaded->model->shape.vocab, err));
    for (int32_t id = 0; id < tokenizer_vocab(tok); id++) {
        if (!tokenizer_is_special(tok, id))
            m->token_bytes[id] = tokenizer_bytes(tok, id);
    }
    return OK;
}

static Status check_memory(const ModelShape *shape, const LmLocalOptions *o, Err *err)
{
    int64_t there = mem_available("");
    size_t needs = engine_bytes(shape, (int32_t)o->batch, (int32_t)o->context);
    if (there < 0 || needs <= (size_t)there)
        return OK;
    return err_set(err, ERR_LIMIT,
                   "%lld answers side by side of %lld tokens take %s of memory and %s "
                   "are free: --batch and --context make it less",
                   (long long)o->batch,
                   (long long)(o->context > 0 ? o->context : shape->context),
                   log_bytes((double)needs), log_bytes((double)there));
}

static Status set_up(LmLocal *m, const char *name, const LmLocalOptions *o, Err *err)
{
    const Loaded *l = m->loaded;
    str_puts(&m->name, name);
    TRY(str_check(&m->name, err));
    m->chat = o->as_document ? NULL : l->chat;
    if (m->chat)
        find_turn_stops(m);
    TRY(find_token_bytes(m, err));
    if (o->context > l->model->shape.context)
        return err_set(err, ERR_OPTION, "--context is %lld, the model's is %d",
                       (long long)o->context, l->model->shape.context);
    TRY(check_memory(&l->model->shape, o, err));
    TRY(engine_new(&m->engine, l->model, (int32_t)o->batch, (int32_t)o->context,
                   m->token_bytes, err));
    TRY(constraint_book_new(&m->constraints, l->tok, err));
    return shared_engine_new(&m->shared, m->engine, err);
}

Status lm_local_new(Lm **out, const Loaded *loaded, const char *name,
                    const LmLocalOptions *o, Err *err)
{
    LmLocal *m;
    Lm *lm = NULL;
    *out = NULL;
    TRY(MEM_ARRAY(&m, 1, err));
    m->loaded = loaded;
    Status status = MEM_ARRAY(&lm, 1, err);
    if (status == OK)
        status = set_up(m, name, o, err);
    if (status != OK) {
        local_free(m);
        mem_free(lm);
        return status;
    }
    *lm = (Lm){.name = str_c(&m->name),
               .can = {.score = true,
                       .logprobs = true,
                       .constraints = true,
                       .schemas = true,
                       .documents = true,
                       .prefixes = true,
                       .tools = m->chat != NULL},
               .context = engine_capacity(m->engine),
               .self = m,
               .complete = local_complete,
               .score = local_score,
               .count = local_count,
               .render = local_render,
               .free = local_free};
    *out = lm;
    return OK;
}

Status lm_local_open(Lm **out, TensorOps *ops, const char *folder,
                     const LmLocalOptions *o, Err *err)
{
    Loaded loaded;
    TRY(loaded_open(&loaded, ops, folder, false, err));
    Err why;
    if (!o->as_document && template_new(&loaded.chat, loaded.tok, &why) != OK)
        log_info("'%s' is asked by documents of questions and answers: %s", folder,
                 why.msg);
    Status status = lm_local_new(out, &loaded, folder, o, err);
    if (status != OK) {
        loaded_release(&loaded);
        return err_context(err, "'%s'", folder);
    }
    LmLocal *m = (*out)->self;
    m->owned = loaded;
    m->loaded = &m->owned;
    return OK;
}

const Loaded *lm_local_loaded(const Lm *lm)
{
    return lm->complete == local_complete ? ((const LmLocal *)lm->self)->loaded : NULL;
}
