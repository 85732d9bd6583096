/* ask_docs.h - `tame ask --docs INDEX`: the sources beside a question, and what became of
 * them in the answer. */
#ifndef CLI_ASK_DOCS_H
#define CLI_ASK_DOCS_H

#include "think/retrieval/open_book.h"
#include "think/trace.h"

typedef struct AskDocsOptions {
    char *docs;   /* NULL: no documents */
    bool reorder; /* by query likelihood */
} AskDocsOptions;
extern const OptTable ask_docs_options;

typedef struct AskDocs {
    AskDocsOptions o;
    OpenBookOptions book_options;
    OpenBook book; /* .talk is what to ask; .n 0: nothing was found */
    CiteCheck check;
} AskDocs;

/* Fills the book for the talk's last turn; usage: what reordering took. */
NODISCARD Status ask_docs_open(AskDocs *d, Lm *lm, const Conversation *talk,
                               int64_t max_new, LmUsage *usage, Err *err);
/* The search of the documents as the tool "search". ERR_OPTION: there is no --docs. */
NODISCARD Status ask_docs_tool(const AskDocs *d, Toolbox *tools, Err *err);
/* A span with the question and its sources. */
void ask_docs_trace(const AskDocs *d, Trace *trace);
/* What the answer, borrowed until the release, cites and whether it holds. */
NODISCARD Status ask_docs_check(AskDocs *d, Span answer, Err *err);
/* Lists the cited sources on stderr, with what does not hold. */
void ask_docs_tell(const AskDocs *d);
/* "sources" and "citations" into an object. */
void ask_docs_json(const AskDocs *d, json_t *into);
void ask_docs_release(AskDocs *d);

#endif
