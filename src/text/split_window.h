/* split_window.h - the known split patterns, 64 bytes at a time.
 *
 * A pattern decides by classes of characters, and 64 bytes are classified into a few
 * words of 64 bits, one bit a byte. Where pieces begin is then a matter of shifting and
 * masking these words: no loop and no branch a character or a piece. */
#ifndef TEXT_SPLIT_WINDOW_H
#define TEXT_SPLIT_WINDOW_H

#include "text/tokenizer.h"

enum { SPLIT_WINDOW = 64 };

/* A piece begins at text[0]; text has SPLIT_WINDOW bytes or more. Bit i > 0 of the result
 * is set where a piece ends in front of text[i]; no end below the highest set bit is
 * missing. 0: there is none that 64 bytes can tell. Not for SPLIT_CUSTOM. */
uint64_t split_window(SplitPattern pattern, Span text);

/* Length of 's 't 're 've 'm 'll 'd at the start of s, which is a quote; else 0. In any
 * case U+017F (long s) counts as s, which is what (?i) means to Unicode. */
size_t split_contraction(Span s, bool any_case);

#endif
