/* http.c - see http.h. */
#include "think/lm/http.h"

#include "base/mem.h"
#include "base/system.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { MAX_IDLE_LINES = 16, POLL_MS = 100 };

/* What one request needs. The connections belong to the multi handle. */
typedef struct Line {
    CURL *easy;
    CURLM *multi;
} Line;

/* Lines that are not in use keep their connections. */
struct Http {
    HttpLimits limits;
    pthread_mutex_t lock; /* of what follows */
    Line idle[MAX_IDLE_LINES];
    size_t n_idle;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void set_up_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

Status http_new(Http **out, const HttpLimits *limits, Err *err)
{
    (void)pthread_once(&once, set_up_curl);
    TRY(MEM_ARRAY(out, 1, err));
    (*out)->limits = *limits;
    (void)pthread_mutex_init(&(*out)->lock, NULL);
    return OK;
}

static void close_line(const Line *line)
{
    if (line->easy)
        curl_easy_cleanup(line->easy);
    if (line->multi)
        (void)curl_multi_cleanup(line->multi);
}

void http_free(Http *http)
{
    if (!http)
        return;
    for (size_t i = 0; i < http->n_idle; i++)
        close_line(&http->idle[i]);
    (void)pthread_mutex_destroy(&http->lock);
    mem_free(http);
}

void http_reply_release(HttpReply *r)
{
    str_release(&r->body);
    *r = (HttpReply){0};
}

static Status take_line(Http *http, Line *out, Err *err)
{
    *out = (Line){0};
    (void)pthread_mutex_lock(&http->lock);
    if (http->n_idle > 0)
        *out = http->idle[--http->n_idle];
    (void)pthread_mutex_unlock(&http->lock);
    if (!out->easy)
        *out = (Line){curl_easy_init(), curl_multi_init()};
    if (out->easy && out->multi)
        return OK;
    close_line(out);
    return err_set(err, ERR_NOMEM, "no memory for a request");
}

static void give_line(Http *http, const Line *line)
{
    bool kept = false;
    curl_easy_reset(line->easy); /* the key goes */
    (void)pthread_mutex_lock(&http->lock);
    if (http->n_idle < MAX_IDLE_LINES) {
        http->idle[http->n_idle++] = *line;
        kept = true;
    }
    (void)pthread_mutex_unlock(&http->lock);
    if (!kept)
        close_line(line);
}

/* --- one request ------------------------------------------------------------------------ */
typedef struct Transfer {
    const Http *http;
    const HttpRequest *request;
    HttpReply *reply;
    CURL *curl;
    struct curl_slist *headers;
    double last; /* when the latest byte came */
    bool known;  /* whether it is a stream */
    Status status;
    Err *err;
    char error[CURL_ERROR_SIZE];
} Transfer;

static void look_at_head(Transfer *t)
{
    char *type = NULL;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->reply->status);
    (void)curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type);
    t->reply->streamed = t->request->on_bytes && t->reply->status / 100 == 2 && type &&
                         span_find(span_of(type), SPAN("text/event-stream"), 0) >= 0;
    t->known = true;
}

/* Given fewer bytes than there are, curl ends the transfer. */
static size_t on_body(char *bytes, size_t size, size_t n, void *self)
{
    Transfer *t = self;
    HttpReply *r = t->reply;
    Span piece = {bytes, size * n};
    if (!t->known)
        look_at_head(t);
    t->last = system_seconds();
    r->bytes += (int64_t)piece.len;
    if (r->bytes > t->http->limits.max_bytes) {
        r->fault = HTTP_TOO_LARGE;
        return 0;
    }
    if (r->streamed) {
        t->status = t->request->on_bytes(t->request->self, piece, t->err);
        return t->status == OK ? piece.len : 0;
    }
    str_span_append(&r->body, piece);
    t->status = str_check(&r->body, t->err);
    return t->status == OK ? piece.len : 0;
}

static bool add_header(Transfer *t, const char *line)
{
    struct curl_slist *more = curl_slist_append(t->headers, line);
    if (more)
        t->headers = more;
    return more != NULL;
}

static Status set_headers(Transfer *t)
{
    const HttpRequest *q = t->request;
    Str key = {0};
    bool fine = add_header(t, "Accept: application/json, text/event-stream") &&
                /* no "100-continue" dialogue for long questions */
                add_header(t, "Expect:");
    if (fine && q->body.ptr)
        fine = add_header(t, "Content-Type: application/json");
    if (fine && q->key && *q->key) {
        str_printf(&key, "Authorization: Bearer %s", q->key);
        fine = !key.failed && add_header(t, str_c(&key));
        if (key.ptr)
            memset(key.ptr, 0, key.len);
    }
    str_release(&key);
    return fine ? OK : err_set(t->err, ERR_NOMEM, "no memory for a request");
}

static long milliseconds(double seconds)
{
    return seconds < 1e6 ? (long)(1000 * seconds) + 1 : 1000000000L;
}

static void set_up(Transfer *t)
{
    const HttpLimits *l = &t->http->limits;
    const HttpRequest *q = t->request;
    CURL *c = t->curl;
    (void)curl_easy_setopt(c, CURLOPT_URL, q->url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
                           milliseconds(l->connect_seconds));
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, milliseconds(l->total_seconds));
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "tame/" TAME_VERSION);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
    if (q->body.ptr) {
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.ptr);
    }
}

static HttpFault fault_of(CURLcode code, const HttpReply *r)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_FINE;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return HTTP_CUT;
    default:
        return r->status ? HTTP_CUT : HTTP_UNREACHABLE;
    }
}

/* What went wrong, said once here for whoever reports it. */
static void explain(Transfer *t, CURLcode code)
{
    HttpReply *r = t->reply;
    const char *said = t->error[0] ? t->error : curl_easy_strerror(code);
    if (r->fault == HTTP_TOO_LARGE)
        (void)snprintf(r->why, sizeof r->why, "the reply has more than %lld bytes",
                       (long long)t->http->limits.max_bytes);
    else
        (void)snprintf(r->why, sizeof r->why, "%s", said);
}

static void conclude(Transfer *t, CURLcode code)
{
    HttpReply *r = t->reply;
    curl_off_t wait = 0;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &r->status);
    (void)curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &wait);
    r->retry_after = (double)wait;
    if (r->fault == HTTP_FINE)
        r->fault = fault_of(code, r);
    if (r->fault != HTTP_FINE)
        explain(t, code);
}

/* Waits for the end of the transfer and looks meanwhile whether to go on. */
static Status drive(Transfer *t, CURLM *multi, bool *ended)
{
    HttpReply *r = t->reply;
    double idle = t->http->limits.idle_seconds;
    int running = 1;
    *ended = false;
    while (running) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return err_set(t->err, ERR_IO, "libcurl gave up");
        if (!running)
            break;
        if (system_stop_requested()) {
            r->fault = HTTP_STOPPED;
            return err_set(t->err, ERR_STOPPED, "stopped");
        }
        double now = system_seconds();
        if (t->request->deadline > 0 && now >= t->request->deadline) {
            r->fault = HTTP_DEADLINE;
            return OK;
        }
        if (r->bytes > 0 && now - t->last > idle) {
            r->fault = HTTP_TIMEOUT;
            (void)snprintf(r->why, sizeof r->why, "nothing more came for %g s", idle);
            return OK;
        }
        (void)curl_multi_poll(multi, NULL, 0, POLL_MS, NULL);
    }
    *ended = true;
    return OK;
}

static Status perform(Transfer *t, CURLM *multi)
{
    bool ended = false;
    if (curl_multi_add_handle(multi, t->curl) != CURLM_OK)
        return err_set(t->err, ERR_NOMEM, "no memory for a request");
    Status status = drive(t, multi, &ended);
    int left;
    const CURLMsg *message = ended ? curl_multi_info_read(multi, &left) : NULL;
    if (status == OK && message)
        conclude(t, message->data.result);
    (void)curl_multi_remove_handle(multi, t->curl);
    if (status == OK && t->status != OK) {
        t->reply->fault = HTTP_STOPPED;
        status = t->status;
    }
    return status;
}

Status http_send(Http *http, const HttpRequest *request, HttpReply *reply, Err *err)
{
    Line line;
    *reply = (HttpReply){0};
    TRY(take_line(http, &line, err));
    Transfer t = {.http = http,
                  .request = request,
                  .reply = reply,
                  .curl = line.easy,
                  .err = err};
    Status status = set_headers(&t);
    if (status == OK) {
        set_up(&t);
        status = perform(&t, line.multi);
    }
    give_line(http, &line);
    curl_slist_free_all(t.headers);
    return status;
}

/* --- trying again ----------------------------------------------------------------------- */
double http_backoff(int64_t attempt, double base, double most, double u)
{
    double wait = base;
    for (int64_t i = 0; i < attempt && wait < most; i++)
        wait *= 2;
    wait = wait < most ? wait : most;
    return wait * (0.5 + 0.5 * u);
}

Status http_wait(double seconds, Err *err)
{
    double until = system_seconds() + seconds, left = seconds;
    while (left > 0) {
        if (system_stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
        double nap = left < 0.05 ? left : 0.05;
        struct timespec t = {.tv_nsec = (long)(1e9 * nap)};
        (void)nanosleep(&t, NULL);
        left = until - system_seconds();
    }
    return OK;
}
