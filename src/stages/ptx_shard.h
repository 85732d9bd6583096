/* ptx_shard.h - the pretraining text that SFT and PPO may mix in. */
#ifndef STAGES_PTX_SHARD_H
#define STAGES_PTX_SHARD_H

#include "data/shards.h"
#include "stages/stage.h"

/* The train.shard of the folder `data`, or
 * one made from the data of this description in env->data/ptx. */
NODISCARD Status ptx_shard_open(Shard *out, const StageEnv *env, const char *data,
                                const Tokenizer *tok, Err *err);

#endif
