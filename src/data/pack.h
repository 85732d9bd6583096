/* pack.h - which documents go into which batch: best-fit-decreasing packing into rows
 * of `row` tokens, `rows` of them a batch; order shuffled by (seed, RNG_SHUFFLE,
 * epoch). Batch number i is a pure function of (data, options, i): nothing to save for
 * resume.
 *
 * Documents longer than a row are cut into pieces of at most row tokens (pretraining,
 * PACK_SPLIT: each later piece starts with the last token of the one before, so every
 * token but the first is a target exactly once), truncated, or refused. */
#ifndef DATA_PACK_H
#define DATA_PACK_H

#include "data/batch.h"
#include "text/tokenizer.h"

typedef enum PackOverlong {
    PACK_SPLIT,
    PACK_TRUNCATE,
    PACK_REFUSE,
    PACK_DROP
} PackOverlong;

/* Where documents come from: a shard, or rendered conversations in memory. */
typedef struct PackSource {
    void *self;
    int64_t documents;
    int64_t (*len)(void *self, int64_t doc); /* ids, bos and end included */
    void (*ids)(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                float *weights); /* weights: of each id as a target */
} PackSource;

typedef struct PackOptions {
    int64_t row;  /* tokens a row: at most the model's context */
    int64_t rows; /* rows a batch */
    PackOverlong overlong;
    uint64_t seed;
    bool shuffle;
    const int32_t *id_bytes; /* borrowed: bytes of text of each id, for target_bytes of
                                batches (pack_id_bytes); NULL: it stays 0 */
} PackOptions;
/* The table above, (vocab): 0 for special tokens. The caller's to mem_free. */
NODISCARD Status pack_id_bytes(int32_t **out, const Tokenizer *tok, Err *err);

typedef struct Packer Packer;
/* ERR_LIMIT when a document does not fit and overlong is PACK_REFUSE (says which, its
 * length and the limit); ERR_FORMAT when no document gives anything to learn. The
 * source is borrowed. */
NODISCARD Status packer_new(Packer **out, PackSource source, const PackOptions *o,
                            Err *err);
void packer_free(Packer *p);
int64_t packer_batches(const Packer *p); /* an epoch; at least 1 */
int64_t packer_tokens(const Packer *p);  /* rows of batches in an epoch */
double packer_fill(const Packer *p);     /* share of row space that holds tokens */
int64_t packer_dropped(const Packer *p); /* documents cut short or dropped */
/* Batch i >= 0 over all epochs (epoch = i / packer_batches). Needs capacity >=
 * row*rows. */
NODISCARD Status packer_batch(Packer *p, int64_t i, Batch *out, Err *err);

#endif
