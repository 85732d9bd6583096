/* shared_engine.c - see shared_engine.h. A form of flat combining (Hendler et al. 2010):
 * callers leave their jobs in a list; one that finds the engine idle takes the whole
 * list, runs it and hands the results out, while the others sleep.
 *
 * Threads that work in step come back a little apart, and the first of them would always
 * run alone: it waits a moment for as many as ran together before. */
#include "think/lm/shared_engine.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { GATHER_NANOSECONDS = 2000000 };

typedef struct Job {
    const EngineRequest *requests; /* NULL: a job of scoring */
    EngineResult *results;
    EngineScore *items;
    int64_t n;
    Status status;
    Err err;
    bool done;
    struct Job *next;
} Job;

struct SharedEngine {
    Engine *engine; /* borrowed: outlives us */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job came, or a run ended */
    Job *waiting;           /* in the order they came */
    int64_t n_waiting;
    int64_t n_last; /* jobs that ran together the last time */
    bool busy;
};

Status shared_engine_new(SharedEngine **out, Engine *engine, Err *err)
{
    SharedEngine *s;
    TRY(MEM_ARRAY(&s, 1, err));
    *s = (SharedEngine){.engine = engine};
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, &clock);
    pthread_condattr_destroy(&clock);
    *out = s;
    return OK;
}

void shared_engine_free(SharedEngine *s)
{
    if (!s)
        return;
    ASSERT(!s->busy && !s->waiting);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

/* --- one run ------------------------------------------------------------------------- */
static void run_alone(SharedEngine *s, Job *job)
{
    job->status = job->requests
                      ? engine_run(s->engine, job->requests, job->n, job->results, NULL,
                                   &job->err)
                      : engine_score_shared(s->engine, job->items, job->n, &job->err);
}

/* The requests, or the items, of all jobs of a kind in one array. */
static int64_t count(const Job *jobs, bool scores)
{
    int64_t n = 0;
    for (const Job *j = jobs; j; j = j->next)
        n += (j->requests == NULL) == scores ? j->n : 0;
    return n;
}

static Status run_requests(SharedEngine *s, Job *jobs, Err *err)
{
    EngineRequest *requests = NULL;
    EngineResult *results = NULL;
    int64_t n = count(jobs, false), at = 0;
    Status status = MEM_ARRAY(&requests, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&results, (size_t)n, err);
    if (status == OK) {
        for (const Job *j = jobs; j; j = j->next) {
            for (int64_t i = 0; j->requests && i < j->n; i++)
                requests[at++] = j->requests[i];
        }
        status = engine_run(s->engine, requests, n, results, NULL, err);
    }
    at = 0;
    for (Job *j = jobs; status == OK && j; j = j->next) {
        for (int64_t i = 0; j->requests && i < j->n; i++)
            j->results[i] = results[at++];
    }
    mem_free(requests);
    mem_free(results);
    return status;
}

/* Scoring writes through its items' pointers, so copies of the items serve. */
static Status run_scores(SharedEngine *s, Job *jobs, Err *err)
{
    EngineScore *items = NULL;
    int64_t n = count(jobs, true), at = 0;
    TRY(MEM_ARRAY(&items, (size_t)n, err));
    for (const Job *j = jobs; j; j = j->next) {
        for (int64_t i = 0; !j->requests && i < j->n; i++)
            items[at++] = j->items[i];
    }
    Status status = engine_score_shared(s->engine, items, n, err);
    mem_free(items);
    return status;
}

/* Runs all jobs together; when that fails, each alone, to find whose fault it is. */
static void run_jobs(SharedEngine *s, Job *jobs)
{
    Err err = {0};
    Status runs = OK, scores = OK;
    if (jobs->next) {
        runs = count(jobs, false) > 0 ? run_requests(s, jobs, &err) : OK;
        scores = count(jobs, true) > 0 ? run_scores(s, jobs, &err) : OK;
    } else {
        run_alone(s, jobs);
        return;
    }
    for (Job *j = jobs; j; j = j->next) {
        if ((j->requests ? runs : scores) != OK)
            run_alone(s, j);
    }
}

/* --- who runs ------------------------------------------------------------------------ */
static struct timespec soon(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += GATHER_NANOSECONDS;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

/* With the lock held: waits for those who ran with us before, and takes the list. */
static Job *gather(SharedEngine *s)
{
    struct timespec end = soon();
    while (s->n_waiting < s->n_last &&
           pthread_cond_timedwait(&s->changed, &s->lock, &end) == 0)
        continue;
    Job *jobs = s->waiting;
    s->n_last = s->n_waiting;
    s->waiting = NULL;
    s->n_waiting = 0;
    return jobs;
}

static Status submit(SharedEngine *s, Job *job, Err *err)
{
    pthread_mutex_lock(&s->lock);
    Job **end = &s->waiting;
    while (*end)
        end = &(*end)->next;
    *end = job;
    s->n_waiting++;
    pthread_cond_broadcast(&s->changed);
    while (!job->done) {
        if (s->busy) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        s->busy = true;
        Job *jobs = gather(s);
        pthread_mutex_unlock(&s->lock);
        run_jobs(s, jobs);
        pthread_mutex_lock(&s->lock);
        for (Job *j = jobs, *next; j; j = next) {
            next = j->next; /* its owner may leave once it is done and we let go */
            j->done = true;
        }
        s->busy = false;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return job->status == OK ? OK : err_set(err, job->status, "%s", job->err.msg);
}

Status shared_engine_run(SharedEngine *s, const EngineRequest *requests, int64_t n,
                         EngineResult *results, Err *err)
{
    ASSERT(n >= 1);
    Job job = {.requests = requests, .results = results, .n = n};
    return submit(s, &job, err);
}

Status shared_engine_score(SharedEngine *s, EngineScore *items, int64_t n, Err *err)
{
    ASSERT(n >= 1);
    Job job = {.items = items, .n = n};
    return submit(s, &job, err);
}
