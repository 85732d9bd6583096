/* open_book.h - answers from documents: the question is asked with numbered sources beside
 * it, and what the answer cites is looked up.
 *
 *     Answer from the numbered sources alone, even where you remember otherwise, ...
 *
 *     [1] Algeria > Geography
 *     > Coastline: 998 km
 *
 *     Question: How long is the coastline of Algeria?
 *
 * Any strategy can answer what open_book_search() makes of a conversation. The sources are
 * untrusted text: every line of them is quoted with "> ", so that none can end its quotation
 * or pass for another source, and the instruction says that they are no instructions. (A
 * model may still follow one: docs/retrieval.md.) */
#ifndef THINK_RETRIEVAL_OPEN_BOOK_H
#define THINK_RETRIEVAL_OPEN_BOOK_H

#include "think/retrieval/search.h"

/* What an answer says when the sources do not hold it. */
#define OPEN_BOOK_UNKNOWN "The documents do not say."

typedef struct OpenBookOptions {
    int64_t sources; /* at most */
    int64_t
        source_tokens; /* tokens of sources; 0: what the context holds, at most 2,000 */
    bool best_last;    /* the best source next to the question, not first */
    bool cite;         /* where the model can be held to a form, to "text [n]" */
} OpenBookOptions;
extern const OptTable open_book_options;

typedef struct OpenBook {
    Conversation talk; /* to be asked in place of the given one */
    Passage *sources;  /* source n is sources[n - 1] */
    size_t n;          /* 0: nothing was found, and nothing need be asked */
    Str question;      /* the user's last turn */
    LmConstraint form; /* .text.len 0: none */
    Str regex;
} OpenBook;
void open_book_release(OpenBook *b); /* accepts zeroed */

/* Searches for the last turn of `talk`, a user's, and packs the best passages. max_new: of
 * the answer to come, for which room is left. usage may be NULL unless a model reorders.
 * ERR_LIMIT: the context has no room for a source. */
NODISCARD Status open_book_search(const Searcher *s, const Lm *lm,
                                  const Conversation *talk, const OpenBookOptions *o,
                                  int64_t max_new, OpenBook *out, LmUsage *usage,
                                  Err *err);
/* The same with passages that are given, best first; they are copied. */
NODISCARD Status open_book_from(const Passage *const *passages, size_t n, const Lm *lm,
                                const Conversation *talk, const OpenBookOptions *o,
                                int64_t max_new, OpenBook *out, Err *err);

/* Appends "[number] heading", the text with "> " before each line, and a blank line. */
void open_book_quote(const Passage *p, size_t number, Str *out);

/* --- what an answer cites ---------------------------------------------------------------- */
typedef enum CiteVerdict {
    CITE_HOLDS,     /* all that could be checked is in the source */
    CITE_NO_SOURCE, /* there is no source of that number */
    CITE_NUMBER,    /* a number of the statement is not in it, nor in the question */
    CITE_QUOTE,     /* a text in double quotes is not in it */
    CITE_WORDS      /* most words that the question has not are not in it */
} CiteVerdict;
extern const char *const cite_verdict_names[]; /* "holds", ... */

typedef struct Citation {
    int64_t source; /* as the answer writes it */
    Span statement; /* what it stands behind, borrowed from the answer */
    CiteVerdict verdict;
    Span fault; /* the number, quotation or word; borrowed from the answer */
} Citation;

typedef struct CiteCheck {
    Citation *cites;
    size_t n, held;
    bool unknown; /* the answer says that the documents do not say */
    bool bare;    /* it says something and cites nothing */
} CiteCheck;
void cite_check_release(CiteCheck *c); /* accepts zeroed */
/* Looks up every [n]. The statement of one is what stands between it and the one before;
 * of [1][2], which stand together, the same. */
NODISCARD Status open_book_check(const OpenBook *b, Span answer, CiteCheck *out,
                                 Err *err);

#endif
