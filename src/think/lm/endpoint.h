/* endpoint.h - how a word names an OpenAI-compatible endpoint, and what is to be known of
 * it. A MODEL of `tame ask` is an endpoint when it is
 *
 *     http://localhost:8080/v1#qwen2.5       an address, and the model's name behind #;
 *                                            without #: the only one that it has
 *     gpt.yaml                               a file with these options:
 *
 *     endpoint: https://api.openai.com/v1
 *     model: gpt-4.1
 *     key_env: OPENAI_API_KEY
 *
 * Without a path the address goes on with /v1. A key is never part of an address, a file
 * of options or a command line: it is in an environment variable or in a file that its
 * owner alone can read. */
#ifndef THINK_LM_ENDPOINT_H
#define THINK_LM_ENDPOINT_H

#include "base/options.h"

typedef enum EndpointLogprobs {
    LOGPROBS_AUTO,
    LOGPROBS_YES,
    LOGPROBS_NO
} EndpointLogprobs;
typedef enum EndpointSchemas {
    SCHEMAS_AUTO,
    SCHEMAS_JSON_SCHEMA,
    SCHEMAS_JSON_OBJECT,
    SCHEMAS_NO
} EndpointSchemas;

typedef enum EndpointPrefixes {
    PREFIXES_NO,
    PREFIXES_YES,
    PREFIXES_ECHO
} EndpointPrefixes;

typedef struct EndpointOptions {
    char *endpoint, *model, *key_env, *key_file;
    double timeout, connect_timeout, idle_timeout, backoff, max_wait;
    double price_read, price_cached, price_written; /* of a million tokens */
    int64_t retries, max_bytes, context;
    /* EndpointLogprobs, EndpointSchemas, OpenaiGrammar, EndpointPrefixes */
    int logprobs, schemas, grammar, prefixes;
    bool tools, documents;
} EndpointOptions;
extern const OptTable endpoint_options;

/* Whether the word names an endpoint, not a model folder. */
bool endpoint_is(const char *word);
/* Fills *o, whose `endpoint` has no # and no / at its end then. Release it with
 * opt_release(&endpoint_options, o), also after an error. */
NODISCARD Status endpoint_parse(const char *word, EndpointOptions *o, Err *err);
/* The same of an address alone; pure, fuzz/fuzz_endpoint.c. *o has its defaults. */
NODISCARD Status endpoint_from_address(Span word, EndpointOptions *o, Err *err);
/* <endpoint><path>, before a "?" if the address has one. */
void endpoint_url(const char *endpoint, const char *path, Str *out);

/* The key: that of key_file, or of the variable key_env; if neither is given that of
 * OPENAI_API_KEY for api.openai.com, of TAME_API_KEY for others. "" when there is none. A
 * file that others can read, an empty one or a key with odd bytes is ERR_OPTION. */
NODISCARD Status endpoint_key(const EndpointOptions *o, Str *out, Err *err);

#endif
