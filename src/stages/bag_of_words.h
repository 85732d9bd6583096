/* bag_of_words.h - the simplest reward model that reads: a linear score over the words of
 * an answer, trained with the reward model's own loss on the same rankings. What it orders
 * rightly needs no language model; a reward model that does no better has learned words.
 *
 *     score(y) = sum over words w of y:  weight[hash(w)] log(1 + count of w in y)
 *
 * Words are runs of letters and digits of any script, in lower case (ASCII), and single
 * other characters that are no space. */
#ifndef STAGES_BAG_OF_WORDS_H
#define STAGES_BAG_OF_WORDS_H

#include "stages/rankings.h"

enum { BAG_BUCKETS = 1 << 16 };

/* The words of documents: what is learned of them, decoded. Document d has entries
 * first[d] .. first[d+1]. */
typedef struct Bags {
    int32_t *bucket;
    float *value;
    int64_t *first; /* [documents + 1] */
    size_t n, cap, value_cap, documents;
} Bags;
NODISCARD Status bags_make(Bags *out, const Documents *docs, const Tokenizer *tok,
                           Err *err);
/* Appends the words of one text as the next document. */
NODISCARD Status bags_add(Bags *bags, Span text, Err *err);
void bags_release(Bags *bags);

typedef struct BagModel {
    double *weight; /* [BAG_BUCKETS] */
} BagModel;
/* Adagrad, a few passes over the rankings. */
NODISCARD Status bag_model_train(BagModel *out, const Rankings *train, const Bags *bags,
                                 int64_t seed, Err *err);
void bag_model_release(BagModel *m);
double bag_model_score(const BagModel *m, const Bags *bags, int64_t document);

#endif
