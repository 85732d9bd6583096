/* lm_local.h - a model folder as a language model (lm.h), through our engine: chats in
 * the template's form, documents as they stand, log-probabilities of all it says. Tools
 * are called as the model writes it, `<|call|>name(arguments)` (text/template.h).
 *
 * Any number of threads may ask at once: what waits is run together
 * (shared_engine.h), and an answer is the same whether or not. */
#ifndef THINK_LM_LM_LOCAL_H
#define THINK_LM_LM_LOCAL_H

#include "base/options.h"
#include "think/lm/lm.h"
#include "think/loaded.h"

typedef struct LmLocalOptions {
    int64_t batch;    /* sequences decoded together */
    int64_t context;  /* tokens of a prompt and its answer; 0: all the model can */
    bool as_document; /* conversations become documents (lm_document.h), as they always
                         do for a model without a chat template */
} LmLocalOptions;
extern const OptTable lm_local_options;

/* `loaded` is borrowed. ERR_LIMIT: the cache does not fit the memory, with numbers. */
NODISCARD Status lm_local_new(Lm **out, const Loaded *loaded, const char *name,
                              const LmLocalOptions *o, Err *err);
/* Opens the folder too (loaded.h), and closes it in the end. */
NODISCARD Status lm_local_open(Lm **out, TensorOps *ops, const char *folder,
                               const LmLocalOptions *o, Err *err);
/* The folder behind a model of this kind, borrowed; NULL for models of other kinds. */
const Loaded *lm_local_loaded(const Lm *lm);

#endif
