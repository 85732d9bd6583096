/* split_window.c - see split_window.h; split.c has the patterns, and scans what is too
 * long or too near the end of the text for us.
 *
 * Nothing in front of a piece matters to where it ends, so a window needs no memory of
 * the one before: it begins where a piece does. What lies behind it matters to white
 * space only (\s+(?!\S), \s*[\r\n]+) and to contractions: a window's ends are good up to
 * white space that reaches its end, and up to LAST_END.
 *
 * All bytes of a character carry its class, so a change of class is a change of
 * character. White space beyond ASCII is rare, and would make the last character of a
 * run more than a byte: a window is read as if white space went on from there. */
#include "text/split_window.h"

#include "base/bytes.h"
#include "text/char_class.h"

#ifdef __SSE2__
#    include <emmintrin.h>
#endif

enum { LAST_END = SPLIT_WINDOW - 3 }; /* the longest contraction has 3 bytes */

/* Sets of the bytes of a window. */
typedef struct Window {
    uint64_t letter, number, space, newline, other; /* newline is part of space */
    uint64_t blank, quote;                          /* the characters ' ' and '\'' */
    uint64_t wide;                                  /* not ASCII */
    uint64_t inside; /* bytes of a character behind its first */
} Window;

/* --- classes --------------------------------------------------------------------- */
#ifdef __SSE2__
static uint64_t to_bits(__m128i bytes)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(bytes);
}

static __m128i is(__m128i bytes, char c)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

/* Signed: bytes that are not ASCII are below all others. */
static __m128i is_between(__m128i bytes, char first, char last)
{
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8((char)(first - 1))),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8((char)(last + 1))));
}

static void classify_ascii(Window *w, const char *text)
{
    for (int i = 0; i < SPLIT_WINDOW; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i low = _mm_or_si128(x, _mm_set1_epi8(0x20));
        __m128i blank = is(x, ' ');
        w->letter |= to_bits(is_between(low, 'a', 'z')) << i;
        w->number |= to_bits(is_between(x, '0', '9')) << i;
        w->space |= to_bits(_mm_or_si128(blank, is_between(x, '\t', '\r'))) << i;
        w->newline |= to_bits(_mm_or_si128(is(x, '\n'), is(x, '\r'))) << i;
        w->blank |= to_bits(blank) << i;
        w->quote |= to_bits(is(x, '\'')) << i;
        w->wide |= to_bits(x) << i;
    }
}
#else
/* The same on 8 bytes in a word: a byte's highest bit says yes. */
static const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;

static uint64_t to_bits(uint64_t bytes)
{
    return (bytes & highs) * 0x0002040810204081u >> 56;
}

static uint64_t is(uint64_t ascii, char c)
{
    return ~((ascii ^ ones * (unsigned char)c) + ones * 0x7f);
}

static uint64_t is_between(uint64_t ascii, char first, char last)
{
    return (ascii + ones * (unsigned char)(0x80 - first)) &
           ~(ascii + ones * (unsigned char)(0x7f - last));
}

static void classify_ascii(Window *w, const char *text)
{
    for (int i = 0; i < SPLIT_WINDOW; i += 8) {
        uint64_t all = bytes_u64(text + i), x = all & ~highs, ascii = ~all;
        w->letter |= to_bits(is_between(x | ones * 0x20, 'a', 'z') & ascii) << i;
        w->number |= to_bits(is_between(x, '0', '9') & ascii) << i;
        w->space |= to_bits((is(x, ' ') | is_between(x, '\t', '\r')) & ascii) << i;
        w->newline |= to_bits((is(x, '\n') | is(x, '\r')) & ascii) << i;
        w->blank |= to_bits(is(x, ' ') & ascii) << i;
        w->quote |= to_bits(is(x, '\'') & ascii) << i;
        w->wide |= to_bits(all) << i;
    }
}
#endif

static void classify_wide(Window *w, Span text)
{
    for (uint64_t left = w->wide; left != 0;) {
        int at = __builtin_ctzll(left);
        size_t len = 0;
        CharClass class = char_class(text, (size_t)at, &len);
        uint64_t bytes = (((uint64_t)1 << len) - 1) << at;
        if (char_is_space(class)) {
            uint64_t rest = ~(uint64_t)0 << at;
            w->letter &= ~rest;
            w->number &= ~rest;
            w->newline &= ~rest;
            w->quote &= ~rest;
            w->space |= rest;
            return;
        }
        w->letter |= class == CHAR_LETTER ? bytes : 0;
        w->number |= class == CHAR_NUMBER ? bytes : 0;
        w->inside |= bytes & (bytes << 1);
        left &= ~bytes;
    }
}

static Window classify(Span text)
{
    Window w = {0};
    classify_ascii(&w, text.ptr);
    if (w.wide != 0)
        classify_wide(&w, text);
    w.other = ~(w.letter | w.number | w.space);
    return w;
}

/* --- patterns -------------------------------------------------------------------- */
static uint64_t first_of_runs(uint64_t set)
{
    return set & ~(set << 1);
}

static uint64_t last_of_runs(uint64_t set)
{
    return set & ~(set >> 1);
}

size_t split_contraction(Span s, bool any_case)
{
    if (s.len < 2)
        return 0;
    int low = any_case ? 0x20 : 0;
    int a = s.ptr[1] | low;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    if (s.len < 3)
        return 0;
    int b = s.ptr[2] | low;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return 3;
    bool long_s = any_case && s.ptr[1] == (char)0xc5 && s.ptr[2] == (char)0xbf;
    return long_s ? 3 : 0;
}

/* A piece that begins with a quote and is a contraction ends with it. */
static uint64_t cut_contractions(uint64_t starts, const Window *w, Span text,
                                 bool any_case)
{
    for (uint64_t left = starts & w->quote; left != 0; left &= left - 1) {
        int at = __builtin_ctzll(left);
        if (at > LAST_END)
            break;
        Span rest = {text.ptr + at, text.len - (size_t)at};
        size_t len = split_contraction(rest, any_case);
        if (len == 0)
            continue;
        uint64_t quote = (uint64_t)1 << at;
        starts &= ~(quote << 1);
        starts |= quote << (len - 1) << 1;
    }
    return starts;
}

/* A run of one class with the blank in front of it, or white space, of which the last
 * character begins a piece. */
static uint64_t gpt2_starts(const Window *w, Span text)
{
    uint64_t runs =
        first_of_runs(w->letter) | first_of_runs(w->number) | first_of_runs(w->other);
    uint64_t starts =
        (runs & ~(w->blank << 1)) | first_of_runs(w->space) | last_of_runs(w->space);
    return cut_contractions(starts, w, text, false);
}

/* Every `most`-th character of a run of numbers. */
static uint64_t number_starts(const Window *w, int most)
{
    uint64_t starts = 0, firsts = first_of_runs(w->number);
    int n = 0;
    for (uint64_t left = w->number & ~w->inside; left != 0; left &= left - 1) {
        uint64_t character = left & (~left + 1);
        n = (character & firsts) || n == most ? 1 : n + 1;
        starts |= n == 1 ? character : 0;
    }
    return starts;
}

/* Where the white space begins that follows the last newline of a run: \s*[\r\n]+ has
 * taken what is in front of it. */
static uint64_t after_newlines(uint64_t space, uint64_t newline)
{
    uint64_t starts = 0, inner = space & ~newline;
    for (uint64_t left = inner & (newline << 1); left != 0; left &= left - 1) {
        uint64_t first = left & (~left + 1), behind = (inner + first) & ~inner;
        starts |= behind & newline ? 0 : first;
    }
    return starts;
}

/* Letters take a character in front of them that is neither letter, number nor newline
 * and begins a piece: the last of white space, or one mark that has no blank in front.
 * Marks take a blank in front of them and the newlines behind them. */
static uint64_t cl100k_starts(const Window *w, Span text, int most_digits)
{
    uint64_t marks = first_of_runs(w->other) & ~(w->blank << 1);
    uint64_t one = marks << 1, behind_one = one;
    for (int i = 0; i < 3; i++) { /* a mark has up to 4 bytes */
        one = (one & w->inside) << 1;
        behind_one |= one;
    }
    uint64_t after_mark = w->newline & (w->other << 1);
    uint64_t taken = w->newline & ~(w->newline + after_mark);
    uint64_t space = w->space & ~taken, newline = w->newline & ~taken;
    uint64_t inner = w->space & ~w->newline;
    uint64_t starts = marks | first_of_runs(space) | (inner & ~(w->space >> 1)) |
                      after_newlines(space, newline) | number_starts(w, most_digits) |
                      (first_of_runs(w->letter) & ~behind_one & ~(inner << 1));
    return cut_contractions(starts, w, text, true);
}

uint64_t split_window(SplitPattern pattern, Span text)
{
    Window w = classify(text);
    uint64_t starts = pattern == SPLIT_GPT2
                          ? gpt2_starts(&w, text)
                          : cl100k_starts(&w, text, pattern == SPLIT_CL100K ? 3 : 1);
    int last = LAST_END;
    if (w.space >> (SPLIT_WINDOW - 1)) { /* ends in white space that may go on */
        int n = ~w.space != 0 ? __builtin_clzll(~w.space) : SPLIT_WINDOW;
        last = SPLIT_WINDOW - n < last ? SPLIT_WINDOW - n : last;
    }
    return starts & ~(uint64_t)1 & (((uint64_t)2 << last) - 1);
}
