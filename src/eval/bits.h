/* bits.h - bits per byte: how well a language model predicts text, in units that do not
 * depend on the tokenizer.
 *
 *     bits per byte = sum of -log2 p(next token) / bytes of text
 *
 * Each document is <|bos|> text <|endoftext|>; the end is predicted too. A document longer
 * than the context is read in windows, each predicted from its own start. */
#ifndef EVAL_BITS_H
#define EVAL_BITS_H

#include "engine/engine.h"
#include "text/tokenizer.h"

typedef struct BitsReport {
    int64_t documents, tokens; /* tokens predicted */
    double bytes, bits;        /* of the text; of all predictions */
    double bits_per_byte, bits_per_token;
    int64_t cut; /* documents that were longer than the context */
} BitsReport;

/* Reads a data specification (data/corpus.h), at most max_documents of it (0: all).
 * ERR_FORMAT when it holds anything but texts, or nothing. */
NODISCARD Status bits_measure(Engine *engine, const Tokenizer *tok, const char *spec,
                              int64_t max_documents, BitsReport *out, Err *err);

#endif
