/* memory.h - what a training stage will take, counted before it is taken, and how many
 * layers run forward twice (model.h: TapeOptions) so that it fits.
 *
 *     MemoryPlan plan = {.ops = ops};
 *     memory_add_model(&plan, &shape, true);      what is in memory already
 *     memory_add_process(&plan);                  ... and the rest of the process
 *     memory_add_optimizer(&plan, &shape);        what will be made
 *     memory_add_tape(&plan, &shape, tokens, true);
 *     TRY(memory_settle(&plan, train_options, err));
 *     ... TapeOptions{.backward = true, .recomputed = plan.recomputed} ...
 *
 * Each number comes from a function beside the code that allocates. Results do not depend
 * on what is chosen. */
#ifndef TRAIN_MEMORY_H
#define TRAIN_MEMORY_H

#include "base/str.h"
#include "train/trainer.h"

enum { MEMORY_TAPES = 4 }; /* for backward, in one stage */

typedef struct MemoryPlan {
    TensorOps *ops; /* borrowed */
    size_t weights, packed, gradients, optimizer;
    size_t cache;   /* keys and values of what is sampled */
    size_t scoring; /* tapes that keep nothing */
    size_t scratch; /* the backend's */
    size_t process; /* program and data */
    /* Files that are mapped: pages that the kernel drops when it needs them, so they count
     * towards no limit, though they show in the resident set. */
    size_t mapped;
    struct {
        ModelShape shape;
        int64_t tokens;
    } tape[MEMORY_TAPES];
    int n_tapes;
    int32_t recomputed; /* memory_settle's choice; the same for all tapes */
} MemoryPlan;

void memory_add_model(MemoryPlan *plan, const ModelShape *shape, bool trainable);
void memory_add_optimizer(MemoryPlan *plan, const ModelShape *shape);
void memory_add_muon(MemoryPlan *plan, const ModelShape *shape); /* instead; for one */
void memory_add_tape(MemoryPlan *plan, const ModelShape *shape, int64_t tokens,
                     bool backward);
void memory_add_cache(MemoryPlan *plan, size_t bytes); /* engine_bytes */
/* The resident set as it is now, less what the plan has already: so after all that is in
 * memory was added and before anything that is not. */
void memory_add_process(MemoryPlan *plan);

size_t memory_activations(const MemoryPlan *plan, int32_t recomputed);
size_t memory_peak(const MemoryPlan *plan); /* with plan->recomputed */
/* Chooses the fewest recomputed layers with which the peak keeps to t->memory, or, when
 * that is 0, to 80 % of what is available; logs the plan. ERR_LIMIT when no choice does:
 * says what is needed, what there is, and what helps. */
NODISCARD Status memory_settle(MemoryPlan *plan, const TrainOptions *t, Err *err);
/* "weights 0.50 + ... = peak 2.90 GB"; appended. */
void memory_describe(const MemoryPlan *plan, Str *out);

#endif
