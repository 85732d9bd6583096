/* corpus.h - data sets on disk as a stream of records: files, globs, compressed or not
 * (gz, zst, xz, bz2; members of zip and tar, by libarchive), JSON Lines or plain text
 * (.txt: a document a file, or blank-line-separated with text_split "blank").
 *
 * A data specification is a comma-separated list of FILE[:WEIGHT]; without weights
 * everything is read once; weights make a mixture: each epoch takes weight_i/sum of its
 * documents from source i (small sources repeat, large ones are cut by a keyed choice).
 * Malformed rows are errors with file, line and reason; `max_bad_rows` of them are
 * counted and skipped (default 0: the first stops). */
#ifndef DATA_CORPUS_H
#define DATA_CORPUS_H

#include "base/options.h"
#include "data/record.h"

typedef struct CorpusOptions {
    int64_t max_bad_rows;
    int text_split; /* CORPUS_SPLIT_FILE, CORPUS_SPLIT_BLANK */
} CorpusOptions;
extern const OptTable corpus_options;

typedef struct Corpus Corpus;
NODISCARD Status corpus_open(Corpus **out, const char *spec, const CorpusOptions *o, Err *err);
/* The next record, or *end = true. Borrowed until the next call. */
NODISCARD Status corpus_next(Corpus *c, Record **record, bool *end, Err *err);
/* "file 'a.jsonl': line 3" of the record last given, for messages. */
const char *corpus_where(const Corpus *c);
int64_t corpus_bad_rows(const Corpus *c);
void corpus_close(Corpus *c);

/* All records of a wanted kind, in memory (demonstrations, comparisons, prompts: small,
 * careful data). A file of another kind is ERR_FORMAT saying what was expected. Chats
 * are accepted where prompts are wanted (their last answer is dropped). */
typedef struct RecordList {
    Record *records;
    size_t n, cap;
} RecordList;
NODISCARD Status corpus_load(RecordList *out, const char *spec, RecordKind kind,
                             const CorpusOptions *o, Err *err);
void record_list_release(RecordList *list);

#endif
