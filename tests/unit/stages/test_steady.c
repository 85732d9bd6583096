/* test_steady.c - a steady training step allocates nothing, touches no page for the first
 * time, and asks the system for nothing but to wake threads and to write its lines.
 *
 * Each case runs a stage in a process of its own, which is this program once more: with
 * trainer_run wrapped (tests/CMakeLists.txt), the objective's updates tell where the window
 * begins and ends, after a warm-up of more than an epoch. In it are whole rounds of the
 * loop: update, optimizer, lines of metrics and timings, and the thread that packs the next
 * batch. In PPO it lies within an iteration: answering prompts is no step of training.
 *
 * Counted are calls of malloc and its kin by anybody, OpenMP's runtime included (jansson
 * alone may allocate: it makes the lines), page faults of all threads, and their system
 * calls (support/trace.h). Under a sanitizer all three are the sanitizer's as well; there
 * the allocations of base/mem.h alone are counted. */
#include "unit/stages/tiny.h"

#include "base/log.h"
#include "support/trace.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <sys/resource.h>

#if defined TEST_SANITIZED || !defined __GLIBC__
enum { COUNTS_ALL = 0 };
#else
#    define TEST_OWN_MALLOC
enum { COUNTS_ALL = 1 };
#endif

/* --- allocations ----------------------------------------------------------------------- */

static atomic_bool counting;
static atomic_long allocations;

#ifdef TEST_OWN_MALLOC
/* glibc's own, and what takes the place of their public names. */
void *plain_malloc(size_t size) __asm__("__libc_malloc");
void *plain_calloc(size_t n, size_t size) __asm__("__libc_calloc");
void *plain_realloc(void *p, size_t size) __asm__("__libc_realloc");
void *plain_memalign(size_t alignment, size_t size) __asm__("__libc_memalign");
void plain_free(void *p) __asm__("__libc_free");
void *counted_malloc(size_t size) __asm__("malloc");
void *counted_calloc(size_t n, size_t size) __asm__("calloc");
void *counted_realloc(void *p, size_t size) __asm__("realloc");
void *counted_aligned_alloc(size_t alignment, size_t size) __asm__("aligned_alloc");
int counted_posix_memalign(void **out, size_t alignment,
                           size_t size) __asm__("posix_memalign");

static void count_allocation(void)
{
    if (atomic_load(&counting))
        atomic_fetch_add(&allocations, 1);
}

void *counted_malloc(size_t size)
{
    count_allocation();
    return plain_malloc(size);
}

void *counted_calloc(size_t n, size_t size)
{
    count_allocation();
    return plain_calloc(n, size);
}

void *counted_realloc(void *p, size_t size)
{
    count_allocation();
    return plain_realloc(p, size);
}

void *counted_aligned_alloc(size_t alignment, size_t size)
{
    count_allocation();
    return plain_memalign(alignment, size);
}

int counted_posix_memalign(void **out, size_t alignment, size_t size)
{
    count_allocation();
    *out = plain_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

static void leave_jansson_out(void)
{
    json_set_alloc_funcs(plain_malloc, plain_free);
}
#else
static void leave_jansson_out(void) {}
#endif

/* --- the child: a stage with a window in it --------------------------------------------- */

/* What was counted between the beginnings of two updates. */
typedef struct Window {
    int64_t first, last;
    Status (*update)(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                     Err *err);
    long ours, faults; /* ours: bytes asked of base/mem.h */
    bool whole;
    bool noisy; /* each update also does all that it must not */
} Window;

static Window window;

static long faults_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static void open_window(void)
{
    window.ours = (long)mem_asked();
    atomic_store(&counting, true);
    window.faults = faults_now();
    trace_mark();
}

static void close_window(void)
{
    trace_mark();
    window.faults = faults_now() - window.faults;
    atomic_store(&counting, false);
    window.ours = (long)mem_asked() - window.ours;
    window.whole = true;
}

/* An allocation by us and one by others, a page not seen before, a system call. */
static void make_noise(int64_t u)
{
    static volatile char pages[1 << 19];
    static void *volatile other;
    mem_free(mem_dup("noise", 5));
    other = malloc(5);
    free(other);
    pages[u * 4096 % (int64_t)sizeof pages] = 1;
    (void)getuid();
}

static Status watched_update(void *self, int64_t u, Metrics *m, double *loss,
                             bool skip[2], Err *err)
{
    if (u == window.first)
        open_window();
    if (u == window.last)
        close_window();
    if (window.noisy)
        make_noise(u);
    return window.update(self, u, m, loss, skip, err);
}

/* By ld's --wrap, calls of trainer_run go to __wrap_trainer_run, and __real_trainer_run is
 * trainer_run. */
Status real_trainer_run(Objective *objective, const TrainOptions *o,
                        const Tokenizer *tok, const ModelSpecials *specials,
                        const char *folder, TrainReport *report,
                        Err *err) __asm__("__real_trainer_run");
Status wrap_trainer_run(Objective *objective, const TrainOptions *o,
                        const Tokenizer *tok, const ModelSpecials *specials,
                        const char *folder, TrainReport *report,
                        Err *err) __asm__("__wrap_trainer_run");

Status wrap_trainer_run(Objective *objective, const TrainOptions *o,
                        const Tokenizer *tok, const ModelSpecials *specials,
                        const char *folder, TrainReport *report, Err *err)
{
    window.update = objective->update;
    objective->update = watched_update;
    return real_trainer_run(objective, o, tok, specials, folder, report, err);
}

/* argv: --stage FOLDER KIND SETTINGS FIRST LAST COMPUTE THREADS NOISY. */
static int run_stage(char **argv)
{
    Err err = {0};
    StageReport report;
    snprintf(temp_folder, sizeof temp_folder, "%s", argv[2]);
    window.first = strtoll(argv[5], NULL, 10);
    window.last = strtoll(argv[6], NULL, 10);
    window.noisy = argv[9][0] == '1';
    TensorCpuOptions o = {.compute = (TensorCompute)strtol(argv[7], NULL, 10),
                          .threads = (int)strtol(argv[8], NULL, 10)};
    leave_jansson_out();
    log_set_sink(log_to_stderr, NULL, LOG_INFO);
    Status status = tensor_cpu_new(&tiny_ops, &o, &err);
    if (status == OK)
        status = tiny_stage(argv[3], "out", argv[4], &report, &err);
    FILE *f = fopen(temp_path("counts"), "w");
    if (status != OK || !f)
        fprintf(stderr, "%s: %s\n", argv[3], err.msg);
    else
        fprintf(f, "%d %ld %ld %ld\n", window.whole, window.ours,
                atomic_load(&allocations), window.faults);
    if (f)
        (void)fclose(f);
    _exit(status != OK); /* no leak check: it needs the tracer's place */
}

/* --- the tests --------------------------------------------------------------------------- */

static char program[4096];

typedef struct Case {
    const char *kind, *settings;
    int64_t first, last;
} Case;

/* A thread that waits, two lines, the time where the system has no page for it, and a
 * futex that was interrupted by the tracer. */
static void check_calls(const Trace *t, int64_t steps)
{
    if (!t->traced) {
        print_message("system calls are not counted: tracing is not permitted here\n");
        return;
    }
    assert_int_equal(t->marks, 2);
    for (int i = 0; i < TRACE_CALLS; i++) {
        bool allowed = i == SYS_futex || i == SYS_write || i == SYS_clock_gettime ||
                       i == SYS_restart_syscall;
        if (t->calls[i] > 0 && !allowed)
            fail_msg("system call %d, %ld times", i, t->calls[i]);
    }
    if (t->calls[SYS_write] > 2 * steps + 4) /* 4: of progress */
        fail_msg("%ld writes in %lld steps", t->calls[SYS_write], (long long)steps);
}

/* What the child and the tracer saw. */
typedef struct Counts {
    long ours, all, faults; /* ours: bytes; all: allocations by anybody */
    Trace trace;
} Counts;

static Counts run_case(const Case *c, TensorCompute compute, int threads, bool noisy)
{
    char first[24], last[24], arithmetic[24], number[24], kind[24], settings[1024];
    char option[] = "--stage", quiet[] = "0", loud[] = "1";
    char *const argv[] = {program, option, temp_folder, kind,   settings,
                          first,   last,   arithmetic,  number, noisy ? loud : quiet,
                          NULL};
    snprintf(kind, sizeof kind, "%s", c->kind);
    snprintf(settings, sizeof settings, "%s", c->settings);
    snprintf(first, sizeof first, "%lld", (long long)c->first);
    snprintf(last, sizeof last, "%lld", (long long)c->last);
    snprintf(arithmetic, sizeof arithmetic, "%d", (int)compute);
    snprintf(number, sizeof number, "%d", threads);
    Counts n = {.trace = trace_run(argv, COUNTS_ALL)};
    assert_int_equal(n.trace.status, 0);

    int whole = 0;
    FILE *f = fopen(temp_path("counts"), "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d %ld %ld %ld", &whole, &n.ours, &n.all, &n.faults),
                     4);
    (void)fclose(f);
    assert_int_equal(whole, 1);
    assert_int_equal(file_remove_tree(temp_path("out"), NULL), OK);
    return n;
}

static void check_case(const Case *c, TensorCompute compute, int threads)
{
    Counts n = run_case(c, compute, threads, false);
    int64_t steps = c->last - c->first;
    print_message("%s, %s, %d threads, %lld steps: %ld %s, %ld page faults, "
                  "%ld times futex, %ld times write\n",
                  c->kind, compute == COMPUTE_BF16 ? "bf16" : "f32", threads,
                  (long long)steps, COUNTS_ALL ? n.all : n.ours,
                  COUNTS_ALL ? "allocations" : "bytes allocated", n.faults,
                  n.trace.calls[SYS_futex], n.trace.calls[SYS_write]);
    assert_int_equal(n.ours, 0);
    if (!COUNTS_ALL)
        return;
    assert_int_equal(n.all, 0);
    assert_int_equal(n.faults, 0);
    check_calls(&n.trace, steps);
}

static void check_steady(const Case *c)
{
    for (int threads = 1; threads <= 2; threads++) {
        check_case(c, COMPUTE_F32, threads);
        check_case(c, COMPUTE_BF16, threads);
    }
}

#define QUIET " eval_every=0 checkpoint_every=0 sample_every=0"

static const Case pretraining = {
    "pretrain",
    "data=@documents.jsonl heldout=0.1 tokenizer=@tok depth=2 hidden=96 heads=4 "
    "intermediate=128 context=48 batch_tokens=384 micro_batch=192 tokens=11000" QUIET,
    16, 32};

static void steps_of_pretraining_are_steady(void **state)
{
    (void)state;
    tiny_make_data();
    check_steady(&pretraining);
}

static void steps_with_muon_are_steady(void **state)
{
    (void)state;
    Case c = pretraining;
    char settings[600];
    snprintf(settings, sizeof settings, "%s optimizer=muon", c.settings);
    c.settings = settings;
    tiny_make_data();
    check_steady(&c);
}

static void what_is_counted_is_seen(void **state)
{
    (void)state;
    tiny_make_data();
    long steps = pretraining.last - pretraining.first;
    Counts n = run_case(&pretraining, COMPUTE_F32, 1, true);
    assert_true(n.ours >= 5 * steps);
    if (!COUNTS_ALL)
        return;
    assert_int_equal(n.all, 2 * steps);
    assert_true(n.faults > 0);
    if (n.trace.traced)
        assert_int_equal(n.trace.calls[SYS_getuid], steps);
}

static void steps_of_fine_tuning_are_steady(void **state)
{
    (void)state;
    const Case c = {"sft",
                    "model=@base data=@demonstrations.jsonl heldout=0.1 epochs=24 "
                    "ptx_coef=0.5 ptx_data=@documents.jsonl batch_tokens=192" QUIET,
                    30, 60};
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    check_steady(&c);
}

static void steps_of_reward_modelling_are_steady(void **state)
{
    (void)state;
    const Case c = {"reward",
                    "model=@sft data=@comparisons.jsonl prompts=@prompts.jsonl "
                    "epochs=5 batch_prompts=4 micro_batch=200" QUIET,
                    20, 40};
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_steady(&c);
}

static void steps_of_dpo_are_steady(void **state)
{
    (void)state;
    const Case c = {"dpo",
                    "model=@sft data=@comparisons.jsonl epochs=5 batch_prompts=4 "
                    "micro_batch=200" QUIET,
                    20, 40};
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_steady(&c);
}

static void steps_of_kto_are_steady(void **state)
{
    (void)state;
    const Case c = {"kto",
                    "model=@sft data=@comparisons.jsonl epochs=5 batch=12 "
                    "micro_batch=200" QUIET,
                    20, 40};
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    check_steady(&c);
}

static void steps_of_adapters_are_steady(void **state)
{
    (void)state;
    const Case sft = {"sft",
                      "model=@base data=@demonstrations.jsonl heldout=0.1 epochs=24 "
                      "batch_tokens=192 lora_rank=4" QUIET,
                      30, 60};
    const Case reward = {"reward",
                         "model=@base data=@comparisons.jsonl prompts=@prompts.jsonl "
                         "epochs=5 batch_prompts=4 micro_batch=200 lora_rank=4" QUIET,
                         20, 40};
    tiny_make_data();
    tiny_make_model("base", HEAD_LM, 5);
    check_steady(&sft);
    check_steady(&reward);
}

static void updates_of_ppo_are_steady(void **state)
{
    (void)state;
    const Case c = {"ppo",
                    "model=@sft reward=@reward prompts=@prompts.jsonl episodes=24 "
                    "batch=8 minibatches=2 epochs=10 max_new=8 ptx_coef=0.5 "
                    "ptx_data=@documents.jsonl micro_batch=100" QUIET,
                    22, 39}; /* in the second iteration, of updates 20 to 39 */
    tiny_make_sft_and_reward();
    check_steady(&c);
}

static void updates_of_rloo_and_grpo_are_steady(void **state)
{
    (void)state;
    const Case rloo = {
        "rloo",
        "model=@sft reward=@reward prompts=@prompts.jsonl episodes=24 "
        "batch=8 minibatches=2 epochs=10 max_new=8 micro_batch=100" QUIET,
        22, 39};
    const Case grpo = {"grpo",
                       "model=@sft reward=@reward prompts=@prompts.jsonl episodes=24 "
                       "batch=8 answers=4 minibatches=2 epochs=10 max_new=8 "
                       "micro_batch=100" QUIET,
                       22, 39};
    tiny_make_sft_and_reward();
    check_steady(&rloo);
    check_steady(&grpo);
}

int main(int argc, char **argv)
{
    if (argc == 10 && strcmp(argv[1], "--stage") == 0)
        return run_stage(argv);
    const struct CMUnitTest tests[] = {
        TEMP_TEST(what_is_counted_is_seen),
        TEMP_TEST(steps_of_pretraining_are_steady),
        TEMP_TEST(steps_with_muon_are_steady),
        TEMP_TEST(steps_of_fine_tuning_are_steady),
        TEMP_TEST(steps_of_reward_modelling_are_steady),
        TEMP_TEST(steps_of_dpo_are_steady),
        TEMP_TEST(steps_of_kto_are_steady),
        TEMP_TEST(steps_of_adapters_are_steady),
        TEMP_TEST(updates_of_ppo_are_steady),
        TEMP_TEST(updates_of_rloo_and_grpo_are_steady),
    };
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0 ||
        setenv("GOMP_SPINCOUNT", "3000", 1) != 0) /* as cli/main.c does */
        return 1;
    return cmocka_run_group_tests(tests, tiny_make_ops, tiny_free_ops);
}
