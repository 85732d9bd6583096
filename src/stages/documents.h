/* documents.h - conversations as ids in memory: demonstrations with their loss mask,
 * prompts, and the answers that a reward model reads. Small, careful data. */
#ifndef STAGES_DOCUMENTS_H
#define STAGES_DOCUMENTS_H

#include "data/pack.h"
#include "text/template.h"

typedef struct Documents {
    Ids ids;
    Str mask;      /* one byte an id: 1 where it is learned */
    int64_t *ends; /* document i is ids[ends[i-1] .. ends[i]) */
    size_t n, cap;
} Documents;
NODISCARD Status documents_add(Documents *d, const ChatTemplate *chat,
                               const Conversation *c, bool generation_prompt, Err *err);
void documents_drop_last(Documents *d);
void documents_release(Documents *d);
const int32_t *documents_ids(const Documents *d, int64_t i);
int64_t documents_len(const Documents *d, int64_t i);
int64_t documents_longest(const Documents *d);
uint64_t documents_hash(const Documents *d); /* of all ids */
/* Whether document i belongs to the `share` that is held out: by a hash of its ids, so
 * that the order of the data does not matter. */
bool documents_is_heldout(const Documents *d, int64_t i, double share);
/* For a Packer; borrows d. */
PackSource documents_source(Documents *d);

#endif
