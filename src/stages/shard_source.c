/* shard_source.c - the documents of a shard for a Packer, see shard_source.h. */
#include "stages/shard_source.h"

static int64_t source_len(void *self, int64_t doc)
{
    return shard_doc_len(self, doc);
}

static void source_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                       float *weights)
{
    shard_doc_ids(self, doc, from, n, ids);
    for (int64_t i = 0; i < n; i++)
        weights[i] = 1;
}

PackSource shard_source(Shard *s)
{
    return (PackSource){.self = s,
                        .documents = (int64_t)s->documents,
                        .len = source_len,
                        .ids = source_ids};
}
