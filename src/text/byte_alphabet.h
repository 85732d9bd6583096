/* byte_alphabet.h - GPT-2's printable names of the 256 bytes (Radford et al. 2019):
 * '!' to '~', 0xa1 to 0xac and 0xae to 0xff are the characters of that number, the
 * other 68 bytes are U+0100 and up, in order. Files of byte-level tokenizers spell
 * tokens in it: " the" is "\u0120the". */
#ifndef TEXT_BYTE_ALPHABET_H
#define TEXT_BYTE_ALPHABET_H

#include "base/str.h"

#include <stdint.h>

/* The bytes in the order of their ids in GPT-2: first those that name themselves. */
void byte_alphabet_order(unsigned char bytes[256]);
/* Appends bytes spelt in the alphabet, and back. False: a character is not of it. */
void byte_alphabet_spell(Str *out, Span bytes);
NODISCARD bool byte_alphabet_unspell(Str *out, Span text);

#endif
