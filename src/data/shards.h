/* shards.h - documents tokenised once, memory-mapped afterwards.
 *
 *   <folder>/train.shard, heldout.shard:   little-endian
 *     "TAMESHRD" | u32 version 1 | u32 id bytes (2 or 4) | u64 tokenizer fingerprint |
 *     u64 documents | u64 tokens | u64 text bytes | u64 source hash |
 *     u64 offsets[documents+1] | u32 bytes_of_document[documents] | ids
 *
 * A document is <|bos|> ids... <|endoftext|>. The held-out split is by document, by
 * hash of its text (RNG_SPLIT), so that it does not depend on the order of files: those
 * with hashes below heldout * 2^64, at most max_heldout of the lowest, at least the
 * lowest. A shard made by another tokenizer or from other data is rebuilt. */
#ifndef DATA_SHARDS_H
#define DATA_SHARDS_H

#include "base/file.h"
#include "data/corpus.h"
#include "data/pack.h"
#include "text/tokenizer.h"

typedef struct Shard {
    FileMap map;
    int32_t id_bytes;
    uint64_t fingerprint, documents, tokens, text_bytes, source;
    const unsigned char *offsets, *doc_bytes, *ids;
} Shard;
/* Pure: checks every number of the header against `bytes`. */
NODISCARD Status shard_parse(Span bytes, Shard *out, Err *err);
NODISCARD Status shard_open(Shard *out, const char *path, Err *err);
void shard_close(Shard *s);
int64_t shard_doc_len(const Shard *s, int64_t doc);
int64_t shard_doc_text_bytes(const Shard *s, int64_t doc);
/* Copies ids [from, from+n) of a document. */
void shard_doc_ids(const Shard *s, int64_t doc, int64_t from, int64_t n, int32_t *out);
/* ERR_FORMAT unless every id is below vocab: models trust that. Reads all of it. */
NODISCARD Status shard_check_ids(const Shard *s, int32_t vocab, Err *err);
PackSource shard_pack_source(Shard *s); /* every token is learned; borrows s */

typedef struct ShardOptions {
    double heldout;      /* share of documents held out, e.g. 0.01 */
    int64_t max_heldout; /* and at most this many */
} ShardOptions;
extern const OptTable shard_options;
/* Makes <folder>/train.shard and heldout.shard from spec unless they are there and up
 * to date. An empty data set is ERR_FORMAT, and so is one of which no document can be
 * held out; with heldout 0, heldout.shard holds none. heldout_spec (may be NULL):
 * explicit held-out data instead of a split. */
NODISCARD Status shards_build(const char *folder, const char *spec,
                              const char *heldout_spec, const CorpusOptions *corpus,
                              const ShardOptions *o, const Tokenizer *tok, Err *err);

#endif
