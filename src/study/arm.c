/* arm.c - see arm.h. */
#include "study/arm.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "data/corpus.h"
#include "data/tasks/tasks.h"
#include "eval/majority.h"
#include "format/json.h"
#include "model/folder.h"
#include "study/figures.h"
#include "study/measure.h"
#include "study/series.h"
#include "think/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS = 64, SUBSETS = 400, LARGEST_TESTS = 1 << 28 };

/* --- of what it is -------------------------------------------------------------------- */

static Status fingerprint(const ArmOptions *o, char out[17], Err *err)
{
    const int64_t numbers[] = {o->questions, o->samples, o->max_new, o->max_calls,
                               o->seed};
    uint64_t hash = rng_hash(numbers, sizeof numbers, 1);
    Str tests = {0};
    hash = rng_hash(&o->temperature, sizeof o->temperature, hash);
    TRY(measure_weights_hash(o->model, &hash, err));
    TRY(file_read(o->tests, LARGEST_TESTS, &tests, err));
    hash = rng_hash(tests.ptr, tests.len, hash);
    str_release(&tests);
    (void)snprintf(out, 17, "%016" PRIx64, hash);
    return OK;
}

void arm_release(Arm *a)
{
    mem_free(a->said);
    mem_free(a->tokens);
    mem_free(a->logprob);
    mem_free(a->entropy);
    *a = (Arm){0};
}

static Status arm_alloc(Arm *a, int64_t questions, int64_t samples, Err *err)
{
    a->questions = questions;
    a->samples = samples;
    size_t n = (size_t)arm_n(a);
    TRY(MEM_ARRAY(&a->said, n, err));
    TRY(MEM_ARRAY(&a->tokens, n, err));
    TRY(MEM_ARRAY(&a->logprob, n, err));
    return MEM_ARRAY(&a->entropy, n, err);
}

/* --- what answers say ------------------------------------------------------------------ */

typedef struct Reading {
    Span value; /* what the extractor found */
    bool right;
} Reading;

static Reading read_answer(const ArmOptions *o, const json_t *row, Span text)
{
    Reading r = {.value = tasks_answer(text)};
    const char *expected = json_string_value(json_object_get(row, "expected"));
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

typedef struct Asker {
    const ArmOptions *o;
    Model *model;
    Tokenizer *tok;
    ChatTemplate *chat;
    Engine *engine;
    RecordList tests;
    Answers answers;
    Str lines, text; /* of the file; of one question's answers */
    Span *values;    /* [samples], into text */
    size_t *ends;    /* [samples] */
} Asker;

static void asker_release(Asker *a)
{
    mem_free(a->values);
    mem_free(a->ends);
    str_release(&a->lines);
    str_release(&a->text);
    answers_release(&a->answers);
    record_list_release(&a->tests);
    engine_free(a->engine);
    template_free(a->chat);
    tokenizer_free(a->tok);
    model_free(a->model);
}

static Status open_all(Asker *a, TensorOps *ops, Err *err)
{
    CorpusOptions corpus;
    TRY(model_folder_load(&a->model, ops, a->o->model, false, NULL, err));
    TRY(model_folder_tokenizer(&a->tok, a->o->model, err));
    TRY(template_new(&a->chat, a->tok, err));
    TRY(engine_new(&a->engine, a->model, SLOTS, 0, NULL, err));
    TRY(opt_defaults(&corpus_options, &corpus, err));
    Status status = corpus_load(&a->tests, a->o->tests, RECORD_PROMPT, &corpus, err);
    opt_release(&corpus_options, &corpus);
    return status;
}

static void add_numbers(const EngineResult *r, Arm *out, int64_t at)
{
    double logprob = 0, entropy = 0;
    int64_t drawn = 0;
    for (int64_t t = 0; t < r->n; t++) {
        if (r->forced[t])
            continue;
        logprob += (double)r->logprobs[t];
        entropy += (double)r->entropies[t];
        drawn++;
    }
    out->tokens[at] = r->n;
    out->logprob[at] = logprob;
    out->entropy[at] = drawn > 0 ? entropy / (double)drawn : 0;
}

static void put_line(Asker *a, const Arm *out, int64_t i, int64_t k, Span text)
{
    int64_t at = i * out->samples + k;
    str_printf(&a->lines,
               "{\"question\": %lld, \"sample\": %lld, \"answer\": ", (long long)i,
               (long long)k);
    json_append_string(&a->lines, text);
    str_printf(&a->lines,
               ", \"said\": %lld, \"tokens\": %lld, \"logprob\": %.17g, \"entropy\": "
               "%.17g}\n",
               (long long)out->said[at], (long long)out->tokens[at], out->logprob[at],
               out->entropy[at]);
}

/* The answers to question i. */
static Status read_question(Asker *a, int64_t i, Arm *out, Err *err)
{
    const json_t *row = a->tests.records[i].row;
    int64_t n = out->samples, *said = out->said + i * n;
    str_reset(&a->text);
    for (int64_t k = 0; k < n; k++) {
        const EngineResult *r = &a->answers.results[i * n + k];
        TRY(answer_text(a->tok, a->chat, r->ids, r->n, &a->text, err));
        TRY(str_check(&a->text, err));
        a->ends[k] = a->text.len;
        add_numbers(r, out, i * n + k);
    }
    for (int64_t k = 0; k < n; k++) {
        size_t start = k > 0 ? a->ends[k - 1] : 0;
        Span text = {str_c(&a->text) + start, a->ends[k] - start};
        Reading reading = read_answer(a->o, row, text);
        a->values[k] = reading.value;
        said[k] = reading.value.len == 0 ? -1
                  : reading.right        ? 0
                                         : number_of(a->values, said, k);
        put_line(a, out, i, k, text);
    }
    return OK;
}

static Status ask(Asker *a, const char *of, Arm *out, Err *err)
{
    const ArmOptions *o = a->o;
    double start = system_seconds();
    int64_t n = (int64_t)a->tests.n < o->questions ? (int64_t)a->tests.n : o->questions;
    AskOptions how = {.sample = sample_plain(o->temperature, o->max_new, o->seed),
                      .per_prompt = o->samples,
                      .max_calls = o->max_calls,
                      .tools = o->tools};
    TRY(arm_alloc(out, n, o->samples, err));
    TRY(MEM_ARRAY(&a->values, (size_t)o->samples, err));
    TRY(MEM_ARRAY(&a->ends, (size_t)o->samples, err));
    TRY(answers_sample(a->engine, a->tok, a->chat, a->tests.records, n, &how,
                       file_base_name(o->file), &a->answers, err));
    out->seconds = system_seconds() - start;
    str_printf(&a->lines,
               "{\"of\": \"%s\", \"questions\": %lld, \"samples\": %lld, \"seconds\": "
               "%.6g}\n",
               of, (long long)n, (long long)o->samples, out->seconds);
    for (int64_t i = 0; i < n; i++)
        TRY(read_question(a, i, out, err));
    return str_check(&a->lines, err);
}

static Status make(const ArmOptions *o, TensorOps *ops, const char *of, Arm *out,
                   Err *err)
{
    Asker a = {.o = o};
    Status status = open_all(&a, ops, err);
    if (status == OK)
        status = ask(&a, of, out, err);
    if (status == OK)
        status = file_write_atomic(o->file, a.lines.ptr, a.lines.len, err);
    asker_release(&a);
    return status;
}

/* --- the file -------------------------------------------------------------------------- */

static Status read_lines(const Series *lines, const ArmOptions *o, Arm *out, Err *err)
{
    int64_t questions = (int64_t)series_at(lines, 0, "questions");
    int64_t samples = (int64_t)series_at(lines, 0, "samples");
    if (questions < 0 || samples < 1 || (int64_t)lines->n != 1 + questions * samples)
        return err_set(err, ERR_FORMAT,
                       "'%s' has not the answers it speaks of; remove it", o->file);
    TRY(arm_alloc(out, questions, samples, err));
    out->seconds = series_at(lines, 0, "seconds");
    for (int64_t i = 0; i < arm_n(out); i++) {
        size_t line = (size_t)i + 1;
        out->said[i] = (int64_t)series_at(lines, line, "said");
        out->tokens[i] = (int64_t)series_at(lines, line, "tokens");
        out->logprob[i] = series_at(lines, line, "logprob");
        out->entropy[i] = series_at(lines, line, "entropy");
    }
    return OK;
}

/* *found: the file is there and of the same. */
static Status read_arm(const ArmOptions *o, const char *of, Arm *out, bool *found,
                       Err *err)
{
    Series lines = {0};
    const char *name = file_base_name(o->file);
    Str folder = {0};
    *found = false;
    if (!file_exists(o->file))
        return OK;
    str_append(&folder, o->file, (size_t)(name - o->file));
    Status status = series_read_file(&lines, str_c(&folder), name, err);
    const char *then =
        json_string_value(json_object_get(json_array_get(lines.rows, 0), "of"));
    if (status == OK && then && strcmp(then, of) == 0) {
        status = read_lines(&lines, o, out, err);
        *found = status == OK;
    }
    series_release(&lines);
    str_release(&folder);
    return status;
}

Status arm_run(const ArmOptions *o, TensorOps *ops, Arm *out, Err *err)
{
    char of[17];
    bool found;
    *out = (Arm){0};
    TRY(fingerprint(o, of, err));
    Status status = read_arm(o, of, out, &found, err);
    if (status == OK && !found)
        status = make(o, ops, of, out, err);
    if (status != OK)
        arm_release(out);
    return status == OK ? OK : err_context(err, "asking '%s'", o->model);
}

/* --- figures --------------------------------------------------------------------------- */

Status arm_score(const Arm *a, ArmScore *out, Err *err)
{
    int64_t n = arm_n(a), right = 0, *cluster;
    double *hit;
    *out = (ArmScore){.n = n};
    TRY(MEM_ARRAY(&hit, (size_t)n, err));
    Status status = MEM_ARRAY(&cluster, (size_t)n, err);
    for (int64_t i = 0; status == OK && i < n; i++) {
        hit[i] = a->said[i] == 0;
        cluster[i] = i / a->samples;
        right += a->said[i] == 0;
        out->invalid += (a->said[i] < 0) / (double)n;
        out->tokens += (double)a->tokens[i] / (double)n;
        out->entropy += a->entropy[i] / (double)n;
    }
    if (status == OK) {
        out->right = n > 0 ? (double)right / (double)n : 0;
        out->seconds = a->questions > 0 ? a->seconds / (double)a->questions : 0;
        out->interval = stats_wilson((double)right, (double)n);
        if (a->samples > 1)
            (void)stats_clustered(hit, cluster, n, &out->interval);
        mem_free(cluster);
    }
    mem_free(hit);
    return status;
}

static void pair_add(ArmPair *p, bool a, bool b)
{
    p->n++;
    p->only_a += a && !b;
    p->only_b += b && !a;
    p->both += a && b;
    p->neither += !a && !b;
}

static void pair_finish(ArmPair *p)
{
    p->difference = stats_paired_shares(p->only_a, p->only_b, p->n, &p->interval);
    p->p = stats_mcnemar(p->only_a, p->only_b);
}

ArmPair arm_compare(const Arm *a, const Arm *b)
{
    ArmPair p = {0};
    int64_t n = a->questions < b->questions ? a->questions : b->questions;
    for (int64_t i = 0; i < n; i++)
        pair_add(&p, a->said[i * a->samples] == 0, b->said[i * b->samples] == 0);
    pair_finish(&p);
    return p;
}

ArmPair arm_compare_right(const bool *a, const bool *b, int64_t n)
{
    ArmPair p = {0};
    for (int64_t i = 0; i < n; i++)
        pair_add(&p, a[i], b[i]);
    pair_finish(&p);
    return p;
}

Status arm_votes(const Arm *a, int64_t k, ArmVotes *out, Err *err)
{
    double *majority, *any;
    *out = (ArmVotes){0};
    TRY(MEM_ARRAY(&majority, (size_t)a->questions, err));
    Status status = MEM_ARRAY(&any, (size_t)a->questions, err);
    for (int64_t i = 0; status == OK && i < a->questions; i++) {
        const int64_t *said = a->said + i * a->samples;
        int64_t right = 0;
        for (int64_t j = 0; j < a->samples; j++)
            right += said[j] == 0;
        any[i] = stats_pass_at(a->samples, right, k);
        status = majority_at(said, a->samples, k, 0, SUBSETS,
                             rng_make(0, RNG_EVAL, (uint64_t)i), &majority[i], err);
    }
    if (status == OK) {
        out->any = stats_mean(any, a->questions);
        out->majority = mean_interval(majority, a->questions, &out->majority_interval);
        mem_free(any);
    }
    mem_free(majority);
    return status;
}
