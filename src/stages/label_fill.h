/* label_fill.h - what people and judges are asked: prompts with the answers of one or
 * several models, or answers that a file gives, into a store of labels. */
#ifndef STAGES_LABEL_FILL_H
#define STAGES_LABEL_FILL_H

#include "data/corpus.h"
#include "data/label_import.h"
#include "tensor/ops.h"

typedef struct LabelFillOptions {
    char *model;   /* folders, by commas: each gives its share of the answers */
    char *prompts; /* data specification */
    char *data;    /* answers that are there: rankings, ratings, conversations */
    char *batch;
    int64_t
        answers; /* to each prompt; 0: 4 to rank, 1 to rate or to begin writing with */
    int64_t max_prompts, max_new, seed;
    double temperature, repeat;
} LabelFillOptions;
extern const OptTable label_fill_options;

typedef struct LabelFilled {
    int64_t added, known; /* items; there before */
    int64_t too_long;     /* prompts that leave no room for an answer */
    int64_t alike;        /* prompts whose answers are all the same */
} LabelFilled;

/* The store at `path` is opened, or made once the prompts and models are there, and filled
 * with what is missing; the caller closes it. Prompts that the batch holds already are not
 * answered again, so that the same call goes on where it was stopped. ERR_STOPPED keeps
 * what was added. */
NODISCARD Status label_fill(Labels **out, const char *path, LabelKind kind,
                            const LabelFillOptions *o, const CorpusOptions *corpus,
                            TensorOps *ops, LabelFilled *filled, Err *err);

#endif
