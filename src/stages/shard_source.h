/* shard_source.h - the documents of a shard as a Packer wants them: every token but the
 * first is a target of weight 1. */
#ifndef STAGES_SHARD_SOURCE_H
#define STAGES_SHARD_SOURCE_H

#include "data/pack.h"
#include "data/shards.h"

PackSource shard_source(Shard *s); /* borrows s */

#endif
