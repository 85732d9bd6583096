/* char_class.h - what the split patterns ask of a character: \p{L}, \p{N}, \s, [\r\n].
 * ASCII comes from a table, the rest from utf8proc's categories. A byte that does not
 * start a well-formed character is a character of one byte and of class CHAR_OTHER. */
#ifndef TEXT_CHAR_CLASS_H
#define TEXT_CHAR_CLASS_H

#include "base/str.h"

typedef enum CharClass {
    CHAR_OTHER,
    CHAR_LETTER,  /* \p{L} */
    CHAR_NUMBER,  /* \p{N} */
    CHAR_SPACE,   /* \s without the next */
    CHAR_NEWLINE, /* \r and \n */
} CharClass;

extern const unsigned char char_class_ascii[128];
CharClass char_class_wide(Span s, size_t at, size_t *len);

/* Class and length of the character at s[at]; at < s.len. */
static inline CharClass char_class(Span s, size_t at, size_t *len)
{
    unsigned char c = (unsigned char)s.ptr[at];
    if (c >= 128)
        return char_class_wide(s, at, len);
    *len = 1;
    return (CharClass)char_class_ascii[c];
}

static inline bool char_is_space(CharClass class)
{
    return class >= CHAR_SPACE;
}

#endif
