/* engine.c - the scheduler: continuous batching over the slots of one KV cache (Yu et al.
 * 2022, "Orca": iteration-level scheduling).
 *
 * A step takes one token from each slot that is decoding, fills the rest of its
 * max_tokens with pieces of prompts not yet read, runs them all in one model_decode, and
 * draws an id for each slot whose last token was among them. A slot that ends is given
 * the next waiting request before the next step. So long prompts do not hold up the
 * others for longer than a piece, and no slot waits for the slowest of a batch.
 *
 *     waiting ── admit ──► slot: prompt pieces ──► one id a step ──► result
 *                            ▲      └── ids that a hook forces ──┘      │
 *                            └───────────── next request ◄──────────────┘
 *
 * Memory: everything is laid out by engine_new; a request allocates its result, a token
 * and a draw nothing. Threads: one at a time. */
#include "engine/engine.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/engine_internal.h"

#include <math.h>
#include <string.h>

/* Prompt tokens that a step takes beside the decoding slots' own. */
enum { PREFILL_TOKENS = 256 };

/* What engine_run was asked, in one place. */
typedef struct Job {
    const EngineRequest *requests;
    EngineResult *results;
    int64_t n;
    int64_t next; /* the first request that has not been admitted */
    int64_t done;
} Job;

/* --- life -------------------------------------------------------------------------- */
static int32_t step_tokens(int32_t slots)
{
    return slots + PREFILL_TOKENS;
}

static size_t words_of(int32_t vocab)
{
    return ((size_t)vocab + 31) / 32;
}

size_t engine_bytes(const ModelShape *shape, int32_t slots, int32_t capacity)
{
    if (capacity == 0)
        capacity = shape->context;
    size_t S = (size_t)slots, tokens = (size_t)step_tokens(slots);
    return model_cache_bytes(shape, slots, capacity, step_tokens(slots)) +
           sizeof(Engine) + S * (sizeof(Slot) + sizeof(SampleRow) + sizeof(SampleOut)) +
           S * sizeof(int32_t) + (S + 1) * (size_t)capacity * sizeof(int32_t) +
           tokens * (5 * sizeof(int32_t) + sizeof(float)) +
           S * words_of(shape->vocab) * sizeof(uint32_t);
}

static Status make_buffers(Engine *e, Err *err)
{
    size_t S = (size_t)e->n_slots, tokens = (size_t)e->max_tokens;
    size_t capacity = (size_t)e->capacity;
    e->allowed_words = (int64_t)words_of(e->model->shape.vocab);
    TRY(MEM_ARRAY(&e->slots, S, err));
    TRY(MEM_ARRAY(&e->pool, S * capacity, err));
    TRY(MEM_ARRAY(&e->force, capacity, err));
    TRY(MEM_ARRAY(&e->allowed, S * (size_t)e->allowed_words, err));
    TRY(MEM_ARRAY(&e->step_ids, tokens, err));
    TRY(MEM_ARRAY(&e->step_slots, tokens, err));
    TRY(MEM_ARRAY(&e->step_positions, tokens, err));
    TRY(MEM_ARRAY(&e->rows, tokens, err));
    TRY(MEM_ARRAY(&e->targets, tokens, err));
    TRY(MEM_ARRAY(&e->logprobs, tokens, err));
    TRY(MEM_ARRAY(&e->row_slot, S, err));
    TRY(MEM_ARRAY(&e->how, S, err));
    TRY(MEM_ARRAY(&e->drawn, S, err));
    for (size_t s = 0; s < S; s++) {
        e->slots[s].request = -1;
        e->slots[s].leader = -1;
        e->slots[s].ids = e->pool + s * capacity;
    }
    return model_cache_new(&e->cache, e->model, e->n_slots, e->capacity, e->max_tokens,
                           err);
}

Status engine_new(Engine **out, Model *model, int32_t slots, int32_t capacity,
                  const Span *token_bytes, Err *err)
{
    ASSERT(slots >= 1 && capacity >= 0);
    *out = NULL;
    if (!head_has_logits(model->shape.head))
        return err_set(
            err, ERR_OPTION,
            "a reward model cannot write text: it has no language-model head");
    if (capacity == 0)
        capacity = model->shape.context;
    if (capacity > model->shape.context)
        return err_set(
            err, ERR_OPTION,
            "sequences of %d tokens are longer than the model's context of %d",
            capacity, model->shape.context);
    Engine *e;
    TRY(MEM_ARRAY(&e, 1, err));
    *e = (Engine){.model = model,
                  .n_slots = slots,
                  .capacity = capacity,
                  .max_tokens = step_tokens(slots),
                  .token_bytes = token_bytes};
    Status status = make_buffers(e, err);
    if (status != OK) {
        engine_free(e);
        return status;
    }
    *out = e;
    return OK;
}

void engine_free(Engine *e)
{
    if (!e)
        return;
    engine_score_release(e);
    model_cache_free(e->cache);
    mem_free(e->slots);
    mem_free(e->pool);
    mem_free(e->force);
    mem_free(e->allowed);
    mem_free(e->step_ids);
    mem_free(e->step_slots);
    mem_free(e->step_positions);
    mem_free(e->rows);
    mem_free(e->targets);
    mem_free(e->logprobs);
    mem_free(e->row_slot);
    mem_free(e->how);
    mem_free(e->drawn);
    mem_free(e);
}

int32_t engine_capacity(const Engine *e)
{
    return e->capacity;
}

void engine_result_release(EngineResult *r)
{
    mem_free(r->ids);
    mem_free(r->logprobs);
    mem_free(r->entropies);
    mem_free(r->forced);
    *r = (EngineResult){0};
}

double engine_result_kept(const EngineResult *r)
{
    int64_t drawn = 0;
    for (int64_t i = 0; i < r->n; i++)
        drawn += !r->forced[i];
    return drawn > 0 ? exp(r->log_kept / (double)drawn) : 1;
}

/* --- requests come and go ---------------------------------------------------------- */
/* Tokens that the result of r may have. */
static int64_t result_room(const Engine *e, const EngineRequest *r)
{
    int64_t room = e->capacity - r->n_prompt;
    return r->sample.max_new < room ? r->sample.max_new : room;
}

static Status check_request(const Engine *e, const EngineRequest *r, Err *err)
{
    ASSERT(r->n_prompt >= 1);
    for (int64_t i = 0; i < r->n_prompt; i++)
        ASSERT(r->prompt[i] >= 0 && r->prompt[i] < e->model->shape.vocab);
    if (r->n_prompt > e->capacity)
        return err_set(err, ERR_LIMIT, "the prompt has %lld tokens, the limit is %d",
                       (long long)r->n_prompt, e->capacity);
    if (r->n_begin > 0 && r->n_begin >= result_room(e, r))
        return err_set(err, ERR_LIMIT,
                       "the answer begins with %lld tokens, and only %lld are left "
                       "(max_new, or the context)",
                       (long long)r->n_begin, (long long)result_room(e, r));
    ASSERT(r->n_stop_strings == 0 || e->token_bytes);
    for (int32_t i = 0; i < r->n_stop_strings; i++) {
        size_t len = r->stop_strings[i].len;
        if (len < 1 || len > ENGINE_STOP_BYTES)
            return err_set(err, ERR_OPTION, "a stop string has %zu bytes, not 1 to %d",
                           len, ENGINE_STOP_BYTES);
    }
    return OK;
}

static Status make_result(EngineResult *result, int64_t room, Err *err)
{
    size_t n = (size_t)room;
    TRY(MEM_ARRAY(&result->ids, n, err));
    TRY(MEM_ARRAY(&result->logprobs, n, err));
    TRY(MEM_ARRAY(&result->entropies, n, err));
    return MEM_ARRAY(&result->forced, n, err);
}

static FinishReason full_reason(const EngineRequest *r, const EngineResult *result)
{
    return result->n >= r->sample.max_new ? FINISH_LENGTH : FINISH_CONTEXT;
}

static void finish(Job *job, Slot *slot, FinishReason reason)
{
    job->results[slot->request].finish = reason;
    job->results[slot->request].shared = slot->shared;
    slot->request = -1; /* its keys and values stay */
    job->done++;
}

/* Appends one id; false when the reader of the stream wants no more. */
static bool append(Slot *slot, const EngineRequest *r, EngineResult *result,
                   SampleOut id, bool forced)
{
    slot->ids[slot->total++] = id.id;
    result->ids[result->n] = id.id;
    result->logprobs[result->n] = id.logprob;
    result->entropies[result->n] = id.entropy;
    result->log_kept += (double)id.log_kept;
    result->forced[result->n++] = forced;
    return !r->on_token || r->on_token(r->self, slot->request, id.id, forced);
}

/* What the answer begins with, as if it were drawn. */
static void begin_answer(Job *job, Slot *slot)
{
    const EngineRequest *r = &job->requests[slot->request];
    EngineResult *result = &job->results[slot->request];
    bool wanted = true;
    for (int64_t i = 0; i < r->n_begin && wanted; i++)
        wanted = append(slot, r, result, (SampleOut){.id = r->begin[i]}, true);
    if (!wanted)
        finish(job, slot, FINISH_ABORTED);
}

/* Gives free slots the next waiting requests. */
static Status admit(Engine *e, Job *job, Err *err)
{
    while (job->next < job->n) {
        const EngineRequest *r = &job->requests[job->next];
        EngineResult *result = &job->results[job->next];
        int64_t room = result_room(e, r);
        int32_t s = slots_give(e, job->next, r->prompt, r->n_prompt,
                               r->share_prompt ? r->n_prompt - 1 : 0);
        if (s < 0)
            return OK;
        TRY(make_result(result, room, err));
        stop_reset(&e->slots[s].stop);
        job->next++;
        if (room <= 0)
            finish(job, &e->slots[s], full_reason(r, result));
        else
            begin_answer(job, &e->slots[s]);
    }
    return OK;
}

/* --- one step ---------------------------------------------------------------------- */
/* Lays out the tokens of a step: slots that decode first, then pieces of prompts.
 * *n_draws: rows whose slot has nothing left to read, so that it draws. */
static int64_t lay_step(Engine *e, int64_t *n_draws)
{
    int64_t n = 0;
    *n_draws = 0;
    for (int decoding = 1; decoding >= 0; decoding--) {
        for (int32_t s = 0; s < e->n_slots; s++) {
            Slot *slot = &e->slots[s];
            int32_t waiting = slot->total - slot->cached;
            if (slot->request < 0 || slot->leader >= 0 || waiting == 0 ||
                (waiting == 1) != decoding)
                continue;
            n = slots_take(e, s, n);
            if (slot->cached == slot->total) {
                e->rows[*n_draws] = (int32_t)(n - 1);
                e->row_slot[(*n_draws)++] = s;
            }
        }
    }
    return n;
}

/* The t-th draw of a request is a function of (seed, index, t) alone. A uniform takes two
 * draws of 32 bits. */
static double draw_uniform(const EngineRequest *r, int64_t t)
{
    Rng rng = rng_make((uint64_t)r->sample.seed, RNG_SAMPLE, r->index);
    rng.counter = 2 * (uint64_t)t;
    return rng_uniform(&rng);
}

static bool any_bit(const uint32_t *bits, int64_t words)
{
    for (int64_t i = 0; i < words; i++) {
        if (bits[i])
            return true;
    }
    return false;
}

/* Divided by less, logits leave the range of floats. */
static const double least_temperature = 1e-6;

/* How slot s draws its next id; false when its constraint allows none. */
static bool lay_draw(Engine *e, const Job *job, int32_t s, SampleRow *how)
{
    Slot *slot = &e->slots[s];
    const EngineRequest *r = &job->requests[slot->request];
    const EngineResult *result = &job->results[slot->request];
    int32_t recent =
        slot->total < ENGINE_PENALTY_IDS ? slot->total : ENGINE_PENALTY_IDS;
    *how = (SampleRow){
        .u = draw_uniform(r, result->n),
        .temperature = r->sample.temperature < least_temperature
                           ? 0
                           : (float)r->sample.temperature,
        .top_k = r->sample.top_k < INT32_MAX ? (int32_t)r->sample.top_k : 0,
        .top_p = (float)r->sample.top_p,
        .min_p = (float)r->sample.min_p,
        .repetition_penalty = (float)r->sample.repetition_penalty,
        .recent = slot->ids + slot->total - recent,
        .n_recent = recent,
    };
    if (!r->constraint)
        return true;
    uint32_t *bits = e->allowed + s * e->allowed_words;
    memset(bits, 0, (size_t)e->allowed_words * sizeof *bits);
    if (!r->constraint(r->self, result->ids, result->n, bits))
        return true;
    how->allowed = bits;
    return any_bit(bits, e->allowed_words);
}

static bool is_stop_id(const EngineRequest *r, int32_t id)
{
    for (int32_t i = 0; i < r->n_stop_ids; i++) {
        if (r->stop_ids[i] == id)
            return true;
    }
    return false;
}

/* The drawn id joins its sequence; what follows from it: hook, forced ids, the end. */
static Status accept(Engine *e, Job *job, Slot *slot, SampleOut drawn, Err *err)
{
    const EngineRequest *r = &job->requests[slot->request];
    EngineResult *result = &job->results[slot->request];
    bool wanted = append(slot, r, result, drawn, false);
    bool go_on = false;
    int64_t n_force = 0, room = result_room(e, r) - result->n;
    if (r->hook)
        TRY(r->hook(r->self, slot->request, result->ids, result->n, &go_on, e->force,
                    room, &n_force, err));
    ASSERT(n_force >= 0 && n_force <= room);
    if (r->n_stop_strings > 0)
        result->stop_tail = stop_feed(&slot->stop, r->stop_strings, r->n_stop_strings,
                                      e->token_bytes[drawn.id]);
    if (!wanted) {
        finish(job, slot, FINISH_ABORTED);
        return OK;
    }
    if (result->stop_tail > 0 || (is_stop_id(r, drawn.id) && !go_on)) {
        finish(job, slot, FINISH_STOP);
        return OK;
    }
    if (n_force > 0)
        stop_reset(&slot->stop);
    for (int64_t i = 0; i < n_force && wanted; i++)
        wanted = append(slot, r, result, (SampleOut){.id = e->force[i]}, true);
    if (!wanted)
        finish(job, slot, FINISH_ABORTED);
    else if (result->n >= result_room(e, r))
        finish(job, slot, full_reason(r, result));
    return OK;
}

static Status step(Engine *e, Job *job, Err *err)
{
    slots_copy(e);
    int64_t n_draws, n = lay_step(e, &n_draws);
    ASSERT(n > 0);
    model_decode(e->model, e->cache, e->step_ids, e->step_slots, e->step_positions, n);
    int64_t kept = 0;
    for (int64_t i = 0; i < n_draws; i++) {
        int32_t s = e->row_slot[i];
        if (!lay_draw(e, job, s, &e->how[kept])) {
            finish(job, &e->slots[s], FINISH_STOP);
            continue;
        }
        e->rows[kept] = e->rows[i];
        e->row_slot[kept++] = s;
    }
    if (kept == 0)
        return OK;
    model_decode_sample(e->model, e->cache, e->rows, e->how, kept, e->drawn);
    for (int64_t i = 0; i < kept; i++) {
        if (isnan(e->drawn[i].logprob))
            return err_set(err, ERR_FORMAT,
                           "the model's logits are not finite: its weights are too "
                           "large or damaged");
        TRY(accept(e, job, &e->slots[e->row_slot[i]], e->drawn[i], err));
    }
    return OK;
}

static Status run_job(Engine *e, Job *job, bool show, Err *err)
{
    for (;;) {
        TRY(admit(e, job, err));
        if (show)
            log_progress((double)job->done, NULL);
        if (job->done == job->n)
            return OK;
        TRY(step(e, job, err));
    }
}

Status engine_run(Engine *e, const EngineRequest *requests, int64_t n,
                  EngineResult *results, const char *progress, Err *err)
{
    for (int64_t i = 0; i < n; i++)
        results[i] = (EngineResult){0};
    for (int64_t i = 0; i < n; i++)
        TRY(check_request(e, &requests[i], err));
    Job job = {.requests = requests, .results = results, .n = n};
    if (progress)
        log_progress_begin(progress, (double)n, "answers");
    Status status = run_job(e, &job, progress != NULL, err);
    if (progress)
        log_progress_end();
    if (status != OK) {
        for (int64_t i = 0; i < n; i++)
            engine_result_release(&results[i]);
        for (int32_t s = 0; s < e->n_slots; s++)
            e->slots[s].request = -1;
    }
    return status;
}
