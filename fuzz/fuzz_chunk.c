// floor: think
/* fuzz_chunk.c - any bytes are cut into passages that are in order, within the document,
 * not too long, and whose ends are not within a character when the document is UTF-8. */
#include "text/utf8.h"
#include "think/retrieval/chunk.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

typedef struct Seen {
    Span text;
    bool utf8;
    int64_t most;
    size_t start, end; /* of the passage before */
} Seen;

static bool between_characters(Span s, size_t at)
{
    return at == s.len || ((unsigned char)s.ptr[at] & 0xc0) != 0x80;
}

static Status check(void *self, const Chunk *c, Err *err)
{
    (void)err;
    Seen *seen = self;
    ASSERT(c->start < c->end && c->end <= seen->text.len && c->size <= seen->most);
    ASSERT(seen->end == 0 || (c->start > seen->start && c->end > seen->end));
    ASSERT(!seen->utf8 || (between_characters(seen->text, c->start) &&
                           between_characters(seen->text, c->end)));
    ASSERT(c->heading.len <= (HEADING_BYTES + 3) * HEADING_LEVELS);
    seen->start = c->start;
    seen->end = c->end;
    return OK;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    Err err;
    Span text = {size > 0 ? (const char *)data : "", size};
    for (int64_t passage = 8; passage <= 128; passage *= 4) {
        ChunkOptions o = {passage, passage / 4};
        Seen seen = {.text = text,
                     .utf8 = utf8_valid_prefix(text) == size,
                     .most = passage + passage / 4};
        ASSERT(chunk_document(text, &o, &measure_words, check, &seen, &err) == OK);
    }
    return 0;
}
