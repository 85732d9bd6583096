/* train_case.h - a model, its optimizer and random tokens, and whole optimizer steps with
 * them: what bench_train measures. */
#ifndef BENCH_TRAIN_CASE_H
#define BENCH_TRAIN_CASE_H

#include "bench.h"
#include "stopwatch.h"

#include "train/adamw.h"
#include "train/memory.h"

typedef struct TrainCase {
    const BenchShape *shape;
    int64_t context;                  /* documents of exactly so many tokens */
    int64_t pass_tokens, step_tokens; /* a pass is at least a document */
    TensorOps *ops;
    Model *base, *model; /* base: NULL but under an adapter */
    Tape *tape;
    Adamw adamw;
    MemoryPlan plan;
    int32_t *ids, *positions, *starts, *rows, *targets; /* of a pass */
    float *weights, *nll;
} TrainCase;

/* Where the seconds of a step went. */
typedef struct StepTimes {
    double seconds;
    Spent spent;
    double optimizer; /* norm, AdamW, packing the weights anew */
} StepTimes;

/* memory: bytes that the process may have, kept to by recomputing layers; 0: none are.
 * lora: the rank of an adapter over all projections, which is then what trains; 0: all
 * weights do. Ends the program when there is not enough. */
void train_case_init(TrainCase *c, const BenchShape *shape, int64_t context,
                     int64_t pass_tokens, int64_t step_tokens, int64_t threads,
                     TensorCompute compute, int64_t memory, int64_t lora);
void train_case_release(TrainCase *c);
/* One pass and one update, which touch all memory. */
void train_case_warm(TrainCase *c);
StepTimes train_case_step(TrainCase *c);
double train_case_flops(const TrainCase *c); /* of a step */

#endif
