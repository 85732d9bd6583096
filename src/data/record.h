/* record.h - rows of data sets: JSON Lines (or plain text) parsed into one Record.
 *
 * Layouts understood (by the keys of the first row; a file holds one layout):
 *   {"text"}                              RECORD_TEXT
 *   {"messages":[{"role","content",...}]} RECORD_CHAT  (or "conversations" from/value)
 *   {"prompt","completion"}               RECORD_CHAT   (one user turn, one answer)
 *   {"instruction","input","output"}      RECORD_CHAT   (Alpaca)
 *   {"question","answer"}                 RECORD_CHAT
 *   {"prompt"}                            RECORD_PROMPT (text or messages)
 *   {"prompt","chosen","rejected"}        RECORD_RANKING, K = 2
 *   {"chosen","rejected"}                 RECORD_RANKING: common prefix is the prompt;
 *                                         Anthropic's "\n\nHuman:" texts or messages
 *   {"prompt","completions":[K],"ranks"}  RECORD_RANKING (1 is best, ties allowed)
 *   {"prompt","completions":[K]}          RECORD_ANSWERS, K from 1: nobody compared them yet
 *   {"prompt","completion","label"}       RECORD_RATED ("answer" for "completion" too): the
 *                                         label is true or false, 1 or 0
 *   {"messages","label"}                  RECORD_RATED: what follows the last user's turn
 * A comparison of two may have a "margin", a ranking "margins":[K] (Record.margins). A
 * "system" text beside them is the system turn. Messages may hold tool calls in
 * OpenAI's form ("tool_calls", one a message) or ShareGPT's ("function_call").
 * Text in "\n\nHuman: ...\n\nAssistant: ..." layout becomes messages wherever a
 * conversation is expected. Pure: bytes in, Record out; fuzz/fuzz_record.c. */
#ifndef DATA_RECORD_H
#define DATA_RECORD_H

#include "base/err.h"
#include "base/str.h"
#include "text/template.h"

#include <jansson.h>

typedef enum RecordKind {
    RECORD_TEXT,
    RECORD_CHAT,
    RECORD_PROMPT,
    RECORD_RANKING,
    RECORD_RATED,
    RECORD_ANSWERS
} RecordKind;
enum { RECORD_MAX_ANSWERS = 16 };

typedef struct Record {
    RecordKind kind;
    Str text;          /* RECORD_TEXT */
    Conversation chat; /* RECORD_CHAT: all; the other kinds: the prompt */
    int32_t n_answers; /* RECORD_RANKING, RATED, ANSWERS */
    Conversation
        answers[RECORD_MAX_ANSWERS];   /* each: the messages that follow the prompt */
    int32_t ranks[RECORD_MAX_ANSWERS]; /* RECORD_RANKING */
    /* RECORD_RANKING: by how much answer i was found better than j is margins[i] -
     * margins[j], never negative where i is ranked above j. All 0: nothing is known. */
    float margins[RECORD_MAX_ANSWERS];
    int8_t labels[RECORD_MAX_ANSWERS]; /* RECORD_RATED: 1 good, -1 bad, 0 neither */
    /* The whole row, for what it says beside the layout's keys ("answer", "skill"); owned.
     * NULL for a row of nothing but text, and where record_drop_row was called. */
    json_t *row;
} Record;

/* Parses one row of JSON into *r (reset first; its memory is reused). The message says
 * what is wrong; the caller adds file and line. */
NODISCARD Status record_parse(Span json_line, Record *r, Err *err);
/* A ranking becomes ratings: an answer is good when it is ranked above more of the others
 * than are ranked above it, bad when it is the other way round, else neither. */
void record_to_ratings(Record *r);
/* A demonstration or a ranking becomes its prompt: what follows the user's last turn is
 * dropped. */
NODISCARD Status record_to_prompt(Record *r, Err *err);
void record_drop_row(Record *r);
/* Drops from the row what the record itself holds: its texts and messages. */
void record_trim_row(Record *r);
void record_release(Record *r);

#endif
