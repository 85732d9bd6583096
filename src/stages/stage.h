/* stage.h - what every training stage shares: where it runs, what it reports.
 *
 * A stage is a function from folders and options to a finished model folder. It reads
 * as the recipe: open the inputs, build an Objective, hand it to trainer_run, finish.
 * A finished stage has its config.json in place; a cut one has checkpoints/ and is
 * resumed by calling it again. */
#ifndef STAGES_STAGE_H
#define STAGES_STAGE_H

#include "base/options.h"
#include "data/corpus.h"
#include "format/json.h"
#include "stages/lora.h"
#include "tensor/ops.h"
#include "train/trainer.h"

typedef struct StageEnv {
    TensorOps *ops;
    const char *folder;   /* the stage's own folder; made if needed */
    const char *data;     /* where shards and made data sets go (runs/NAME/data) */
    CorpusOptions corpus; /* how data files are read */
    LoraOptions lora;     /* whether an adapter is trained */
} StageEnv;

/* One line of the ledger. */
typedef struct StageReport {
    double tokens, flops, seconds; /* this stage in all, resumed parts included */
    int64_t peak_bytes;            /* resident set */
    int64_t params;
    char started_from[600]; /* folder(s) */
    char data[600];         /* what it was fed, in words and numbers */
    json_t *metrics;        /* final held-out metrics; the caller's */
} StageReport;
void stage_report_release(StageReport *r);

/* True when the stage's folder holds a finished result. */
bool stage_is_finished(const StageEnv *env);

#endif
