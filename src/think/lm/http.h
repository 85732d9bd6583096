/* http.h - one HTTP request at a time over libcurl, with limits: what came, or what went
 * wrong in words.
 *
 * Redirects are not followed (a key would follow them to another host), only http and
 * https are spoken, answers are not unpacked. A request ends within a tenth of a second
 * when the user asks to stop. Connections are kept and used again.
 *
 * Threads: any number may call http_send on one Http at once. */
#ifndef THINK_LM_HTTP_H
#define THINK_LM_HTTP_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct HttpLimits {
    double connect_seconds, idle_seconds, total_seconds; /* idle: once something came */
    int64_t max_bytes;                                   /* of a reply */
} HttpLimits;

typedef struct Http Http;
NODISCARD Status http_new(Http **out, const HttpLimits *limits, Err *err);
void http_free(Http *http); /* NULL allowed */

/* Bytes of an event stream as they come; anything but OK ends the request. */
typedef Status (*HttpOnBytes)(void *self, Span bytes, Err *err);

typedef struct HttpRequest {
    const char *url;
    Span body;       /* ptr NULL: GET, else POST of JSON */
    double deadline; /* system_seconds() at which it ends as it is; 0: none */
    const char *key; /* "Authorization: Bearer <key>"; NULL or "": none */
    HttpOnBytes
        on_bytes; /* a success that says text/event-stream goes here; NULL: no */
    void *self;
} HttpRequest;

typedef enum HttpFault {
    HTTP_FINE,        /* a whole reply, whatever its status */
    HTTP_UNREACHABLE, /* no connection, no name, no TLS */
    HTTP_TIMEOUT,
    HTTP_CUT,       /* the connection broke in the middle of the reply */
    HTTP_TOO_LARGE, /* max_bytes */
    HTTP_DEADLINE,
    HTTP_STOPPED, /* the user asked to stop, or on_bytes did */
} HttpFault;

typedef struct HttpReply {
    HttpFault fault;
    long status; /* 200; 0: none came */
    bool streamed;
    Str body;           /* of what was not streamed */
    int64_t bytes;      /* of the reply that came */
    double retry_after; /* seconds that the endpoint asks for; 0: it does not say */
    char why[256];      /* of a fault, for the user */
} HttpReply;
void http_reply_release(HttpReply *r); /* accepts zeroed */

/* A fault is OK with reply->fault; only no memory, a stop (ERR_STOPPED) and what on_bytes
 * returned are errors. */
NODISCARD Status http_send(Http *http, const HttpRequest *request, HttpReply *reply,
                           Err *err);

/* Seconds to wait before try number `attempt` + 1 (attempt from 0): base * 2^attempt, at
 * most `most`, of which at least half and the rest by chance (u in [0, 1)), so that many
 * who failed together do not come again together. */
double http_backoff(int64_t attempt, double base, double most, double u);
/* Sleeps; ERR_STOPPED within a tenth of a second when the user asks to stop. */
NODISCARD Status http_wait(double seconds, Err *err);

#endif
