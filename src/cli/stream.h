/* stream.h - shows what a model writes while it writes it.
 *
 * Text goes to stdout in whole UTF-8 characters. A tool call is held back until its result
 * is there, and shown as "[calculator 12*7 = 84]": dimly on a terminal, on stderr when
 * stdout is a pipe, so that a pipe gets the answer alone. */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include "text/template.h"
#include "text/utf8.h"

#include <stdbool.h>

typedef struct Stream {
    const Tokenizer *tok;     /* both borrowed */
    const ChatTemplate *chat; /* NULL: documents, no turns */
    Ids turn;                 /* ids of the text or call that is being written */
    Str text;                 /* their bytes */
    size_t shown;             /* bytes of text that were put out */
    Str call, whole;          /* reused */
    Utf8Stream utf8;
    bool is_call, is_result; /* what `turn` is, if not text */
    bool failed;             /* out of memory */
} Stream;

/* `context` ids are there before the stream begins (a document's beginning): they are not
 * shown, but decide how the next are spelled (a tokenizer's leading space). */
void stream_init(Stream *s, const Tokenizer *tok, const ChatTemplate *chat,
                 const int32_t *context, size_t n);
/* Also shows the context. */
void stream_show_context(Stream *s);
void stream_put(Stream *s, int32_t id);
/* Ends the text: what is held back comes out. */
void stream_end(Stream *s);
void stream_release(Stream *s);

/* A remark on a line of its own: dim on a terminal, else on stderr. */
void stream_note(const char *note);

#endif
