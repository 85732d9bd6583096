/* shards.c - reading shards: the header checked against the bytes, documents copied out
 * of the map; see shards.h for the layout. Building is in shards_build.c.
 *
 * Everything but the ids is checked when a shard is opened, in one pass over the
 * tables; so access needs no checks but ASSERTs. */
#include "data/shards.h"

#include "base/bytes.h"

#include <limits.h>
#include <string.h>

enum { HEADER_BYTES = 56, VERSION = 1 };

static Status check_tables(const Shard *s, Err *err)
{
    uint64_t before = 0, text_bytes = 0;
    for (uint64_t i = 0; i <= s->documents; i++) {
        uint64_t offset = bytes_u64(s->offsets + 8 * i);
        if (offset < before || offset > s->tokens || (i == 0 && offset != 0))
            return err_set(err, ERR_FORMAT, "offset %llu of %llu is wrong: %llu",
                           (unsigned long long)i, (unsigned long long)s->documents,
                           (unsigned long long)offset);
        before = offset;
    }
    if (before != s->tokens)
        return err_set(err, ERR_FORMAT, "documents end at token %llu, not %llu",
                       (unsigned long long)before, (unsigned long long)s->tokens);
    for (uint64_t i = 0; i < s->documents; i++)
        text_bytes += bytes_u32(s->doc_bytes + 4 * i);
    if (text_bytes != s->text_bytes)
        return err_set(err, ERR_FORMAT, "documents have %llu bytes of text, not %llu",
                       (unsigned long long)text_bytes,
                       (unsigned long long)s->text_bytes);
    return OK;
}

Status shard_parse(Span bytes, Shard *out, Err *err)
{
    *out = (Shard){0};
    if (bytes.len < HEADER_BYTES)
        return err_set(err, ERR_FORMAT, "the header is cut: %zu of %d bytes", bytes.len,
                       (int)HEADER_BYTES);
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    if (memcmp(p, "TAMESHRD", 8) != 0)
        return err_set(err, ERR_FORMAT, "it does not begin with TAMESHRD");
    if (bytes_u32(p + 8) != VERSION)
        return err_set(err, ERR_FORMAT, "version %u, not %d", bytes_u32(p + 8),
                       (int)VERSION);
    uint32_t id_bytes = bytes_u32(p + 12);
    if (id_bytes != 2 && id_bytes != 4)
        return err_set(err, ERR_FORMAT, "ids of %u bytes, not 2 or 4", id_bytes);
    Shard s = {.id_bytes = (int32_t)id_bytes,
               .fingerprint = bytes_u64(p + 16),
               .documents = bytes_u64(p + 24),
               .tokens = bytes_u64(p + 32),
               .text_bytes = bytes_u64(p + 40),
               .source = bytes_u64(p + 48)};
    uint64_t rest = bytes.len - HEADER_BYTES; /* no product below can overflow */
    if (rest < 8 || s.documents > (rest - 8) / 12)
        return err_set(err, ERR_FORMAT, "%llu documents do not fit into %zu bytes",
                       (unsigned long long)s.documents, bytes.len);
    rest -= 8 + 12 * s.documents;
    if (rest % id_bytes != 0 || s.tokens != rest / id_bytes)
        return err_set(err, ERR_FORMAT,
                       "%llu tokens of %u bytes are not the %llu bytes "
                       "behind the tables",
                       (unsigned long long)s.tokens, id_bytes,
                       (unsigned long long)rest);
    s.offsets = p + HEADER_BYTES;
    s.doc_bytes = s.offsets + 8 * (s.documents + 1);
    s.ids = s.doc_bytes + 4 * s.documents;
    TRY(check_tables(&s, err));
    *out = s;
    return OK;
}

Status shard_open(Shard *out, const char *path, Err *err)
{
    *out = (Shard){0};
    FileMap map;
    TRY(file_map(path, &map, err));
    Status status = shard_parse((Span){(const char *)map.ptr, map.len}, out, err);
    if (status != OK) {
        file_unmap(&map);
        return err_context(err, "shard '%s'", path);
    }
    out->map = map;
    return OK;
}

void shard_close(Shard *s)
{
    if (!s)
        return;
    file_unmap(&s->map);
    *s = (Shard){0};
}

/* Token at which document doc begins; doc may be the number of documents. */
static uint64_t offset_of(const Shard *s, int64_t doc)
{
    ASSERT(doc >= 0 && (uint64_t)doc <= s->documents);
    return bytes_u64(s->offsets + 8 * (uint64_t)doc);
}

int64_t shard_doc_len(const Shard *s, int64_t doc)
{
    return (int64_t)(offset_of(s, doc + 1) - offset_of(s, doc));
}

int64_t shard_doc_text_bytes(const Shard *s, int64_t doc)
{
    ASSERT(doc >= 0 && (uint64_t)doc < s->documents);
    return bytes_u32(s->doc_bytes + 4 * (uint64_t)doc);
}

static uint32_t id_at(const Shard *s, uint64_t token)
{
    if (s->id_bytes == 4)
        return bytes_u32(s->ids + 4 * token);
    const unsigned char *p = s->ids + 2 * token;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

void shard_doc_ids(const Shard *s, int64_t doc, int64_t from, int64_t n, int32_t *out)
{
    ASSERT(from >= 0 && n >= 0 && from + n <= shard_doc_len(s, doc));
    uint64_t first = offset_of(s, doc) + (uint64_t)from;
    for (int64_t i = 0; i < n; i++)
        out[i] = (int32_t)id_at(s, first + (uint64_t)i);
}

Status shard_check_ids(const Shard *s, int32_t vocab, Err *err)
{
    for (uint64_t i = 0; i < s->tokens; i++) {
        if (id_at(s, i) >= (uint32_t)vocab)
            return err_set(err, ERR_FORMAT, "token %llu is %u, not below %d",
                           (unsigned long long)i, id_at(s, i), (int)vocab);
    }
    return OK;
}

/* --- as a source of documents ---------------------------------------------------- */
static int64_t source_len(void *self, int64_t doc)
{
    return shard_doc_len(self, doc);
}

static void source_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                       float *weights)
{
    shard_doc_ids(self, doc, from, n, ids);
    for (int64_t i = 0; i < n; i++)
        weights[i] = 1.0F;
}

PackSource shard_pack_source(Shard *s)
{
    return (PackSource){s, (int64_t)s->documents, source_len, source_ids};
}
