/* bpe_count.h - how often each piece (pre-token) occurs in documents, counted by all
 * cores. Sums do not depend on who counts what, so neither does what is learned. */
#ifndef TEXT_BPE_COUNT_H
#define TEXT_BPE_COUNT_H

#include "text/byte_map.h"
#include "text/split.h"

typedef struct BpeCount BpeCount;
/* workers 0: as many as there are processors. ERR_OPTION for SPLIT_CUSTOM. */
NODISCARD Status bpe_count_new(BpeCount **out, SplitPattern pattern, int workers,
                               Err *err);
NODISCARD Status bpe_count_add(BpeCount *c, const Span *docs, size_t n, Err *err);
/* Piece -> count over all that was added; borrowed, good until the next add. */
NODISCARD Status bpe_count_sum(BpeCount *c, const ByteMap **out, Err *err);
void bpe_count_free(BpeCount *c); /* accepts NULL */

#endif
