/* diversity.h - how much several answers differ: what is lost when a model is tuned to one
 * good way of answering. A text is a list of numbers (token ids, or numbers of its words). */
#ifndef EVAL_DIVERSITY_H
#define EVAL_DIVERSITY_H

#include "base/err.h"

#include <stdint.h>

typedef struct DiverseText {
    const int32_t *ids; /* borrowed */
    int64_t n;
} DiverseText;

/* Different n-grams over all n-grams of the texts together (Li et al. 2016); NAN where there
 * are none. */
NODISCARD Status diversity_distinct(const DiverseText *texts, int64_t count, int64_t n,
                                    double *out, Err *err);
/* Mean over texts of BLEU-4 with the other texts as references (Zhu et al. 2018): 1 when all
 * are the same. Brevity by the nearest length (the shorter of two); an n-gram order without
 * a match counts 0.1 matches (smoothing 1 of Chen and Cherry 2014 as NLTK has it), orders
 * longer than the text none. O(texts^2). NAN for fewer than two texts. */
NODISCARD Status diversity_self_bleu(const DiverseText *texts, int64_t count,
                                     double *out, Err *err);
/* Texts that differ from all others before them. */
int64_t diversity_unique(const DiverseText *texts, int64_t count);

#endif
