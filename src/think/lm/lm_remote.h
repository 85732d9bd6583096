/* lm_remote.h - an Lm behind any OpenAI-compatible endpoint: llama.cpp, ollama, vLLM, a
 * provider's API. How a word names one: endpoint.h; the wire: openai.h, sse.h, http.h.
 *
 * What fails and may not fail again (no connection, a time-out, 408, 409, 425, 429, 5xx) is
 * tried again, `retries` times, after waits that double, or as long as the endpoint asks
 * for; all of it ends at once when the user asks to stop. A stream that was cut when some of
 * it had been shown is an error that says how much came. What an endpoint refuses by name
 * (logprobs, seed, n, stream_options, json_schema, max_tokens) is said in another way or
 * left out from then on, and the user is told where that changes what comes out.
 *
 * score: no endpoint has it. Answers to one request (n) come in one, or, where an endpoint
 * gives one whatever n says, in as many as it takes. LM_CHOICES are a JSON Schema where the
 * endpoint knows no grammars. Tokens that nobody counted are guessed, four bytes each.
 *
 * Threads: complete() from any number. */
#ifndef THINK_LM_LM_REMOTE_H
#define THINK_LM_LM_REMOTE_H

#include "think/lm/endpoint.h"
#include "think/lm/lm.h"

/* `options` are copied. Asks the endpoint for its model's name when there is none, and
 * nothing else. */
NODISCARD Status lm_remote_new(Lm **out, const EndpointOptions *options, Err *err);
/* The same of a MODEL word, see endpoint_is(). */
NODISCARD Status lm_remote_open(Lm **out, const char *word, Err *err);
/* Asks for a word: whether it can be asked at all. Settles can.logprobs where the options
 * leave it open; before that it is true, and an answer may have no logprobs (NAN). Not
 * beside other calls. */
NODISCARD Status lm_remote_probe(Lm *lm, Err *err);

#endif
