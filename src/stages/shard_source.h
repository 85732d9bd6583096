/* shard_source.h - the documents of a shard as a Packer wants them: every token but the
 * first is a target of weight 1; and the shard of text that is mixed in. */
#ifndef STAGES_SHARD_SOURCE_H
#define STAGES_SHARD_SOURCE_H

#include "data/pack.h"
#include "data/shards.h"
#include "stages/stage.h"

PackSource shard_source(Shard *s); /* borrows s */

/* Pretraining text that a later stage mixes in: the train.shard of the folder `data`, or
 * one made from the data of this description in env->data/ptx. */
NODISCARD Status ptx_shard_open(Shard *out, const StageEnv *env, const char *data,
                                const Tokenizer *tok, Err *err);

#endif
