/* arm_ask.c - where the answers of an arm come from: all of them at once through the engine,
 * or one by one through a strategy; and what they say. */
#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "data/corpus.h"
#include "data/tasks/tasks.h"
#include "format/json.h"
#include "model/folder.h"
#include "study/arm_internal.h"
#include "think/answer.h"
#include "think/lm/lm_local.h"

#include <string.h>

enum { SLOTS = 64, ASKED_AT_ONCE = 64 };

/* --- what answers say ------------------------------------------------------------------ */

typedef struct Reading {
    Span value; /* what the extractor found */
    bool right;
} Reading;

static Reading read_answer(const ArmOptions *o, const json_t *row, Span text)
{
    Reading r = {.value = o->whole ? span_trim(text) : tasks_answer(text)};
    const char *expected = json_string_value(json_object_get(row, "expected"));
    if (r.value.len > 0 && o->valid && !o->valid(r.value))
        r.value.len = 0;
    if (r.value.len == 0)
        return r;
    r.right = o->judge ? o->judge(row, r.value)
                       : expected && span_equal(r.value, span_of(expected));
    return r;
}

/* The number of a wrong answer among those of its question: that of an equal one before it,
 * or the next. */
static int64_t number_of(const Span *values, const int64_t *said, int64_t k)
{
    int64_t next = 1;
    for (int64_t i = 0; i < k; i++) {
        if (said[i] > 0 && span_equal(values[i], values[k]))
            return said[i];
        next = said[i] >= next ? said[i] + 1 : next;
    }
    return next;
}

/* --- asking ---------------------------------------------------------------------------- */

/* One answer as it came. */
typedef struct Said {
    Str text;
    int64_t tokens, forced; /* written; of them not drawn */
    double kept, logprob, entropy;
} Said;

typedef struct Asker {
    const ArmOptions *o;
    RecordList tests;
    int64_t n;    /* questions */
    Said *said;   /* [n * samples] */
    Str lines;    /* of the file */
    Span *values; /* [samples] */
} Asker;

static void asker_release(Asker *a)
{
    for (int64_t i = 0; a->said && i < a->n * a->o->samples; i++)
        str_release(&a->said[i].text);
    mem_free(a->said);
    mem_free(a->values);
    str_release(&a->lines);
    record_list_release(&a->tests);
}

static Status read_tests(Asker *a, Err *err)
{
    CorpusOptions corpus;
    TRY(opt_defaults(&corpus_options, &corpus, err));
    Status status = corpus_load(&a->tests, a->o->tests, RECORD_PROMPT, &corpus, err);
    opt_release(&corpus_options, &corpus);
    TRY(status);
    a->n =
        (int64_t)a->tests.n < a->o->questions ? (int64_t)a->tests.n : a->o->questions;
    TRY(MEM_ARRAY(&a->values, (size_t)a->o->samples, err));
    return MEM_ARRAY(&a->said, (size_t)(a->n * a->o->samples), err);
}

/* --- through the engine ----------------------------------------------------------------- */

typedef struct Opened {
    Model *model;
    Tokenizer *tok;
    ChatTemplate *chat;
    Engine *engine;
    Answers answers;
} Opened;

static void opened_release(Opened *p)
{
    answers_release(&p->answers);
    engine_free(p->engine);
    template_free(p->chat);
    tokenizer_free(p->tok);
    model_free(p->model);
}

static Status open_all(Opened *p, const char *model, TensorOps *ops, Err *err)
{
    TRY(model_folder_load(&p->model, ops, model, false, NULL, err));
    TRY(model_folder_tokenizer(&p->tok, model, err));
    TRY(template_new(&p->chat, p->tok, err));
    return engine_new(&p->engine, p->model, SLOTS, 0, NULL, err);
}

static void take_numbers(const EngineResult *r, Said *out)
{
    double entropy = 0;
    int64_t drawn = 0;
    for (int64_t t = 0; t < r->n; t++) {
        if (r->forced[t])
            continue;
        out->logprob += (double)r->logprobs[t];
        entropy += (double)r->entropies[t];
        drawn++;
    }
    out->tokens = r->n;
    out->forced = r->n - drawn;
    out->kept = 1;
    out->entropy = drawn > 0 ? entropy / (double)drawn : 0;
}

static Status sample_all(Asker *a, Opened *p, Err *err)
{
    const ArmOptions *o = a->o;
    AskOptions how = {.sample = sample_plain(o->temperature, o->max_new, o->seed),
                      .per_prompt = o->samples,
                      .max_calls = o->max_calls,
                      .tools = o->tools};
    TRY(answers_sample(p->engine, p->tok, p->chat, a->tests.records, a->n, &how,
                       file_base_name(o->file), &p->answers, err));
    for (int64_t i = 0; i < a->n * o->samples; i++) {
        const EngineResult *r = &p->answers.results[i];
        TRY(answer_text(p->tok, p->chat, r->ids, r->n, &a->said[i].text, err));
        TRY(str_check(&a->said[i].text, err));
        take_numbers(r, &a->said[i]);
    }
    return OK;
}

static Status ask_engine(Asker *a, TensorOps *ops, Err *err)
{
    Opened p = {0};
    Status status = open_all(&p, a->o->model, ops, err);
    if (status == OK)
        status = sample_all(a, &p, err);
    opened_release(&p);
    return status;
}

/* --- through a strategy ------------------------------------------------------------------ */

typedef struct Job {
    Asker *asker;
    Lm *lm;
    Strategy *strategy;
    Extractor extract;
    ThinkOptions defaults;
} Job;

/* What was thought and what was said. */
static void take_outcome(Said *out, const Outcome *o, int64_t tokens)
{
    str_span_append(&out->text, str_span(&o->thinking));
    if (o->thinking.len > 0)
        str_putc(&out->text, '\n');
    str_span_append(&out->text, str_span(&o->text));
    out->tokens = tokens;
    out->forced = o->forced;
    out->kept = o->kept;
    out->logprob = o->logprob;
    out->entropy = o->entropy;
}

/* Answer k to question i draws as (seed, i, k). */
static Status answer(Job *job, int64_t i, int64_t k, Said *out, Err *err)
{
    const ArmOptions *o = job->asker->o;
    const ArmThinking *t = o->thinking;
    const Budget budget = {0};
    Run run = {0};
    Outcome outcome = {0};
    Question q = {.talk = &job->asker->tests.records[i].chat,
                  .sample = sample_plain(o->temperature, o->max_new, o->seed),
                  .key = (uint64_t)(i * o->samples + k),
                  .o = t->options ? t->options : &job->defaults,
                  .extract = &job->extract,
                  .examples = t->examples,
                  .judge = t->judge,
                  .constraint = t->constraint,
                  .stops = t->stops,
                  .n_stops = t->n_stops,
                  .tools = o->tools};
    Status status = run_init(&run, job->lm, &budget, NULL, "arm", err);
    if (status == OK)
        status = strategy_answer(job->strategy, &run, &q, &outcome, err);
    if (status == OK) {
        take_outcome(out, &outcome, run.usage.answer_tokens);
        status = str_check(&out->text, err);
    }
    outcome_release(&outcome);
    run_release(&run);
    return status;
}

static Status answer_one(void *self, int64_t at, Err *err)
{
    Job *job = self;
    int64_t i = at / job->asker->o->samples, k = at % job->asker->o->samples;
    Status status = answer(job, i, k, &job->asker->said[at], err);
    return status == OK ? OK : err_context(err, "question %lld", (long long)i + 1);
}

static Status open_strategy(Job *job, TensorOps *ops, Err *err)
{
    const ArmOptions *o = job->asker->o;
    LmLocalOptions local;
    TRY(opt_defaults(&think_options, &job->defaults, err));
    TRY(strategy_parse(&job->strategy, span_of(o->thinking->spec), err));
    TRY(extractor_parse(&job->extract,
                        span_of(o->thinking->extract ? o->thinking->extract : "auto"),
                        err));
    TRY(opt_defaults(&lm_local_options, &local, err));
    local.batch = SLOTS;
    local.as_document = o->thinking->as_document;
    Status status = lm_local_open(&job->lm, ops, o->model, &local, err);
    opt_release(&lm_local_options, &local);
    TRY(status);
    return strategy_check(job->strategy, job->lm, err);
}

static Status ask_strategy(Asker *a, TensorOps *ops, Err *err)
{
    Job job = {.asker = a};
    Status status = open_strategy(&job, ops, err);
    if (status == OK)
        status =
            system_try(ASKED_AT_ONCE, a->n * a->o->samples, file_base_name(a->o->file),
                       "answers", answer_one, &job, err);
    lm_free(job.lm);
    strategy_free(job.strategy);
    extractor_release(&job.extract);
    opt_release(&think_options, &job.defaults);
    return status;
}

/* --- the lines --------------------------------------------------------------------------- */

static void put_line(Asker *a, const Arm *out, int64_t i, int64_t k, Span text)
{
    int64_t at = i * out->samples + k;
    str_printf(&a->lines,
               "{\"question\": %lld, \"sample\": %lld, \"answer\": ", (long long)i,
               (long long)k);
    json_append_string(&a->lines, text);
    str_printf(&a->lines,
               ", \"said\": %lld, \"tokens\": %lld, \"forced\": %lld, \"kept\": %.17g, "
               "\"logprob\": %.17g, \"entropy\": %.17g}\n",
               (long long)out->said[at], (long long)out->tokens[at],
               (long long)out->forced[at], out->kept[at], out->logprob[at],
               out->entropy[at]);
}

/* The answers to question i. */
static void read_question(Asker *a, int64_t i, Arm *out)
{
    const json_t *row = a->tests.records[i].row;
    int64_t n = out->samples, *said = out->said + i * n;
    for (int64_t k = 0; k < n; k++) {
        const Said *x = &a->said[i * n + k];
        Span text = str_span(&x->text);
        Reading reading = read_answer(a->o, row, text);
        a->values[k] = reading.value;
        said[k] = reading.value.len == 0 ? -1
                  : reading.right        ? 0
                                         : number_of(a->values, said, k);
        out->tokens[i * n + k] = x->tokens;
        out->forced[i * n + k] = x->forced;
        out->kept[i * n + k] = x->kept;
        out->logprob[i * n + k] = x->logprob;
        out->entropy[i * n + k] = x->entropy;
        put_line(a, out, i, k, text);
    }
}

static Status ask(Asker *a, TensorOps *ops, const char *of, Arm *out, Err *err)
{
    const ArmOptions *o = a->o;
    TRY(read_tests(a, err));
    TRY(arm_alloc(out, a->n, o->samples, err));
    double start = system_seconds();
    TRY(o->thinking ? ask_strategy(a, ops, err) : ask_engine(a, ops, err));
    out->seconds = system_seconds() - start;
    str_printf(&a->lines,
               "{\"of\": \"%s\", \"questions\": %lld, \"samples\": %lld, \"seconds\": "
               "%.6g}\n",
               of, (long long)a->n, (long long)o->samples, out->seconds);
    for (int64_t i = 0; i < a->n; i++)
        read_question(a, i, out);
    return str_check(&a->lines, err);
}

Status arm_ask(const ArmOptions *o, TensorOps *ops, const char *of, Arm *out, Err *err)
{
    Asker a = {.o = o};
    Status status = ask(&a, ops, of, out, err);
    if (status == OK)
        status = file_write_atomic(o->file, a.lines.ptr, a.lines.len, err);
    asker_release(&a);
    return status;
}
