/* completion.h - a document continued by a base model, shown as it is written: the work of
 * `tame complete` and of `/base` in a chat. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "engine/engine.h"
#include "think/loaded.h"

/* <|bos|> and `text` (which may be empty: the beginning of any document), then up to
 * sample->max_new tokens. `echo` shows the text too. A final newline is added. `index`
 * keys the draws. The stop flag (base/system.h) ends it. */
NODISCARD Status completion_show(const Loaded *l, Engine *engine, Span text,
                                 const SampleOptions *sample, uint64_t index, bool echo,
                                 Err *err);

#endif
