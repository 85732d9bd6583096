/* measure.h - fresh answers of a finished policy to held-out prompts, and what is thought
 * of them: the gold judge, any reward models, and how far they are from a reference.
 *
 * A measure is made once and kept in a file; it is made again when the weights of a model
 * in it, or how it was asked for, have changed. */
#ifndef STUDY_MEASURE_H
#define STUDY_MEASURE_H

#include "eval/variety.h"
#include "tensor/ops.h"

enum { MEASURE_PROXIES = 14 };

typedef struct MeasureOptions {
    const char *file;      /* JSON, written */
    const char *policy;    /* folder of the model that answers, at temperature 1 */
    const char *reference; /* folder; NULL: no KL */
    const char *world;     /* folder of the practice world: the gold judge */
    const char *prompts;   /* data specification */
    /* Reward models, by name and folder; ended by name NULL. */
    struct {
        const char *name, *folder;
    } proxies[MEASURE_PROXIES + 1];
    int64_t limit, answers, max_new, seed; /* prompts at most; answers to each */
} MeasureOptions;

/* Columns of a number an answer, prompt after prompt:
 *   gold       the judge's score
 *   length     tokens
 *   ended      1 when the answer came to its end
 *   kl         sum of log pi(token) - log ref(token) over what was drawn (k1)
 *   kl_exact   sum over the same states of the whole KL(pi(.|state) || ref(.|state)), whose
 *              mean over answers is the same number with less noise
 * and one for each proxy under its name. */
typedef struct Measure {
    int64_t prompts, answers;
    struct MeasureColumn {
        char name[64];
        double *x; /* [prompts * answers] */
    } columns[MEASURE_PROXIES + 5];
    size_t n_columns;
} Measure;

NODISCARD Status measure_policy(const MeasureOptions *o, TensorOps *ops, Measure *out,
                                Err *err);
void measure_release(Measure *m); /* accepts zeroed */
/* NULL when there is none. */
const double *measure_column(const Measure *m, const char *name);
static inline int64_t measure_n(const Measure *m)
{
    return m->prompts * m->answers;
}

/* Mixes the weights in a model folder into *hash: a measure is of these alone. */
NODISCARD Status measure_weights_hash(const char *folder, uint64_t *hash, Err *err);

/* Bits per byte of a model on documents (eval/bits.h), kept in a file likewise. */
NODISCARD Status measure_bits(const char *file, const char *model,
                              const char *documents, int64_t limit, TensorOps *ops,
                              double *out, Err *err);

/* How many different things a model says (eval/variety.h), kept in a file likewise. prompts:
 * data specification. Of the report all but the counts. */
NODISCARD Status measure_variety(const char *file, const char *model,
                                 const char *prompts, const VarietyOptions *o,
                                 TensorOps *ops, VarietyReport *out, Err *err);

#endif
