/* test_folder.c - model folders (model/folder.c, folder_config.c, folder_weights.c). */
#include "support/small_model.h"
#include "support/temp.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/folder.h"

#include <math.h>

static TensorOps *ops;

static const ModelSpecials specials = {.bos = 3, .pad = 0, .eos = {5, 7}, .n_eos = 2};

static void save(const Model *model, const char *folder)
{
    Err err;
    CHECK_OK(file_make_folders(folder, &err));
    CHECK_OK(model_folder_save(model, &specials, folder, &err));
}

static Str contents(const char *folder, const char *name)
{
    Err err;
    Str path = {0}, text = {0};
    CHECK_OK(file_read(file_join(&path, folder, name), 1 << 20, &text, &err));
    str_release(&path);
    return text;
}

static void check_same_file(const char *a, const char *b, const char *name)
{
    Str x = contents(a, name), y = contents(b, name);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(str_c(&x), str_c(&y), x.len);
    str_release(&x);
    str_release(&y);
}

static void save_load_save_gives_the_same_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        Err err;
        Model *model = small_model(ops, (ModelFamily)(i / 2), (ModelHead)(i % 2)),
              *again;
        ModelSpecials read;
        const char *a = temp_path("a"), *b = temp_path("b");
        save(model, a);
        CHECK_OK(model_folder_load(&again, ops, a, true, &read, &err));
        CHECK_NEAR(again->score_bias, model->score_bias, 0);
        assert_true(again->layer[0].qkv.trainable);
        assert_int_equal(read.bos, 3);
        assert_int_equal(read.pad, 0);
        assert_int_equal(read.n_eos, 2);
        assert_int_equal(read.eos[1], 7);
        float *x = tensor_values(ops, model->params);
        float *y = tensor_values(ops, again->params);
        assert_memory_equal(x, y, (size_t)model->n_params * 4);
        free(x);
        free(y);

        CHECK_OK(file_make_folders(b, &err));
        CHECK_OK(model_folder_save(again, &read, b, &err));
        check_same_file(a, b, "config.json");
        check_same_file(a, b, "generation_config.json");
        check_same_file(a, b, "model.safetensors");
        model_free(model);
        model_free(again);
    }
}

static void the_config_is_written_for_transformers(void **state)
{
    (void)state;
    Err err;
    json_t *o, *rope;
    Model *model = small_model(ops, MODEL_QWEN2, HEAD_SCALAR);
    save(model, temp_folder);
    CHECK_OK(json_read_file(temp_path("config.json"), &o, &err));
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(o, "architectures"), 0)),
        "Qwen2ForSequenceClassification");
    rope = json_object_get(o, "rope_parameters");
    CHECK_NEAR(json_number_value(json_object_get(o, "rope_theta")), 10000, 0);
    CHECK_NEAR(json_number_value(json_object_get(rope, "rope_theta")), 10000, 0);
    assert_string_equal(json_string_value(json_object_get(rope, "rope_type")),
                        "default");
    assert_string_equal(json_string_value(json_object_get(o, "dtype")), "float32");
    assert_string_equal(json_string_value(json_object_get(o, "torch_dtype")),
                        "float32");
    assert_int_equal(json_object_size(json_object_get(o, "id2label")), 1);
    assert_int_equal(json_integer_value(json_object_get(o, "num_labels")), 1);
    assert_int_equal(json_integer_value(json_object_get(o, "eos_token_id")), 5);
    CHECK_NEAR(json_number_value(json_object_get(o, "tame_reward_bias")), 0.25, 0);
    assert_true(json_is_integer(json_object_get(o, "pad_token_id")));
    json_decref(o);
    model_free(model);
}

static void ids_that_there_are_not_are_null(void **state)
{
    (void)state;
    Err err;
    json_t *o;
    ModelSpecials none = {.bos = -1, .pad = -1}, read;
    ModelShape shape;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    CHECK_OK(model_folder_save(model, &none, temp_folder, &err));
    CHECK_OK(json_read_file(temp_path("config.json"), &o, &err));
    /* Without the key transformers would take Llama's 1 and 2. */
    assert_true(json_is_null(json_object_get(o, "bos_token_id")));
    assert_true(json_is_null(json_object_get(o, "eos_token_id")));
    json_decref(o);
    CHECK_OK(model_folder_shape(temp_folder, &shape, &read, &err));
    assert_int_equal(read.bos, -1);
    assert_int_equal(read.pad, -1);
    assert_int_equal(read.n_eos, 0);
    model_free(model);
}

/* --- weights that others wrote ----------------------------------------------------- */

/* What happens to the tensors of a saved folder on the way to another file. */
typedef struct Rewrite {
    const char *dtype;     /* "F32", "BF16", "F16", "I64" */
    const char *leave_out; /* a name */
    const char *rename;    /* a name */
    char *to;              /* its new one */
    const char *transpose; /* a name */
    int64_t from, n;       /* which entries; n 0: all */
} Rewrite;

/* The half that is nearest below |f| for normal halves: enough for test values. */
static uint16_t half_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    int32_t exponent = (int32_t)(u >> 23 & 255) - 127 + 15;
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    if (exponent <= 0)
        return sign;
    return (uint16_t)(sign | exponent << 10 | (int32_t)(u >> 13 & 1023));
}

static void put_value(Str *data, const char *dtype, float f)
{
    unsigned char bytes[8] = {0};
    uint32_t u;
    memcpy(&u, &f, 4);
    uint16_t half = strcmp(dtype, "F16") == 0 ? half_of(f) : bytes_f32_to_bf16(f);
    if (strcmp(dtype, "F32") == 0)
        bytes_put_u32(bytes, u);
    else
        bytes_put_u32(bytes, half);
    str_append(data, (char *)bytes, (size_t)safetensors_dtype_bytes(dtype));
}

static void rewrite(const char *from, const char *to, Rewrite how)
{
    Err err;
    FileMap map;
    Safetensors st;
    SafetensorsEntry entries[64] = {0};
    Str data = {0}, out = {0};
    int64_t n = 0;
    CHECK_OK(file_map(from, &map, &err));
    CHECK_OK(safetensors_parse((Span){(const char *)map.ptr, map.len}, &st, &err));
    assert_true(st.n <= 64);
    for (int64_t i = how.from; i < (how.n ? how.from + how.n : st.n); i++) {
        SafetensorsEntry e = st.entries[i];
        if (how.leave_out && strcmp(e.name, how.leave_out) == 0)
            continue;
        for (int64_t j = 0; j < e.count; j++)
            put_value(&data, how.dtype, bytes_f32(map.ptr + e.begin + 4 * j));
        if (how.rename && strcmp(e.name, how.rename) == 0)
            e.name = how.to;
        if (how.transpose && strcmp(e.name, how.transpose) == 0) {
            int64_t rows = e.dims[0];
            e.dims[0] = e.dims[1];
            e.dims[1] = rows;
        }
        memcpy(e.dtype, how.dtype, strlen(how.dtype) + 1);
        entries[n++] = e;
    }
    CHECK_OK(safetensors_header(entries, n, NULL, 0, &out, &err));
    str_append(&out, str_c(&data), data.len);
    file_unmap(&map);
    CHECK_OK(file_write_atomic(to, str_c(&out), out.len, &err));
    safetensors_release(&st);
    str_release(&data);
    str_release(&out);
}

/* A saved model whose weights file was rewritten; the model is the caller's. */
static Model *rewritten(ModelFamily family, Rewrite how)
{
    Model *model = small_model(ops, family, HEAD_LM);
    save(model, temp_folder);
    rewrite(temp_path("model.safetensors"), temp_path("model.safetensors"), how);
    return model;
}

static void sixteen_bit_weights_are_widened(void **state)
{
    (void)state;
    const char *const dtypes[] = {"BF16", "F16"};
    const double error[] = {1.0 / 256,
                            1.0 / 1024}; /* of each value: half an ulp; one */
    for (int i = 0; i < 2; i++) {
        Err err;
        Model *model = rewritten(MODEL_LLAMA, (Rewrite){.dtype = dtypes[i]}), *read;
        CHECK_OK(model_folder_load(&read, ops, temp_folder, false, NULL, &err));
        float *x = tensor_values(ops, model->params);
        float *y = tensor_values(ops, read->params);
        for (int64_t j = 0; j < model->n_params; j++)
            CHECK_NEAR(y[j], x[j],
                       6.2e-5 + error[i] * (double)(x[j] < 0 ? -x[j] : x[j]));
        free(x);
        free(y);
        model_free(model);
        model_free(read);
    }
}

static void write_index(const char *names_and_files)
{
    Err err;
    Str text = {0};
    str_printf(&text, "{\"metadata\": {}, \"weight_map\": {%s}}", names_and_files);
    CHECK_OK(file_write_atomic(temp_path("model.safetensors.index.json"), str_c(&text),
                               text.len, &err));
    str_release(&text);
}

static void sharded_weights_are_joined(void **state)
{
    (void)state;
    Err err;
    Model *model = small_model(ops, MODEL_QWEN3, HEAD_LM), *read;
    save(model, temp_folder);
    const char *whole = temp_path("model.safetensors");
    rewrite(whole, temp_path("model-1.safetensors"), (Rewrite){.dtype = "F32", .n = 4});
    rewrite(whole, temp_path("model-2.safetensors"),
            (Rewrite){.dtype = "F32", .from = 4});
    assert_int_equal(remove(whole), 0);
    write_index("\"a\": \"model-1.safetensors\", \"b\": \"model-2.safetensors\", "
                "\"c\": \"model-1.safetensors\"");
    CHECK_OK(model_folder_load(&read, ops, temp_folder, false, NULL, &err));
    float *x = tensor_values(ops, model->params);
    float *y = tensor_values(ops, read->params);
    assert_memory_equal(x, y, (size_t)model->n_params * 4);
    free(x);
    free(y);
    model_free(model);
    model_free(read);
}

/* The message begins with the quoted folder, here left out. */
static void check_load_fails(Status code, const char *message)
{
    Err err;
    Model *read;
    char want[512];
    (void)snprintf(want, sizeof want, "'%s%s", temp_folder, message);
    CHECK_FAILS(model_folder_load(&read, ops, temp_folder, false, NULL, &err), code,
                want);
    assert_null(read);
}

static void bad_indexes_are_refused(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    save(model, temp_folder);
    const char *whole = temp_path("model.safetensors");
    rewrite(whole, temp_path("1.safetensors"), (Rewrite){.dtype = "F32"});
    rewrite(whole, temp_path("2.safetensors"), (Rewrite){.dtype = "F32", .n = 1});
    assert_int_equal(remove(whole), 0);
    check_load_fails(ERR_IO, "' has no model.safetensors and no "
                             "model.safetensors.index.json");
    write_index("\"a\": \"../1.safetensors\"");
    check_load_fails(ERR_FORMAT, "/model.safetensors.index.json': 'a' is not in a file "
                                 "of this folder");
    write_index("");
    check_load_fails(ERR_FORMAT, "/model.safetensors.index.json': no 'weight_map'");
    write_index("\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"");
    check_load_fails(ERR_FORMAT,
                     "': tensor 'model.embed_tokens.weight' is in two files");
    model_free(model);
}

static void wrong_tensors_are_named(void **state)
{
    (void)state;
    static char other[] = "model.norm.bias";
    const struct {
        Rewrite how;
        const char *message;
    } cases[] = {
        {{.dtype = "F32", .leave_out = "model.layers.1.self_attn.k_proj.weight"},
         "': tensor 'model.layers.1.self_attn.k_proj.weight' [12, 10] is missing"},
        {{.dtype = "F32", .transpose = "model.layers.0.mlp.up_proj.weight"},
         "': tensor 'model.layers.0.mlp.up_proj.weight' is [10, 13], not [13, 10]"},
        {{.dtype = "F32", .rename = "model.norm.weight", .to = other},
         "': tensor 'model.norm.bias' is not one of this model"},
        {{.dtype = "I64"},
         "': tensor 'model.embed_tokens.weight' is of type I64, not F32, BF16 or "
         "F16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        model_free(rewritten(MODEL_LLAMA, cases[i].how));
        check_load_fails(ERR_FORMAT, cases[i].message);
    }
}

static void second_copies_of_a_tied_head_and_buffers_are_passed_over(void **state)
{
    (void)state;
    Err err;
    json_t *o;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM), *read;
    save(model, temp_folder); /* untied: with lm_head.weight */
    CHECK_OK(json_read_file(temp_path("config.json"), &o, &err));
    (void)json_object_set_new(o, "tie_word_embeddings", json_true());
    CHECK_OK(json_write_file(temp_path("config.json"), o, &err));
    json_decref(o);
    for (int i = 0; i < 2; i++) {
        static char buffer[] = "model.layers.0.self_attn.rotary_emb.inv_freq";
        CHECK_OK(model_folder_load(&read, ops, temp_folder, false, NULL, &err));
        assert_true(read->shape.tied);
        model_free(read);
        const char *file = temp_path("model.safetensors");
        rewrite(file, file,
                (Rewrite){.dtype = "F32", .rename = "lm_head.weight", .to = buffer});
    }
    model_free(model);
}

static void cut_weights_are_refused(void **state)
{
    (void)state;
    Err err;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM), *read;
    save(model, temp_folder);
    CHECK_OK(file_truncate(temp_path("model.safetensors"), 5000, &err));
    assert_int_equal(model_folder_load(&read, ops, temp_folder, false, NULL, &err),
                     ERR_FORMAT);
    assert_non_null(strstr(err.msg, "/model.safetensors': "));
    model_free(model);
}

static void weights_that_are_no_numbers_are_named(void **state)
{
    (void)state;
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
        ops->write(ops, tensor_slice(model->norm.value, 2, 1), &wrong[i]);
        save(model, temp_folder);
        check_load_fails(ERR_FORMAT, "': tensor 'model.norm.weight': value 2 is not a "
                                     "finite number");
        model_free(model);
    }
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    save(model, temp_folder);
    for (long n = 0;; n++) {
        Err err = {0};
        Model *read = NULL;
        mem_fail_after(n);
        Status s = model_folder_load(&read, ops, temp_folder, false, NULL, &err);
        mem_fail_after(-1);
        model_free(read);
        if (s == OK)
            break;
        assert_int_equal(s, ERR_NOMEM);
    }
    for (long n = 0;; n++) {
        Err err = {0};
        mem_fail_after(n);
        Status s = model_folder_save(model, &specials, temp_folder, &err);
        mem_fail_after(-1);
        if (s == OK)
            break;
        assert_int_equal(s, ERR_NOMEM);
    }
    model_free(model);
}

int main(void)
{
    Err err;
    if (tensor_ref_new(&ops, &err) != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEMP_TEST(save_load_save_gives_the_same_bytes),
        TEMP_TEST(the_config_is_written_for_transformers),
        TEMP_TEST(ids_that_there_are_not_are_null),
        TEMP_TEST(sixteen_bit_weights_are_widened),
        TEMP_TEST(sharded_weights_are_joined),
        TEMP_TEST(bad_indexes_are_refused),
        TEMP_TEST(wrong_tensors_are_named),
        TEMP_TEST(second_copies_of_a_tied_head_and_buffers_are_passed_over),
        TEMP_TEST(cut_weights_are_refused),
        TEMP_TEST(weights_that_are_no_numbers_are_named),
        TEMP_TEST(every_failed_allocation_is_reported),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tensor_free(ops);
    return failed;
}
