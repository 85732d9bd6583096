/* answer.h - the plain use of a model: answers to many conversations in one run of the
 * engine. Rankings, win rates, skills and evaluation during training all ask this way;
 * what they share is how a prompt is rendered, what ends an answer, and how draws are
 * keyed, so that the same question with the same seed is answered alike everywhere. */
#ifndef THINK_ANSWER_H
#define THINK_ANSWER_H

#include "data/record.h"
#include "engine/engine.h"
#include "format/json.h"
#include "text/template.h"
#include "think/tool/tool.h"

typedef struct AskOptions {
    SampleOptions sample;
    int64_t per_prompt;   /* answers to each prompt, >= 1 */
    int64_t max_calls;    /* tool calls an answer may make; 0: no tools */
    const Toolbox *tools; /* trusted ones; NULL: the calculator */
} AskOptions;

/* results[p*per_prompt + k] is answer k to prompt p. */
typedef struct Answers {
    Ids *prompts; /* [n_prompts], rendered with the generation prompt */
    EngineResult *results;
    int64_t n_prompts, per_prompt;
} Answers;

/* Answers the chats of n records (each ends with a user's turn). Draw t of answer k to
 * prompt p is keyed by (seed, k*2^32 + p, t). A prompt that fills the engine's context is
 * ERR_LIMIT saying which. `progress` as for engine_run. */
NODISCARD Status answers_sample(Engine *engine, const Tokenizer *tok,
                                const ChatTemplate *chat, const Record *prompts,
                                int64_t n, const AskOptions *o, const char *progress,
                                Answers *out, Err *err);
void answers_release(Answers *a);

/* The model said itself that it was done. */
bool answer_ended(const ChatTemplate *chat, const EngineResult *r);
/* A tool's result is part of the answer. */
bool answer_called(const ChatTemplate *chat, const EngineResult *r);
/* Appends the text of the answer's last message, what a person would read: without the
 * tool turns before it; empty when the last message is a call. */
NODISCARD Status answer_text(const Tokenizer *tok, const ChatTemplate *chat,
                             const int32_t *ids, int64_t n, Str *out, Err *err);
/* The turns of the answer, tool turns included, into an empty conversation. What does not
 * parse as turns (a special token in the middle of a text), and a call with text beside it,
 * which rows of data sets cannot hold, is the text of its ids. */
NODISCARD Status answer_conversation(const Tokenizer *tok, const ChatTemplate *chat,
                                     const int32_t *ids, int64_t n, Conversation *out,
                                     Err *err);
/* The same as rows of data sets have it (data/record_json.h); a new tree. */
NODISCARD Status answer_completion(const Tokenizer *tok, const ChatTemplate *chat,
                                   const int32_t *ids, int64_t n, json_t **out,
                                   Err *err);

#endif
