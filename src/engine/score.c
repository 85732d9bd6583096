/* score.c - log-probabilities of given ids, see engine_score in engine.h.
 *
 * Items are laid in a line, one document each (model.h: packed), until a pass is full;
 * row i of an item predicts its id i+1, so an item of n ids costs n-1 rows. The pass
 * keeps nothing for a backward: one layer's buffers serve all. */
#include "engine/engine_internal.h"

#include "base/mem.h"

/* Rows of one pass. Large enough that matrix products run at full speed, small enough
 * that a laptop does not notice the memory. */
enum { SCORE_TOKENS = 2048 };

void engine_score_release(Engine *e)
{
    tape_free(e->tape);
    e->tape = NULL;
    mem_free(e->score_ids);
    mem_free(e->score_positions);
    mem_free(e->score_starts);
    mem_free(e->score_rows);
    mem_free(e->score_targets);
    mem_free(e->score_logprobs);
    e->score_ids = e->score_positions = e->score_starts = NULL;
    e->score_rows = e->score_targets = NULL;
    e->score_logprobs = NULL;
}

static Status make_buffers(Engine *e, Err *err)
{
    int64_t N = e->capacity > SCORE_TOKENS ? e->capacity : SCORE_TOKENS;
    size_t n = (size_t)N;
    e->score_tokens = N;
    TRY(MEM_ARRAY(&e->score_ids, n, err));
    TRY(MEM_ARRAY(&e->score_positions, n, err));
    TRY(MEM_ARRAY(&e->score_starts, n, err));
    TRY(MEM_ARRAY(&e->score_rows, n, err));
    TRY(MEM_ARRAY(&e->score_targets, n, err));
    TRY(MEM_ARRAY(&e->score_logprobs, n, err));
    return tape_new(&e->tape, e->model, N, (TapeOptions){0}, err);
}

Status engine_score_check(const Engine *e, const EngineScore *items, int64_t n,
                          Err *err)
{
    for (int64_t i = 0; i < n; i++) {
        ASSERT(items[i].first >= 1);
        if (items[i].n - 1 > e->capacity)
            return err_set(err, ERR_LIMIT,
                           "a text to score has %lld tokens, the limit is %d",
                           (long long)items[i].n, e->capacity + 1);
    }
    return OK;
}

/* Appends an item at row `at`; returns the number of targets so far. */
static int64_t lay_item(Engine *e, const EngineScore *item, int64_t at, int64_t targets)
{
    for (int64_t i = 0; i < score_rows(item); i++) {
        e->score_ids[at + i] = item->ids[i];
        e->score_positions[at + i] = (int32_t)i;
        e->score_starts[at + i] = (int32_t)at;
        if (i + 1 >= item->first) {
            e->score_rows[targets] = (int32_t)(at + i);
            e->score_targets[targets++] = item->ids[i + 1];
        }
    }
    return targets;
}

/* Scores as many of the n items as fit one pass; returns how many. */
static int64_t score_pass(Engine *e, EngineScore *items, int64_t n)
{
    int64_t count = 0, at = 0, targets = 0;
    while (count < n && at + score_rows(&items[count]) <= e->score_tokens) {
        targets = lay_item(e, &items[count], at, targets);
        at += score_rows(&items[count++]);
    }
    if (targets > 0) {
        ModelTokens tokens = {e->score_ids, e->score_positions, e->score_starts, at};
        model_forward(e->model, e->tape, &tokens);
        model_logprobs(e->model, e->tape, e->score_rows, e->score_targets, targets, 1,
                       e->score_logprobs, NULL);
    }
    const float *logprob = e->score_logprobs;
    for (int64_t k = 0; k < count; k++) {
        for (int64_t i = 0; i < items[k].n; i++)
            items[k].logprobs[i] = i >= items[k].first ? *logprob++ : 0;
    }
    return count;
}

Status engine_score(Engine *e, EngineScore *items, int64_t n, Err *err)
{
    TRY(engine_score_check(e, items, n, err));
    if (!e->tape) {
        Status status = make_buffers(e, err);
        if (status != OK) {
            engine_score_release(e);
            return status;
        }
    }
    for (int64_t done = 0; done < n;)
        done += score_pass(e, items + done, n - done);
    return OK;
}
