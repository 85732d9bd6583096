/* extract.c - see extract.h. */
#include "eval/extract.h"

#include <string.h>

Span extract_answer(Span text)
{
    size_t start = text.len;
    while (start > 0 && text.ptr[start - 1] != '#')
        start--;
    if (start == 0)
        return (Span){text.ptr, 0};
    size_t end = start;
    while (end < text.len && !memchr(" \t\r\n;", text.ptr[end], 5))
        end++;
    return (Span){text.ptr + start, end - start};
}

static bool is_digit(Span text, size_t i)
{
    return i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9';
}

/* A comma between digits is a sign of thousands, a point a decimal one. */
static bool is_inside(Span text, size_t i)
{
    if (is_digit(text, i))
        return true;
    return i > 0 && i < text.len && (text.ptr[i] == ',' || text.ptr[i] == '.') &&
           is_digit(text, i - 1) && is_digit(text, i + 1);
}

bool extract_number(Span text, Str *out)
{
    size_t end = text.len;
    while (end > 0 && !is_digit(text, end - 1))
        end--;
    if (end == 0)
        return false;
    size_t start = end;
    while (start > 0 && is_inside(text, start - 1))
        start--;
    bool minus = start > 0 && text.ptr[start - 1] == '-';
    if (minus && (start == 1 || !is_digit(text, start - 2))) /* 5-3 is no minus 3 */
        start--;
    for (size_t i = start; i < end; i++) {
        if (text.ptr[i] != ',')
            str_putc(out, text.ptr[i]);
    }
    return true;
}
