/* index.h - documents as passages that can be searched, in one SQLite file.
 *
 * An index holds what a set of files and folders held when it was last brought up to date.
 * A file that has not changed since costs a look at its size and time; one that has not
 * changed in its bytes, its SHA-256. A file that is gone takes its passages with it.
 *
 * JSON Lines of {"text": ...} are documents too, one a row.
 *
 * Safe: whatever moment the process is killed at, the file holds a whole state, each
 * source file of it old, new or absent (WAL, one transaction for many files). Others may
 * search while it is written.
 *
 * Tables: settings(key, value), files(id, path, size, modified, checked, sha256),
 * documents(id, file, name), chunks(id, document, start, end, size, heading, body,
 * sha256); chunk_text is the full text index (FTS5: porter over unicode61 without
 * diacritics) over heading and body; docs/formats.md. */
#ifndef THINK_RETRIEVAL_INDEX_H
#define THINK_RETRIEVAL_INDEX_H

#include "base/options.h"
#include "text/tokenizer.h"
#include "think/retrieval/chunk.h"

enum { INDEX_VERSION = 1 };

typedef struct Index Index;
/* An absent file is made when `create`, else ERR_IO saying how to make one. A file of
 * another sort, or of another version, is ERR_FORMAT. */
NODISCARD Status index_open(Index **out, const char *path, bool create, Err *err);
void index_close(Index *x); /* NULL allowed */
const char *index_path(const Index *x);

typedef struct IndexCount {
    int64_t files, documents, chunks;
} IndexCount;
NODISCARD Status index_count(Index *x, IndexCount *out, Err *err);

/* --- bringing it up to date ------------------------------------------------------------ */
typedef struct IndexOptions {
    bool keep;         /* also what none of the paths names any more */
    int64_t max_bytes; /* of a document; a longer one is left out with a warning */
} IndexOptions;
extern const OptTable index_options;

typedef struct IndexReport {
    int64_t files, unchanged, renewed, removed, skipped;
    int64_t documents, chunks; /* of the renewed files */
    double bytes;              /* of their documents */
} IndexReport;

/* Makes the index hold what `paths` hold: of folders the text and Markdown files in them
 * (*.txt *.text *.md *.markdown, with .gz .zst .xz .bz2 behind), of .zip and .tar the
 * members of such names; a file that is named itself is text whatever it is called, unless
 * it is .jsonl: then each row is a document, "title" beside its "text" its first heading.
 * Names that begin with '.' and links to folders are passed over. A file that cannot be
 * read, is no text (a NUL in its first 8 KiB) or too long is left out with a warning.
 * Other passage sizes or another tokenizer (NULL: words) than last time renew every file.
 *
 * ERR_STOPPED: the user asked to stop; what was done is kept, the same call goes on. */
NODISCARD Status index_update(Index *x, const char *const *paths, size_t n,
                              const IndexOptions *o, const ChunkOptions *chunk,
                              const Tokenizer *tok, IndexReport *out, Err *err);

/* --- passages --------------------------------------------------------------------------- */
typedef struct Passage {
    int64_t id;
    Str document;       /* path, "archive.zip/member.md" */
    int64_t start, end; /* bytes of the document */
    int64_t size;       /* as measured when it was cut */
    Str heading;        /* "Algeria > Geography" */
    Str text;           /* the bytes as UTF-8: what was none is U+FFFD */
    Str sha256;         /* of the text, in hexadecimal */
} Passage;
void passage_release(Passage *p); /* accepts zeroed */
/* The first passage that holds bytes [start, end) of a document of that path, or whose path
 * ends so behind a '/'. */
NODISCARD Status index_holding(Index *x, Span document, int64_t start, int64_t end,
                               Passage *out, bool *found, Err *err);
/* The first whose text holds these bytes. */
NODISCARD Status index_saying(Index *x, Span text, Passage *out, bool *found, Err *err);
/* Is `name` the path, or the end of it behind a '/'? */
bool index_names(Span path, Span name);
/* *found false: there is none of that number. */
NODISCARD Status index_passage(Index *x, int64_t id, Passage *out, bool *found,
                               Err *err);

#endif
