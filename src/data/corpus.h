/* corpus.h - data sets on disk as a stream of records: files, globs, compressed or not
 * (gz, zst, xz, bz2; members of zip and tar, by libarchive), JSON Lines, JSON arrays or
 * plain text (.txt: a document a file, or blank-line-separated with text_split
 * "blank").
 *
 * A data specification is a comma-separated list of FILE[:WEIGHT]; without weights
 * everything is read once; weights make a mixture: of as many documents as all sources
 * have, weight_i/sum come from source i (small sources repeat, large ones are cut by a
 * keyed choice), evenly interleaved. A colon in a file's name does no harm as long as
 * the file exists or no number follows the colon.
 * Malformed rows are errors with file, line and reason; `max_bad_rows` of them are
 * counted and skipped (default 0: the first stops). */
#ifndef DATA_CORPUS_H
#define DATA_CORPUS_H

#include "base/options.h"
#include "data/record.h"

enum { CORPUS_SPLIT_FILE, CORPUS_SPLIT_BLANK };
typedef struct CorpusOptions {
    int64_t max_bad_rows;
    int text_split;
} CorpusOptions;
extern const OptTable corpus_options;

typedef struct Corpus Corpus;
NODISCARD Status corpus_open(Corpus **out, const char *spec, const CorpusOptions *o,
                             Err *err);
/* The next record, or *end = true. Borrowed until the next call. */
NODISCARD Status corpus_next(Corpus *c, Record **record, bool *end, Err *err);
/* "file 'a.jsonl': line 3" of the record last given, for messages. */
const char *corpus_where(const Corpus *c);
int64_t corpus_bad_rows(const Corpus *c);
/* Bytes of all files as they lie on disk (0 for a mixture), and how many are read. */
double corpus_bytes(const Corpus *c);
double corpus_bytes_read(const Corpus *c);
void corpus_close(Corpus *c);
/* A hash of what spec stands for: names, sizes and times of the files, weights,
 * options. Equal hashes: the same records. */
NODISCARD Status corpus_hash(const char *spec, const CorpusOptions *o, uint64_t *out,
                             Err *err);

/* All records of a wanted kind, in memory (demonstrations, comparisons, prompts: small,
 * careful data). A file of another kind is ERR_FORMAT saying what was expected, and so
 * is a data set without rows. Chats are accepted where prompts are wanted (their last
 * answer is dropped), and so are rankings and ratings; rankings are where ratings are
 * wanted (record_to_ratings). Prompts keep their rows, rankings theirs
 * without what the record holds, the others do not. */
typedef struct RecordList {
    Record *records;
    size_t n, cap;
} RecordList;
NODISCARD Status corpus_load(RecordList *out, const char *spec, RecordKind kind,
                             const CorpusOptions *o, Err *err);
void record_list_release(RecordList *list);
/* Moves `share` of the records, by the hash of their prompts, to *heldout: the same
 * prompt is never on both sides. At least one record goes and at least one stays, else
 * (share > 0) ERR_FORMAT. */
NODISCARD Status record_list_split(RecordList *list, double share, RecordList *heldout,
                                   Err *err);

#endif
