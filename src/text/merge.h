/* merge.h - the merging of BPE: as long as some adjacent pair has a merge, the pair of
 * lowest rank becomes one token; of equal ranks, the leftmost.
 *
 * A merge is a PairMap value, rank << 32 | id of the result. */
#ifndef TEXT_MERGE_H
#define TEXT_MERGE_H

#include "text/pair_map.h"

static inline uint64_t merge_value(uint32_t rank, int32_t result)
{
    return (uint64_t)rank << 32 | (uint32_t)result;
}

/* Merges ids[0..*n) in place; *n becomes what is left. O(n log n); allocates only when
 * n is large. */
NODISCARD Status merge_ids(const PairMap *merges, int32_t *ids, size_t *n, Err *err);

#endif
