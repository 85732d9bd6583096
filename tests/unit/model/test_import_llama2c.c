/* test_import_llama2c.c - llama2.c checkpoints (model/import_llama2c.c), against the
 * forward pass of that layout written out here in double: rotation of adjacent pairs
 * (2j, 2j+1), no packing, no cache. */
#include "support/small_model.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "model/import_llama2c.h"

#include <math.h>

static TensorOps *ops;

enum { C = 12, F = 10, L = 2, HQ = 3, HK = 1, D = 4, V = 17, T = 9, CONTEXT = 16 };
enum { KV = HK * D, HEADER = 28 };

/* Where each tensor begins, in floats from the end of the header. */
typedef struct Layout {
    size_t embed, attn_norm, wq, wk, wv, wo, mlp_norm, w1, w2, w3, norm, rope, head,
        end;
} Layout;

static Layout layout(void)
{
    Layout at = {.embed = 0};
    at.attn_norm = at.embed + V * C;
    at.wq = at.attn_norm + L * C;
    at.wk = at.wq + L * C * C;
    at.wv = at.wk + L * KV * C;
    at.wo = at.wv + L * KV * C;
    at.mlp_norm = at.wo + L * C * C;
    at.w1 = at.mlp_norm + L * C;
    at.w2 = at.w1 + L * F * C;
    at.w3 = at.w2 + L * C * F;
    at.norm = at.w3 + L * F * C;
    at.rope = at.norm + C;
    at.head = at.rope + CONTEXT * D;
    at.end = at.head + V * C;
    return at;
}

/* A checkpoint with random values; its floats also go to `values`. */
static Str make_checkpoint(bool tied, float *values)
{
    const int32_t header[7] = {C, F, L, HQ, HK, tied ? V : -V, CONTEXT};
    Layout at = layout();
    Str bytes = {0};
    unsigned char b[4];
    Rng rng = check_rng();
    for (int i = 0; i < 7; i++) {
        bytes_put_u32(b, (uint32_t)header[i]);
        str_append(&bytes, (char *)b, 4);
    }
    for (size_t i = 0; i < (tied ? at.head : at.end); i++) {
        values[i] = (float)(0.5 * rng_normal(&rng));
        uint32_t u;
        memcpy(&u, &values[i], 4);
        bytes_put_u32(b, u);
        str_append(&bytes, (char *)b, 4);
    }
    return bytes;
}

static void multiply(double *y, const float *w, const double *x, int rows, int cols)
{
    for (int r = 0; r < rows; r++) {
        y[r] = 0;
        for (int c = 0; c < cols; c++)
            y[r] += (double)w[r * cols + c] * x[c];
    }
}

static void normalise(double *y, const double *x, const float *gain)
{
    double sum = 0;
    for (int c = 0; c < C; c++)
        sum += x[c] * x[c];
    for (int c = 0; c < C; c++)
        y[c] = x[c] / sqrt(sum / C + 1e-5) * (double)gain[c];
}

static void rotate_adjacent(double *x, int heads, int position)
{
    for (int i = 0; i < heads * D; i += 2) {
        double angle = position * pow(10000, -(double)(i % D) / D);
        double a = x[i], b = x[i + 1];
        x[i] = a * cos(angle) - b * sin(angle);
        x[i + 1] = a * sin(angle) + b * cos(angle);
    }
}

static void attend(double *out, const double *q, double k[T][KV], double v[T][KV],
                   int t)
{
    for (int h = 0; h < HQ; h++) {
        double weight[T], sum = 0;
        int kv = h / (HQ / HK) * D;
        for (int s = 0; s <= t; s++) {
            double score = 0;
            for (int d = 0; d < D; d++)
                score += q[h * D + d] * k[s][kv + d];
            weight[s] = exp(score / sqrt(D));
            sum += weight[s];
        }
        for (int d = 0; d < D; d++) {
            out[h * D + d] = 0;
            for (int s = 0; s <= t; s++)
                out[h * D + d] += weight[s] / sum * v[s][kv + d];
        }
    }
}

static void add_mlp(double *x, const float *w, Layout at, int l)
{
    double h[C], gate[F], up[F], y[C];
    normalise(h, x, w + at.mlp_norm + (size_t)l * C);
    multiply(gate, w + at.w1 + (size_t)l * F * C, h, F, C);
    multiply(up, w + at.w3 + (size_t)l * F * C, h, F, C);
    for (int f = 0; f < F; f++)
        gate[f] = gate[f] / (1 + exp(-gate[f])) * up[f];
    multiply(y, w + at.w2 + (size_t)l * C * F, gate, C, F);
    for (int c = 0; c < C; c++)
        x[c] += y[c];
}

/* Logits (T,V) of the checkpoint's floats. */
static void reference(float *logits, const float *w, bool tied, const int32_t *ids)
{
    static double k[L][T][KV], v[L][T][KV];
    Layout at = layout();
    for (int t = 0; t < T; t++) {
        double x[C], h[C], q[C], o[C], y[V];
        for (int c = 0; c < C; c++)
            x[c] = (double)w[at.embed + (size_t)(ids[t] * C + c)];
        for (int l = 0; l < L; l++) {
            normalise(h, x, w + at.attn_norm + (size_t)l * C);
            multiply(q, w + at.wq + (size_t)l * C * C, h, C, C);
            multiply(k[l][t], w + at.wk + (size_t)l * KV * C, h, KV, C);
            multiply(v[l][t], w + at.wv + (size_t)l * KV * C, h, KV, C);
            rotate_adjacent(q, HQ, t);
            rotate_adjacent(k[l][t], HK, t);
            attend(o, q, k[l], v[l], t);
            multiply(h, w + at.wo + (size_t)l * C * C, o, C, C);
            for (int c = 0; c < C; c++)
                x[c] += h[c];
            add_mlp(x, w, at, l);
        }
        normalise(h, x, w + at.norm);
        multiply(y, w + (tied ? at.embed : at.head), h, V, C);
        for (int i = 0; i < V; i++)
            logits[t * V + i] = (float)y[i];
    }
}

static void logits_are_those_of_the_adjacent_pair_rotation(void **state)
{
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        Err err;
        Model *model;
        Tape *tape;
        Line line = {0};
        Rng rng = rng_make(4, RNG_TEST, 0);
        float *values = calloc(layout().end, sizeof *values), got[T * V], want[T * V];
        Str bytes = make_checkpoint(tied, values);
        CHECK_OK(import_llama2c(&model, ops, str_span(&bytes), &err));
        assert_int_equal(model->shape.tied, tied);
        line_add(&line, &rng, model, T);
        CHECK_OK(tape_new(&tape, model, T, (TapeOptions){0}, &err));
        ModelTokens tokens = line_tokens(&line);
        model_forward(model, tape, &tokens);
        model_logits(model, tape, line.rows, T, got);
        reference(want, values, tied, line.ids);
        check_close("logits", got, want, T * V, 1e-5); /* as in test_golden.c */
        tape_free(tape);
        model_free(model);
        str_release(&bytes);
        free(values);
    }
}

static void the_header_gives_the_shape(void **state)
{
    (void)state;
    Err err;
    ModelShape s;
    float *values = calloc(layout().end, sizeof *values);
    Str bytes = make_checkpoint(false, values);
    CHECK_OK(import_llama2c_shape(str_span(&bytes), &s, &err));
    assert_int_equal(s.hidden, C);
    assert_int_equal(s.intermediate, F);
    assert_int_equal(s.layers, L);
    assert_int_equal(s.heads, HQ);
    assert_int_equal(s.kv_heads, HK);
    assert_int_equal(s.vocab, V);
    assert_int_equal(s.context, CONTEXT);
    assert_false(s.tied);
    str_release(&bytes);
    free(values);
}

/* The checkpoint with one header field changed. */
static void check_header_refused(int field, int32_t value, const char *message)
{
    Err err;
    Model *model;
    float *values = calloc(layout().end, sizeof *values);
    Str bytes = make_checkpoint(true, values);
    bytes_put_u32(bytes.ptr + 4 * field, (uint32_t)value);
    CHECK_FAILS(import_llama2c(&model, ops, str_span(&bytes), &err), ERR_FORMAT,
                message);
    assert_null(model);
    str_release(&bytes);
    free(values);
}

static void wrong_headers_are_refused(void **state)
{
    (void)state;
    check_header_refused(0, 0, "llama2.c header: 'hidden' is 0, not in 1 to 1048576");
    check_header_refused(0, 13,
                         "llama2.c header: 'heads' (3) does not divide 'hidden' (13)");
    check_header_refused(2, INT32_MIN,
                         "llama2.c header: 'layers' is -2147483648, not in 1 to 4096");
    check_header_refused(4, 2,
                         "llama2.c header: 'kv_heads' (2) does not divide 'heads' (3)");
    check_header_refused(
        5, INT32_MIN, "llama2.c header: 'vocab' is -2147483648, not in 1 to 16777216");
    check_header_refused(
        5, -V,
        "llama2.c checkpoint: 7292 bytes, not the 8108 that its header "
        "asks for");
    check_header_refused(
        6, CONTEXT + 1,
        "llama2.c checkpoint: 7292 bytes, not the 7308 that its header "
        "asks for");
}

static void every_cut_file_is_a_format_error(void **state)
{
    (void)state;
    Err err;
    ModelShape s;
    float *values = calloc(layout().end, sizeof *values);
    Str bytes = make_checkpoint(true, values);
    CHECK_FAILS(import_llama2c_shape((Span){bytes.ptr, 27}, &s, &err), ERR_FORMAT,
                "llama2.c header: 27 bytes, fewer than the header's 28");
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(import_llama2c_shape((Span){bytes.ptr, len}, &s, &err),
                         ERR_FORMAT);
    str_putc(&bytes, 0);
    assert_int_equal(import_llama2c_shape(str_span(&bytes), &s, &err), ERR_FORMAT);
    str_release(&bytes);
    free(values);
}

static void values_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    Err err;
    Model *model;
    float *values = calloc(layout().end, sizeof *values);
    Str bytes = make_checkpoint(true, values);
    bytes_put_u32((unsigned char *)bytes.ptr + HEADER + 40, 0x7fc00000); /* NaN */
    CHECK_FAILS(import_llama2c(&model, ops, str_span(&bytes), &err), ERR_FORMAT,
                "llama2.c checkpoint: byte 68: not a finite number");
    assert_null(model);
    str_release(&bytes);
    free(values);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    float *values = calloc(layout().end, sizeof *values);
    Str bytes = make_checkpoint(false, values);
    for (long n = 0;; n++) {
        Err err;
        Model *model;
        mem_fail_after(n);
        Status s = import_llama2c(&model, ops, str_span(&bytes), &err);
        mem_fail_after(-1);
        model_free(model);
        if (s == OK)
            break;
        assert_int_equal(s, ERR_NOMEM);
    }
    str_release(&bytes);
    free(values);
}

int main(void)
{
    Err err;
    if (tensor_ref_new(&ops, &err) != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_the_adjacent_pair_rotation),
        cmocka_unit_test(the_header_gives_the_shape),
        cmocka_unit_test(wrong_headers_are_refused),
        cmocka_unit_test(every_cut_file_is_a_format_error),
        cmocka_unit_test(values_that_are_no_numbers_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tensor_free(ops);
    return failed;
}
