// floor: data
/* fuzz_shard.c - a shard that is accepted can be read: documents tile its tokens and
 * every id of every document lies in the bytes. */
#include "base/mem.h"
#include "data/shards.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {OK, ""};
    Shard s;
    Status status = shard_parse((Span){(const char *)data, size}, &s, &err);
    ASSERT(status == OK || (status == ERR_FORMAT && err.msg[0] && !s.ids));
    if (status != OK)
        return 0;
    ASSERT(s.ids + s.tokens * (uint64_t)s.id_bytes == data + size);
    int32_t *ids = mem_alloc_array(s.tokens, sizeof *ids);
    ASSERT(ids);
    uint64_t tokens = 0, bytes = 0;
    for (int64_t doc = 0; doc < (int64_t)s.documents; doc++) {
        int64_t len = shard_doc_len(&s, doc);
        ASSERT(len >= 0);
        shard_doc_ids(&s, doc, 0, len, ids);
        tokens += (uint64_t)len;
        bytes += (uint64_t)shard_doc_text_bytes(&s, doc);
    }
    ASSERT(tokens == s.tokens && bytes == s.text_bytes);
    ASSERT(shard_check_ids(&s, INT32_MAX, &err) == OK || s.id_bytes == 4);
    mem_free(ids);
    return 0;
}
