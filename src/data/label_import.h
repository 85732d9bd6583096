/* label_import.h - rows of data sets into a store of labels: what is to be asked, and
 * what others said about it already. */
#ifndef DATA_LABEL_IMPORT_H
#define DATA_LABEL_IMPORT_H

#include "data/corpus.h"
#include "data/labels.h"

/* How items come in, and how many did. */
typedef struct LabelAdder {
    Labels *labels;     /* borrowed */
    LabelKind kind;     /* LABEL_KINDS: as the rows say */
    const char *batch;  /* "" for none */
    const char *source; /* of the answers of rows: their file */
    double repeat;      /* share of the prompts that everybody is asked, twice */
    uint64_t seed;      /* which those are */
    int64_t most;       /* rows at most; 0: all */
    int64_t labeler;    /* who said what rows say; 0: that is not taken */
    int64_t added, known, labelled; /* out */
} LabelAdder;

/* Adds an item of a->kind, to rate one for each of its answers. by_prompt: unless the batch
 * has the prompt; else unless it has prompt and answers. */
NODISCARD Status label_add(LabelAdder *a, LabelItem *item, bool by_prompt, Err *err);
/* Adds the rows of a corpus, in one transaction. With LABEL_KINDS, answers are to be
 * ranked, rated answers to be rated, conversations and prompts to be written. With a
 * labeler, ranks, labels and conversations become labels. A row that does not do for the
 * kind is an error that says where it is. */
NODISCARD Status label_import(LabelAdder *a, Corpus *c, Err *err);

#endif
