/* bench.h - what the benchmarks share: the models they measure, their command lines, and
 * the end of a program that cannot go on. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "base/options.h"
#include "model/model.h"

/* Tokens of one optimizer step, and of one pass of it: fewer a pass take less memory and
 * leave more of a pass in the caches. */
enum { BENCH_STEP_TOKENS = 4096, BENCH_PASS_TOKENS = 1024 };

typedef struct BenchShape {
    const char *name;
    int32_t layers, hidden, heads, intermediate, vocab; /* tied head */
    int32_t context;                                    /* of its usual documents */
} BenchShape;

/* The demonstration's model, a ten-million-parameter one and GPT-2's smallest; the last
 * is the toy of --smoke. */
enum { BENCH_2M, BENCH_10M, BENCH_124M, BENCH_SMOKE, BENCH_SHAPES };
extern const BenchShape bench_shapes[BENCH_SHAPES];
extern const char *const bench_shape_names[]; /* "2M", "10M", "124M", "all" */
enum { BENCH_ALL_SHAPES = BENCH_SMOKE };

/* --compute f32|bf16|both */
enum { BENCH_F32, BENCH_BF16, BENCH_BOTH };
extern const char *const bench_compute_names[];
/* COMPUTE_F32 or COMPUTE_BF16 */
static inline TensorCompute bench_compute(int choice)
{
    return choice == BENCH_BF16 ? COMPUTE_BF16 : COMPUTE_F32;
}
static inline bool bench_wants(int wanted, int choice, int all)
{
    return wanted == all || wanted == choice;
}

/* The model of a shape with room for `context` tokens. */
ModelShape bench_model_shape(const BenchShape *s, int64_t context);
TensorOps *bench_ops(int64_t threads, TensorCompute compute); /* threads 0: all */
int bench_threads(int64_t threads);                           /* how many that are */

/* Ends the program with the error unless status is OK. */
void bench_need(Status status, const Err *err);
/* Reads the command line into *o; without words. On --help and on errors says how to call
 * the program and ends it. */
void bench_options(const OptTable *table, void *o, int argc, char **argv);
/* The same for programs that take up to one word. */
const char *bench_options_word(const OptTable *table, void *o, int argc, char **argv);

#endif
