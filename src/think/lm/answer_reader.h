/* answer_reader.h - the ids of an answer as the text that a person reads: in whole UTF-8
 * characters, without special tokens, without the text that ends it, and with a call kept
 * apart. The same for an answer shown while it is written and for one read at its end. */
#ifndef THINK_LM_ANSWER_READER_H
#define THINK_LM_ANSWER_READER_H

#include "engine/engine.h"
#include "text/template.h"
#include "text/utf8.h"
#include "think/lm/lm.h"

typedef struct AnswerReader {
    const Tokenizer *tok;     /* both borrowed */
    const ChatTemplate *chat; /* NULL: a document, in which nothing is a call */
    const Span *stops; /* borrowed; what may be the beginning of one is held back */
    int32_t n_stops;
    int32_t before;   /* the id in front of the answer, -1: nothing (tokenizer.h) */
    bool skip_space;  /* one space at the beginning belongs to the prompt */
    LmOnText on_text; /* NULL: nobody looks on */
    void *self;
    double deadline; /* kept for whoever feeds the reader */

    bool is_call; /* from its call on, the ids are in `call` */
    Str call;
    Str text; /* bytes as the ids have them */
    size_t shown;
    int64_t n; /* ids read */
    Utf8Stream utf8;
    Str whole; /* reused */
} AnswerReader;

void answer_reader_init(AnswerReader *r, const Tokenizer *tok,
                        const ChatTemplate *chat);
/* One id. False when the one who looks on wants no more. */
bool answer_reader_put(AnswerReader *r, int32_t id);
/* The answer is over: reads the ids that were not put, shows what was held back and is
 * text after all, and appends the whole text. */
void answer_reader_end(AnswerReader *r, const EngineResult *result, Str *text);
/* The call that was read, `name(arguments)`, into zeroed *out. Arguments that are no JSON
 * object are what the tool's `argument` stands for; what is no call at all is a call of
 * that name, which no tool answers. */
NODISCARD Status answer_reader_call(const AnswerReader *r, const Toolbox *tools,
                                    LmCall *out, Err *err);
void answer_reader_release(AnswerReader *r);

#endif
