/* documents.c - conversations as ids in memory, see documents.h. */
#include "stages/documents.h"

#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

Status documents_add(Documents *d, const ChatTemplate *chat, const Conversation *c,
                     bool generation_prompt, Err *err)
{
    TRY(MEM_PUSH_ROOM(&d->ends, d->n, &d->cap, err));
    TRY(template_render(chat, c, generation_prompt, &d->ids, &d->mask, err));
    d->ends[d->n++] = (int64_t)d->ids.len;
    return OK;
}

static int64_t start_of(const Documents *d, int64_t i)
{
    return i > 0 ? d->ends[i - 1] : 0;
}

void documents_drop_last(Documents *d)
{
    ASSERT(d->n > 0);
    d->n--;
    d->ids.len = (size_t)start_of(d, (int64_t)d->n);
    str_truncate(&d->mask, d->ids.len);
}

void documents_release(Documents *d)
{
    if (!d)
        return;
    ids_release(&d->ids);
    str_release(&d->mask);
    mem_free(d->ends);
    *d = (Documents){0};
}

const int32_t *documents_ids(const Documents *d, int64_t i)
{
    return d->ids.ptr + start_of(d, i);
}

int64_t documents_len(const Documents *d, int64_t i)
{
    return d->ends[i] - start_of(d, i);
}

int64_t documents_longest(const Documents *d)
{
    int64_t longest = 0;
    for (size_t i = 0; i < d->n; i++) {
        int64_t len = documents_len(d, (int64_t)i);
        longest = len > longest ? len : longest;
    }
    return longest;
}

uint64_t documents_hash(const Documents *d)
{
    if (d->n == 0)
        return 0;
    uint64_t ids = rng_hash(d->ids.ptr, d->ids.len * sizeof *d->ids.ptr, 1);
    return rng_hash(d->ends, d->n * sizeof *d->ends, ids);
}

bool documents_is_heldout(const Documents *d, int64_t i, double share)
{
    uint64_t bytes = (uint64_t)documents_len(d, i) * sizeof *d->ids.ptr;
    uint64_t hash = rng_hash(documents_ids(d, i), bytes, RNG_SPLIT);
    return (double)(hash >> 11) * 0x1p-53 < share;
}

/* --- PackSource ---------------------------------------------------------------------- */

static int64_t source_len(void *self, int64_t doc)
{
    return documents_len(self, doc);
}

static void source_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                       float *weights)
{
    const Documents *d = self;
    int64_t at = start_of(d, doc) + from;
    memcpy(ids, d->ids.ptr + at, (size_t)n * sizeof *ids);
    for (int64_t i = 0; i < n; i++)
        weights[i] = d->mask.ptr[at + i] ? 1.0F : 0.0F;
}

PackSource documents_source(Documents *d)
{
    return (PackSource){
        .self = d, .documents = (int64_t)d->n, .len = source_len, .ids = source_ids};
}
