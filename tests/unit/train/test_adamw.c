/* test_adamw.c - the optimizer against numbers worked out by hand. */
#include "support/small_model.h"

#include "train/adamw.h"

#include <math.h>

static TensorOps *ops;

static int make_ops(void **state)
{
    (void)state;
    Err err;
    return tensor_ref_new(&ops, &err) == OK ? 0 : -1;
}

static int free_ops(void **state)
{
    (void)state;
    tensor_free(ops);
    return 0;
}

static const AdamwOptions plain = {.lr = 0.1,
                                   .beta1 = 0.9,
                                   .beta2 = 0.999,
                                   .eps = 1e-8,
                                   .weight_decay = 0.1,
                                   .clip_norm = 0};

/* A model of ones with the gradient 0.5 everywhere. */
typedef struct Ones {
    Model *model;
    Adamw adamw;
} Ones;

static void ones_make(Ones *o)
{
    Err err;
    ModelShape shape = small_shape(MODEL_LLAMA, HEAD_LM);
    CHECK_OK(model_new(&o->model, ops, &shape, true, &err));
    CHECK_OK(adamw_new(&o->adamw, o->model, &err));
    ops->fill(ops, o->model->params, 1);
    ops->fill(ops, o->model->grads, 0.5F);
}

static void ones_free(Ones *o)
{
    adamw_release(&o->adamw, o->model);
    model_free(o->model);
}

static double first_value(Tensor x)
{
    float value;
    ops->read(ops, &value, tensor_slice(x, 0, 1));
    return (double)value;
}

/* Tolerances: 1 - beta is taken in f32, off by up to 6e-5 of it for beta2.
 *
 * Both moments are bias-corrected, so with a constant gradient every step is lr long:
 * matrix 1 -> 0.99 - 0.1 -> 0.89 * 0.99 - 0.1; vector 1 -> 0.9 -> 0.8. */
static void two_steps_are_as_worked_out_by_hand(void **state)
{
    (void)state;
    Ones o;
    const char *bad = NULL;
    ones_make(&o);
    adamw_update(&o.adamw, o.model, &plain, &bad);
    CHECK_NEAR(first_value(o.model->embed.value), 0.89, 1e-6);
    CHECK_NEAR(first_value(o.model->norm.value), 0.90, 1e-5);
    adamw_update(&o.adamw, o.model, &plain, &bad);
    CHECK_NEAR(first_value(o.model->embed.value), 0.7811, 1e-5);
    CHECK_NEAR(first_value(o.model->norm.value), 0.80, 1e-5);
    CHECK_NEAR(first_value(o.adamw.m), 0.095, 1e-6);      /* .9*.05 + .1*.5 */
    CHECK_NEAR(first_value(o.adamw.v), 0.00049975, 1e-8); /* .999*.00025 + .001*.25 */
    assert_int_equal(o.adamw.t, 2);
    ones_free(&o);
}

static void eps_is_added_to_the_corrected_root(void **state)
{
    (void)state;
    Ones o;
    const char *bad = NULL;
    AdamwOptions large = plain;
    large.eps = 0.5;
    large.weight_decay = 0;
    ones_make(&o);
    adamw_update(&o.adamw, o.model, &large, &bad);
    CHECK_NEAR(first_value(o.model->embed.value), 0.95, 1e-6); /* 1 - .1 * .5/(.5+.5) */
    ones_free(&o);
}

static void clipping_scales_the_whole_gradient_to_the_norm(void **state)
{
    (void)state;
    Ones o;
    const char *bad = NULL;
    AdamwOptions clipped = plain;
    clipped.clip_norm = 0.25;
    ones_make(&o);
    double norm = adamw_update(&o.adamw, o.model, &clipped, &bad);
    CHECK_NEAR(norm, 0.5 * sqrt((double)o.model->n_params), 1e-3);
    CHECK_NEAR(first_value(o.adamw.m), 0.1 * 0.5 * 0.25 / norm, 1e-8);
    ones_free(&o);
}

static void a_gradient_below_the_norm_is_not_scaled(void **state)
{
    (void)state;
    Ones o;
    const char *bad = NULL;
    AdamwOptions clipped = plain;
    clipped.clip_norm = 1e6;
    ones_make(&o);
    adamw_update(&o.adamw, o.model, &clipped, &bad);
    CHECK_NEAR(first_value(o.adamw.m), 0.05, 1e-6);
    ones_free(&o);
}

static void a_nan_is_named_and_changes_nothing(void **state)
{
    (void)state;
    Ones o;
    const char *bad = NULL;
    const float nan_value = NAN;
    ones_make(&o);
    ops->write(ops, tensor_slice(o.model->layer[1].down.grad, 3, 1), &nan_value);
    double norm = adamw_update(&o.adamw, o.model, &plain, &bad);
    assert_false(isfinite(norm));
    assert_string_equal(bad, "model.layers.1.mlp.down_proj.weight");
    CHECK_NEAR(first_value(o.model->embed.value), 1, 0);
    CHECK_NEAR(first_value(o.adamw.m), 0, 0);
    assert_int_equal(o.adamw.t, 0);
    ones_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_steps_are_as_worked_out_by_hand),
        cmocka_unit_test(eps_is_added_to_the_corrected_root),
        cmocka_unit_test(clipping_scales_the_whole_gradient_to_the_norm),
        cmocka_unit_test(a_gradient_below_the_norm_is_not_scaled),
        cmocka_unit_test(a_nan_is_named_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, make_ops, free_ops);
}
