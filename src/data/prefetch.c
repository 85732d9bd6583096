/* prefetch.c - batches packed ahead by a thread, see prefetch.h.
 *
 * Two slots: the caller has one, the worker fills the other. They change places in
 * prefetch_batch, when the worker is at rest; so all that is shared is whose turn it is. */
#include "data/prefetch.h"

#include "base/mem.h"
#include "base/system.h"

#include <pthread.h>
#include <signal.h>

/* What the slot that is not the caller's holds. */
typedef enum Ahead {
    AHEAD_NOTHING,
    AHEAD_WANTED, /* the worker packs it, or will; the slot is the worker's */
    AHEAD_PACKED
} Ahead;

struct Prefetch {
    Packer *packer; /* borrowed; used by the worker alone */
    Batch *slots[2];
    pthread_t worker;
    bool started;
    double waited; /* the caller's */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wanted, packed;
    Ahead ahead;
    int held;       /* the caller's slot; changes only while nothing is wanted */
    int64_t number; /* of the batch ahead */
    Status status;  /* of packing it */
    Err err;
    bool over;
};

static void *work(void *self)
{
    Prefetch *p = self;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->ahead != AHEAD_WANTED && !p->over)
            pthread_cond_wait(&p->wanted, &p->lock);
        if (p->over)
            break;
        int64_t number = p->number;
        Batch *slot = p->slots[1 - p->held];
        Err err = {0};
        pthread_mutex_unlock(&p->lock);
        Status status = packer_batch(p->packer, number, slot, &err);
        pthread_mutex_lock(&p->lock);
        p->status = status;
        p->err = err;
        p->ahead = AHEAD_PACKED;
        pthread_cond_signal(&p->packed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Signals are for the thread that knows what to do about them: this one inherits a mask
 * that holds all of them off. */
static Status start(Prefetch *p, Err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p->started = pthread_create(&p->worker, NULL, work, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!p->started)
        return err_set(err, ERR_NOMEM, "cannot start a thread that packs batches");
    return OK;
}

Status prefetch_new(Prefetch **out, Packer *packer, int64_t batch_tokens, Err *err)
{
    *out = NULL;
    Prefetch *p = NULL;
    TRY(MEM_ARRAY(&p, 1, err));
    p->packer = packer;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wanted, NULL);
    pthread_cond_init(&p->packed, NULL);
    Status status = batch_new(&p->slots[0], batch_tokens, err);
    if (status == OK)
        status = batch_new(&p->slots[1], batch_tokens, err);
    if (status == OK)
        status = start(p, err);
    if (status != OK) {
        prefetch_free(p);
        return status;
    }
    *out = p;
    return OK;
}

void prefetch_free(Prefetch *p)
{
    if (!p)
        return;
    if (p->started) {
        pthread_mutex_lock(&p->lock);
        p->over = true;
        pthread_cond_signal(&p->wanted);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->worker, NULL);
    }
    pthread_cond_destroy(&p->packed);
    pthread_cond_destroy(&p->wanted);
    pthread_mutex_destroy(&p->lock);
    batch_free(p->slots[0]);
    batch_free(p->slots[1]);
    mem_free(p);
}

/* The lock is held, as in the functions below. */
static void want(Prefetch *p, int64_t i)
{
    p->number = i;
    p->ahead = AHEAD_WANTED;
    pthread_cond_signal(&p->wanted);
}

static void wait_packed(Prefetch *p)
{
    if (p->ahead != AHEAD_WANTED)
        return;
    double began = system_seconds();
    while (p->ahead == AHEAD_WANTED)
        pthread_cond_wait(&p->packed, &p->lock);
    p->waited += system_seconds() - began;
}

/* Batch i lies ahead afterwards. */
static void come_to(Prefetch *p, int64_t i)
{
    wait_packed(p);
    if (p->ahead == AHEAD_PACKED && p->number == i)
        return;
    want(p, i);
    wait_packed(p);
}

Status prefetch_batch(Prefetch *p, int64_t i, const Batch **out, Err *err)
{
    pthread_mutex_lock(&p->lock);
    come_to(p, i);
    Status status = p->status;
    if (status == OK) {
        p->held = 1 - p->held;
        *out = p->slots[p->held];
        want(p, i + 1);
    } else {
        p->ahead = AHEAD_NOTHING;
        if (err)
            *err = p->err;
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

double prefetch_waited(const Prefetch *p)
{
    return p ? p->waited : 0;
}
