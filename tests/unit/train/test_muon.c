/* test_muon.c - which weights Muon updates, each as a matrix of its own. */
#include "support/small_model.h"

#include "train/adamw.h"

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

static const AdamwOptions how = {.lr = 0.1,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-8,
                                 .weight_decay = 0.1,
                                 .clip_norm = 1,
                                 .muon_lr = 0.02,
                                 .muon_momentum = 0.95};

/* A model after two updates from the same random gradient. */
typedef struct Trained {
    Model *model;
    Adamw adamw;
    double norm;
} Trained;

static void trained_make(Trained *t, bool muon)
{
    Err err;
    const char *bad = NULL;
    t->model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    if (muon)
        CHECK_OK(adamw_muon_new(&t->adamw, t->model, &err));
    else
        CHECK_OK(adamw_new(&t->adamw, t->model, &err));
    Rng rng = rng_make(5, RNG_TEST, 0);
    for (int64_t i = 0; i < t->model->n_params; i++) {
        float x = (float)rng_normal(&rng);
        ops->write(ops, tensor_slice(t->model->grads, i, 1), &x);
    }
    for (int i = 0; i < 2; i++)
        t->norm = adamw_update(&t->adamw, t->model, &how, &bad);
}

static void trained_free(Trained *t)
{
    adamw_release(&t->adamw, t->model);
    model_free(t->model);
}

/* Rows [first, first + rows) of w, updated as a matrix that stands alone. */
static void check_alone(const Weight *start, const Weight *w, int64_t first,
                        int64_t rows, double norm)
{
    Err err;
    int64_t at = first * w->cols, n = rows * w->cols;
    Tensor value, m;
    CHECK_OK(ops->alloc(ops, &value, TENSOR_F32, n, &err));
    CHECK_OK(ops->alloc(ops, &m, TENSOR_F32, n, &err));
    ops->copy(ops, value, tensor_slice(start->value, at, n));
    MuonMatrix u = {value, tensor_slice(w->grad, at, n), m, rows, w->cols};
    MuonStep step = {0.02F, 0.95F, 0.1F, (float)(1 / norm)};
    ops->muon(ops, &u, 1, step);
    ops->muon(ops, &u, 1, step);
    float *got = tensor_values(ops, tensor_slice(w->value, at, n));
    float *want = tensor_values(ops, value);
    assert_memory_equal(got, want, (size_t)n * sizeof *got);
    free(got);
    free(want);
    ops->free(ops, &value);
    ops->free(ops, &m);
}

static void every_matrix_of_a_layer_stands_alone(void **state)
{
    (void)state;
    Trained t;
    Model *start = small_model(ops, MODEL_LLAMA, HEAD_LM);
    trained_make(&t, true);
    for (int i = 0; i < 2; i++) {
        const ModelLayer *was = &start->layer[i], *is = &t.model->layer[i];
        check_alone(&was->qkv, &is->qkv, 0, 24,
                    t.norm); /* 4 heads of 6, then 2 and 2 */
        check_alone(&was->qkv, &is->qkv, 24, 12, t.norm);
        check_alone(&was->qkv, &is->qkv, 36, 12, t.norm);
        check_alone(&was->out, &is->out, 0, 10, t.norm);
        check_alone(&was->gate_up, &is->gate_up, 0, 13, t.norm);
        check_alone(&was->gate_up, &is->gate_up, 13, 13, t.norm);
        check_alone(&was->down, &is->down, 0, 10, t.norm);
    }
    model_free(start);
    trained_free(&t);
}

static void all_other_weights_are_adamws(void **state)
{
    (void)state;
    Trained muon, adamw;
    trained_make(&muon, true);
    trained_make(&adamw, false);
    for (int64_t i = 0; i < muon.model->n_weights; i++) {
        bool takes = strstr(muon.model->names[i], "proj") != NULL;
        float *a = tensor_values(ops, muon.model->weights[i]->value);
        float *b = tensor_values(ops, adamw.model->weights[i]->value);
        size_t bytes = (size_t)muon.model->weights[i]->value.count * sizeof *a;
        assert_int_equal(memcmp(a, b, bytes) != 0, takes);
        free(a);
        free(b);
    }
    trained_free(&muon);
    trained_free(&adamw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_matrix_of_a_layer_stands_alone),
        cmocka_unit_test(all_other_weights_are_adamws),
    };
    return cmocka_run_group_tests(tests, make_ops, free_ops);
}
