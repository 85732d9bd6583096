/* lm_objective.c - next-token prediction over packed documents, see lm_objective.h.
 *
 * The loss of update u is the mean over all learned tokens of batch u:
 *
 *     L = sum_i w_i (-log p(target_i | ids before it in its document)) / sum_i w_i
 *
 * Bits per byte = nats / ln 2 / bytes of text. Unlike the loss of a token it can be
 * compared between tokenizers, and with the entropy of the source. The numerator counts
 * the end of each document too, which has no bytes: where to end is information. */
#include "stages/lm_objective.h"

#include <math.h>

Status lm_objective_init(LmObjective *l, Model *model, PackSource train,
                         PackSource heldout, const PackOptions *train_o,
                         const TrainOptions *t, int32_t recomputed, Err *err)
{
    TapeOptions tape = {.backward = true, .recomputed = recomputed};
    *l = (LmObjective){.learner = {.name = "model", .model = model, .lr_scale = 1}};
    PackOptions heldout_o = *train_o;
    heldout_o.shuffle = false;
    int64_t batch_tokens = train_o->row * train_o->rows;
    /* The mean attended length: documents are packed, so half a row is an upper bound. */
    l->flops_per_token =
        model_shape_train_flops(&model->shape, (double)train_o->row / 2);
    Status status = packer_new(&l->train, train, train_o, err);
    if (status == OK && heldout.documents > 0) {
        status = packer_new(&l->heldout, heldout, &heldout_o, err);
        if (status != OK)
            err_context(err, "held-out data");
    }
    if (status == OK)
        status = prefetch_new(&l->ahead, l->train, batch_tokens, err);
    if (status == OK && l->heldout)
        status = batch_new(&l->batch, batch_tokens, err);
    if (status == OK)
        status = lm_pass_new(&l->pass, model, batch_tokens, t->micro_batch,
                             train_o->row, tape, err);
    if (status == OK)
        status = t->muon.lr > 0 ? adamw_muon_new(&l->learner.adamw, model, err)
                                : adamw_new(&l->learner.adamw, model, err);
    if (status != OK)
        lm_objective_release(l);
    return status;
}

void lm_objective_plan(MemoryPlan *plan, const ModelShape *shape,
                       const PackOptions *train_o, const TrainOptions *t)
{
    int64_t tokens =
        lm_pass_tokens(train_o->row * train_o->rows, t->micro_batch, train_o->row);
    if (t->muon.lr > 0)
        memory_add_muon(plan, shape);
    else
        memory_add_optimizer(plan, shape);
    memory_add_tape(plan, shape, tokens, true);
}

void lm_objective_release(LmObjective *l)
{
    if (!l)
        return;
    adamw_release(&l->learner.adamw, l->learner.model);
    lm_pass_free(l->pass);
    batch_free(l->batch);
    packer_free(l->heldout);
    prefetch_free(l->ahead);
    packer_free(l->train);
    *l = (LmObjective){0};
}

static Status update(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                     Err *err)
{
    LmObjective *l = self;
    const Batch *batch;
    TRY(prefetch_batch(l->ahead, u, &batch, err));
    if (batch->weight <= 0) { /* possible when all that is learned was cut away */
        skip[0] = true;
        *loss = 0;
        return OK;
    }
    LmLoss sum = lm_pass_loss(l->pass, batch, 1);
    *loss = sum.nll / sum.weight;
    l->tokens += (double)batch->n;
    metrics_put(m, "loss", *loss);
    metrics_put(m, "tokens", (double)batch->n);
    return OK;
}

static Status evaluate(void *self, int64_t u, Metrics *m, Err *err)
{
    (void)u;
    LmObjective *l = self;
    if (!l->heldout)
        return OK;
    double nll = 0, weight = 0, right = 0, bytes = 0;
    for (int64_t i = 0; i < packer_batches(l->heldout); i++) {
        LmLoss sum;
        TRY(packer_batch(l->heldout, i, l->batch, err));
        if (l->accuracy)
            TRY(lm_pass_count(l->pass, l->batch, &sum, err));
        else
            sum = lm_pass_loss(l->pass, l->batch, 0);
        nll += sum.nll;
        weight += sum.weight;
        right += sum.right;
        bytes += l->batch->target_bytes;
    }
    if (weight <= 0)
        return OK;
    metrics_put(m, "heldout/loss", nll / weight);
    metrics_put(m, "heldout/tokens", weight);
    if (l->accuracy)
        metrics_put(m, "heldout/token_accuracy", right / weight);
    if (bytes > 0) {
        double bits = nll / log(2) / bytes;
        metrics_put(m, "heldout/bits_per_byte", bits);
        if (l->source_entropy > 0)
            metrics_put(m, "heldout/over_source_entropy", bits / l->source_entropy - 1);
    }
    return OK;
}

static double tokens(void *self)
{
    const LmObjective *l = self;
    return l->tokens;
}

static double flops(void *self)
{
    const LmObjective *l = self;
    return l->tokens * l->flops_per_token;
}

static double waited(void *self)
{
    const LmObjective *l = self;
    return prefetch_waited(l->ahead);
}

void lm_objective_bind(LmObjective *l, Objective *o)
{
    o->updates_per_iteration = 1;
    o->n_learners = 1;
    o->learners[0] = &l->learner;
    o->update = update;
    o->evaluate = evaluate;
    o->tokens = tokens;
    o->flops = flops;
    o->waited = waited;
}
