/* chunk.h - a document cut into passages for retrieval.
 *
 * A passage is an exact piece [start, end) of the document's bytes that lies under one
 * heading and is made of whole lines and sentences while these are not longer than a
 * passage. It ends at the end of a paragraph where one is near. The next passage under
 * the same heading repeats the last sentences of this one (overlap), so that what stands
 * at a seam is found whole.
 *
 * Headings are Markdown's, in plain text too: "# title" (one to six #) and a line of its
 * own underlined with === or ---; not within ``` fences. A line is a sentence of its own
 * (a list, "name: value" lines) unless its paragraph was wrapped by an editor: then each
 * line ends where the next word had no room.
 *
 * Pure. Any bytes are cut, also 100 MB without a blank; memory: 40 bytes for each
 * sentence under one heading. */
#ifndef THINK_RETRIEVAL_CHUNK_H
#define THINK_RETRIEVAL_CHUNK_H

#include "base/options.h"

enum { HEADING_LEVELS = 6, HEADING_BYTES = 160 };

typedef struct ChunkOptions {
    int64_t size;    /* of a passage; a remainder under size/4 is taken along */
    int64_t overlap; /* with the one before, at most; < size */
} ChunkOptions;
extern const OptTable chunk_options;

/* How long a text is: tokens of a tokenizer, or words. */
typedef struct Measure {
    void *self;
    int64_t (*count)(void *self, Span text);
} Measure;
/* Words: runs of letters and digits, long ones counted as several, each ideograph as
 * one; at least a 16th of the bytes. */
extern const Measure measure_words;

typedef struct Chunk {
    size_t start, end; /* bytes of the document */
    Span heading;      /* "Algeria > Geography"; "" above the first; borrowed */
    int64_t size;      /* as measured */
} Chunk;
typedef Status (*ChunkPut)(void *self, const Chunk *chunk, Err *err);

/* Gives the passages in order to put(); its errors end the work. A heading with nothing
 * under it is a passage of its own. ERR_OPTION: overlap >= size. */
NODISCARD Status chunk_document(Span text, const ChunkOptions *o,
                                const Measure *measure, ChunkPut put, void *self,
                                Err *err);

/* As much of a title as a heading keeps: HEADING_BYTES, whole characters. */
Span heading_cut(Span title);

#endif
