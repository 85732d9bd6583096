/* fit.h - prompts that a model can read. Data sets hold some that are longer than the
 * context; whoever asks them all leaves those out and says so, rather than fail at one. */
#ifndef THINK_FIT_H
#define THINK_FIT_H

#include "data/corpus.h"

/* Takes the prompts that fill the context of the chat model in `folder`, as its template
 * renders them, out of the list, and warns of how many. ERR_LIMIT: none is left. */
NODISCARD Status fit_prompts(RecordList *prompts, const char *folder, Err *err);

#endif
