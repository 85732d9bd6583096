/* prefetch.h - batches packed ahead: while one is learned from, a thread of its own packs
 * the next, so that nobody waits for the pages of a shard to come from the disk or for
 * the shuffle of a new epoch.
 *
 * Batch i is what packer_batch() gives for i, whatever was asked for before: what is read
 * ahead is a guess at i+1, and a wrong guess costs its time and nothing else.
 *
 * Memory: two batches. Threads: a Prefetch belongs to one thread; its own thread takes no
 * signals and sleeps when the next batch is packed. */
#ifndef DATA_PREFETCH_H
#define DATA_PREFETCH_H

#include "data/pack.h"

typedef struct Prefetch Prefetch;
/* For batches of at most batch_tokens tokens. The packer is borrowed, and with it its
 * source: until prefetch_free only the packer's numbers (packer_batches and the like) may
 * be asked for, and the source may be read but not changed. */
NODISCARD Status prefetch_new(Prefetch **out, Packer *packer, int64_t batch_tokens,
                              Err *err);
/* Waits for the batch that is being packed, if any. Accepts NULL. */
void prefetch_free(Prefetch *p);
/* Batch i >= 0, borrowed until the next call. What packing it met is told here, not when
 * it was read ahead. */
NODISCARD Status prefetch_batch(Prefetch *p, int64_t i, const Batch **out, Err *err);
/* Seconds that prefetch_batch has waited, all calls together; NULL: 0. */
double prefetch_waited(const Prefetch *p);

#endif
