/* schedule.c - the options of training and the learning rate over a run, see trainer.h.
 *
 * The factor rises linearly over the first `warmup` share of the updates, then falls
 * from 1 to lr_end along a half cosine (Loshchilov & Hutter 2017) or a line, or stays.
 * With p the share of the updates after warmup that are done:
 *
 *     cosine  end + (1 - end) (1 + cos(pi p)) / 2        linear  1 - (1 - end) p */
#include "train/trainer.h"

#include <math.h>
#include <stddef.h>

static const double pi = 3.14159265358979323846;

static const char *const schedule_names[] = {"auto", "cosine", "linear", "constant",
                                             NULL};

/* clang-format off */
static const OptField fields[] = {
    OPT_REAL(TrainOptions, lr, 0, 0, 10, "peak learning rate; 0: what suits the stage and the model's width"),
    OPT_REAL(TrainOptions, lr_end, -1, -1, 1, "learning rate at the end as a share of the peak; -1: what suits the stage"),
    OPT_CHOICE(TrainOptions, schedule, SCHEDULE_AUTO, schedule_names, "how the learning rate falls; auto: what suits the stage"),
    OPT_REAL(TrainOptions, warmup, -1, -1, 1, "share of the updates over which the learning rate rises; -1: what suits the stage"),
    OPT_REAL(TrainOptions, weight_decay, -1, -1, 10, "decay of matrices (vectors have none); -1: what suits the stage"),
    OPT_REAL(TrainOptions, beta1, 0.9, 0, 0.9999999, "AdamW: memory of the mean gradient"),
    OPT_REAL(TrainOptions, beta2, 0, 0, 0.9999999, "AdamW: memory of the squared gradient; 0: what suits the stage"),
    OPT_REAL(TrainOptions, eps, 0, 0, 1, "AdamW: added to the root of the squared gradient; 0: what suits the stage"),
    OPT_REAL(TrainOptions, clip_norm, 1, 0, 1e9, "largest norm of the gradient; 0: no limit"),
    OPT_INT(TrainOptions, micro_batch, 1024, 1, 1e9, "tokens in one pass, or one row where that is longer: activations take memory by it; results do not depend on it but for rounding"),
    OPT_INT(TrainOptions, memory, 0, 0, 9e15, "bytes that training may take, as 2500M or 8G; 0: 80 % of what is available; layers are computed twice where that makes it fit, results do not depend on it"),
    OPT_INT(TrainOptions, eval_every, -1, -1, 1e9, "updates between evaluations on held-out data; 0: none; -1: ten in the run"),
    OPT_INT(TrainOptions, checkpoint_every, -1, -1, 1e9, "updates between checkpoints; 0: none but on Ctrl-C and at the end; -1: ten in the run"),
    OPT_INT(TrainOptions, keep_checkpoints, 1, 0, 1e6, "newest checkpoints to keep when the stage is finished (two or more meanwhile); 0: none"),
    OPT_INT(TrainOptions, sample_every, -1, -1, 1e9, "updates between samples; 0: none; -1: five in the run"),
    OPT_REAL(TrainOptions, max_loss_spike, 12, 0, 1e9, "stop when the loss is this many running deviations above its running mean; 0: never"),
    OPT_INT(TrainOptions, seed, 1, 0, 9e15, "of all random choices"),
    OPT_END
};
/* clang-format on */
const OptTable train_options = {"train", "what all training stages share",
                                sizeof(TrainOptions), fields};

void train_options_resolve(TrainOptions *o, const TrainOptions *stage)
{
    o->lr = o->lr > 0 ? o->lr : stage->lr;
    o->lr_end = o->lr_end >= 0 ? o->lr_end : stage->lr_end;
    o->schedule = o->schedule != SCHEDULE_AUTO ? o->schedule : stage->schedule;
    o->warmup = o->warmup >= 0 ? o->warmup : stage->warmup;
    o->weight_decay = o->weight_decay >= 0 ? o->weight_decay : stage->weight_decay;
    o->beta2 = o->beta2 > 0 ? o->beta2 : stage->beta2;
    o->eps = o->eps > 0 ? o->eps : stage->eps;
}

double train_schedule(const TrainOptions *o, int64_t u, int64_t n)
{
    double warm = o->warmup * (double)n;
    if ((double)u < warm)
        return fmin(1, (double)(u + 1) / warm);
    double p = ((double)u - warm) / fmax(1, (double)n - warm);
    switch (o->schedule) {
    case SCHEDULE_COSINE:
        return o->lr_end + (1 - o->lr_end) * 0.5 * (1 + cos(pi * p));
    case SCHEDULE_LINEAR:
        return 1 - (1 - o->lr_end) * p;
    default:
        return 1;
    }
}
