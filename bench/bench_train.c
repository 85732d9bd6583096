/* bench_train.c - how fast a model trains: whole optimizer steps of 4,096 tokens (forward,
 * cross-entropy, backward, clip, AdamW, repacking) on random tokens. A JSON line a case:
 *
 *     {"bench":"train","shape":"124M","context":1024,"compute":"bf16","threads":2,
 *      "tokens_per_s":..,"gflops":..,"share":..,"products":..,"attention":..,"head":..,
 *      "optimizer":..,"other":..,"recomputed":..,"lora":..,"plan_mb":..,"peak_mb":..,
 *      "steps":..}
 *
 * share is that of the peak of the same arithmetic by as many threads, measured in the
 * same run (peak.h); FLOPs are 6 a parameter of a product and token (4 where it is frozen
 * under an adapter), and causal attention's; those of recomputed layers are not counted twice. products ... other are
 * shares of the time; their sum is 1. plan_mb is what train/memory.h says before the start.
 *
 * Each case is a process of its own, so that its peak memory is its own. Those of a line
 * of cases that differ in nothing but the threads stand side by side and take turns, a
 * step each, so that what else the machine does meets all alike; the ratio of all threads
 * to one is the median of the rounds' ratios:
 *
 *     {"bench":"train","op":"scaling","shape":"124M","context":1024,"compute":"bf16",
 *      "threads":2,"ratio":..}
 *
 * --turns is such a process: it says {"ready":1}, and for each line it reads it makes a
 * step and says what that took. tools/compare_torch_speed.py takes turns with it, too. */
#include "peak.h"
#include "train_case.h"
#include "turns.h"

#include "base/mem.h"
#include "base/stats.h"
#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_PLAYERS = 2, LEAST_ROUNDS = 3, MOST_ROUNDS = 1000 };

typedef struct TrainBenchOptions {
    bool smoke, turns;
    int shape, compute;
    int64_t context, threads, micro_batch, memory, lora;
    double seconds;
} TrainBenchOptions;

/* clang-format off */
static const OptField fields[] = {
    OPT_BOOL(TrainBenchOptions, smoke, 0, "one short round of a toy"),
    OPT_CHOICE(TrainBenchOptions, shape, BENCH_ALL_SHAPES, bench_shape_names, "which model"),
    OPT_CHOICE(TrainBenchOptions, compute, BENCH_BOTH, bench_compute_names, "arithmetic of products"),
    OPT_INT(TrainBenchOptions, context, 0, 0, 65536, "tokens of a document; 0: 256 and 1,024"),
    OPT_INT(TrainBenchOptions, threads, 0, 0, 1024, "0: one and all, in turns"),
    OPT_INT(TrainBenchOptions, micro_batch, BENCH_PASS_TOKENS, 1, 1e9, "tokens a pass, at least a document"),
    OPT_INT(TrainBenchOptions, memory, 0, 0, 1e9, "MB that a case may take, by recomputing layers; 0: no limit"),
    OPT_INT(TrainBenchOptions, lora, 0, 0, 1024, "rank of an adapter over all projections, which is what trains; 0: all weights do"),
    OPT_REAL(TrainBenchOptions, seconds, 15, 0, 1e6, "how long to measure a case; at least three rounds"),
    OPT_BOOL(TrainBenchOptions, turns, 0, "be one case and make a step for each line that is read"),
    OPT_END
};
/* clang-format on */
static const OptTable table = {"bench_train", "how fast a model trains",
                               sizeof(TrainBenchOptions), fields};

/* --- a process that takes turns ---------------------------------------------------- */
static void take_turns(const TrainBenchOptions *o)
{
    TrainCase c;
    char word[8];
    int64_t step = o->smoke ? o->micro_batch : BENCH_STEP_TOKENS;
    train_case_init(&c, &bench_shapes[o->smoke ? BENCH_SMOKE : o->shape], o->context,
                    o->micro_batch, step, o->threads, bench_compute(o->compute),
                    o->memory * 1000000, o->lora);
    train_case_warm(&c);
    printf("{\"ready\":1,\"flops\":%.6g,\"step_tokens\":%d,\"recomputed\":%d,"
           "\"plan_mb\":%.1f}\n",
           train_case_flops(&c), (int)c.step_tokens, c.plan.recomputed,
           (double)memory_peak(&c.plan) / 1e6);
    fflush(stdout);
    while (fgets(word, sizeof word, stdin)) {
        StepTimes t = train_case_step(&c);
        printf("{\"seconds\":%.6f,\"products\":%.6f,\"attention\":%.6f,\"head\":%.6f,"
               "\"optimizer\":%.6f,\"peak_mb\":%.1f}\n",
               t.seconds, t.spent.products, t.spent.attention, t.spent.head,
               t.optimizer, (double)mem_peak_rss() / 1e6);
        fflush(stdout);
    }
    train_case_release(&c);
}

/* --- the processes of a line of cases ------------------------------------------------ */
/* A case but for the number of threads. */
typedef struct Line {
    const BenchShape *shape;
    int64_t context;
    int compute;
    int n; /* of players */
} Line;

typedef struct Player {
    Turns turns;
    int threads;
    double flops, step_tokens, plan_mb, peak_mb;
    int recomputed;
    double seconds[MOST_ROUNDS];
    StepTimes sum;
} Player;

static void start(Player *p, const TrainBenchOptions *o, const Line *line)
{
    char text[TURNS_LINE], context[24], threads[24], micro_batch[24], memory[24];
    char lora[24];
    snprintf(context, sizeof context, "%d", (int)line->context);
    snprintf(threads, sizeof threads, "%d", p->threads);
    snprintf(micro_batch, sizeof micro_batch, "%d", (int)o->micro_batch);
    snprintf(memory, sizeof memory, "%d", (int)o->memory);
    snprintf(lora, sizeof lora, "%d", (int)o->lora);
    const char *words[] = {"bench_train",
                           "--turns",
                           o->smoke ? "--smoke" : "--no-smoke",
                           "--shape",
                           bench_shape_names[line->shape - bench_shapes],
                           "--compute",
                           bench_compute_names[line->compute],
                           "--context",
                           context,
                           "--threads",
                           threads,
                           "--micro-batch",
                           micro_batch,
                           "--memory",
                           memory,
                           "--lora",
                           lora,
                           NULL};
    turns_start(&p->turns, words, text);
    if (sscanf(text,
               "{\"ready\":1,\"flops\":%lg,\"step_tokens\":%lg,\"recomputed\":%d,"
               "\"plan_mb\":%lg}",
               &p->flops, &p->step_tokens, &p->recomputed, &p->plan_mb) != 4) {
        fprintf(stderr, "bench_train: a case says '%s'\n", text);
        exit(1);
    }
}

static void play(Player *p, int round)
{
    char text[TURNS_LINE];
    StepTimes t;
    turns_take(&p->turns, text);
    if (sscanf(text,
               "{\"seconds\":%lg,\"products\":%lg,\"attention\":%lg,\"head\":%lg,"
               "\"optimizer\":%lg,\"peak_mb\":%lg}",
               &t.seconds, &t.spent.products, &t.spent.attention, &t.spent.head,
               &t.optimizer, &p->peak_mb) != 6) {
        fprintf(stderr, "bench_train: a case says '%s'\n", text);
        exit(1);
    }
    p->seconds[round] = t.seconds;
    p->sum.seconds += t.seconds;
    p->sum.optimizer += t.optimizer;
    p->sum.spent.products += t.spent.products;
    p->sum.spent.attention += t.spent.attention;
    p->sum.spent.head += t.spent.head;
}

static double median(const double *x, int n)
{
    double copy[MOST_ROUNDS];
    for (int i = 0; i < n; i++)
        copy[i] = x[i];
    return stats_quantile(copy, n, 0.5);
}

static void report(const Player *p, const TrainBenchOptions *o, const Line *line,
                   const Peaks *peaks, int rounds)
{
    double seconds = median(p->seconds, rounds), rate = p->flops / seconds;
    double peak = peaks->ops[line->compute == BENCH_BF16 ? PEAK_BF16 : PEAK_F32];
    const StepTimes *s = &p->sum;
    double other = s->seconds - s->spent.products - s->spent.attention - s->spent.head -
                   s->optimizer;
    printf("{\"bench\":\"train\",\"shape\":\"%s\",\"context\":%d,\"compute\":\"%s\","
           "\"threads\":%d,\"tokens_per_s\":%.0f,\"gflops\":%.1f,\"share\":%.3f,"
           "\"products\":%.3f,\"attention\":%.3f,\"head\":%.3f,\"optimizer\":%.3f,"
           "\"other\":%.3f,\"recomputed\":%d,\"lora\":%d,\"plan_mb\":%.0f,"
           "\"peak_mb\":%.0f,"
           "\"steps\":%d}\n",
           line->shape->name, (int)line->context, bench_compute_names[line->compute],
           p->threads, p->step_tokens / seconds, rate / 1e9, peak > 0 ? rate / peak : 0,
           s->spent.products / s->seconds, s->spent.attention / s->seconds,
           s->spent.head / s->seconds, s->optimizer / s->seconds, other / s->seconds,
           p->recomputed, (int)o->lora, p->plan_mb, p->peak_mb, rounds);
}

static void report_scaling(const Player *one, const Player *all, const Line *line,
                           int rounds)
{
    double ratios[MOST_ROUNDS];
    for (int i = 0; i < rounds; i++)
        ratios[i] = one->seconds[i] / all->seconds[i];
    printf("{\"bench\":\"train\",\"op\":\"scaling\",\"shape\":\"%s\",\"context\":%d,"
           "\"compute\":\"%s\",\"threads\":%d,\"ratio\":%.3f}\n",
           line->shape->name, (int)line->context, bench_compute_names[line->compute],
           all->threads, stats_quantile(ratios, rounds, 0.5));
}

static void measure(const TrainBenchOptions *o, const Line *line, const Peaks *peaks)
{
    static Player players[MOST_PLAYERS];
    int rounds = 0;
    for (int i = 0; i < line->n; i++) {
        players[i] = (Player){.threads = peaks[i].threads};
        start(&players[i], o, line);
    }
    double end = system_seconds() + o->seconds;
    int least = o->smoke ? 1 : LEAST_ROUNDS;
    while (rounds < least || (system_seconds() < end && rounds < MOST_ROUNDS)) {
        for (int i = 0; i < line->n; i++)
            play(&players[i], rounds);
        rounds++;
    }
    for (int i = 0; i < line->n; i++) {
        report(&players[i], o, line, &peaks[i], rounds);
        turns_end(&players[i].turns);
    }
    if (line->n == 2)
        report_scaling(&players[0], &players[1], line, rounds);
    fflush(stdout);
}

/* --- all lines ----------------------------------------------------------------------- */
static void measure_shape(const TrainBenchOptions *o, int shape, const Peaks *peaks,
                          int n)
{
    static const int64_t usual[] = {256, 1024};
    int contexts = o->context > 0 ? 1 : 2;
    for (int i = 0; i < contexts; i++)
        for (int compute = BENCH_F32; compute <= BENCH_BF16; compute++)
            if (bench_wants(o->compute, compute, BENCH_BOTH)) {
                Line line = {&bench_shapes[shape],
                             o->context > 0 ? o->context : usual[i], compute, n};
                measure(o, &line, peaks);
            }
}

static int measure_peaks(const TrainBenchOptions *o, Peaks peaks[MOST_PLAYERS])
{
    int all = bench_threads(0), n = 0;
    if (o->threads > 0)
        peaks[n++].threads = (int)o->threads;
    else
        peaks[n++].threads = 1;
    if (o->threads == 0 && all > 1)
        peaks[n++].threads = all;
    for (int i = 0; i < n; i++) {
        peaks[i] = peak_measure(peaks[i].threads, o->smoke);
        peak_print(&peaks[i]);
    }
    return n;
}

static void check(const TrainBenchOptions *o)
{
    if (!o->turns || (o->context > 0 && o->compute != BENCH_BOTH &&
                      (o->smoke || o->shape != BENCH_ALL_SHAPES)))
        return;
    fprintf(stderr, "bench_train: --turns needs a shape, a compute and a context\n");
    exit(2);
}

int main(int argc, char **argv)
{
    TrainBenchOptions o;
    Peaks peaks[MOST_PLAYERS];
    bench_options(&table, &o, argc, argv);
    check(&o);
    if (o.turns) {
        take_turns(&o);
        return 0;
    }
    if (o.smoke) {
        o.shape = BENCH_SMOKE;
        o.context = 32;
        o.micro_batch = 64;
        o.seconds = 0;
    }
    int n = measure_peaks(&o, peaks);
    if (o.smoke)
        measure_shape(&o, BENCH_SMOKE, peaks, n);
    for (int shape = BENCH_2M; !o.smoke && shape <= BENCH_124M; shape++)
        if (bench_wants(o.shape, shape, BENCH_ALL_SHAPES))
            measure_shape(&o, shape, peaks, n);
    return 0;
}
