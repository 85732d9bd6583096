/* char_class.c - classes of characters, see char_class.h. White space is Unicode's
 * property White_Space (as \s of the regex engines that tokenizers use), which is not a
 * category: 25 characters, listed here. */
#include "text/char_class.h"

#include "text/utf8.h"

#include <utf8proc.h>

/* clang-format off */
enum { O = CHAR_OTHER, L = CHAR_LETTER, N = CHAR_NUMBER, S = CHAR_SPACE,
       R = CHAR_NEWLINE };
const unsigned char char_class_ascii[128] = {
    O, O, O, O, O, O, O, O, O, S, R, S, S, R, O, O, /* \t \n \v \f \r */
    O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    N, N, N, N, N, N, N, N, N, N, O, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
};
/* clang-format on */

static bool is_white_space(uint32_t c)
{
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

CharClass char_class_wide(Span s, size_t at, size_t *len)
{
    uint32_t code = 0;
    int n = utf8_decode((Span){s.ptr + at, s.len - at}, &code);
    *len = n > 0 ? (size_t)n : 1;
    if (n == 0)
        return CHAR_OTHER;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO)
        return CHAR_LETTER;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
        return CHAR_NUMBER;
    return is_white_space(code) ? CHAR_SPACE : CHAR_OTHER;
}
