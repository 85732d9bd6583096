/* openai.h - the messages of OpenAI-compatible endpoints: requests of lm.h as JSON, and
 * replies, whole or in pieces, as answers of lm.h. Pure: no network; fuzz/fuzz_openai.c.
 *
 *     POST <base>/chat/completions   conversations
 *     POST <base>/completions        documents
 *
 * A reply is {"choices":[{"index","message":{"content","tool_calls"},"finish_reason",
 * "logprobs"}],"usage"}; a stream gives it in events with "delta" in the place of
 * "message", of which texts and the arguments of calls are concatenated. What an endpoint
 * leaves out (usage of many streams) is guessed: a token is four bytes. */
#ifndef THINK_LM_OPENAI_H
#define THINK_LM_OPENAI_H

#include "think/lm/lm.h"

enum { OPENAI_MAX_CALLS = 64, OPENAI_TOP = 5 };

/* How an endpoint takes constraints beside JSON Schema. */
typedef enum OpenaiGrammar {
    GRAMMAR_NO,
    GRAMMAR_LLAMA_CPP, /* "grammar": all kinds, as GBNF (format/grammar/gbnf_write.h) */
    GRAMMAR_VLLM       /* "structured_outputs": all kinds */
} OpenaiGrammar;

/* What an endpoint wants said differently; it says so when it is asked. */
typedef struct OpenaiWay {
    Span model;
    OpenaiGrammar grammar;
    bool logprobs;    /* ask for them */
    bool json_object; /* the schema beside "json_object", as llama.cpp has it */
    bool max_completion_tokens; /* in the place of max_tokens */
    bool without_seed;
    bool without_usage; /* do not ask for usage in streams */
    bool echo;          /* a prefix comes back at the beginning of the answer */
} OpenaiWay;

/* Appends the body of the request for n answers, the first of them number `first` (it
 * keys the draws). ERR_OPTION: the constraint is of a kind that this way has no words for;
 * ERR_FORMAT: it is not what it should be. */
NODISCARD Status openai_request(const LmRequest *request, const OpenaiWay *way,
                                int32_t first, int32_t n, bool stream, Str *out,
                                Err *err);

/* A reply as it comes. */
typedef struct OpenaiPart OpenaiPart;
typedef struct OpenaiReply {
    LmAnswer *answers; /* borrowed, [n], zeroed when it begins */
    int32_t n;
    OpenaiPart *parts; /* [n] */
    LmOnText on_text;  /* NULL: nobody looks on */
    void *self;
    Span echo;     /* what is not part of the answer at its beginning */
    bool unwrap;   /* the text is {"answer": choice}; given when it is whole */
    bool done;     /* the stream said that it is over */
    bool stopped;  /* on_text said so */
    int64_t bytes; /* of text and arguments so far */
    bool has_usage;
    LmUsage usage; /* requests and seconds are not known here */
} OpenaiReply;
NODISCARD Status openai_reply_begin(OpenaiReply *r, const LmRequest *request,
                                    const OpenaiWay *way, LmAnswer *answers, int32_t n,
                                    Err *err);
/* One event of a stream. An error in its place is ERR_IO with the endpoint's words. */
NODISCARD Status openai_reply_event(OpenaiReply *r, Span data, Err *err);
/* All of a reply that is no stream. */
NODISCARD Status openai_reply_whole(OpenaiReply *r, Span body, Err *err);
/* How many answers came to an end: the first so many of them. */
int32_t openai_reply_ended(const OpenaiReply *r);
/* Fills what is known only now: tokens, logprobs, guesses. prompt_bytes: what was sent. */
NODISCARD Status openai_reply_finish(OpenaiReply *r, size_t prompt_bytes, Err *err);
void openai_reply_release(OpenaiReply *r); /* not the answers; accepts zeroed */

/* What an endpoint says of a refusal: the message of {"error":{"message"}} and its
 * relatives, else the beginning of the body, on one line of at most 300 bytes. */
void openai_refusal(Span body, Str *out);
/* The only model that {"data":[{"id"}]} lists; several or none: ERR_OPTION naming some. */
NODISCARD Status openai_only_model(Span body, Str *out, Err *err);

#endif
