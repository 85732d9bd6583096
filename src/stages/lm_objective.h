/* lm_objective.h - next-token prediction over packed documents as an Objective: all of
 * pretraining and fine-tuning that is not their data. */
#ifndef STAGES_LM_OBJECTIVE_H
#define STAGES_LM_OBJECTIVE_H

#include "data/prefetch.h"
#include "train/lm.h"
#include "train/memory.h"
#include "train/trainer.h"

typedef struct LmObjective {
    Learner learner; /* its model is borrowed, its moments are ours */
    Packer *train;
    Prefetch *ahead; /* batches of train */
    Packer *heldout; /* NULL: nothing is held out */
    Batch *batch;    /* of heldout */
    LmPass *pass;
    double tokens, flops_per_token;
    bool accuracy;         /* evaluation counts tokens that were the most likely */
    double source_entropy; /* bits per byte of the data, 0 when unknown */
} LmObjective;

/* Sources are borrowed, and read by a thread of the objective's until lm_objective_release:
 * they must not change. train_o is for training; the held-out documents are packed alike,
 * in order. A held-out source without documents is fine. recomputed: TapeOptions'. */
NODISCARD Status lm_objective_init(LmObjective *l, Model *model, PackSource train,
                                   PackSource heldout, const PackOptions *train_o,
                                   const TrainOptions *t, int32_t recomputed, Err *err);
/* Adds what it takes: the optimizer and a tape. */
void lm_objective_plan(MemoryPlan *plan, const ModelShape *shape,
                       const PackOptions *train_o, const TrainOptions *t);
void lm_objective_release(LmObjective *l);
/* Fills the functions of *o; the caller adds names, numbers and sample(). */
void lm_objective_bind(LmObjective *l, Objective *o);

#endif
