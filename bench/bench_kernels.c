/* bench_kernels.c - the speed of each operation at the shapes of the demonstration model,
 * of a ten-million-parameter one and of GPT-2's smallest, in passes of 1,024 tokens, with
 * products in f32 and in bf16. One JSON line an operation:
 *
 *     {"bench":"kernels","compute":"f32","shape":"2M","op":"linear qkv","ms":..,
 *      "gflops":..,"share":..}
 *
 * share is that of what the processor can do, measured in the same run (peak.h): for
 * arithmetic the peak of products in registers of the same kind; for memory ("gbs") the
 * rate of reading arrays beyond the caches, which what fits the caches exceeds. "pass"
 * adds up the operations of a pass, each as often as it occurs, and one update; its share
 * counts the FLOPs of the products and of causal attention. Times are the best of several
 * runs.
 *
 *     bench_kernels --help                                  --smoke: one short round */
#include "bench.h"
#include "peak.h"

#include "base/rng.h"
#include "base/system.h"

#include <math.h>
#include <stdio.h>

typedef struct Shape {
    const char *name;
    int64_t N, C, F, L, H, D, V;
    int64_t longest; /* documents have 20..longest tokens; all have N if that is N */
} Shape;

static Shape shape_of(const BenchShape *b)
{
    int64_t N = b == &bench_shapes[BENCH_SMOKE] ? 96 : BENCH_PASS_TOKENS;
    return (Shape){b->name,
                   N,
                   b->hidden,
                   b->intermediate,
                   b->layers,
                   b->heads,
                   b->hidden / b->heads,
                   b->vocab,
                   b->context};
}

typedef struct Bench {
    TensorOps *t;
    const Shape *s;
    double seconds; /* to spend on each operation */
    double peak_flops, peak_bytes;
    double pass_seconds, pass_flops;
    Weight qkv_w, out_w, gate_up, down, table;
    Tensor x, y, normed, dx, norm_gain, dgain, rstd, qkv, dqkv, o, d_o, lse, starts,
        positions, ids;
    Tensor gu, dgu, h, dh, nll, weights, entropy, dentropy;
    Tensor m, v, w, g; /* all parameters, for the optimizer */
    int64_t few;       /* rows of a decoding product */
    double pairs;      /* of query and key in one head */
} Bench;

static Tensor tensor(Bench *b, TensorType type, int64_t n)
{
    Tensor out;
    Err err = {0};
    bench_need(b->t->alloc(b->t, &out, type, n, &err), &err);
    return out;
}

static Tensor normal(Bench *b, int64_t n, double sd)
{
    Tensor out = tensor(b, TENSOR_F32, n);
    Rng rng = rng_make(1, RNG_TEST, (uint64_t)n);
    for (int64_t i = 0; i < n; i++) {
        float x = (float)(sd * rng_normal(&rng));
        b->t->write(b->t, tensor_slice(out, i, 1), &x);
    }
    return out;
}

/* As the backend stores activations. */
static Tensor activations(Bench *b, int64_t n)
{
    Tensor x = normal(b, n, 1), out = tensor(b, tensor_activation_type(b->t), n);
    b->t->copy(b->t, out, x);
    b->t->free(b->t, &x);
    return out;
}

static Weight weight(Bench *b, int64_t rows, int64_t cols)
{
    Err err = {0};
    Weight w = {.value = normal(b, rows * cols, 0.05),
                .grad = tensor(b, TENSOR_F32, rows * cols),
                .rows = rows,
                .cols = cols,
                .trainable = true};
    bench_need(b->t->weight_prepare(b->t, &w, &err), &err);
    b->t->weight_changed(b->t, &w);
    return w;
}

/* Documents of 20..longest tokens; counts the pairs that attention looks at. */
static void make_rows(Bench *b)
{
    const Shape *s = b->s;
    Rng rng = rng_make(2, RNG_TEST, 0);
    int32_t first = 0, left = 0;
    b->starts = tensor(b, TENSOR_I32, s->N);
    b->positions = tensor(b, TENSOR_I32, s->N);
    b->ids = tensor(b, TENSOR_I32, s->N);
    for (int32_t i = 0; i < s->N; i++, left--) {
        if (left == 0) {
            first = i;
            left = s->longest == s->N
                       ? (int32_t)s->N
                       : 20 + (int32_t)rng_below(&rng, (uint32_t)(s->longest - 19));
        }
        int32_t position = i - first, id = (int32_t)rng_below(&rng, (uint32_t)s->V);
        b->t->write(b->t, tensor_slice(b->starts, i, 1), &first);
        b->t->write(b->t, tensor_slice(b->positions, i, 1), &position);
        b->t->write(b->t, tensor_slice(b->ids, i, 1), &id);
        b->pairs += position + 1;
    }
}

static void prepare(Bench *b)
{
    const Shape *s = b->s;
    int64_t QKV = 3 * s->H * s->D, widest = 2 * s->F > QKV ? 2 * s->F : QKV;
    Err err = {0};
    bench_need(b->t->reserve(b->t, s->N, widest, s->V, s->H, &err), &err);
    make_rows(b);
    b->qkv_w = weight(b, QKV, s->C);
    b->out_w = weight(b, s->C, s->H * s->D);
    b->gate_up = weight(b, 2 * s->F, s->C);
    b->down = weight(b, s->C, s->F);
    b->table = weight(b, s->V, s->C);
    b->x = normal(b, s->N * s->C, 1);
    b->y = normal(b, s->N * s->C, 1);
    b->normed = activations(b, s->N * s->C);
    b->dx = normal(b, s->N * s->C, 1);
    b->norm_gain = normal(b, s->C, 1);
    b->dgain = normal(b, s->C, 1);
    b->rstd = tensor(b, TENSOR_F32, s->N);
    b->qkv = activations(b, s->N * QKV);
    b->dqkv = activations(b, s->N * QKV);
    b->o = activations(b, s->N * s->H * s->D);
    b->d_o = activations(b, s->N * s->H * s->D);
    b->lse = tensor(b, TENSOR_F32, s->N * s->H);
    b->gu = activations(b, s->N * 2 * s->F);
    b->dgu = activations(b, s->N * 2 * s->F);
    b->h = activations(b, s->N * s->F);
    b->dh = activations(b, s->N * s->F);
    b->nll = tensor(b, TENSOR_F32, s->N);
    b->weights = normal(b, s->N, 1);
    b->entropy = tensor(b, TENSOR_F32, s->N);
    b->dentropy = normal(b, s->N, 1);
    int64_t layer = QKV * s->C + s->C * s->H * s->D + 3 * s->F * s->C;
    int64_t params = s->L * layer + s->V * s->C;
    b->w = tensor(b, TENSOR_F32, params);
    b->g = tensor(b, TENSOR_F32, params);
    b->m = tensor(b, TENSOR_F32, params);
    b->v = tensor(b, TENSOR_F32, params);
}

static void release(Bench *b)
{
    Weight *const weights[] = {&b->qkv_w, &b->out_w, &b->gate_up, &b->down, &b->table};
    for (size_t i = 0; i < sizeof weights / sizeof(Weight *); i++)
        b->t->weight_release(b->t, weights[i]);
    Tensor *const all[] = {&b->qkv_w.value,
                           &b->qkv_w.grad,
                           &b->out_w.value,
                           &b->out_w.grad,
                           &b->gate_up.value,
                           &b->gate_up.grad,
                           &b->down.value,
                           &b->down.grad,
                           &b->table.value,
                           &b->table.grad,
                           &b->x,
                           &b->normed,
                           &b->y,
                           &b->dx,
                           &b->norm_gain,
                           &b->dgain,
                           &b->rstd,
                           &b->qkv,
                           &b->dqkv,
                           &b->o,
                           &b->d_o,
                           &b->lse,
                           &b->starts,
                           &b->positions,
                           &b->ids,
                           &b->gu,
                           &b->dgu,
                           &b->h,
                           &b->dh,
                           &b->nll,
                           &b->weights,
                           &b->entropy,
                           &b->dentropy,
                           &b->m,
                           &b->v,
                           &b->w,
                           &b->g};
    for (size_t i = 0; i < sizeof all / sizeof(Tensor *); i++)
        b->t->free(b->t, all[i]);
}

/* Best seconds of one call, over b->seconds. */
static double best_time(Bench *b, void (*run)(Bench *))
{
    double best = HUGE_VAL, end = system_seconds() + b->seconds;
    run(b);
    do {
        double start = system_seconds();
        run(b);
        double took = system_seconds() - start;
        best = took < best ? took : best;
    } while (system_seconds() < end);
    return best;
}

/* What one operation costs: FLOPs when it is bound by them, else bytes; and how often a
 * training pass does it. */
typedef struct Cost {
    double flops, bytes, times;
} Cost;

static const char *compute_name(const Bench *b)
{
    return b->t->compute == COMPUTE_BF16 ? "bf16" : "f32";
}

/* 0 where the processor has no such peak. */
static double share(double rate, double peak)
{
    return peak > 0 ? rate / peak : 0;
}

static void report(Bench *b, const char *op, void (*run)(Bench *), Cost cost)
{
    double s = best_time(b, run);
    printf("{\"bench\":\"kernels\",\"compute\":\"%s\",\"shape\":\"%s\",\"op\":\"%s\","
           "\"ms\":%.4f",
           compute_name(b), b->s->name, op, s * 1e3);
    double rate = (cost.flops > 0 ? cost.flops : cost.bytes) / s;
    if (s > 1e-6) /* shorter: it had nothing to do */
        printf(",\"%s\":%.1f,\"share\":%.3f", cost.flops > 0 ? "gflops" : "gbs",
               rate / 1e9, share(rate, cost.flops > 0 ? b->peak_flops : b->peak_bytes));
    puts("}");
    b->pass_seconds += cost.times * s;
    b->pass_flops += cost.times * cost.flops;
}

/* --- the operations ---------------------------------------------------------------- */
static const Tensor none = {0};

static void qkv_forward(Bench *b)
{
    b->t->linear(b->t, b->qkv, b->normed, &b->qkv_w, none, none, b->s->N);
}
static void qkv_input(Bench *b)
{
    b->t->linear_backward_input(b->t, b->dx, b->dqkv, &b->qkv_w, b->s->N, false);
}
static void qkv_weight(Bench *b)
{
    b->t->linear_backward_weight(b->t, &b->qkv_w, none, b->dqkv, b->normed, b->s->N);
}
static void out_forward(Bench *b)
{
    b->t->linear(b->t, b->y, b->o, &b->out_w, none, b->x, b->s->N);
}
static void out_input(Bench *b)
{
    b->t->linear_backward_input(b->t, b->d_o, b->y, &b->out_w, b->s->N, false);
}
static void out_weight(Bench *b)
{
    b->t->linear_backward_weight(b->t, &b->out_w, none, b->y, b->o, b->s->N);
}
static void gate_up_forward(Bench *b)
{
    b->t->linear(b->t, b->gu, b->normed, &b->gate_up, none, none, b->s->N);
}
static void gate_up_input(Bench *b)
{
    b->t->linear_backward_input(b->t, b->dx, b->dgu, &b->gate_up, b->s->N, false);
}
static void gate_up_weight(Bench *b)
{
    b->t->linear_backward_weight(b->t, &b->gate_up, none, b->dgu, b->normed, b->s->N);
}
static void down_forward(Bench *b)
{
    b->t->linear(b->t, b->y, b->h, &b->down, none, b->x, b->s->N);
}
static void down_input(Bench *b)
{
    b->t->linear_backward_input(b->t, b->dh, b->y, &b->down, b->s->N, false);
}
static void down_weight(Bench *b)
{
    b->t->linear_backward_weight(b->t, &b->down, none, b->y, b->h, b->s->N);
}
static void attention(Bench *b)
{
    const Shape *s = b->s;
    b->t->attention(b->t, b->o, b->lse, b->qkv, b->starts, s->N, s->H, s->H, s->D);
}
static void attention_backward(Bench *b)
{
    const Shape *s = b->s;
    b->t->attention_backward(b->t, b->dqkv, b->d_o, b->o, b->lse, b->qkv, b->starts,
                             s->N, s->H, s->H, s->D);
}
static void rope(Bench *b)
{
    const Shape *s = b->s;
    b->t->rope(b->t, b->qkv, b->positions, s->N, 3 * s->H * s->D, 2 * s->H, s->D, 10000,
               false);
}
static void rmsnorm(Bench *b)
{
    b->t->rmsnorm(b->t, b->normed, b->rstd, b->x, b->norm_gain, b->s->N, b->s->C,
                  1e-5F);
}
static void rmsnorm_backward(Bench *b)
{
    b->t->rmsnorm_backward(b->t, b->dx, b->dgain, b->y, b->x, b->rstd, b->norm_gain,
                           b->s->N, b->s->C);
}
static void swiglu(Bench *b)
{
    b->t->swiglu(b->t, b->h, b->gu, b->s->N, b->s->F);
}
static void swiglu_backward(Bench *b)
{
    b->t->swiglu_backward(b->t, b->dgu, b->h, b->dh, b->gu, b->s->N, b->s->F);
}
static void add(Bench *b)
{
    b->t->add(b->t, b->y, b->x);
}
static void embed(Bench *b)
{
    b->t->embed(b->t, b->x, &b->table, b->ids, b->s->N);
}
static void embed_backward(Bench *b)
{
    b->t->embed_backward(b->t, &b->table, b->dx, b->ids, b->s->N);
}
static void cross_entropy(Bench *b)
{
    b->t->head_cross_entropy(b->t, b->nll, b->dx, b->x, &b->table, b->ids, b->weights,
                             b->s->N);
}
static void logprob(Bench *b)
{
    b->t->head_logprob(b->t, b->nll, b->rstd, b->entropy, b->x, &b->table, b->ids,
                       b->s->N, 1);
}
static void logprob_backward(Bench *b)
{
    b->t->head_logprob_backward(b->t, b->dx, b->weights, b->dentropy, b->rstd,
                                b->entropy, b->x, &b->table, b->ids, b->s->N, 1);
}
static void adamw(Bench *b)
{
    b->t->adamw(b->t, b->w, b->g, b->m, b->v,
                (AdamwStep){.lr = 1e-3F,
                            .beta1 = 0.9F,
                            .beta2 = 0.95F,
                            .eps = 1e-8F,
                            .grad_scale = 1,
                            .correction1 = 1,
                            .correction2 = 1});
}
/* All matrices of the layers, as they lie in the parameters. */
static void muon(Bench *b)
{
    enum { MATRICES = 7, MOST = MATRICES * 16 };
    MuonMatrix all[MOST];
    const Shape *s = b->s;
    int64_t n = 0, at = 0;
    for (; n < MATRICES * s->L && n < MOST; n++) {
        int64_t i = n % MATRICES; /* q, k, v, out; gate, up; down */
        int64_t rows = i == 4 || i == 5 ? s->F : s->C, cols = i == 6 ? s->F : s->C;
        all[n] = (MuonMatrix){.w = tensor_slice(b->w, at, rows * cols),
                              .g = tensor_slice(b->g, at, rows * cols),
                              .m = tensor_slice(b->m, at, rows * cols),
                              .rows = rows,
                              .cols = cols};
        at += rows * cols;
    }
    b->t->muon(b->t, all, n,
               (MuonStep){.lr = 1e-3F, .momentum = 0.95F, .grad_scale = 1});
}

/* Of a matrix (p,q), p <= q, two products with it each way, of which those to (p,p) need
 * half, and 14 of (p,p) alone, which need half. */
static double muon_flops(const Shape *s)
{
    double C = (double)s->C, F = (double)s->F, square = 20 * C * C * C;
    double p = C < F ? C : F, q = C < F ? F : C;
    return (double)s->L * (4 * square + 3 * (6 * p * p * q + 14 * p * p * p));
}
static void pack_weights(Bench *b) /* of a layer */
{
    Weight *const weights[] = {&b->qkv_w, &b->out_w, &b->gate_up, &b->down};
    for (size_t i = 0; i < sizeof weights / sizeof(Weight *); i++)
        b->t->weight_changed(b->t, weights[i]);
}
static void pack_table(Bench *b)
{
    b->t->weight_changed(b->t, &b->table);
}
static void sum_squares(Bench *b)
{
    b->t->sum_squares(b->t, b->g);
}
static void zero_grads(Bench *b)
{
    b->t->fill(b->t, b->g, 0);
}
static void few_rows(Bench *b)
{
    b->t->linear(b->t, b->gu, b->normed, &b->gate_up, none, none, b->few);
}
static void sample(Bench *b)
{
    enum { ROWS = 64 };
    SampleOut out[ROWS];
    SampleRow rows[ROWS];
    for (int i = 0; i < ROWS; i++)
        rows[i] = (SampleRow){.u = i / (double)ROWS,
                              .temperature = 1,
                              .top_p = b->few ? 0.9F : 1,
                              .repetition_penalty = 1};
    b->t->head_sample(b->t, out, b->x, &b->table, rows, ROWS);
}

static void linear_reports(Bench *b)
{
    const Shape *s = b->s;
    double N = (double)s->N, L = (double)s->L, C = (double)s->C,
           A = (double)(s->H * s->D);
    Cost qkv = {6 * N * C * A, 0, L}, out = {2 * N * C * A, 0, L};
    Cost gate_up = {4 * N * C * (double)s->F, 0, L},
         down = {2 * N * C * (double)s->F, 0, L};
    report(b, "linear qkv", qkv_forward, qkv);
    report(b, "linear qkv dx", qkv_input, qkv);
    report(b, "linear qkv dw", qkv_weight, qkv);
    report(b, "linear out", out_forward, out);
    report(b, "linear out dx", out_input, out);
    report(b, "linear out dw", out_weight, out);
    report(b, "linear gate_up", gate_up_forward, gate_up);
    report(b, "linear gate_up dx", gate_up_input, gate_up);
    report(b, "linear gate_up dw", gate_up_weight, gate_up);
    report(b, "linear down", down_forward, down);
    report(b, "linear down dx", down_input, down);
    report(b, "linear down dw", down_weight, down);
}

static void other_reports(Bench *b)
{
    const Shape *s = b->s;
    double N = (double)s->N, L = (double)s->L, C = (double)s->C, F = (double)s->F;
    double A = (double)(s->H * s->D), V = (double)s->V, P = (double)b->w.count;
    double size = tensor_type_bytes(tensor_activation_type(b->t));
    report(b, "attention", attention, (Cost){4 * b->pairs * A, 0, L});
    report(b, "attention backward", attention_backward,
           (Cost){10 * b->pairs * A, 0, L});
    report(b, "rope", rope, (Cost){0, 4 * size * N * A, 2 * L});
    report(b, "rmsnorm", rmsnorm, (Cost){0, (4 + size) * N * C, 2 * L + 1});
    report(b, "rmsnorm backward", rmsnorm_backward, (Cost){0, 16 * N * C, 2 * L + 1});
    report(b, "swiglu", swiglu, (Cost){0, 3 * size * N * F, L});
    report(b, "swiglu backward", swiglu_backward, (Cost){0, 6 * size * N * F, L});
    report(b, "add", add, (Cost){0, 12 * N * C, 4 * L});
    report(b, "embed", embed, (Cost){0, 8 * N * C, 1});
    report(b, "embed backward", embed_backward, (Cost){0, 12 * N * C, 1});
    report(b, "cross-entropy", cross_entropy, (Cost){6 * N * C * V, 0, 1});
    report(b, "pack weights", pack_weights, (Cost){0, 6 * (P - V * C) / L, L});
    report(b, "pack table", pack_table, (Cost){0, 6 * V * C, 1});
    report(b, "adamw", adamw, (Cost){0, 28 * P, 1});
    report(b, "sum of squares", sum_squares, (Cost){0, 4 * P, 1});
    report(b, "zero gradients", zero_grads, (Cost){0, 4 * P, 1});
    printf("{\"bench\":\"kernels\",\"compute\":\"%s\",\"shape\":\"%s\",\"op\":\"pass\","
           "\"ms\":%.2f,\"tokens_per_s\":%.0f,\"gflops\":%.1f,\"share\":%.3f}\n",
           compute_name(b), s->name, b->pass_seconds * 1e3, N / b->pass_seconds,
           b->pass_flops / b->pass_seconds / 1e9,
           share(b->pass_flops / b->pass_seconds, b->peak_flops));
    report(b, "muon", muon, (Cost){muon_flops(s), 0, 0});
    report(b, "logprob", logprob, (Cost){2 * N * C * V, 0, 0});
    report(b, "logprob backward", logprob_backward, (Cost){6 * N * C * V, 0, 0});
    const int64_t few[] = {1, 4, 8, 16, 32, 64};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        char op[40];
        b->few = few[i];
        snprintf(op, sizeof op, "linear gate_up %d rows", (int)few[i]);
        report(b, op, few_rows, (Cost){4 * (double)few[i] * C * F, 0, 0});
    }
    report(b, "sample 64 rows, top-p", sample, (Cost){0, 64 * V * 4, 0});
    b->few = 0;
    report(b, "sample 64 rows", sample, (Cost){0, 64 * V * 4, 0});
}

static void bench_shape(const BenchShape *which, int compute, double seconds,
                        const Peaks *peaks)
{
    const Shape shape = shape_of(which);
    Bench b = {.t = bench_ops(peaks->threads, bench_compute(compute)),
               .s = &shape,
               .seconds = seconds,
               .peak_flops = peaks->ops[compute == BENCH_BF16 ? PEAK_BF16 : PEAK_F32],
               .peak_bytes = peaks->read};
    prepare(&b);
    linear_reports(&b);
    other_reports(&b);
    release(&b);
    tensor_free(b.t);
    fflush(stdout);
}

typedef struct KernelOptions {
    bool smoke;
    int shape, compute;
    int64_t threads;
    double seconds;
} KernelOptions;

/* clang-format off */
static const OptField fields[] = {
    OPT_BOOL(KernelOptions, smoke, 0, "one short round of a toy"),
    OPT_CHOICE(KernelOptions, shape, BENCH_ALL_SHAPES, bench_shape_names, "which model"),
    OPT_CHOICE(KernelOptions, compute, BENCH_BOTH, bench_compute_names, "arithmetic of products"),
    OPT_INT(KernelOptions, threads, 0, 0, 1024, "0: all"),
    OPT_REAL(KernelOptions, seconds, 0.25, 0, 1000, "to spend on each operation"),
    OPT_END
};
/* clang-format on */
static const OptTable table = {"bench_kernels", "the speed of each operation",
                               sizeof(KernelOptions), fields};

int main(int argc, char **argv)
{
    KernelOptions o;
    bench_options(&table, &o, argc, argv);
    Peaks peaks = peak_measure(bench_threads(o.threads), o.smoke);
    peak_print(&peaks);
    for (int compute = BENCH_F32; compute <= BENCH_BF16; compute++) {
        if (!bench_wants(o.compute, compute, BENCH_BOTH))
            continue;
        if (o.smoke)
            bench_shape(&bench_shapes[BENCH_SMOKE], compute, 0, &peaks);
        for (int shape = BENCH_2M; !o.smoke && shape <= BENCH_124M; shape++)
            if (bench_wants(o.shape, shape, BENCH_ALL_SHAPES))
                bench_shape(&bench_shapes[shape], compute, o.seconds, &peaks);
    }
    return 0;
}
