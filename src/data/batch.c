/* batch.c - packed rows for one pass, see batch.h.
 *
 * Appending copies; nothing allocates after batch_new. Row i of a document stands for
 * "having read ids[starts[i]..i], predict targets[i]", so a document of n ids has n-1
 * rows: its last id is only ever a target. */
#include "data/batch.h"

#include "base/mem.h"

#include <string.h>

Status batch_new(Batch **out, int64_t capacity, Err *err)
{
    ASSERT(capacity > 0 && capacity < INT32_MAX);
    *out = NULL;
    Batch *b = NULL;
    TRY(MEM_ARRAY(&b, 1, err));
    b->capacity = capacity;
    size_t n = (size_t)capacity;
    Status status = MEM_ARRAY(&b->ids, n, err);
    if (status == OK)
        status = MEM_ARRAY(&b->targets, n, err);
    if (status == OK)
        status = MEM_ARRAY(&b->positions, n, err);
    if (status == OK)
        status = MEM_ARRAY(&b->starts, n, err);
    if (status == OK)
        status = MEM_ARRAY(&b->weights, n, err);
    if (status == OK)
        status = MEM_ARRAY(&b->learned_rows, n, err);
    if (status == OK)
        status = MEM_ARRAY(&b->learned_targets, n, err);
    if (status == OK)
        status = MEM_ARRAY(&b->learned_weights, n, err);
    if (status != OK) {
        batch_free(b);
        return status;
    }
    *out = b;
    return OK;
}

void batch_free(Batch *b)
{
    if (!b)
        return;
    mem_free(b->ids);
    mem_free(b->targets);
    mem_free(b->positions);
    mem_free(b->starts);
    mem_free(b->weights);
    mem_free(b->learned_rows);
    mem_free(b->learned_targets);
    mem_free(b->learned_weights);
    mem_free(b);
}

void batch_reset(Batch *b)
{
    b->n = 0;
    b->documents = 0;
    b->n_learned = 0;
    b->weight = 0;
    b->target_bytes = 0;
}

/* Room for `rows` rows of a new document; fills all but targets and weights. */
static bool begin_document(Batch *b, const int32_t *ids, int64_t rows)
{
    if (rows > b->capacity - b->n)
        return false;
    memcpy(b->ids + b->n, ids, (size_t)rows * sizeof *ids);
    for (int64_t i = 0; i < rows; i++) {
        b->positions[b->n + i] = (int32_t)i;
        b->starts[b->n + i] = (int32_t)b->n;
    }
    b->documents++;
    return true;
}

bool batch_add(Batch *b, const int32_t *ids, const float *id_weights, int64_t n_ids)
{
    if (n_ids < 2) /* predicts nothing */
        return true;
    int64_t rows = n_ids - 1;
    if (!begin_document(b, ids, rows))
        return false;
    for (int64_t i = 0; i < rows; i++) {
        float weight = id_weights ? id_weights[i + 1] : 1.0F;
        b->weights[b->n + i] = weight;
        b->targets[b->n + i] = weight != 0.0F ? ids[i + 1] : 0;
    }
    b->n += rows;
    return true;
}

int64_t batch_add_inputs(Batch *b, const int32_t *ids, int64_t n_ids)
{
    int64_t first = b->n;
    if (!begin_document(b, ids, n_ids))
        return -1;
    memset(b->targets + first, 0, (size_t)n_ids * sizeof *b->targets);
    memset(b->weights + first, 0, (size_t)n_ids * sizeof *b->weights);
    b->n += n_ids;
    return first;
}

void batch_finish(Batch *b)
{
    b->n_learned = 0;
    b->weight = 0;
    for (int64_t i = 0; i < b->n; i++) {
        if (b->weights[i] == 0.0F)
            continue;
        b->learned_rows[b->n_learned] = (int32_t)i;
        b->learned_targets[b->n_learned] = b->targets[i];
        b->learned_weights[b->n_learned] = b->weights[i];
        b->weight += (double)b->weights[i];
        b->n_learned++;
    }
}

void batch_count_bytes(Batch *b, const int32_t *id_bytes)
{
    b->target_bytes = 0;
    for (int64_t i = 0; i < b->n_learned; i++)
        b->target_bytes += id_bytes[b->learned_targets[i]];
}

ModelTokens batch_tokens(const Batch *b)
{
    return (ModelTokens){b->ids, b->positions, b->starts, b->n};
}
