/* trainer.h - the loop that every stage shares, and everything a checkpoint holds.
 *
 * A stage is an Objective: it says what one update's gradient is. The loop does the
 * rest: clip, AdamW, schedule, metrics, evaluation, samples, checkpoints, resume, stop.
 * A killed run resumes to the same bytes as one that was never killed, because the batch
 * of step i is a pure function of i, all randomness is keyed by i, and the state below is
 * saved exactly. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "base/options.h"
#include "format/json.h"
#include "model/folder.h"
#include "model/model.h"
#include "text/tokenizer.h"
#include "train/adamw.h"

/* SCHEDULE_AUTO: what the stage finds fit (train_options_resolve). */
enum { SCHEDULE_AUTO, SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_CONSTANT };

/* Of what Muon updates (muon.h). lr 0: there is no Muon. */
typedef struct MuonOptions {
    double lr, momentum; /* lr: peak */
} MuonOptions;

/* Options that every stage has (YAML keys of the stage's section). Where the defaults of
 * pretraining and of PPO differ, the default is "auto" and the stage decides: 0 for lr,
 * beta2 and eps, -1 for the others. */
typedef struct TrainOptions {
    double lr;     /* peak */
    double lr_end; /* share of the peak at the end */
    int schedule;  /* SCHEDULE_... */
    double warmup; /* share of all updates */
    double weight_decay, beta1, beta2, eps, clip_norm;
    int64_t micro_batch; /* tokens a pass (memory); gradients add up */
    int64_t memory;      /* bytes of the process at most; 0: what is available */
    /* In updates; 0: never; -1: so many times in the run. */
    int64_t eval_every, checkpoint_every, sample_every;
    int64_t keep_checkpoints; /* of a finished stage */
    double max_loss_spike;    /* stop when a loss exceeds the running mean by this many
                              running deviations; 0 off */
    int64_t seed;
    MuonOptions muon; /* no option of all stages: pretraining sets it */
} TrainOptions;
extern const OptTable train_options;
/* Replaces every "auto" of *o by the value in *stage, which has none. */
void train_options_resolve(TrainOptions *o, const TrainOptions *stage);

/* One trained model with its optimizer state. A stage has one or two (policy, critic). */
typedef struct Learner {
    const char *name; /* "model", "policy", "critic" */
    Model *model;
    Adamw adamw;
    double lr_scale; /* the critic may learn faster */
} Learner;

/* One line of metrics.jsonl in the making. Keys in the order of first use; deterministic
 * values only (no seconds). */
typedef struct Metrics {
    json_t *row; /* object */
} Metrics;
void metrics_put(Metrics *m, const char *key, double value);

typedef struct Objective Objective;
struct Objective {
    void *self;
    const char *stage; /* "pretrain", "sft", ... */
    int64_t updates;   /* in all */
    /* Hash of whatever fixes the course of the run beside TrainOptions: the stage's
     * options, its data. A checkpoint is resumed only under the same hash. */
    uint64_t fingerprint;
    /* Checkpoints, evaluation and metrics happen after every updates_per_iteration
     * updates (PPO: one iteration = minibatches * epochs updates), else 1. */
    int64_t updates_per_iteration;
    int n_learners;
    Learner *learners[2];
    /* Accumulates the gradient of update `u` (0-based) into the learners' models, whose
     * gradients are zero. May first collect experience when u begins an iteration. Puts
     * at least "loss". loss is what the spike guard watches. *skip (false before): no
     * optimizer step for that learner index. */
    Status (*update)(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                     Err *err);
    /* Held-out measures after update u (also at the start: u = -1 ... and the end). */
    Status (*evaluate)(void *self, int64_t u, Metrics *m, Err *err); /* may be NULL */
    /* A few samples to show and log ({"samples": [...]} lines of samples.jsonl). */
    Status (*sample)(void *self, int64_t u, json_t *samples,
                     Err *err); /* may be NULL */
    /* Whatever else must survive a kill: controllers, running statistics, rows of learned
     * state. NULL: nothing. */
    json_t *(*state)(void *self);
    Status (*restore)(void *self, const json_t *state, Err *err);
    /* After the last update and evaluation: last changes to learner 0's model before it
     * becomes the result (a reward model's gain, a critic's row that goes), and measures of
     * them. May be NULL. */
    Status (*finish)(void *self, Metrics *m, Err *err);
    double (*tokens)(void *self); /* tokens trained on so far this run, for rates */
    double (*flops)(void *self);
    double (*waited)(
        void *self); /* seconds that updates waited for data so far this run;
                                     NULL: they have all of it in memory */
    /* Puts what else the line of timings says of the iteration that ended: seconds of its
     * parts, rates. NULL: nothing. */
    void (*timings)(void *self, Metrics *m);
};

/* What the loop gives back for the ledger. */
typedef struct TrainReport {
    int64_t updates;
    double seconds, tokens, flops;
    double first_loss, last_loss;
    json_t *final_metrics; /* the last evaluation; the caller's to json_decref */
    bool resumed;
} TrainReport;

void train_report_release(TrainReport *r);

/* Runs `objective` to its end in `folder` (a stage folder): metrics.jsonl, timings.jsonl,
 * samples.jsonl, checkpoints/step-N/. Resumes from the newest checkpoint there, cutting
 * metrics.jsonl back to it. Learner 0 is the model that is the stage's result; learner 1
 * (the critic) is saved inside checkpoints' training/. On Ctrl-C saves a checkpoint and
 * returns ERR_STOPPED. NaN, Inf or a spike: ERR_NUMERIC naming tensor, step and the last
 * good checkpoint. `tok` is saved with each checkpoint. A folder that holds a finished
 * result already gives its report and trains nothing. */
NODISCARD Status trainer_run(Objective *objective, const TrainOptions *o,
                             const Tokenizer *tok, const ModelSpecials *specials,
                             const char *folder, TrainReport *report, Err *err);
/* Learning rate factor at update u of n: warmup then schedule. */
double train_schedule(const TrainOptions *o, int64_t u, int64_t n);

#endif
