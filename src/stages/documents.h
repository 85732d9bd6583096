/* documents.h - conversations as ids in memory: demonstrations with their loss mask,
 * prompts, and answers that people compared or rated. Small, careful data. */
#ifndef STAGES_DOCUMENTS_H
#define STAGES_DOCUMENTS_H

#include "data/pack.h"
#include "data/record.h"
#include "text/template.h"

typedef struct Documents {
    Ids ids;
    Str mask;      /* one byte an id: 1 where it is learned */
    int64_t *ends; /* document i is ids[ends[i-1] .. ends[i]) */
    size_t n, cap;
} Documents;
NODISCARD Status documents_add(Documents *d, const ChatTemplate *chat,
                               const Conversation *c, bool generation_prompt, Err *err);
/* Adds the first a_end ids of document a of src and, after them, those of its document b
 * from b_from on. */
NODISCARD Status documents_add_joined(Documents *d, const Documents *src, int64_t a,
                                      int64_t a_end, int64_t b, int64_t b_from,
                                      Err *err);
void documents_drop_last(Documents *d);
void documents_remove(Documents *d, int64_t i);
/* Cuts the start of the last document so that n ids are left; its first id stays, it marks
 * the beginning. */
void documents_keep_end(Documents *d, int64_t n);
void documents_release(Documents *d);
const int32_t *documents_ids(const Documents *d, int64_t i);
const char *documents_mask(const Documents *d, int64_t i); /* a byte an id */
int64_t documents_len(const Documents *d, int64_t i);
int64_t documents_longest(const Documents *d);
/* The first id of document i that is learned; its length when none is. */
int64_t documents_learned_from(const Documents *d, int64_t i);
uint64_t documents_hash(const Documents *d); /* of all ids */
/* Whether document i belongs to the `share` that is held out: by a hash of its ids, so
 * that the order of the data does not matter. */
bool documents_is_heldout(const Documents *d, int64_t i, double share);
/* For a Packer; borrows d. */
PackSource documents_source(Documents *d);

/* --- answers that people compared or rated --- */

/* What a prompt says before its answers are read. */
typedef struct PromptFacts {
    int64_t ids; /* as rendered for an answer */
    uint64_t hash;
    bool heldout; /* documents_is_heldout */
} PromptFacts;
/* scratch is empty before and after. */
NODISCARD Status documents_prompt(Documents *scratch, const ChatTemplate *chat,
                                  const Conversation *prompt, double heldout,
                                  PromptFacts *out, Err *err);

enum { OVERLONG_REFUSE, OVERLONG_TRUNCATE, OVERLONG_DROP };
extern const char *const overlong_names[]; /* for OPT_CHOICE */
/* Adds the record's prompt with its answer k as one document, of which the answer alone is
 * learned and not what an assistant said in the prompt. One longer than `context` is
 * ERR_LIMIT, cut at its start, or not added (*kept false), as `overlong` says. */
NODISCARD Status documents_add_answer(Documents *d, const ChatTemplate *chat,
                                      const Record *record, int32_t k,
                                      const PromptFacts *prompt, int64_t context,
                                      int overlong, bool *kept, Err *err);

#endif
