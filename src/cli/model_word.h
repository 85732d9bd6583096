/* model_word.h - a MODEL as people name it, opened as a language model: an endpoint
 * (think/lm/endpoint.h) or a model folder. */
#ifndef CLI_MODEL_WORD_H
#define CLI_MODEL_WORD_H

#include "tensor/ops.h"
#include "think/lm/lm_local.h"

/* *ops is made where a model folder needs it and there is none yet, as `compute` says when
 * the environment does not; free it (tensor_free) after the model. local: how a folder is
 * run. */
NODISCARD Status model_word_open(Lm **out, TensorOps **ops, TensorCompute compute,
                                 const char *word, const LmLocalOptions *local,
                                 Err *err);
/* Whether the word looks like a model rather than a question. */
bool model_word_is(const char *word);

#endif
