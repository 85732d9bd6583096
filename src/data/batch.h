/* batch.h - Batch, what every stage feeds the model: packed rows of ids with targets,
 * loss weights, positions and document boundaries, all of one length n.
 *
 * A batch is a line of documents; there are no rows of fixed length inside it and no
 * padding: row i belongs to the document that begins at starts[i] and stands at
 * positions[i] = i - starts[i] in it. The loss is always
 *
 *     sum_i weights[i] * nll(targets[i] | ids[starts[i]..i])
 *
 * with weights[i] = 0 (targets[i] = 0) where nothing is learned. */
#ifndef DATA_BATCH_H
#define DATA_BATCH_H

#include "base/err.h"
#include "model/model.h"

#include <stdint.h>

typedef struct Batch {
    int64_t n, capacity; /* tokens */
    int32_t *ids, *targets, *positions, *starts;
    float *weights;
    int64_t documents;
    /* Rows with weights != 0, ascending, and their targets and weights gathered: what
     * the heads want. Filled by batch_finish. */
    int64_t n_learned;
    int32_t *learned_rows, *learned_targets;
    float *learned_weights;
    double weight;       /* sum of weights */
    double target_bytes; /* bytes of text the learned targets stand for (bits per byte);
                            0 until batch_count_bytes */
} Batch;

NODISCARD Status batch_new(Batch **out, int64_t capacity, Err *err);
void batch_free(Batch *b);
void batch_reset(Batch *b);
/* Appends a document of len+1 ids as len rows: inputs ids[0..len), targets ids[1..len];
 * weight of target j is target_weights[j+1]'s (NULL: 1). False when it does not fit. */
bool batch_add(Batch *b, const int32_t *ids, const float *id_weights, int64_t n_ids);
/* Appends a sequence whose rows are all inputs and none learned (scoring). Returns the
 * first row, or -1 when it does not fit. */
int64_t batch_add_inputs(Batch *b, const int32_t *ids, int64_t n_ids);
void batch_finish(Batch *b);
/* After batch_finish: sets target_bytes from the bytes of text of each id, (vocab). */
void batch_count_bytes(Batch *b, const int32_t *id_bytes);
ModelTokens batch_tokens(const Batch *b);

#endif
