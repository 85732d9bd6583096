/* bpe_train.h - learns byte-level BPE merges from text. Pre-tokens are counted once
 * (deduplicated, on all cores), then the most frequent adjacent pair is merged again and
 * again with an incremental index of where each pair occurs and a heap of pairs. Ties go
 * to the lexicographically greater pair of byte strings, so that the result does not
 * depend on threads or order. */
#ifndef TEXT_BPE_TRAIN_H
#define TEXT_BPE_TRAIN_H

#include "text/tokenizer.h"

typedef struct BpeTrainer BpeTrainer;
NODISCARD Status bpe_trainer_new(BpeTrainer **out, SplitPattern pattern, Err *err);
/* Counts the pre-tokens of n documents (on all cores). May be called many times. */
NODISCARD Status bpe_trainer_add(BpeTrainer *t, const Span *docs, size_t n, Err *err);
/* Merges until the vocabulary (256 bytes + merges + the specials of TOKEN_*) has `vocab`
 * tokens. ERR_LIMIT says the largest vocabulary the data support, when they cannot
 * support this one. Progress through base/log.h. */
NODISCARD Status bpe_trainer_finish(BpeTrainer *t, int32_t vocab, Tokenizer **out,
                                    Err *err);
void bpe_trainer_free(BpeTrainer *t);

#endif
