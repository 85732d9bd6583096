/* code_block.c - see code_block.h.
 *
 * A fence is a line of at least three ` or ~, indented by at most three spaces; what stands
 * behind it names the language and holds no ` if the fence is made of them. The block ends
 * at a line of at least as many of the same, with nothing behind. */
#include "think/code_block.h"

static Span next_line(Span text, size_t *at)
{
    size_t from = *at, end = from;
    while (end < text.len && text.ptr[end] != '\n')
        end++;
    *at = end < text.len ? end + 1 : end;
    return (Span){text.ptr + from, end - from};
}

/* Length of the fence that the line begins with, or 0; *mark is its sign. */
static size_t fence_of(Span line, char *mark, Span *behind)
{
    size_t i = 0, n = 0;
    while (i < line.len && i < 4 && line.ptr[i] == ' ')
        i++;
    if (i > 3 || i == line.len || (line.ptr[i] != '`' && line.ptr[i] != '~'))
        return 0;
    *mark = line.ptr[i];
    while (i + n < line.len && line.ptr[i + n] == *mark)
        n++;
    *behind = span_trim((Span){line.ptr + i + n, line.len - i - n});
    return n >= 3 ? n : 0;
}

/* From the line at *at on; *at moves behind the block. */
static bool next_block(Span text, size_t *at, Span *code)
{
    while (*at < text.len) {
        char mark, other;
        Span behind;
        size_t n = fence_of(next_line(text, at), &mark, &behind);
        if (n == 0 || (mark == '`' && span_find(behind, SPAN("`"), 0) >= 0))
            continue;
        size_t begin = *at, end = begin;
        while (*at < text.len) {
            size_t closing = fence_of(next_line(text, at), &other, &behind);
            if (closing >= n && other == mark && behind.len == 0)
                break;
            end = *at;
        }
        *code = (Span){text.ptr + begin, end - begin};
        return true;
    }
    return false;
}

bool code_block_find(Span text, bool last, Span *code)
{
    size_t at = 0;
    bool any = false;
    while ((!any || last) && next_block(text, &at, code))
        any = true;
    return any;
}
