/* cite_check.c - does a source say what the answer cites it for? What a program can tell:
 * numbers and quotations must be there; of a statement with neither, at least half of the
 * words that the question does not hold. So a false statement made of the source's own
 * words passes: it is a check of forgeries, not of meaning. See open_book.h. */
#include "think/retrieval/open_book.h"

#include "base/mem.h"
#include "think/retrieval/query.h"

#include <string.h>

const char *const cite_verdict_names[] = {"holds", "no such source", "number not in it",
                                          "quotation not in it", "words not in it"};

void cite_check_release(CiteCheck *c)
{
    mem_free(c->cites);
    *c = (CiteCheck){0};
}

/* --- pieces of text --------------------------------------------------------------------- */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The next number from *at: digits, with points and commas between them. */
static bool next_number(Span s, size_t *at, Span *out)
{
    while (*at < s.len && !is_digit(s.ptr[*at]))
        ++*at;
    size_t from = *at;
    while (*at < s.len &&
           (is_digit(s.ptr[*at]) || ((s.ptr[*at] == ',' || s.ptr[*at] == '.') &&
                                     *at + 1 < s.len && is_digit(s.ptr[*at + 1]))))
        ++*at;
    *out = (Span){s.ptr + from, *at - from};
    return *at > from;
}

static bool next_word(Span s, size_t *at, Span *out)
{
    while (*at < s.len && !is_letter(s.ptr[*at]))
        ++*at;
    size_t from = *at;
    while (*at < s.len && is_letter(s.ptr[*at]))
        ++*at;
    *out = (Span){s.ptr + from, *at - from};
    return *at > from;
}

/* 2,381,740 and 2381740 are one number. */
static bool same_number(Span a, Span b)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a.len && a.ptr[i] == ',')
            i++;
        while (k < b.len && b.ptr[k] == ',')
            k++;
        if (i == a.len || k == b.len)
            return i == a.len && k == b.len;
        if (a.ptr[i++] != b.ptr[k++])
            return false;
    }
}

static bool has_number(Span text, Span number)
{
    Span other;
    for (size_t at = 0; next_number(text, &at, &other);) {
        if (same_number(number, other))
            return true;
    }
    return false;
}

static bool begins_alike(Span word, Span stem)
{
    if (!word.ptr || !stem.ptr || word.len < stem.len)
        return false;
    for (size_t i = 0; i < stem.len; i++) {
        if (lower(word.ptr[i]) != lower(stem.ptr[i]))
            return false;
    }
    return true;
}

/* A word that begins alike, whatever its last two letters: exports, exported. */
static bool has_word(Span text, Span word)
{
    Span stem = {word.ptr, word.len > 5 ? word.len - 2 : word.len}, other;
    for (size_t at = 0; next_word(text, &at, &other);) {
        if (begins_alike(other, stem))
            return true;
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The quotation, with any white space for white space and any case. */
static bool quotes_at(Span text, size_t at, Span quote)
{
    size_t i = at, k = 0;
    while (k < quote.len && i < text.len) {
        if (is_space(quote.ptr[k]) && is_space(text.ptr[i])) {
            while (k < quote.len && is_space(quote.ptr[k]))
                k++;
            while (i < text.len && is_space(text.ptr[i]))
                i++;
        } else if (lower(quote.ptr[k]) == lower(text.ptr[i])) {
            k++;
            i++;
        } else {
            return false;
        }
    }
    return k == quote.len;
}

static bool has_quote(Span text, Span quote)
{
    if (quote.len == 0 || !quote.ptr || !text.ptr)
        return quote.len == 0;
    for (size_t at = 0; at < text.len; at++) {
        if (quotes_at(text, at, quote))
            return true;
    }
    return false;
}

/* --- one citation ------------------------------------------------------------------------- */
typedef struct Source {
    Span heading, text, question;
} Source;

static bool in_source(const Source *s, bool (*has)(Span, Span), Span what)
{
    return has(s->text, what) || has(s->heading, what);
}

/* *seen: there was one to check. */
static bool numbers_hold(Span statement, const Source *s, bool *seen, Span *fault)
{
    Span number;
    for (size_t at = 0; next_number(statement, &at, &number);) {
        if (has_number(s->question, number))
            continue;
        *seen = true;
        *fault = number;
        if (!in_source(s, has_number, number))
            return false;
    }
    return true;
}

static bool quotes_hold(Span statement, const Source *s, bool *seen, Span *fault)
{
    ptrdiff_t open = span_find(statement, SPAN("\""), 0);
    while (open >= 0) {
        ptrdiff_t close = span_find(statement, SPAN("\""), (size_t)open + 1);
        if (close < 0)
            break;
        *seen = true;
        *fault = (Span){statement.ptr + open + 1, (size_t)(close - open) - 1};
        if (!in_source(s, has_quote, *fault) && !has_quote(s->question, *fault))
            return false;
        open = span_find(statement, SPAN("\""), (size_t)close + 1);
    }
    return true;
}

static bool is_stop_word(Span word)
{
    char small[16];
    if (word.len > sizeof small)
        return false;
    for (size_t i = 0; i < word.len; i++)
        small[i] = lower(word.ptr[i]);
    return query_is_stop_word((Span){small, word.len});
}

static bool words_hold(Span statement, const Source *s, Span *fault)
{
    size_t held = 0, all = 0;
    Span word;
    for (size_t at = 0; next_word(statement, &at, &word);) {
        if (is_stop_word(word) || has_word(s->question, word))
            continue;
        bool there = in_source(s, has_word, word);
        all++;
        held += there;
        if (!there && fault->len == 0)
            *fault = word;
    }
    return 2 * held >= all;
}

static void judge(Citation *c, const Source *s)
{
    bool seen = false;
    c->fault = (Span){0};
    if (!numbers_hold(c->statement, s, &seen, &c->fault)) {
        c->verdict = CITE_NUMBER;
        return;
    }
    if (!quotes_hold(c->statement, s, &seen, &c->fault)) {
        c->verdict = CITE_QUOTE;
        return;
    }
    c->fault = (Span){0};
    bool holds = seen || words_hold(c->statement, s, &c->fault);
    c->verdict = holds ? CITE_HOLDS : CITE_WORDS;
    if (holds)
        c->fault = (Span){0};
}

/* --- all of them -------------------------------------------------------------------------- */
/* "[12]" at `at` gives 12 and its length; else 0. */
static size_t citation_at(Span s, size_t at, int64_t *number)
{
    size_t i = at + 1;
    if (s.ptr[at] != '[')
        return 0;
    for (*number = 0; i < s.len && is_digit(s.ptr[i]) && i - at < 10; i++)
        *number = 10 * *number + (s.ptr[i] - '0');
    return i > at + 1 && i < s.len && s.ptr[i] == ']' ? i + 1 - at : 0;
}

/* Never NULL: also an empty text may be looked into. */
static Span text_of(const Str *s)
{
    return (Span){str_c(s), s->len};
}

static Source source_of(const OpenBook *b, const Passage *p)
{
    return (Source){text_of(&p->heading), text_of(&p->text), text_of(&b->question)};
}

static bool is_blank(Span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (is_letter(s.ptr[i]) || is_digit(s.ptr[i]))
            return false;
    }
    return true;
}

/* As it was told to say it, or as models say it. */
static bool says_unknown(Span answer)
{
    static const char *const ways[] = {OPEN_BOOK_UNKNOWN, "documents do not say",
                                       "sources do not say", "I don't know",
                                       "I do not know"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (has_quote(answer, span_of(ways[i])))
            return true;
    }
    return false;
}

Status open_book_check(const OpenBook *b, Span answer, CiteCheck *out, Err *err)
{
    size_t cap = 0, from = 0;
    Span statement = {answer.ptr, 0};
    *out = (CiteCheck){0};
    out->unknown = says_unknown(answer);
    for (size_t at = 0; at < answer.len;) {
        int64_t number;
        size_t len = citation_at(answer, at, &number);
        if (len == 0) {
            at++;
            continue;
        }
        Span before = {answer.ptr + from, at - from};
        statement = is_blank(before) ? statement : span_trim(before);
        Citation c = {.source = number, .statement = statement};
        if (number < 1 || number > (int64_t)b->n) {
            c.verdict = CITE_NO_SOURCE;
        } else {
            Source s = source_of(b, &b->sources[number - 1]);
            judge(&c, &s);
        }
        Status status = MEM_PUSH_ROOM(&out->cites, out->n, &cap, err);
        if (status != OK) {
            cite_check_release(out);
            return status;
        }
        out->cites[out->n++] = c;
        out->held += c.verdict == CITE_HOLDS;
        from = at += len;
    }
    out->bare = out->n == 0 && !out->unknown && !is_blank(answer);
    return OK;
}
