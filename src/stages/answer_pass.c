/* answer_pass.c - one number for each answer, see answer_pass.h. */
#include "stages/answer_pass.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"

Status answer_pass_new(AnswerPass **out, Model *model, int64_t most_tokens,
                       TapeOptions o, Err *err)
{
    *out = NULL;
    AnswerPass *p;
    TRY(MEM_ARRAY(&p, 1, err));
    p->model = model;
    size_t n = (size_t)most_tokens; /* no document is empty, so answers are fewer */
    Status status = tape_new(&p->tape, model, most_tokens, o, err);
    if (status == OK)
        status = batch_new(&p->batch, most_tokens, err);
    if (status == OK)
        status = MEM_ARRAY(&p->tokens, n, err);
    if (status == OK)
        status = MEM_ARRAY(&p->rows, n, err);
    float **const arrays[] = {&p->value, &p->dvalue, &p->weights, &p->logprob,
                              &p->dlogprob};
    for (size_t i = 0; status == OK && i < sizeof arrays / sizeof *arrays; i++)
        status = MEM_ARRAY(arrays[i], n, err);
    if (status != OK) {
        answer_pass_free(p);
        return status;
    }
    *out = p;
    return OK;
}

void answer_pass_free(AnswerPass *p)
{
    if (!p)
        return;
    tape_free(p->tape);
    batch_free(p->batch);
    mem_free(p->tokens);
    mem_free(p->rows);
    float *const arrays[] = {p->value, p->dvalue, p->weights, p->logprob, p->dlogprob};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mem_free(arrays[i]);
    mem_free(p);
}

void answer_pass_clear(AnswerPass *p)
{
    batch_reset(p->batch);
    p->n = 0;
}

/* --- a document ---------------------------------------------------------------------- */

/* Every id is read, the last one too: the score stands there. */
static bool add_scored(AnswerPass *p, const Documents *docs, int64_t d)
{
    int64_t len = documents_len(docs, d);
    int64_t first = batch_add_inputs(p->batch, documents_ids(docs, d), len);
    if (first < 0)
        return false;
    p->rows[p->n] = (int32_t)(first + len - 1);
    p->tokens[p->n++] = 1;
    return true;
}

/* The last id is only a target. */
static bool add_predicted(AnswerPass *p, const Documents *docs, int64_t d)
{
    int64_t len = documents_len(docs, d), learned = 0;
    if (len - 1 > p->batch->capacity - p->batch->n)
        return false;
    const char *mask = documents_mask(docs, d);
    for (int64_t i = 0; i < len; i++) {
        p->weights[i] = mask[i] ? 1.0F : 0.0F;
        learned += i > 0 && mask[i];
    }
    bool fits = batch_add(p->batch, documents_ids(docs, d), p->weights, len);
    ASSERT(fits);
    p->tokens[p->n++] = learned;
    return true;
}

bool answer_pass_add(AnswerPass *p, const Documents *docs, int64_t d)
{
    bool scores = p->model->shape.head == HEAD_SCALAR;
    return scores ? add_scored(p, docs, d) : add_predicted(p, docs, d);
}

/* --- passes -------------------------------------------------------------------------- */

static void sum_logprobs(AnswerPass *p)
{
    const float *logprob = p->logprob;
    for (int64_t k = 0; k < p->n; k++) {
        double sum = 0;
        for (int64_t t = 0; t < p->tokens[k]; t++)
            sum += (double)*logprob++;
        p->value[k] = (float)sum;
    }
    ASSERT(logprob == p->logprob + p->batch->n_learned);
}

void answer_pass_forward(AnswerPass *p)
{
    const Batch *b = p->batch;
    batch_finish(p->batch);
    ModelTokens tokens = batch_tokens(b);
    model_forward(p->model, p->tape, &tokens);
    if (p->model->shape.head == HEAD_SCALAR) {
        model_scores(p->model, p->tape, p->rows, p->n, p->value);
        return;
    }
    model_logprobs(p->model, p->tape, b->learned_rows, b->learned_targets, b->n_learned,
                   1, p->logprob, NULL);
    sum_logprobs(p);
}

void answer_pass_backward(AnswerPass *p)
{
    if (p->model->shape.head == HEAD_SCALAR) {
        model_scores_backward(p->model, p->tape, p->dvalue);
    } else {
        float *d = p->dlogprob; /* a sum hands its gradient to each term */
        for (int64_t k = 0; k < p->n; k++) {
            for (int64_t t = 0; t < p->tokens[k]; t++)
                *d++ = p->dvalue[k];
        }
        model_logprobs_backward(p->model, p->tape, p->dlogprob, NULL);
    }
    model_backward(p->model, p->tape);
}

/* The next pass over documents [*d, n): moves *d on. */
static void next_values(AnswerPass *p, const Documents *docs, int64_t *d, int64_t n,
                        float *value)
{
    int64_t from = *d;
    answer_pass_clear(p);
    while (*d < n && answer_pass_add(p, docs, *d))
        (*d)++;
    ASSERT(*d > from);
    answer_pass_forward(p);
    for (int64_t k = 0; k < p->n; k++)
        value[from + k] = p->value[k];
}

Status answer_pass_values(AnswerPass *p, const Documents *docs, int64_t n, float *value,
                          const char *progress, Err *err)
{
    Status status = OK;
    if (progress)
        log_progress_begin(progress, (double)n, "answers");
    for (int64_t d = 0; d < n && status == OK;) {
        next_values(p, docs, &d, n, value);
        if (progress)
            log_progress((double)d, NULL);
        if (system_stop_requested())
            status = err_set(err, ERR_STOPPED,
                             "stopped at answer %lld of %lld; nothing of it is kept, "
                             "and the same command begins it again",
                             (long long)d, (long long)n);
    }
    if (progress)
        log_progress_end();
    answer_pass_clear(p);
    return status;
}
