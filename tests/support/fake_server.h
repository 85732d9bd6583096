/* fake_server.h - an HTTP server that says what a test wrote down, well or badly: reply k
 * to request k, the last one again and again. Threads: one a connection. */
#ifndef SUPPORT_FAKE_SERVER_H
#define SUPPORT_FAKE_SERVER_H

#include "support/check.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

typedef enum FakeEnd {
    FAKE_KEEP,  /* the next request may come on this connection */
    FAKE_CLOSE, /* close it: a reply that promised more is cut */
    FAKE_HANG,  /* say no more until the client goes */
    FAKE_FLOOD, /* 100 MB of 'x', or as much as the client takes */
} FakeEnd;

typedef struct FakeReply {
    const char *bytes; /* the whole reply with its head */
    FakeEnd end;
} FakeReply;

enum { FAKE_MOST = 64 };
typedef struct FakeServer {
    int listener, port;
    const FakeReply *script;
    size_t n;
    pthread_t acceptor, threads[FAKE_MOST];
    pthread_mutex_t lock; /* of what follows */
    int fds[FAKE_MOST];
    size_t connections, requests;
    Str seen[FAKE_MOST]; /* each request with its head */
    int64_t flooded;     /* bytes that were taken of a flood */
} FakeServer;

typedef struct FakeLine {
    FakeServer *server;
    int fd;
} FakeLine;

static inline bool fake_write(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, bytes, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        bytes += k;
        n -= (size_t)k;
    }
    return true;
}

static inline size_t fake_length(const char *head)
{
    const char *p = strstr(head, "Content-Length:"); /* as curl writes it */
    return p ? strtoul(p + 15, NULL, 10) : 0;
}

/* One request into *out; false: the client is gone. */
static inline bool fake_read(int fd, Str *out)
{
    char piece[4096];
    for (;;) {
        const char *end = strstr(str_c(out), "\r\n\r\n");
        if (end && out->len >= (size_t)(end - str_c(out)) + 4 + fake_length(str_c(out)))
            return true;
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n <= 0)
            return false;
        str_append(out, piece, (size_t)n);
    }
}

static inline void fake_flood(FakeServer *s, int fd)
{
    static char block[1 << 16];
    int64_t taken = 0;
    memset(block, 'x', sizeof block);
    while (taken < 100 << 20 && fake_write(fd, block, sizeof block))
        taken += (int64_t)sizeof block;
    pthread_mutex_lock(&s->lock);
    s->flooded += taken;
    pthread_mutex_unlock(&s->lock);
}

static inline FakeReply fake_take(FakeServer *s, const Str *request)
{
    pthread_mutex_lock(&s->lock);
    size_t k = s->requests++;
    if (k < FAKE_MOST)
        str_span_append(&s->seen[k], str_span(request));
    FakeReply r = s->script[k < s->n ? k : s->n - 1];
    pthread_mutex_unlock(&s->lock);
    return r;
}

static inline void *fake_connection(void *self)
{
    FakeLine line = *(FakeLine *)self;
    free(self);
    Str request = {0};
    FakeReply r = {.end = FAKE_KEEP};
    while (r.end == FAKE_KEEP && fake_read(line.fd, &request)) {
        r = fake_take(line.server, &request);
        str_reset(&request);
        if (!fake_write(line.fd, r.bytes, strlen(r.bytes)))
            break;
    }
    if (r.end == FAKE_FLOOD)
        fake_flood(line.server, line.fd);
    if (r.end == FAKE_HANG)
        (void)fake_read(line.fd, &request);
    str_release(&request);
    (void)shutdown(line.fd, SHUT_RDWR);
    return NULL;
}

static inline void *fake_accept(void *self)
{
    FakeServer *s = self;
    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        FakeLine *line = malloc(sizeof *line);
        *line = (FakeLine){s, fd};
        pthread_mutex_lock(&s->lock);
        size_t k = s->connections++;
        ASSERT(k < FAKE_MOST);
        s->fds[k] = fd;
        pthread_create(&s->threads[k], NULL, fake_connection, line);
        pthread_mutex_unlock(&s->lock);
    }
}

/* script is borrowed until fake_stop. */
static inline void fake_start(FakeServer *s, const FakeReply *script, size_t n)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    *s = (FakeServer){.script = script, .n = n};
    pthread_mutex_init(&s->lock, NULL);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(s->listener, FAKE_MOST), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &size), 0);
    s->port = ntohs(a.sin_port);
    pthread_create(&s->acceptor, NULL, fake_accept, s);
}

/* After it nothing moves: what was seen can be looked at. */
static inline void fake_halt(FakeServer *s)
{
    (void)shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    (void)close(s->listener);
    for (size_t i = 0; i < s->connections; i++) {
        (void)shutdown(s->fds[i], SHUT_RDWR);
        pthread_join(s->threads[i], NULL);
        (void)close(s->fds[i]);
    }
}

static inline void fake_release(FakeServer *s)
{
    for (size_t i = 0; i < FAKE_MOST; i++)
        str_release(&s->seen[i]);
    pthread_mutex_destroy(&s->lock);
}

#endif
