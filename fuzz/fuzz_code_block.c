// floor: think
/* fuzz_code_block.c - a block lies within the text; the last one does not stand before the
 * first; there is a first where there is a last. */
#include "think/code_block.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Span text = {(const char *)data, size}, first = {0}, last = {0};
    bool any = code_block_find(text, false, &first);
    ASSERT(any == code_block_find(text, true, &last));
    if (!any)
        return 0;
    ASSERT(first.ptr >= text.ptr && first.ptr + first.len <= text.ptr + text.len);
    ASSERT(last.ptr >= first.ptr && last.ptr + last.len <= text.ptr + text.len);
    return 0;
}
