/* test_golden.c - whole models against PyTorch: outputs, loss, every gradient, ten
 * steps of AdamW (tests/golden/gpt2layer/README.md).
 *
 * Tolerance: the reference is float64, stored as float32. Ours rounds to float32 after
 * each operation (2^-24 = 6e-8); from the embedding to a gradient and back some 60
 * operations follow one another, none of which enlarges a relative error by more than a
 * small factor here, so 60 * 6e-8 = 4e-6. We ask for 1e-5 of the tensor's largest. */
#include "support/check.h"
#include "support/small_model.h"
#include "support/temp.h"

#include "base/bytes.h"
#include "base/file.h"
#include "format/safetensors.h"
#include "model/folder.h"

#include <math.h>

/* Of everything but the gains of norms and adapters, and of those. In bf16: see the last
 * test. */
static double tolerance = 1e-5, gain_tolerance = 1e-5;

typedef struct Golden {
    FileMap map;
    Safetensors st;
} Golden;

static void golden_open(Golden *g, const char *folder, const char *name)
{
    Err err;
    Str path = {0};
    CHECK_OK(file_map(file_join(&path, folder, name), &g->map, &err));
    Span bytes = {(const char *)g->map.ptr, g->map.len};
    CHECK_OK(safetensors_parse(bytes, &g->st, &err));
    str_release(&path);
}

static void golden_close(Golden *g)
{
    safetensors_release(&g->st);
    file_unmap(&g->map);
}

/* The float32 (or int32: same size) values of a tensor; free() them. */
static void *golden_values(const Golden *g, const char *name, int64_t *n)
{
    const SafetensorsEntry *e = safetensors_find(&g->st, name);
    if (!e)
        print_message("no tensor '%s'\n", name);
    ASSERT(e);
    *n = e->count;
    uint32_t *values = calloc((size_t)e->count, 4);
    assert_non_null(values);
    for (int64_t i = 0; i < e->count; i++)
        values[i] = bytes_u32(g->map.ptr + e->begin + 4 * i);
    return values;
}

static Line golden_line(const Golden *g)
{
    Line line = {0};
    int64_t n;
    const char *const names[] = {"ids", "positions", "starts", "targets", "weights"};
    void *const into[] = {line.ids, line.positions, line.starts, line.targets,
                          line.weights};
    for (int i = 0; i < 5; i++) {
        void *values = golden_values(g, names[i], &n);
        assert_true(n <= LINE_MAX_TOKENS);
        memcpy(into[i], values, (size_t)n * 4);
        free(values);
    }
    line.n = n;
    for (int32_t i = 0; i < n; i++)
        line.rows[i] = i;
    return line;
}

/* Loss and gradients of either head, as make.py defines them. */
static double golden_loss(Model *model, Tape *tape, const Line *line)
{
    if (model->shape.head == HEAD_LM)
        return line_loss(model, tape, line, true);
    float score[LINE_MAX_TOKENS], dscore[LINE_MAX_TOKENS];
    ModelTokens tokens = line_tokens(line);
    model_forward(model, tape, &tokens);
    model_scores(model, tape, line->rows, line->n, score);
    double loss = 0;
    for (int64_t i = 0; i < line->n; i++) {
        loss += (double)line->weights[i] * (double)score[i] * (double)score[i];
        dscore[i] = 2 * line->weights[i] * score[i];
    }
    model_scores_backward(model, tape, dscore);
    model_backward(model, tape);
    return loss;
}

static void check_outputs(Model *model, Tape *tape, const Line *line,
                          const Golden *want)
{
    int64_t n;
    float *outputs = golden_values(want, "outputs", &n);
    float *got = calloc((size_t)n, sizeof *got);
    assert_non_null(got);
    if (model->shape.head == HEAD_LM)
        model_logits(model, tape, line->rows, line->n, got);
    else
        model_scores(model, tape, line->rows, line->n, got);
    check_close("outputs", got, outputs, n, tolerance);
    free(got);
    free(outputs);
}

/* Compares `values` (laid out as model->params) with the golden "<prefix><name>" of
 * every tensor: saved as a folder's weights they have Hugging Face's names. */
static void check_by_name(Model *model, Tensor values, const char *prefix,
                          const Golden *want)
{
    Err err;
    float *params = tensor_values(model->ops, model->params);
    model->ops->copy(model->ops, model->params, values);
    ModelSpecials specials = {.bos = -1, .pad = -1};
    CHECK_OK(model_folder_save(model, &specials, temp_folder, &err));
    model->ops->write(model->ops, model->params, params);
    free(params);

    Golden saved;
    golden_open(&saved, temp_folder,
                model->base ? "adapter_model.safetensors" : "model.safetensors");
    int64_t compared = 0;
    for (int64_t i = 0; i < saved.st.n; i++) {
        int64_t n, m;
        char name[160];
        (void)snprintf(name, sizeof name, "%s%s", prefix, saved.st.entries[i].name);
        float *a = golden_values(&saved, saved.st.entries[i].name, &n);
        float *b = golden_values(want, name, &m);
        assert_int_equal(n, m);
        bool is_narrow = strstr(name, "norm") || strstr(name, "lora_");
        check_close(name, a, b, n, is_narrow ? gain_tolerance : tolerance);
        compared += n;
        free(a);
        free(b);
    }
    assert_int_equal(compared, model->n_params);
    golden_close(&saved);
}

static void adamw_step(Model *model, Tensor m, Tensor v, int step)
{
    TensorOps *t = model->ops;
    int64_t offset = 0; /* weights lie in params in order, without gaps */
    for (int64_t i = 0; i < model->n_weights; i++) {
        Weight *w = model->weights[i];
        AdamwStep how = {
            .lr = 3e-3f,
            .beta1 = 0.9f,
            .beta2 = 0.95f,
            .eps = 1e-4f,
            .decay = w->decays ? 0.1f : 0,
            .grad_scale = 1,
            .correction1 = (float)(1 - pow(0.9, step)),
            .correction2 = (float)(1 - pow(0.95, step)),
        };
        t->adamw(t, w->value, w->grad, tensor_slice(m, offset, w->value.count),
                 tensor_slice(v, offset, w->value.count), how);
        offset += w->value.count;
    }
    model_changed(model);
}

static void check_adamw(Model *model, Tape *tape, const Line *line, const Golden *want)
{
    Err err;
    Tensor m, v;
    TensorOps *t = model->ops;
    CHECK_OK(t->alloc(t, &m, TENSOR_F32, model->n_params, &err));
    CHECK_OK(t->alloc(t, &v, TENSOR_F32, model->n_params, &err));
    int64_t n;
    float *losses = golden_values(want, "adamw_losses", &n), got[10];
    assert_int_equal(n, 10);
    for (int i = 0; i < 10; i++) {
        model_zero_grads(model);
        got[i] = (float)golden_loss(model, tape, line);
        adamw_step(model, m, v, i + 1);
    }
    check_close("adamw_losses", got, losses, n, tolerance);
    free(losses);
    t->free(t, &m);
    t->free(t, &v);
}

/* The model of a folder, to be trained: of an adapter folder, its adapter. */
static Model *open_for_training(TensorOps *ops, const char *folder)
{
    Err err;
    Model *model, *read;
    if (!model_folder_is_adapter(folder)) {
        CHECK_OK(model_folder_load(&model, ops, folder, true, NULL, &err));
        return model;
    }
    CHECK_OK(model_folder_open(&read, ops, folder, NULL, NULL, &err));
    CHECK_OK(model_adapter_new(&model, read, &read->shape.lora, read->shape.head, true,
                               1, &err));
    model_free(read);
    return model;
}

/* Merged into its base, an adapter gives the same. */
static void check_merged(TensorOps *ops, const char *folder, const Line *line,
                         const Golden *want)
{
    Err err;
    Model *model;
    Tape *tape;
    CHECK_OK(model_folder_load(&model, ops, folder, false, NULL, &err));
    assert_null(model->base);
    CHECK_OK(tape_new(&tape, model, line->n, (TapeOptions){0}, &err));
    ModelTokens tokens = line_tokens(line);
    model_forward(model, tape, &tokens);
    check_outputs(model, tape, line, want);
    tape_free(tape);
    model_free(model);
}

static void check_case(TensorOps *ops, const char *name)
{
    Err err;
    Str folder = {0};
    file_join(&folder, TEST_GOLDEN_DIR "/gpt2layer", name);
    Golden want;
    golden_open(&want, str_c(&folder), "expected.safetensors");
    Line line = golden_line(&want);
    Tape *tape;
    Model *model = open_for_training(ops, str_c(&folder));
    CHECK_OK(tape_new(&tape, model, line.n, (TapeOptions){.backward = true}, &err));

    int64_t n;
    float *loss = golden_values(&want, "loss", &n);
    CHECK_NEAR(golden_loss(model, tape, &line), loss[0], tolerance * (double)loss[0]);
    free(loss);
    check_outputs(model, tape, &line, &want);
    check_by_name(model, model->grads, "grad.", &want);
    check_adamw(model, tape, &line, &want);
    check_by_name(model, model->params, "final.", &want);
    if (model->base)
        check_merged(ops, str_c(&folder), &line, &want);

    tape_free(tape);
    model_free(model);
    golden_close(&want);
    str_release(&folder);
}

static void check_models(TensorOps *ops)
{
    check_case(ops, "llama");
    check_case(ops, "qwen2");
    check_case(ops, "qwen3");
    check_case(ops, "reward");
}

static void check_adapters(TensorOps *ops)
{
    check_case(ops, "llama_lora");
    check_case(ops, "qwen2_lora");
    check_case(ops, "qwen3_lora");
    check_case(ops, "reward_lora");
}

static void check_backend(TensorOps *ops)
{
    check_models(ops);
    check_adapters(ops);
    tensor_free(ops);
}

static void the_reference_backend_agrees_with_pytorch(void **state)
{
    (void)state;
    Err err;
    TensorOps *ops;
    CHECK_OK(tensor_ref_new(&ops, &err));
    check_backend(ops);
}

static void the_fast_backend_agrees_with_pytorch(void **state)
{
    (void)state;
    Err err;
    TensorOps *ops;
    CHECK_OK(tensor_cpu_new(&ops, &(TensorCpuOptions){.threads = 2}, &err));
    check_backend(ops);
}

static void bf16_products_stay_near_pytorch(void **state)
{
    (void)state;
    Err err;
    TensorOps *ops;
    TensorCpuOptions o = {.threads = 2, .compute = COMPUTE_BF16};
    CHECK_OK(tensor_cpu_new(&ops, &o, &err));
    /* An operand is rounded by up to 2^-9, a product's two by 1.4 times that; some 28
     * products (of attention, too) on the way from the embedding to a gradient add such
     * errors at random: 5.3 * 1.4 * 2^-9 = 1.45 %, of which the worst element may have
     * twice. The gradient of a gain is what is left of a sum over all rows and heads
     * whose terms cancel: there an error counts twice as much. */
    tolerance = 2.9e-2;
    gain_tolerance = 5.8e-2;
    check_models(ops);
    /* An adapter here is half its weight and more, and its two products follow one another:
     * of two halves of an output, one has the error of two products. That is 1.5 times the
     * square of the error, 1.22 times the error. The gradients of A and B are what is left
     * of sums of few terms, as those of gains are. */
    tolerance *= 1.22;
    gain_tolerance *= 1.22;
    check_adapters(ops);
    tensor_free(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(the_reference_backend_agrees_with_pytorch),
        TEMP_TEST(the_fast_backend_agrees_with_pytorch),
        TEMP_TEST(bf16_products_stay_near_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
