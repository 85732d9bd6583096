/* test_batch.c - documents as rows: targets, weights, positions, boundaries. */
#include "support/check.h"

#include "base/mem.h"
#include "data/batch.h"

static const int32_t five[] = {7, 1, 2, 3, 9};

static Batch *make(int64_t capacity)
{
    Err err;
    Batch *b;
    CHECK_OK(batch_new(&b, capacity, &err));
    return b;
}

static void a_document_has_a_row_for_every_target(void **state)
{
    (void)state;
    Batch *b = make(10);
    assert_true(batch_add(b, five, NULL, 5));
    assert_true(batch_add(b, five + 2, NULL, 2));
    batch_finish(b);
    static const int32_t ids[] = {7, 1, 2, 3, 2}, targets[] = {1, 2, 3, 9, 3},
                         positions[] = {0, 1, 2, 3, 0}, starts[] = {0, 0, 0, 0, 4};
    assert_int_equal(b->n, 5);
    assert_int_equal(b->documents, 2);
    assert_memory_equal(b->ids, ids, sizeof ids);
    assert_memory_equal(b->targets, targets, sizeof targets);
    assert_memory_equal(b->positions, positions, sizeof positions);
    assert_memory_equal(b->starts, starts, sizeof starts);
    CHECK_NEAR(b->weight, 5, 0);
    assert_int_equal(b->n_learned, 5);
    ModelTokens tokens = batch_tokens(b);
    assert_int_equal(tokens.n, 5);
    assert_ptr_equal(tokens.starts, b->starts);
    batch_free(b);
}

static void the_weight_of_an_id_is_that_of_the_row_before_it(void **state)
{
    (void)state;
    Batch *b = make(4);
    static const float weights[] = {5, 0, 0.5F, 0, 2};
    assert_true(batch_add(b, five, weights, 5));
    batch_finish(b);
    assert_int_equal(b->n_learned, 2);
    assert_int_equal(b->learned_rows[0], 1);
    assert_int_equal(b->learned_rows[1], 3);
    assert_int_equal(b->learned_targets[0], 2);
    assert_int_equal(b->learned_targets[1], 9);
    CHECK_NEAR(b->learned_weights[0], 0.5, 0);
    CHECK_NEAR(b->learned_weights[1], 2, 0);
    assert_int_equal(b->targets[0], 0); /* nothing is learned there */
    CHECK_NEAR(b->weight, 2.5, 0);
    batch_free(b);
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    Batch *b = make(6);
    assert_true(batch_add(b, five, NULL, 5));
    assert_false(batch_add(b, five, NULL, 4));
    assert_int_equal(batch_add_inputs(b, five, 3), -1);
    assert_int_equal(b->n, 4);
    assert_int_equal(b->documents, 1);
    assert_true(batch_add(b, five, NULL, 3)); /* exactly the rest */
    assert_int_equal(b->n, 6);
    batch_free(b);
}

static void one_id_predicts_nothing(void **state)
{
    (void)state;
    Batch *b = make(2);
    assert_true(batch_add(b, five, NULL, 1));
    assert_true(batch_add(b, five, NULL, 0));
    batch_finish(b);
    assert_int_equal(b->n, 0);
    assert_int_equal(b->documents, 0);
    assert_int_equal(b->n_learned, 0);
    batch_free(b);
}

static void inputs_have_a_row_for_every_id_and_no_target(void **state)
{
    (void)state;
    Batch *b = make(8);
    assert_true(batch_add(b, five, NULL, 3));
    assert_int_equal(batch_add_inputs(b, five, 5), 2);
    batch_finish(b);
    assert_int_equal(b->n, 7);
    assert_int_equal(b->n_learned, 2);
    assert_int_equal(b->ids[6], 9);
    assert_int_equal(b->starts[6], 2);
    assert_int_equal(b->positions[6], 4);
    batch_free(b);
}

static void a_reset_batch_forgets_old_targets(void **state)
{
    (void)state;
    Batch *b = make(5);
    assert_true(batch_add(b, five, NULL, 5));
    batch_finish(b);
    batch_reset(b);
    assert_int_equal(batch_add_inputs(b, five, 5), 0);
    batch_finish(b);
    assert_int_equal(b->n_learned, 0);
    CHECK_NEAR(b->weight, 0, 0);
    batch_free(b);
}

static void bytes_are_those_of_learned_targets(void **state)
{
    (void)state;
    Batch *b = make(5);
    static const float weights[] = {1, 1, 0, 1, 1};
    static const int32_t bytes[] = {0, 10, 200, 4, 0, 0, 0, 1000, 0, 1};
    assert_true(batch_add(b, five, weights, 5));
    batch_finish(b);
    batch_count_bytes(b, bytes);
    CHECK_NEAR(b->target_bytes, 10 + 4 + 1, 0);
    batch_free(b);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    Err err;
    Batch *b = NULL;
    long n = 0;
    for (;; n++) {
        mem_fail_after(n);
        Status status = batch_new(&b, 4, &err);
        if (status == OK)
            break;
        assert_int_equal(status, ERR_NOMEM);
        assert_null(b);
    }
    mem_fail_after(-1);
    assert_true(n >= 8);
    batch_free(b);
    batch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_has_a_row_for_every_target),
        cmocka_unit_test(the_weight_of_an_id_is_that_of_the_row_before_it),
        cmocka_unit_test(what_does_not_fit_is_refused_and_changes_nothing),
        cmocka_unit_test(one_id_predicts_nothing),
        cmocka_unit_test(inputs_have_a_row_for_every_id_and_no_target),
        cmocka_unit_test(a_reset_batch_forgets_old_targets),
        cmocka_unit_test(bytes_are_those_of_learned_targets),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
