/* code_block.h - the code in an answer: what stands between fences (CommonMark 4.5). Pure;
 * fuzz/fuzz_code_block.c. */
#ifndef THINK_CODE_BLOCK_H
#define THINK_CODE_BLOCK_H

#include "base/str.h"

#include <stdbool.h>

/* The first fenced block of `text`, or the last one, without its fences and with its last
 * line end. A block that is not closed goes to the end. false: there is none. Borrowed. */
bool code_block_find(Span text, bool last, Span *code);

#endif
