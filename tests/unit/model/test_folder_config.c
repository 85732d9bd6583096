/* test_folder_config.c - what config.json may say (model/folder_config.c). */
#include "support/check.h"
#include "support/temp.h"

#include "format/json.h"
#include "model/folder.h"

static const char minimal[] =
    "\"architectures\": [\"LlamaForCausalLM\"], \"vocab_size\": 40, \"hidden_size\": "
    "16, "
    "\"intermediate_size\": 24, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, "
    "\"max_position_embeddings\": 64";

/* A minimal config with members added or replaced: `more` is the inside of an object. */
static void write_config(const char *more)
{
    Err err;
    json_t *o, *change;
    Str text = {0};
    str_printf(&text, "{%s}", minimal);
    CHECK_OK(json_parse(str_span(&text), &o, &err));
    str_reset(&text);
    str_printf(&text, "{%s}", more);
    CHECK_OK(json_parse(str_span(&text), &change, &err));
    assert_int_equal(json_object_update(o, change), 0);
    CHECK_OK(json_write_file(temp_path("config.json"), o, &err));
    json_decref(o);
    json_decref(change);
    str_release(&text);
}

static ModelShape shape_with(const char *more, ModelSpecials *specials)
{
    Err err;
    ModelShape shape;
    write_config(more);
    CHECK_OK(model_folder_shape(temp_folder, &shape, specials, &err));
    return shape;
}

static void check_refused(const char *more, const char *message)
{
    Err err;
    ModelShape shape;
    char want[512];
    write_config(more);
    (void)snprintf(want, sizeof want, "'%s/config.json': %s", temp_folder, message);
    CHECK_FAILS(model_folder_shape(temp_folder, &shape, NULL, &err), ERR_FORMAT, want);
}

static void absent_keys_have_the_defaults_of_transformers(void **state)
{
    (void)state;
    ModelSpecials specials;
    ModelShape s = shape_with("", &specials);
    assert_int_equal(s.kv_heads, 4);
    assert_int_equal(s.head_dim, 4);
    assert_false(s.tied);
    CHECK_NEAR(s.rope_theta, 10000, 0);
    CHECK_NEAR(s.norm_eps, 1e-6, 0);
    assert_int_equal(specials.bos, -1);
    assert_int_equal(specials.n_eos, 0);
    s = shape_with("\"architectures\": [\"Qwen3ForCausalLM\"]", NULL);
    assert_int_equal(s.head_dim, 128);
}

static void null_is_as_good_as_absent(void **state)
{
    (void)state;
    ModelShape s = shape_with("\"head_dim\": null, \"rope_scaling\": null, "
                              "\"pad_token_id\": null, \"sliding_window\": null",
                              NULL);
    assert_int_equal(s.head_dim, 4);
}

static void classes_set_family_and_head(void **state)
{
    (void)state;
    const struct {
        const char *name;
        ModelFamily family;
        ModelHead head;
    } cases[] = {
        {"LlamaForCausalLM", MODEL_LLAMA, HEAD_LM},
        {"Qwen2ForCausalLM", MODEL_QWEN2, HEAD_LM},
        {"Qwen3ForCausalLM", MODEL_QWEN3, HEAD_LM},
        {"LlamaForSequenceClassification", MODEL_LLAMA, HEAD_SCALAR},
        {"Qwen2ForSequenceClassification", MODEL_QWEN2, HEAD_SCALAR},
        {"Qwen3ForSequenceClassification", MODEL_QWEN3, HEAD_SCALAR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char more[160];
        (void)snprintf(more, sizeof more,
                       "\"architectures\": [\"%s\"], \"id2label\": {\"0\": \"good\"}",
                       cases[i].name);
        ModelShape s = shape_with(more, NULL);
        assert_int_equal(s.family, cases[i].family);
        assert_int_equal(s.head, cases[i].head);
        assert_int_equal(s.qkv_bias, s.family == MODEL_QWEN2);
        assert_int_equal(s.qk_norm, s.family == MODEL_QWEN3);
    }
}

static void rope_theta_is_read_in_both_places(void **state)
{
    (void)state;
    ModelShape s = shape_with("\"rope_theta\": 500000", NULL);
    CHECK_NEAR(s.rope_theta, 500000, 0);
    s = shape_with(
        "\"rope_parameters\": {\"rope_theta\": 1e6, \"rope_type\": \"default\"}", NULL);
    CHECK_NEAR(s.rope_theta, 1e6, 0);
    check_refused("\"rope_theta\": 5, \"rope_parameters\": {\"rope_theta\": 7}",
                  "'rope_theta' is 5, but 7 in 'rope_parameters'");
}

static void the_generation_config_has_the_last_word_on_eos(void **state)
{
    (void)state;
    Err err;
    ModelSpecials specials;
    Span text = SPAN("{\"eos_token_id\": [9, 8, 7], \"pad_token_id\": 6}");
    CHECK_OK(file_write_atomic(temp_path("generation_config.json"), text.ptr, text.len,
                               &err));
    (void)shape_with("\"eos_token_id\": 9, \"bos_token_id\": 1, \"pad_token_id\": -1",
                     &specials);
    assert_int_equal(specials.bos, 1);
    assert_int_equal(specials.pad, 6);
    assert_int_equal(specials.n_eos, 3);
    assert_int_equal(specials.eos[0], 9);
    assert_int_equal(specials.eos[2], 7);
}

static void a_window_that_is_not_in_use_is_no_obstacle(void **state)
{
    (void)state;
    (void)shape_with(
        "\"architectures\": [\"Qwen2ForCausalLM\"], \"sliding_window\": 4096, "
        "\"use_sliding_window\": false, "
        "\"layer_types\": [\"full_attention\", \"full_attention\"]",
        NULL);
}

static void what_the_model_cannot_do_is_refused(void **state)
{
    (void)state;
    check_refused("\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4}",
                  "'rope_scaling' of type 'yarn' is not supported");
    check_refused(
        "\"rope_parameters\": {\"rope_type\": \"llama3\", \"rope_theta\": 10000}",
        "'rope_parameters' of type 'llama3' is not supported");
    check_refused("\"rope_scaling\": {\"factor\": 2.0}",
                  "'rope_scaling' of type 'linear' is not supported");
    check_refused("\"rope_scaling\": 3", "'rope_scaling' is not an object");
    check_refused("\"partial_rotary_factor\": 0.5",
                  "'partial_rotary_factor' 0.5 is not supported");
    check_refused("\"sliding_window\": 128", "'sliding_window' is not supported");
    check_refused("\"architectures\": [\"Qwen2ForCausalLM\"], \"sliding_window\": 128, "
                  "\"use_sliding_window\": true",
                  "'sliding_window' is not supported");
    check_refused("\"layer_types\": [\"full_attention\", \"sliding_attention\"]",
                  "layer type 'sliding_attention' is not supported");
    check_refused("\"hidden_act\": \"gelu\"", "'hidden_act' is 'gelu', not 'silu'");
    check_refused("\"attention_bias\": true", "'attention_bias' true is not supported");
    check_refused("\"mlp_bias\": true", "'mlp_bias' true is not supported");
    check_refused("\"quantization_config\": {}", "quantised weights are not supported");
    check_refused("\"architectures\": [\"LlamaForSequenceClassification\"]",
                  "a classifier of 2 labels, not of 1");
    check_refused("\"architectures\": [\"LlamaForSequenceClassification\"], "
                  "\"num_labels\": 3",
                  "a classifier of 3 labels, not of 1");
}

static void wrong_configs_are_refused(void **state)
{
    (void)state;
    check_refused("\"architectures\": [\"GPT2LMHeadModel\"]",
                  "architecture 'GPT2LMHeadModel' is not LlamaForCausalLM, "
                  "Qwen2ForCausalLM, Qwen3ForCausalLM or one of their "
                  "...ForSequenceClassification");
    check_refused("\"architectures\": []", "'architectures' is not a list of one name");
    check_refused("\"architectures\": null",
                  "'architectures' is not a list of one name");
    check_refused("\"vocab_size\": null", "'vocab_size' is missing");
    check_refused("\"hidden_size\": \"16\"",
                  "'hidden_size' is a string, not an integer");
    check_refused("\"hidden_size\": -16",
                  "'hidden_size' is -16, not in 0 to 2147483647");
    check_refused("\"num_hidden_layers\": 0", "'layers' is 0, not in 1 to 4096");
    check_refused("\"num_key_value_heads\": 3",
                  "'kv_heads' (3) does not divide 'heads' (4)");
    check_refused("\"tie_word_embeddings\": 1",
                  "'tie_word_embeddings' is an integer, not true or false");
    check_refused("\"eos_token_id\": \"x\"", "'eos_token_id' is not a token id");
    check_refused("\"eos_token_id\": [1, 2, 3, 4, 5]",
                  "'eos_token_id' has 5 ids, more than 4");
    check_refused("\"pad_token_id\": 40",
                  "'pad_token_id' is 40, not below the vocabulary's 40");
}

static void a_folder_without_config_is_no_model(void **state)
{
    (void)state;
    Err err;
    ModelShape shape;
    assert_int_equal(model_folder_shape(temp_folder, &shape, NULL, &err), ERR_IO);
    Span text = SPAN("[]");
    CHECK_OK(file_write_atomic(temp_path("config.json"), text.ptr, text.len, &err));
    char want[160];
    (void)snprintf(want, sizeof want, "'%s/config.json': not an object", temp_folder);
    CHECK_FAILS(model_folder_shape(temp_folder, &shape, NULL, &err), ERR_FORMAT, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(absent_keys_have_the_defaults_of_transformers),
        TEMP_TEST(null_is_as_good_as_absent),
        TEMP_TEST(classes_set_family_and_head),
        TEMP_TEST(rope_theta_is_read_in_both_places),
        TEMP_TEST(the_generation_config_has_the_last_word_on_eos),
        TEMP_TEST(a_window_that_is_not_in_use_is_no_obstacle),
        TEMP_TEST(what_the_model_cannot_do_is_refused),
        TEMP_TEST(wrong_configs_are_refused),
        TEMP_TEST(a_folder_without_config_is_no_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
