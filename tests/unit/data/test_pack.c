/* test_pack.c - every target once, rows never too full, batches a pure function of
 * their number. Documents here are lengths; id j of document d is d*1000 + j, so an id
 * says where it comes from. */
#include "support/check.h"

#include "base/mem.h"
#include "data/pack.h"

enum { STRIDE = 1000 };

static int64_t fake_len(void *self, int64_t doc)
{
    return ((const int64_t *)self)[doc];
}

static void fake_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                     float *weights)
{
    assert_true(from >= 0 && n >= 2 && from + n <= fake_len(self, doc));
    for (int64_t i = 0; i < n; i++) {
        ids[i] = (int32_t)(doc * STRIDE + from + i);
        weights[i] = (from + i) % 5 == 4 ? 0.0F : 1.0F;
    }
}

static PackSource source_of(int64_t *lens, int64_t n)
{
    return (PackSource){lens, n, fake_len, fake_ids};
}

static Packer *make(PackSource source, PackOptions o)
{
    Err err;
    Packer *p;
    CHECK_OK(packer_new(&p, source, &o, &err));
    return p;
}

static Batch *batch_for(PackOptions o)
{
    Err err;
    Batch *b;
    CHECK_OK(batch_new(&b, o.row * o.rows, &err));
    return b;
}

static void get(Packer *p, int64_t i, Batch *b)
{
    Err err;
    CHECK_OK(packer_batch(p, i, b, &err));
}

static void random_lens(Rng *rng, int64_t *lens, int64_t n, uint32_t most)
{
    for (int64_t i = 0; i < n; i++)
        lens[i] = rng_below(rng, most + 1);
}

/* A batch's rows are its inputs: each must be followed by its target, and no document
 * or piece may be longer than a row. Counts each target. */
static void check_batch(const Batch *b, PackOptions o, int *seen)
{
    assert_true(b->n <= o.row * o.rows);
    for (int64_t i = 0; i < b->n; i++) {
        assert_true(b->positions[i] < o.row);
        assert_int_equal(b->positions[i], i - b->starts[i]);
        bool masked = (b->ids[i] + 1) % STRIDE % 5 == 4;
        assert_int_equal(b->targets[i], masked ? 0 : b->ids[i] + 1);
        assert_true(b->weights[i] == (masked ? 0.0F : 1.0F));
        if (i > 0 && b->starts[i] == b->starts[i - 1])
            assert_int_equal(b->ids[i], b->ids[i - 1] + 1);
        if (seen)
            seen[b->ids[i] + 1]++;
    }
}

static void check_epoch(int64_t *lens, int64_t n, PackOptions o)
{
    Packer *p = make(source_of(lens, n), o);
    Batch *b = batch_for(o);
    int *seen = mem_alloc_array((size_t)(n * STRIDE), sizeof *seen);
    int64_t tokens = 0;
    for (int64_t i = 0; i < packer_batches(p); i++) {
        get(p, i, b);
        assert_true(b->n > 0);
        check_batch(b, o, seen);
        tokens += b->n;
    }
    assert_int_equal(tokens, packer_tokens(p));
    for (int64_t doc = 0; doc < n; doc++) {
        int64_t last = lens[doc];
        if (last - 1 > o.row && o.overlong == PACK_TRUNCATE)
            last = o.row + 1;
        if (last - 1 > o.row && o.overlong == PACK_DROP)
            last = 0;
        for (int64_t j = 0; j < STRIDE; j++)
            assert_int_equal(seen[doc * STRIDE + j], j >= 1 && j < last);
    }
    mem_free(seen);
    batch_free(b);
    packer_free(p);
}

static void an_epoch_has_every_target_exactly_once(void **state)
{
    (void)state;
    Rng rng = check_rng();
    int64_t lens[97];
    for (int64_t row = 1; row < 40; row += 6) {
        for (int64_t rows = 1; rows < 6; rows += 2) {
            random_lens(&rng, lens, 97, 90);
            PackOptions o = {row, rows, PACK_SPLIT, (uint64_t)row, true, NULL};
            lens[0] = 2; /* never nothing at all */
            check_epoch(lens, 97, o);
            o.overlong = PACK_TRUNCATE;
            check_epoch(lens, 97, o);
            o.overlong = PACK_DROP;
            check_epoch(lens, 97, o);
        }
    }
}

static void lengths_at_the_edge_of_a_row_are_split_right(void **state)
{
    (void)state;
    int64_t lens[] = {8, 9, 10, 16, 17, 18, 25, 2, 1, 0};
    check_epoch(lens, 10, (PackOptions){8, 1, PACK_SPLIT, 1, true, NULL});
}

static void rows_are_never_over_full(void **state)
{
    (void)state;
    Rng rng = check_rng();
    int64_t lens[200];
    random_lens(&rng, lens, 200, 60);
    PackOptions o = {32, 1, PACK_SPLIT, 3, true, NULL};
    Packer *p = make(source_of(lens, 200), o);
    Batch *b = batch_for(o); /* its capacity is one row: batch_add would fail */
    double tokens = 0;
    for (int64_t i = 0; i < packer_batches(p); i++) {
        get(p, i, b);
        tokens += (double)b->n;
    }
    double space = (double)packer_batches(p) * 32;
    CHECK_NEAR(packer_fill(p), tokens / space, 1e-12);
    batch_free(b);
    packer_free(p);
}

/* First come, first served would open a row for the 4 and 3 that begin the list. */
static void best_fit_decreasing_fills_what_can_be_filled(void **state)
{
    (void)state;
    int64_t lens[] = {5, 4, 5, 4, 7, 8, 7, 8, 3, 2, 11}; /* targets: one less */
    PackOptions o = {10, 1, PACK_REFUSE, 0, false, NULL};
    Packer *p = make(source_of(lens, 11), o);
    /* 10 | 7+3 | 7+3 | 6+4 | 6+4 | 2+1 */
    assert_int_equal(packer_batches(p), 6);
    CHECK_NEAR(packer_fill(p), 53.0 / 60.0, 1e-12);
    packer_free(p);
}

static void many_short_documents_fill_rows_almost_wholly(void **state)
{
    (void)state;
    Rng rng = check_rng();
    enum { N = 20000 };
    int64_t *lens = mem_alloc_array(N, sizeof *lens);
    random_lens(&rng, lens, N, 300);
    PackOptions o = {256, 4, PACK_SPLIT, 1, true, NULL};
    Packer *p = make(source_of(lens, N), o);
    assert_true(packer_fill(p) > 0.995);
    packer_free(p);
    mem_free(lens);
}

static void assert_same(const Batch *a, const Batch *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->ids, b->ids, (size_t)a->n * sizeof *a->ids);
    assert_memory_equal(a->targets, b->targets, (size_t)a->n * sizeof *a->ids);
    assert_memory_equal(a->starts, b->starts, (size_t)a->n * sizeof *a->ids);
    assert_memory_equal(a->weights, b->weights, (size_t)a->n * sizeof *a->weights);
}

static void batch_i_does_not_depend_on_what_was_asked_before(void **state)
{
    (void)state;
    Rng rng = check_rng();
    int64_t lens[150];
    random_lens(&rng, lens, 150, 70);
    PackOptions o = {32, 3, PACK_SPLIT, 5, true, NULL};
    Packer *p = make(source_of(lens, 150), o), *fresh;
    Batch *a = batch_for(o), *b = batch_for(o);
    int64_t epoch = packer_batches(p);
    int64_t asked[] = {4, 3 * epoch + 1, 0, 3 * epoch + 1, epoch - 1, epoch, 4};
    for (size_t k = 0; k < sizeof asked / sizeof *asked; k++) {
        get(p, asked[k], a);
        fresh = make(source_of(lens, 150), o);
        get(fresh, asked[k], b);
        assert_same(a, b);
        packer_free(fresh);
    }
    batch_free(a);
    batch_free(b);
    packer_free(p);
}

/* The first id of every batch of an epoch, and the sum of all ids. */
static double epoch_order(Packer *p, int64_t epoch, Batch *b, int32_t *first)
{
    double sum = 0;
    int64_t n = packer_batches(p);
    for (int64_t i = 0; i < n; i++) {
        get(p, epoch * n + i, b);
        first[i] = b->ids[0];
        for (int64_t k = 0; k < b->n; k++)
            sum += b->ids[k];
    }
    return sum;
}

static void epochs_differ_in_order_and_not_in_content(void **state)
{
    (void)state;
    Rng rng = check_rng();
    int64_t lens[150];
    random_lens(&rng, lens, 150, 70);
    PackOptions o = {32, 2, PACK_SPLIT, 5, true, NULL};
    Packer *p = make(source_of(lens, 150), o);
    Batch *b = batch_for(o);
    int32_t one[200], two[200], other[200];
    size_t bytes = (size_t)packer_batches(p) * sizeof *one;
    double sum = epoch_order(p, 0, b, one);
    CHECK_NEAR(epoch_order(p, 1, b, two), sum, 0);
    assert_memory_not_equal(one, two, bytes);
    packer_free(p);

    o.seed = 6;
    p = make(source_of(lens, 150), o);
    CHECK_NEAR(epoch_order(p, 0, b, other), sum, 0);
    assert_memory_not_equal(one, other, bytes);
    packer_free(p);

    o.shuffle = false;
    p = make(source_of(lens, 150), o);
    epoch_order(p, 0, b, one);
    epoch_order(p, 1, b, two);
    assert_memory_equal(one, two, bytes);
    packer_free(p);
    batch_free(b);
}

static void a_document_too_long_is_refused_with_both_numbers(void **state)
{
    (void)state;
    Err err;
    int64_t lens[] = {5, 9, 10};
    Packer *p;
    PackOptions o = {8, 2, PACK_REFUSE, 1, true, NULL};
    CHECK_FAILS(packer_new(&p, source_of(lens, 3), &o, &err), ERR_LIMIT,
                "document 3 has 10 tokens, and a row holds at most 9");
    assert_null(p);
}

static void documents_cut_or_dropped_are_counted(void **state)
{
    (void)state;
    int64_t lens[] = {5, 9, 10, 40, 1, 0};
    PackOptions o = {8, 2, PACK_TRUNCATE, 1, true, NULL};
    Packer *p = make(source_of(lens, 6), o);
    assert_int_equal(packer_dropped(p), 4);
    assert_int_equal(packer_tokens(p), 4 + 8 + 8 + 8);
    packer_free(p);
    o.overlong = PACK_DROP;
    p = make(source_of(lens, 6), o);
    assert_int_equal(packer_dropped(p), 4);
    assert_int_equal(packer_tokens(p), 4 + 8);
    packer_free(p);
    o.overlong = PACK_SPLIT;
    p = make(source_of(lens, 6), o);
    assert_int_equal(packer_dropped(p), 2);
    assert_int_equal(packer_tokens(p), 4 + 8 + 9 + 39);
    packer_free(p);
}

static void nothing_to_learn_is_an_error(void **state)
{
    (void)state;
    Err err;
    int64_t lens[] = {1, 0, 20};
    Packer *p;
    PackOptions o = {8, 2, PACK_DROP, 1, true, NULL};
    CHECK_FAILS(packer_new(&p, source_of(lens, 3), &o, &err), ERR_FORMAT,
                "nothing to learn from: 3 documents, 3 of them empty or too long");
    CHECK_FAILS(packer_new(&p, source_of(lens, 0), &o, &err), ERR_FORMAT,
                "nothing to learn from: 0 documents, 0 of them empty or too long");
    o.row = 0;
    CHECK_FAILS(packer_new(&p, source_of(lens, 3), &o, &err), ERR_OPTION,
                "a batch of 2 rows of 0 tokens is not between 1 and 2^31 tokens");
}

static void bytes_of_an_epoch_are_those_of_its_targets(void **state)
{
    (void)state;
    int64_t lens[] = {5, 9, 30};
    int32_t bytes[3 * STRIDE];
    double want = 0;
    for (int32_t i = 0; i < 3 * STRIDE; i++) {
        bytes[i] = i % 7;
        int32_t j = i % STRIDE;
        if (j >= 1 && j < lens[i / STRIDE] && j % 5 != 4)
            want += bytes[i];
    }
    PackOptions o = {8, 2, PACK_SPLIT, 1, true, bytes};
    Packer *p = make(source_of(lens, 3), o);
    Batch *b = batch_for(o);
    double sum = 0;
    for (int64_t i = 0; i < packer_batches(p); i++) {
        get(p, i, b);
        sum += b->target_bytes;
    }
    CHECK_NEAR(sum, want, 0);
    batch_free(b);
    packer_free(p);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    Err err;
    int64_t lens[] = {5, 9, 30, 12, 7, 3, 8, 9, 21, 2, 2, 2, 2, 5, 6, 7, 8};
    PackOptions o = {8, 2, PACK_SPLIT, 1, true, NULL};
    Packer *p = NULL;
    long n = 0;
    for (;; n++) {
        mem_fail_after(n);
        Status status = packer_new(&p, source_of(lens, 17), &o, &err);
        if (status == OK)
            break;
        assert_int_equal(status, ERR_NOMEM);
        assert_null(p);
    }
    mem_fail_after(-1);
    assert_true(n >= 12);
    packer_free(p);
    packer_free(NULL);
}

/* More documents than a window of the planner. */
static void several_windows_make_one_epoch(void **state)
{
    (void)state;
    enum { N = (1 << 18) + 1000 };
    int64_t *lens = mem_alloc_array(N, sizeof *lens);
    int64_t tokens = 0;
    for (int64_t i = 0; i < N; i++) {
        lens[i] = 2 + i % 50;
        tokens += lens[i] - 1;
    }
    PackOptions o = {256, 512, PACK_REFUSE, 1, false, NULL};
    Packer *p = make(source_of(lens, N), o);
    assert_int_equal(packer_tokens(p), tokens);
    assert_true(packer_fill(p) > 0.99);
    Batch *b = batch_for(o);
    int64_t documents = 0;
    for (int64_t i = 0; i < packer_batches(p); i++) {
        get(p, i, b);
        documents += b->documents;
    }
    assert_int_equal(documents, N);
    batch_free(b);
    packer_free(p);
    mem_free(lens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_has_every_target_exactly_once),
        cmocka_unit_test(lengths_at_the_edge_of_a_row_are_split_right),
        cmocka_unit_test(rows_are_never_over_full),
        cmocka_unit_test(best_fit_decreasing_fills_what_can_be_filled),
        cmocka_unit_test(many_short_documents_fill_rows_almost_wholly),
        cmocka_unit_test(batch_i_does_not_depend_on_what_was_asked_before),
        cmocka_unit_test(epochs_differ_in_order_and_not_in_content),
        cmocka_unit_test(a_document_too_long_is_refused_with_both_numbers),
        cmocka_unit_test(documents_cut_or_dropped_are_counted),
        cmocka_unit_test(nothing_to_learn_is_an_error),
        cmocka_unit_test(bytes_of_an_epoch_are_those_of_its_targets),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(several_windows_make_one_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
