/* heads.c - what is asked of the hidden states: log-probabilities, cross-entropy, a
 * score, and the gradients of these.
 *
 * A head works on M chosen rows of the tape's N: they are gathered into a dense (M,C)
 * tensor, and their gradients scattered back, so positions without a loss (prompts,
 * padding) cost no product with the vocabulary. The logits never exist as a whole: the
 * operations of tensor/ take hidden states and the head's matrix. */
#include "model/tape_internal.h"

static const Tensor absent = {0};

static Tensor first(Tensor t, int64_t n)
{
    return tensor_slice(t, 0, n);
}

/* Remembers the rows and gathers their hidden states. Returns them, (M,C). */
static Tensor choose(Model *model, Tape *tape, const int32_t *rows, int64_t M)
{
    ASSERT(tape->model == model && M >= 1 && M <= tape->N);
    for (int64_t i = 0; i < M; i++)
        ASSERT(rows[i] < tape->N && rows[i] > (i > 0 ? rows[i - 1] : -1));
    TensorOps *t = model->ops;
    HeadBuffers *h = &tape->head;
    int64_t C = model->shape.hidden;
    h->M = M;
    h->has_entropy = false;
    t->write(t, first(h->rows, M), rows);
    Tensor x = first(h->x, M * C);
    t->gather_rows(t, x, tape->hidden, first(h->rows, M), M, C);
    return x;
}

static void check_targets(const Model *model, const int32_t *targets, int64_t M)
{
    for (int64_t i = 0; i < M; i++)
        ASSERT(targets[i] >= 0 && targets[i] < model->shape.vocab);
}

/* Adds the head's dx to the gradient at the hidden states. */
static void give_back(Model *model, Tape *tape)
{
    HeadBuffers *h = &tape->head;
    int64_t C = model->shape.hidden;
    model->ops->scatter_rows(model->ops, tape->dhidden, first(h->dx, h->M * C),
                             first(h->rows, h->M), h->M, C);
}

void model_logprobs(Model *model, Tape *tape, const int32_t *rows,
                    const int32_t *targets, int64_t M, float inv_temperature,
                    float *logprob, float *entropy)
{
    tape->head.M = 0;
    if (M == 0)
        return;
    TensorOps *t = model->ops;
    HeadBuffers *h = &tape->head;
    check_targets(model, targets, M);
    Tensor x = choose(model, tape, rows, M);
    h->inv_temperature = inv_temperature;
    h->has_entropy = entropy != NULL;
    t->write(t, first(h->targets, M), targets);
    t->head_logprob(t, first(h->logprob, M), first(h->lse, M),
                    entropy ? first(h->entropy, M) : absent, x, model_head(model),
                    first(h->targets, M), M, inv_temperature);
    t->read(t, logprob, first(h->logprob, M));
    if (entropy)
        t->read(t, entropy, first(h->entropy, M));
}

void model_logprobs_backward(Model *model, Tape *tape, const float *dlogprob,
                             const float *dentropy)
{
    HeadBuffers *h = &tape->head;
    TensorOps *t = model->ops;
    int64_t M = h->M, C = model->shape.hidden;
    ASSERT(tape->options.backward);
    if (M == 0)
        return;
    ASSERT(!dentropy || h->has_entropy);
    t->write(t, first(h->dlogprob, M), dlogprob);
    if (dentropy)
        t->write(t, first(h->dentropy, M), dentropy);
    t->head_logprob_backward(
        t, first(h->dx, M * C), first(h->dlogprob, M),
        dentropy ? first(h->dentropy, M) : absent, first(h->lse, M),
        h->has_entropy ? first(h->entropy, M) : absent, first(h->x, M * C),
        model_head(model), first(h->targets, M), M, h->inv_temperature);
    give_back(model, tape);
}

void model_cross_entropy(Model *model, Tape *tape, const int32_t *rows,
                         const int32_t *targets, const float *weights, int64_t M,
                         bool with_gradient, float *nll)
{
    ASSERT(!with_gradient || tape->options.backward);
    tape->head.M = 0;
    if (M == 0)
        return;
    TensorOps *t = model->ops;
    HeadBuffers *h = &tape->head;
    check_targets(model, targets, M);
    Tensor x = choose(model, tape, rows, M);
    Tensor w = first(h->lse, M); /* free here: cross-entropy keeps no lse */
    t->write(t, first(h->targets, M), targets);
    t->write(t, w, weights);
    t->head_cross_entropy(t, first(h->logprob, M),
                          with_gradient ? first(h->dx, M * model->shape.hidden)
                                        : absent,
                          x, model_head(model), first(h->targets, M), w, M);
    t->read(t, nll, first(h->logprob, M));
    if (with_gradient)
        give_back(model, tape);
    h->M = 0; /* no rows that model_logprobs_backward could take for its own */
}

void model_scores(Model *model, Tape *tape, const int32_t *rows, int64_t M,
                  float *score)
{
    ASSERT(head_has_score(model->shape.head));
    tape->head.M = 0;
    if (M == 0)
        return;
    TensorOps *t = model->ops;
    Tensor x = choose(model, tape, rows, M), y = first(tape->head.logprob, M);
    t->linear(t, y, x, &model->score, absent, absent, M);
    t->read(t, score, y);
    for (int64_t i = 0; i < M; i++)
        score[i] = (float)((double)score[i] + model->score_bias);
}

void model_scores_backward(Model *model, Tape *tape, const float *dscore)
{
    ASSERT(head_has_score(model->shape.head) && tape->options.backward);
    HeadBuffers *h = &tape->head;
    TensorOps *t = model->ops;
    int64_t M = h->M, C = model->shape.hidden;
    if (M == 0)
        return;
    Tensor dy = first(h->dlogprob, M);
    t->write(t, dy, dscore);
    t->linear_backward_weight(t, &model->score, absent, dy, first(h->x, M * C), M);
    t->linear_backward_input(t, first(h->dx, M * C), dy, &model->score, M, false);
    give_back(model, tape);
}

void model_logits(Model *model, Tape *tape, const int32_t *rows, int64_t M,
                  float *logits)
{
    tape->head.M = 0;
    if (M == 0)
        return;
    Tensor x = choose(model, tape, rows, M);
    model->ops->head_logits(model->ops, logits, x, model_head(model), M);
    tape->head.M = 0;
}
