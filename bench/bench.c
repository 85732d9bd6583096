/* bench.c - what the benchmarks share, see bench.h. */
#include "bench.h"

#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const BenchShape bench_shapes[BENCH_SHAPES] = {
    {"2M", 4, 192, 6, 512, 2048, 256},
    {"10M", 11, 256, 8, 688, 4096, 256},
    {"124M", 12, 768, 12, 2048, 50257, 1024},
    {"smoke", 2, 32, 2, 48, 128, 40},
};
const char *const bench_shape_names[] = {"2M", "10M", "124M", "all", NULL};
const char *const bench_compute_names[] = {"f32", "bf16", "both", NULL};

ModelShape bench_model_shape(const BenchShape *s, int64_t context)
{
    Err err = {0};
    ModelShape shape = {.family = MODEL_LLAMA,
                        .head = HEAD_LM,
                        .vocab = s->vocab,
                        .hidden = s->hidden,
                        .intermediate = s->intermediate,
                        .layers = s->layers,
                        .heads = s->heads,
                        .kv_heads = s->heads,
                        .context = (int32_t)context,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5,
                        .tied = true};
    bench_need(model_shape_check(&shape, &err), &err);
    return shape;
}

int bench_threads(int64_t threads)
{
    return threads > 0 ? (int)threads : system_cpus();
}

TensorOps *bench_ops(int64_t threads, TensorCompute compute)
{
    Err err = {0};
    TensorOps *ops;
    TensorCpuOptions o = {.threads = (int)threads,
                          .compute = compute,
                          .set = getenv("TAME_INSTRUCTIONS")};
    bench_need(tensor_cpu_new(&ops, &o, &err), &err);
    return ops;
}

void bench_need(Status status, const Err *err)
{
    if (status == OK)
        return;
    fprintf(stderr, "benchmark: %s\n", err->msg);
    exit(1);
}

static void print_usage(const OptTable *table, const char *program, FILE *out)
{
    Str help = {0};
    opt_help(table, &help);
    fprintf(out, "usage: %s [options]\n%s: %s\n%s", program, table->name, table->help,
            str_c(&help));
    str_release(&help);
}

const char *bench_options_word(const OptTable *table, void *o, int argc, char **argv)
{
    Err err = {0};
    const char *word = NULL;
    size_t n = 0;
    OptBinding binding = {table, o};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(table, argv[0], stdout);
        exit(0);
    }
    bench_need(opt_defaults(table, o, &err), &err);
    if (opt_parse_args(&binding, 1, argc, argv, &word, 1, &n, &err) == OK)
        return word;
    print_usage(table, argv[0], stderr);
    fprintf(stderr, "%s: %s\n", argv[0], err.msg);
    exit(2);
}

void bench_options(const OptTable *table, void *o, int argc, char **argv)
{
    const char *word = bench_options_word(table, o, argc, argv);
    if (!word)
        return;
    fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], word);
    exit(2);
}
