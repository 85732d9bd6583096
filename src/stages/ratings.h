/* ratings.h - rated answers as ids: for each one the conversation (prompt and answer) and
 * whether it was found good; and the same prompts with answers to others, from which KTO
 * estimates how far the policy has gone (tensor/loss_preference.h: loss_kto_kl). */
#ifndef STAGES_RATINGS_H
#define STAGES_RATINGS_H

#include "data/corpus.h"
#include "stages/documents.h"

typedef struct Ratings {
    Documents docs;
    bool *good;       /* of each document */
    uint64_t *prompt; /* of each document: a hash */
    size_t good_cap, prompt_cap;
    int64_t n_good;
    int64_t dropped; /* answers longer than the context */
    int64_t neither; /* answers of comparisons that are neither good nor bad */
    /* Document i: the prompt of docs' document i, the answer of another that was given to
     * another prompt. */
    Documents mismatched;
} Ratings;

typedef struct RatingsOptions {
    const CorpusOptions *corpus; /* borrowed */
    int64_t context;
    int overlong;   /* OVERLONG_... */
    double heldout; /* share of the prompts that go to the second set */
} RatingsOptions;
/* Adds all rated answers of a data specification (comparisons are turned into ratings:
 * record_to_ratings) to *train or, by a hash of the prompt, to *heldout (may be NULL when
 * the share is 0). */
NODISCARD Status ratings_load(Ratings *train, Ratings *heldout, const char *spec,
                              const ChatTemplate *chat, const RatingsOptions *o,
                              Err *err);
/* Fills mismatched: each prompt gets the answer of the next document with another prompt
 * in an order shuffled by seed. Where both are longer than the context, the prompt's start
 * is cut. ERR_FORMAT when there is one prompt only. */
NODISCARD Status ratings_mismatch(Ratings *r, int64_t context, int64_t seed, Err *err);
void ratings_release(Ratings *r);
uint64_t ratings_hash(const Ratings *r); /* of ids and ratings */

#endif
