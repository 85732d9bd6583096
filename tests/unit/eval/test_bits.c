/* Bits per byte of a model that knows nothing: every token costs log2(vocabulary). */
#include "support/chatter.h"

#include "base/file.h"
#include "eval/bits.h"

#include <math.h>
#include <unistd.h>

typedef struct Bench {
    Chatter c;
    char path[64];
} Bench;

static void bench_init(Bench *b, const char *name, const char *rows)
{
    Err err = {0};
    chatter_init(&b->c, 16);
    b->c.ops->fill(b->c.ops, b->c.model->params, 0);
    model_changed(b->c.model);
    (void)snprintf(b->path, sizeof b->path, "bits_%s_%ld.jsonl", name, (long)getpid());
    CHECK_OK(file_write_atomic(b->path, rows, strlen(rows), &err));
}

static void bench_release(Bench *b)
{
    (void)remove(b->path);
    chatter_release(&b->c);
}

static void a_model_that_knows_nothing_costs_log2_of_its_vocabulary(void **state)
{
    (void)state;
    Err err = {0};
    Bench b;
    BitsReport r;
    bench_init(&b, "nothing", "{\"text\": \"hello\"}\n{\"text\": \"you\"}\n");
    CHECK_OK(bits_measure(b.c.engine, b.c.tok, b.path, 0, &r, &err));
    double each = log2(b.c.model->shape.vocab);
    assert_int_equal(r.documents, 2);
    assert_int_equal(r.tokens, 5 + 1 + 3 + 1); /* the ends too */
    assert_int_equal(r.cut, 0);
    CHECK_NEAR(r.bytes, 8, 0);
    CHECK_NEAR(r.bits_per_token, each, 1e-5);
    CHECK_NEAR(r.bits_per_byte, each * 10 / 8, 1e-5);
    CHECK_OK(bits_measure(b.c.engine, b.c.tok, b.path, 1, &r, &err));
    assert_int_equal(r.documents, 1);
    bench_release(&b);
}

/* 40 bytes, bos and end: 41 predictions in windows of 16. */
static void a_long_document_is_predicted_whole(void **state)
{
    (void)state;
    Err err = {0};
    Bench b;
    BitsReport r;
    bench_init(&b, "long",
               "{\"text\": \"0123456789012345678901234567890123456789\"}\n");
    CHECK_OK(bits_measure(b.c.engine, b.c.tok, b.path, 0, &r, &err));
    assert_int_equal(r.tokens, 41);
    assert_int_equal(r.cut, 1);
    CHECK_NEAR(r.bits, 41 * log2(b.c.model->shape.vocab), 1e-3);
    bench_release(&b);
}

/* Against the scorer on windows cut by hand. */
static void bits_are_the_scorers_log_probabilities(void **state)
{
    (void)state;
    Err err = {0};
    Bench b;
    BitsReport r;
    bench_init(&b, "scored", "{\"text\": \"a story of 20 bytes.\"}\n");
    CHECK_OK(model_init(b.c.model, 3, &err));
    b.c.ops->scale(b.c.ops, b.c.model->params, 20);
    model_changed(b.c.model);
    CHECK_OK(bits_measure(b.c.engine, b.c.tok, b.path, 0, &r, &err));
    Ids ids = {0};
    chatter_ids(&b.c, "<|bos|>a story of 20 bytes.<|endoftext|>", &ids);
    assert_int_equal(ids.len, 22);
    float logprobs[2][17];
    EngineScore windows[2] = {{ids.ptr, 17, 1, logprobs[0]},
                              {ids.ptr + 16, 6, 1, logprobs[1]}};
    CHECK_OK(engine_score(b.c.engine, windows, 2, &err));
    double bits = 0;
    for (int w = 0; w < 2; w++) {
        for (int64_t i = 1; i < windows[w].n; i++)
            bits -= (double)logprobs[w][i] / log(2);
    }
    CHECK_NEAR(r.bits, bits, 1e-6);
    assert_true(fabs(r.bits_per_token - log2(b.c.model->shape.vocab)) > 0.01);
    ids_release(&ids);
    bench_release(&b);
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    Err err = {0};
    Bench b;
    BitsReport r;
    char message[200];
    bench_init(&b, "chat", "{\"prompt\": \"hi\"}\n");
    (void)snprintf(message, sizeof message, "file '%s': line 1: not a text", b.path);
    CHECK_FAILS(bits_measure(b.c.engine, b.c.tok, b.path, 0, &r, &err), ERR_FORMAT,
                message);
    bench_release(&b);
    bench_init(&b, "empty", "{\"text\": \"\"}\n");
    (void)snprintf(message, sizeof message, "data '%s': no text to measure", b.path);
    CHECK_FAILS(bits_measure(b.c.engine, b.c.tok, b.path, 0, &r, &err), ERR_FORMAT,
                message);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_knows_nothing_costs_log2_of_its_vocabulary),
        cmocka_unit_test(a_long_document_is_predicted_whole),
        cmocka_unit_test(bits_are_the_scorers_log_probabilities),
        cmocka_unit_test(what_is_no_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
