/* query.c - see query.h. */
#include "think/retrieval/query.h"

#include <stdlib.h>
#include <string.h>

/* Sorted. Question words and the grammar of questions; no word that carries what is asked
 * for ("not", "first", "more"). */
static const char *const stop_words[] = {
    "a",     "about", "an",   "and",    "any",   "are",    "as",    "at",    "be",
    "been",  "but",   "by",   "can",    "could", "did",    "do",    "does",  "for",
    "from",  "had",   "has",  "have",   "he",    "her",    "his",   "how",   "i",
    "if",    "in",    "into", "is",     "it",    "its",    "me",    "my",    "of",
    "on",    "or",    "our",  "please", "she",   "should", "so",    "some",  "tell",
    "than",  "that",  "the",  "their",  "them",  "then",   "there", "these", "they",
    "this",  "those", "to",   "us",     "was",   "we",     "were",  "what",  "when",
    "where", "which", "who",  "whom",   "whose", "why",    "will",  "with",  "would",
    "you",   "your",
};

static int compare_words(const void *key, const void *entry)
{
    const Span *word = key;
    const char *other = *(const char *const *)entry;
    size_t n = strlen(other), both = word->len < n ? word->len : n;
    int order = memcmp(word->ptr, other, both);
    return order != 0 ? order : (word->len > n) - (word->len < n);
}

bool query_is_stop_word(Span word)
{
    return bsearch(&word, stop_words, sizeof stop_words / sizeof *stop_words,
                   sizeof *stop_words, compare_words) != NULL;
}

/* --- words ----------------------------------------------------------------------------- */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The bytes of the character of a word at `at`, 0 if none stands there: letters and
 * digits, and every character beyond ASCII but the curly apostrophes and quotes. */
static size_t word_char(Span s, size_t at)
{
    unsigned char c = (unsigned char)s.ptr[at];
    if (c < 0x80)
        return is_digit((char)c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ? 1 : 0;
    size_t n = span_utf8(s, at);
    bool quote = n == 3 && c == 0xe2 && (unsigned char)s.ptr[at + 1] == 0x80 &&
                 (unsigned char)s.ptr[at + 2] >= 0x98 &&
                 (unsigned char)s.ptr[at + 2] <= 0x9f;
    return quote ? 0 : n;
}

/* A point or comma between digits belongs to a number. */
static bool joins_digits(Span s, size_t at)
{
    return (s.ptr[at] == '.' || s.ptr[at] == ',') && at > 0 &&
           is_digit(s.ptr[at - 1]) && at + 1 < s.len && is_digit(s.ptr[at + 1]);
}

static size_t word_end(Span s, size_t at)
{
    while (at < s.len) {
        size_t n = word_char(s, at);
        if (n == 0 && !joins_digits(s, at))
            break;
        at += n > 0 ? n : 1;
    }
    return at;
}

static bool after_apostrophe(Span s, size_t at)
{
    return (at >= 1 && s.ptr[at - 1] == '\'') ||
           (at >= 3 && memcmp(s.ptr + at - 3, "\xe2\x80\x99", 3) == 0);
}

static bool known(const QueryTerms *t, Span word)
{
    for (size_t i = 0; i < t->n; i++) {
        if (span_equal(t->words[i], word))
            return true;
    }
    return false;
}

/* text.ptr stays where it is: room for all terms was reserved. */
static void add_term(QueryTerms *t, Span word, bool keep_stop_words)
{
    if (t->n == QUERY_TERMS || word.len > QUERY_TERM_BYTES)
        return;
    size_t from = t->text.len;
    str_span_append(&t->text, word);
    if (t->text.failed)
        return;
    for (size_t i = from; i < t->text.len; i++) {
        char c = t->text.ptr[i];
        t->text.ptr[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    Span lower = {t->text.ptr + from, word.len};
    if ((!keep_stop_words && query_is_stop_word(lower)) || known(t, lower))
        str_truncate(&t->text, from);
    else
        t->words[t->n++] = lower;
}

/* The words of the question. Of "Algeria's" and "don't" what is behind the apostrophe is
 * no word, unless it is long: "l'arbre". */
static void add_words(QueryTerms *t, Span s, bool keep_stop_words)
{
    for (size_t at = 0; at < s.len && t->n < QUERY_TERMS;) {
        size_t end = word_end(s, at);
        if (end == at) {
            at++;
            continue;
        }
        if (!(end - at <= 2 && after_apostrophe(s, at)))
            add_term(t, (Span){s.ptr + at, end - at}, keep_stop_words);
        at = end;
    }
}

/* What stands between double quotes, if it is several words, with blanks for all that is
 * none. */
static void add_phrase(QueryTerms *t, Span s)
{
    char phrase[QUERY_TERM_BYTES + 1];
    size_t n = 0, words = 0;
    for (size_t at = 0; at < s.len;) {
        size_t end = word_end(s, at), len = end - at;
        if (len == 0) {
            at++;
            continue;
        }
        if (n + len + 1 > QUERY_TERM_BYTES)
            return;
        if (words++ > 0)
            phrase[n++] = ' ';
        memcpy(phrase + n, s.ptr + at, len);
        n += len;
        at = end;
    }
    if (words > 1)
        add_term(t, (Span){phrase, n}, true);
}

static void add_phrases(QueryTerms *t, Span s)
{
    ptrdiff_t open = span_find(s, SPAN("\""), 0);
    while (open >= 0) {
        ptrdiff_t close = span_find(s, SPAN("\""), (size_t)open + 1);
        if (close < 0)
            return;
        add_phrase(t, (Span){s.ptr + open + 1, (size_t)(close - open) - 1});
        open = span_find(s, SPAN("\""), (size_t)close + 1);
    }
}

Status query_terms(Span question, bool keep_stop_words, QueryTerms *out, Err *err)
{
    *out = (QueryTerms){0};
    str_reserve(&out->text, (QUERY_TERMS + 1) * (QUERY_TERM_BYTES + 1));
    add_words(out, question, keep_stop_words);
    if (out->n == 0) /* "Who are they?" */
        add_words(out, question, true);
    add_phrases(out, question);
    Status status = str_check(&out->text, err);
    if (status != OK)
        query_terms_release(out);
    return status;
}

void query_terms_release(QueryTerms *t)
{
    str_release(&t->text);
    *t = (QueryTerms){0};
}

/* A term holds no quote: words and blanks only. */
void query_join(const Span *words, size_t n, Str *out)
{
    for (size_t i = 0; i < n; i++) {
        str_puts(out, i > 0 ? " OR \"" : "\"");
        str_span_append(out, words[i]);
        str_putc(out, '"');
    }
}

Status query_build(Span question, bool keep_stop_words, Str *out, Err *err)
{
    QueryTerms t;
    TRY(query_terms(question, keep_stop_words, &t, err));
    query_join(t.words, t.n, out);
    query_terms_release(&t);
    return str_check(out, err);
}
