/* test_prefetch.c - what comes through a Prefetch is what packer_batch gives, in whatever
 * order it is asked for; faults arrive where they belong; nothing is left running. The
 * test stands in front of packer_batch and pthread_create (tests/CMakeLists.txt). */
#include "support/check.h"

#include "base/mem.h"
#include "base/system.h"
#include "data/prefetch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { DOCUMENTS = 60, ROW = 16, ROWS = 3, NOBODY = -1 };

/* --- what stands in between ---------------------------------------------------------- */

static atomic_llong bad_batch = NOBODY; /* packing this one fails */
static atomic_long pause_ms, packed;
static atomic_bool packs_here; /* of the last batch */
static atomic_bool all_signals_blocked;
static bool no_threads;
static pthread_t main_thread;

/* By ld's --wrap, calls of f go to __wrap_f, and __real_f is f. */
Status real_packer_batch(Packer *p, int64_t i, Batch *out,
                         Err *err) __asm__("__real_packer_batch");
Status wrap_packer_batch(Packer *p, int64_t i, Batch *out,
                         Err *err) __asm__("__wrap_packer_batch");
int real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                        void *(*start)(void *),
                        void *arg) __asm__("__real_pthread_create");
int wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                        void *(*start)(void *),
                        void *arg) __asm__("__wrap_pthread_create");

Status wrap_packer_batch(Packer *p, int64_t i, Batch *out, Err *err)
{
    long ms = atomic_load(&pause_ms);
    if (ms > 0)
        nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    atomic_store(&all_signals_blocked,
                 sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM));
    atomic_store(&packs_here, pthread_equal(pthread_self(), main_thread) != 0);
    atomic_fetch_add(&packed, 1);
    if (i == atomic_load(&bad_batch))
        return err_set(err, ERR_IO, "batch %lld is bad", (long long)i);
    return real_packer_batch(p, i, out, err);
}

int wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                        void *(*start)(void *), void *arg)
{
    return no_threads ? -1 : real_pthread_create(thread, attributes, start, arg);
}

/* --- documents that are lengths ------------------------------------------------------ */

static int64_t fake_len(void *self, int64_t doc)
{
    (void)self;
    return 2 + doc * 7 % 23;
}

static void fake_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                     float *weights)
{
    (void)self;
    for (int64_t i = 0; i < n; i++) {
        ids[i] = (int32_t)(doc * 100 + from + i);
        weights[i] = i % 4 == 3 ? 0.0F : 1.0F;
    }
}

static Packer *make_packer(void)
{
    Err err;
    Packer *p;
    PackOptions o = {
        .row = ROW, .rows = ROWS, .overlong = PACK_SPLIT, .seed = 5, .shuffle = true};
    PackSource source = {NULL, DOCUMENTS, fake_len, fake_ids};
    CHECK_OK(packer_new(&p, source, &o, &err));
    return p;
}

/* A Prefetch with its packer, and a second packer to compare with. */
typedef struct Setup {
    Packer *packer, *plain;
    Prefetch *ahead;
    Batch *want;
} Setup;

static int setup(void **state)
{
    static Setup s;
    Err err;
    atomic_store(&bad_batch, NOBODY);
    atomic_store(&pause_ms, 0);
    main_thread = pthread_self();
    s = (Setup){make_packer(), make_packer(), NULL, NULL};
    CHECK_OK(batch_new(&s.want, (int64_t)ROW * ROWS, &err));
    CHECK_OK(prefetch_new(&s.ahead, s.packer, (int64_t)ROW * ROWS, &err));
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    Setup *s = *state;
    prefetch_free(s->ahead);
    packer_free(s->packer);
    packer_free(s->plain);
    batch_free(s->want);
    return 0;
}

static void check_batch(Setup *s, int64_t i)
{
    Err err;
    const Batch *got;
    CHECK_OK(prefetch_batch(s->ahead, i, &got, &err));
    CHECK_OK(real_packer_batch(s->plain, i, s->want, &err));
    size_t n = (size_t)s->want->n;
    assert_int_equal(got->n, n);
    assert_int_equal(got->n_learned, s->want->n_learned);
    assert_true(got->weight == s->want->weight);
    assert_memory_equal(got->ids, s->want->ids, n * sizeof *got->ids);
    assert_memory_equal(got->targets, s->want->targets, n * sizeof *got->targets);
    assert_memory_equal(got->starts, s->want->starts, n * sizeof *got->starts);
    assert_memory_equal(got->weights, s->want->weights, n * sizeof *got->weights);
}

/* Until `n` batches were packed since the start of the program; fails after a while. */
static void wait_packed(long n)
{
    double give_up = system_seconds() + 30;
    while (atomic_load(&packed) < n) {
        assert_true(system_seconds() < give_up);
        usleep(100);
    }
}

/* --- tests ----------------------------------------------------------------------------- */

static void batches_in_a_row_are_those_of_the_packer(void **state)
{
    Setup *s = *state;
    int64_t epoch = packer_batches(s->packer);
    assert_true(epoch > 3);
    for (int64_t i = 0; i < 3 * epoch; i++)
        check_batch(s, i);
}

static void any_order_gives_the_same_batches(void **state)
{
    Setup *s = *state;
    const int64_t order[] = {7, 8, 8, 3, 0, 1, 40, 41, 42, 42, 5};
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        check_batch(s, order[k]);
}

static void the_next_batch_is_packed_before_it_is_asked_for(void **state)
{
    Setup *s = *state;
    long before = atomic_load(&packed);
    check_batch(s, 0);
    wait_packed(before + 2);
    check_batch(s, 1);
    assert_false(atomic_load(&packs_here));
}

static void signals_are_left_to_other_threads(void **state)
{
    check_batch(*state, 0);
    assert_true(atomic_load(&all_signals_blocked));
    sigset_t ours;
    pthread_sigmask(SIG_SETMASK, NULL, &ours);
    assert_false(sigismember(&ours, SIGINT));
}

static void waiting_is_counted_and_being_ahead_is_not(void **state)
{
    Setup *s = *state;
    assert_true(prefetch_waited(NULL) == 0);
    assert_true(prefetch_waited(s->ahead) == 0);
    atomic_store(&pause_ms, 30);
    check_batch(s, 0);
    double before = -1, now = prefetch_waited(s->ahead);
    assert_true(now >= 0.03);
    atomic_store(&pause_ms, 0);
    for (int64_t i = 1; now != before; i++) { /* on a busy machine once is not enough */
        assert_true(i < 200);
        usleep(5000);
        before = now;
        check_batch(s, i);
        now = prefetch_waited(s->ahead);
    }
}

static void a_fault_is_told_for_the_batch_it_belongs_to(void **state)
{
    Setup *s = *state;
    Err err;
    const Batch *got;
    atomic_store(&bad_batch, 2);
    check_batch(s, 0);
    check_batch(s, 1);
    CHECK_FAILS(prefetch_batch(s->ahead, 2, &got, &err), ERR_IO, "batch 2 is bad");
    assert_int_equal(prefetch_batch(s->ahead, 2, &got, NULL), ERR_IO);
    check_batch(s, 3);
    atomic_store(&bad_batch, NOBODY);
    check_batch(s, 2);
}

static void a_fault_of_a_batch_nobody_wants_is_not_told(void **state)
{
    Setup *s = *state;
    long before = atomic_load(&packed);
    atomic_store(&bad_batch, 1);
    check_batch(s, 0);
    wait_packed(before + 2);
    check_batch(s, 9);
}

static void it_can_be_freed_while_it_packs(void **state)
{
    Setup *s = *state;
    atomic_store(&pause_ms, 20);
    check_batch(s, 0); /* batch 1 takes 20 ms more */
    prefetch_free(s->ahead);
    s->ahead = NULL;
    long now = atomic_load(&packed);
    usleep(30000);
    assert_int_equal(atomic_load(&packed), now);
}

static void it_can_be_freed_unused(void **state)
{
    (void)state; /* setup and teardown alone */
    prefetch_free(NULL);
}

static void every_failed_allocation_is_reported(void **state)
{
    Setup *s = *state;
    Err err;
    Prefetch *p;
    long n = 0;
    for (;; n++) {
        mem_fail_after(n);
        Status status = prefetch_new(&p, s->plain, (int64_t)ROW * ROWS, &err);
        mem_fail_after(-1);
        if (status == OK)
            break;
        assert_int_equal(status, ERR_NOMEM);
        assert_null(p);
    }
    assert_true(n > 2);
    prefetch_free(p);
}

static void without_a_thread_it_is_an_error(void **state)
{
    Setup *s = *state;
    Err err;
    Prefetch *p;
    no_threads = true;
    Status status = prefetch_new(&p, s->plain, (int64_t)ROW * ROWS, &err);
    no_threads = false;
    assert_int_equal(status, ERR_NOMEM);
    assert_string_equal(err.msg, "cannot start a thread that packs batches");
    assert_null(p);
}

#define PREFETCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PREFETCH_TEST(batches_in_a_row_are_those_of_the_packer),
        PREFETCH_TEST(any_order_gives_the_same_batches),
        PREFETCH_TEST(the_next_batch_is_packed_before_it_is_asked_for),
        PREFETCH_TEST(signals_are_left_to_other_threads),
        PREFETCH_TEST(waiting_is_counted_and_being_ahead_is_not),
        PREFETCH_TEST(a_fault_is_told_for_the_batch_it_belongs_to),
        PREFETCH_TEST(a_fault_of_a_batch_nobody_wants_is_not_told),
        PREFETCH_TEST(it_can_be_freed_while_it_packs),
        PREFETCH_TEST(it_can_be_freed_unused),
        PREFETCH_TEST(every_failed_allocation_is_reported),
        PREFETCH_TEST(without_a_thread_it_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
