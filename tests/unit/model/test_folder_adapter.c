/* test_folder_adapter.c - adapter folders (model/folder_adapter.c, folder_adapter_config.c):
 * in and out, merged, moved, and what is refused. */
#include "support/small_model.h"
#include "support/temp.h"

#include "base/mem.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/folder.h"

static TensorOps *ops;

static const ModelSpecials specials = {.bos = 3, .pad = 0, .eos = {5}, .n_eos = 1};
static const ModelLora all = {.rank = 3, .alpha = 6, .targets = LORA_ALL_LINEAR};
static const ModelLora some = {
    .rank = 2, .alpha = 0.5, .rslora = true, .targets = LORA_Q | LORA_V | LORA_DOWN};

static void save(const Model *model, const char *folder)
{
    Err err;
    CHECK_OK(file_make_folders(folder, &err));
    CHECK_OK(model_folder_save(model, &specials, folder, &err));
}

/* A base in `base`, and over it an adapter in `folder`. */
static void make_adapter(ModelFamily family, const ModelLora *lora, ModelHead head,
                         const char *folder)
{
    Err err;
    Model *base = small_model(ops, family, HEAD_LM), *opened, *adapter;
    save(base, temp_path("base"));
    model_free(base);
    CHECK_OK(model_folder_open(&opened, ops, temp_path("base"), NULL, NULL, &err));
    CHECK_OK(model_adapter_new(&adapter, opened, lora, head, true, 1, &err));
    model_free(opened);
    small_model_fill(adapter, 3);
    save(adapter, temp_path(folder));
    model_free(adapter);
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

static Model *open_folder(const char *name, Model *beside)
{
    Err err;
    Model *m;
    CHECK_OK(model_folder_open(&m, ops, temp_path(name), beside, NULL, &err));
    return m;
}

enum { V = 19, N = 12 };
static int64_t outputs(Model *model, float out[N * V])
{
    Err err;
    Tape *tape;
    Rng rng = rng_make(5, RNG_TEST, 0);
    Line line = {0};
    line_add(&line, &rng, model, N);
    CHECK_OK(tape_new(&tape, model, N, (TapeOptions){0}, &err));
    ModelTokens tokens = line_tokens(&line);
    bool is_lm = model->shape.head == HEAD_LM;
    model_forward(model, tape, &tokens);
    if (is_lm)
        model_logits(model, tape, line.rows, N, out);
    else
        model_scores(model, tape, line.rows, N, out);
    tape_free(tape);
    return N * (is_lm ? V : 1);
}

static void save_open_save_gives_the_same_bytes(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "generation_config.json",
                                        "adapter_config.json",
                                        "adapter_model.safetensors"};
    for (int i = 0; i < 6; i++) {
        const ModelLora *lora = i % 3 ? &all : &some;
        make_adapter((ModelFamily)(i / 2), lora, (ModelHead)(i % 2), "a");
        Model *m = open_folder("a", NULL);
        assert_non_null(m->base);
        assert_true(model_lora_same(&m->shape.lora, lora));
        assert_false(tensor_present(m->grads));
        save(m, temp_path("b"));
        for (int f = 0; f < 4; f++)
            check_same_file(temp_path("a"), temp_path("b"), files[f]);
        assert_false(file_exists(temp_path("a/model.safetensors")));
        model_free(m);
    }
}

/* `tame merge`: what is loaded, saved as a plain folder, gives the same as base and
 * adapter. */
static void merged_it_gives_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        Err err;
        Model *merged, *again;
        float want[N * V], got[N * V];
        make_adapter((ModelFamily)(i / 2), i % 3 ? &all : &some, (ModelHead)(i % 2),
                     "a");
        Model *m = open_folder("a", NULL);
        int64_t n = outputs(m, want);
        CHECK_OK(model_folder_load(&merged, ops, temp_path("a"), true, NULL, &err));
        assert_null(merged->base);
        assert_true(tensor_present(merged->grads));
        assert_int_equal(outputs(merged, got), n);
        check_close("merged", got, want, n, 1e-5);
        save(merged, temp_path("merged"));
        CHECK_OK(
            model_folder_load(&again, ops, temp_path("merged"), false, NULL, &err));
        (void)outputs(again, want);
        assert_memory_equal(got, want, (size_t)n * sizeof *got);
        model_free(again);
        model_free(merged);
        model_free(m);
        CHECK_OK(file_remove_tree(temp_path("merged"), &err));
    }
}

/* Names and shapes as PEFT's state_dict has them, and its keys. */
static void the_folder_is_laid_out_as_pefts(void **state)
{
    (void)state;
    Err err;
    FileMap map;
    Safetensors st;
    json_t *o;
    make_adapter(MODEL_LLAMA, &some, HEAD_SCALAR, "a");
    CHECK_OK(file_map(temp_path("a/adapter_model.safetensors"), &map, &err));
    CHECK_OK(safetensors_parse((Span){(const char *)map.ptr, map.len}, &st, &err));
    assert_int_equal(st.n, 2 * 3 * 2 + 1);
    const struct {
        const char *name;
        int64_t rows, cols;
    } want[] = {
        {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", 2, 10},
        {"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", 24, 2},
        {"base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight", 12, 2},
        {"base_model.model.model.layers.1.mlp.down_proj.lora_A.weight", 2, 13},
        {"base_model.model.score.weight", 1, 10},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const SafetensorsEntry *e = safetensors_find(&st, want[i].name);
        assert_non_null(e);
        assert_int_equal(e->dims[0], want[i].rows);
        assert_int_equal(e->dims[1], want[i].cols);
    }
    safetensors_release(&st);
    file_unmap(&map);
    CHECK_OK(json_read_file(temp_path("a/adapter_config.json"), &o, &err));
    assert_string_equal(json_string_value(json_object_get(o, "peft_type")), "LORA");
    assert_string_equal(json_string_value(json_object_get(o, "task_type")), "SEQ_CLS");
    assert_int_equal(json_integer_value(json_object_get(o, "r")), 2);
    CHECK_NEAR(json_number_value(json_object_get(o, "lora_alpha")), 0.5, 0);
    assert_true(json_is_true(json_object_get(o, "use_rslora")));
    json_t *targets = json_object_get(o, "target_modules");
    assert_int_equal(json_array_size(targets), 3);
    assert_string_equal(json_string_value(json_array_get(targets, 1)), "v_proj");
    json_t *saved = json_object_get(o, "modules_to_save");
    assert_string_equal(json_string_value(json_array_get(saved, 0)), "score");
    assert_string_equal(
        json_string_value(json_object_get(o, "base_model_name_or_path")),
        temp_path("base"));
    json_decref(o);
}

/* What PEFT itself writes: no config.json, targets by a pattern. */
static void folders_without_a_config_take_the_bases(void **state)
{
    (void)state;
    Err err;
    ModelShape shape;
    ModelSpecials read;
    json_t *o;
    for (int head = 0; head < 2; head++) {
        float want[N * V], got[N * V];
        make_adapter(MODEL_QWEN2, &some, (ModelHead)head, "a");
        Model *m = open_folder("a", NULL);
        m->score_bias = 0; /* it has no other place */
        int64_t n = outputs(m, want);
        model_free(m);
        assert_int_equal(remove(temp_path("a/config.json")), 0);
        assert_int_equal(remove(temp_path("a/generation_config.json")), 0);
        CHECK_OK(json_read_file(temp_path("a/adapter_config.json"), &o, &err));
        json_object_set_new(o, "target_modules", json_string(".*\\.(q|v|down)_proj"));
        json_object_set_new(o, "layers_to_transform", json_null());
        json_object_set_new(o, "peft_version", json_string("0.21.2"));
        CHECK_OK(json_write_file(temp_path("a/adapter_config.json"), o, &err));
        json_decref(o);
        m = open_folder("a", NULL);
        assert_int_equal(outputs(m, got), n);
        assert_memory_equal(want, got, (size_t)n * sizeof *got);
        model_free(m);
        CHECK_OK(model_folder_shape(temp_path("a"), &shape, &read, &err));
        assert_true(model_lora_same(&shape.lora, &some));
        assert_int_equal(shape.head, head);
        assert_int_equal(read.eos[0], 5);
    }
}

static void several_share_the_base(void **state)
{
    (void)state;
    Err err;
    make_adapter(MODEL_LLAMA, &all, HEAD_LM, "sft");
    Model *sft = open_folder("sft", NULL), *m;
    CHECK_OK(
        model_adapter_new(&m, model_base(sft), &some, HEAD_SCALAR, false, 1, &err));
    save(m, temp_path("reward"));
    model_free(m);
    Model *reward = open_folder("reward", sft), *base = open_folder("base", reward);
    assert_ptr_equal(reward->base, sft->base);
    assert_ptr_equal(base, sft->base);
    model_free(sft);
    model_free(base);
    m = open_folder("base", reward);
    assert_ptr_equal(m, reward->base);
    model_free(m);
    /* Another base is not shared, whatever it is called. */
    Model *other = small_model(ops, MODEL_LLAMA, HEAD_LM);
    small_model_fill(other, 99);
    save(other, temp_path("other"));
    model_free(other);
    other = open_folder("other", reward);
    assert_ptr_not_equal(other, reward->base);
    model_free(other);
    model_free(reward);
}

/* A run folder that is moved: the base lies where it lay, seen from the adapter. */
static void a_moved_run_finds_its_base(void **state)
{
    (void)state;
    Err err;
    Str base = {0};
    make_adapter(MODEL_LLAMA, &all, HEAD_LM, "a");
    CHECK_OK(file_make_folders(temp_path("moved/sft/checkpoints"), &err));
    CHECK_OK(file_rename(temp_path("base"), temp_path("moved/base"), &err));
    CHECK_OK(
        file_rename(temp_path("a"), temp_path("moved/sft/checkpoints/step-7"), &err));
    CHECK_OK(model_folder_base(temp_path("moved/sft/checkpoints/step-7"), &base, &err));
    assert_non_null(strstr(str_c(&base), "/../../../base"));
    model_free(open_folder("moved/sft/checkpoints/step-7", NULL));
    str_release(&base);
}

static void a_base_that_is_gone_or_other_is_named(void **state)
{
    (void)state;
    Err err;
    Model *m;
    char want[600];
    make_adapter(MODEL_LLAMA, &all, HEAD_LM, "a");
    Model *base = small_model(ops, MODEL_LLAMA, HEAD_LM);
    small_model_fill(base, 99);
    save(base, temp_path("base"));
    model_free(base);
    for (int open = 0; open < 2; open++) {
        Status s = open ? model_folder_open(&m, ops, temp_path("a"), NULL, NULL, &err)
                        : model_folder_load(&m, ops, temp_path("a"), false, NULL, &err);
        assert_int_equal(s, ERR_FORMAT);
        assert_non_null(strstr(err.msg, "as it was when the hash of its weights was "));
        assert_null(m);
    }
    CHECK_OK(file_rename(temp_path("base"), temp_path("elsewhere"), &err));
    snprintf(want, sizeof want,
             "'%s/a' is an adapter over '%s/base', and no model is there; put it back, "
             "or write where it is into base_model_name_or_path of "
             "'%s/a/adapter_config.json'",
             temp_folder, temp_folder, temp_folder);
    CHECK_FAILS(model_folder_load(&m, ops, temp_path("a"), false, NULL, &err), ERR_IO,
                want);
    assert_null(m);
    ModelShape shape; /* what it is can be told without */
    CHECK_OK(model_folder_shape(temp_path("a"), &shape, NULL, &err));
    assert_int_equal(shape.lora.rank, 3);
}

static void an_adapter_over_an_adapter_is_refused(void **state)
{
    (void)state;
    Err err;
    Model *m;
    json_t *o;
    make_adapter(MODEL_LLAMA, &all, HEAD_LM, "a");
    CHECK_OK(json_read_file(temp_path("a/adapter_config.json"), &o, &err));
    json_object_set_new(o, "base_model_name_or_path", json_string(temp_path("a")));
    CHECK_OK(json_write_file(temp_path("a/adapter_config.json"), o, &err));
    json_decref(o);
    assert_int_equal(model_folder_load(&m, ops, temp_path("a"), false, NULL, &err),
                     ERR_FORMAT);
    assert_non_null(strstr(err.msg, "is an adapter itself; merge that one first"));
}

static void values_are_restored_over_the_same_base_only(void **state)
{
    (void)state;
    Err err;
    Model *other;
    float want[N * V], got[N * V];
    make_adapter(MODEL_LLAMA, &all, HEAD_SCALAR, "a");
    Model *m = open_folder("a", NULL), *plain;
    (void)outputs(m, want);
    small_model_fill(m, 50);
    m->score_bias = 9;
    CHECK_OK(model_folder_restore(m, temp_path("a"), &err));
    (void)outputs(m, got);
    assert_memory_equal(want, got, N * sizeof *got);
    m->base->source_hash++;
    assert_int_equal(model_folder_restore(m, temp_path("a"), &err), ERR_OPTION);
    assert_non_null(strstr(err.msg, "was trained over weights of the hash"));
    m->base->source_hash--;
    CHECK_OK(model_adapter_new(&other, m->base, &some, HEAD_SCALAR, false, 1, &err));
    assert_int_equal(model_folder_restore(other, temp_path("a"), &err), ERR_FORMAT);
    plain = small_model(ops, MODEL_LLAMA, HEAD_SCALAR);
    assert_int_equal(model_folder_restore(plain, temp_path("a"), &err), ERR_FORMAT);
    model_free(plain);
    model_free(other);
    model_free(m);
}

static void an_adapter_over_nothing_on_disk_is_not_saved(void **state)
{
    (void)state;
    Err err;
    Model *base = small_model(ops, MODEL_LLAMA, HEAD_LM), *m;
    CHECK_OK(model_adapter_new(&m, base, &all, HEAD_LM, true, 1, &err));
    CHECK_FAILS(model_folder_save(m, &specials, temp_folder, &err), ERR_OPTION,
                "an adapter over a model that was read from no folder cannot be saved");
    model_free(m);
    model_free(base);
}

/* Members added to an adapter_config.json that is right, and what is said of them. */
static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"peft_type", "\"IA3\"", "'peft_type' is 'IA3', not LORA"},
        {"r", "0", "'r' is 0, not in 1 to 1024"},
        {"r", "1e300", "'r'"},
        {"lora_alpha", "-1", "'lora_alpha' is -1, not a positive number"},
        {"use_dora", "true", "'use_dora' is not supported"},
        {"rank_pattern", "{\"q_proj\": 4}", "'rank_pattern' is not supported"},
        {"layers_to_transform", "[0]", "'layers_to_transform' is not supported"},
        {"bias", "\"all\"", "'bias' is not 'none'"},
        {"init_lora_weights", "\"pissa\"", "changes the base model"},
        {"task_type", "\"TOKEN_CLS\"", "'task_type' is not CAUSAL_LM or SEQ_CLS"},
        {"modules_to_save", "[\"embed_tokens\"]",
         "'modules_to_save' has 'embed_tokens'"},
        {"target_modules", "[\"lm_head\"]", "'target_modules' has 'lm_head'"},
        {"base_model_name_or_path", "\"\"", "is not the path of a folder"},
        {"base_model_name_or_path", "null", "'base_model_name_or_path'"},
        {"r", "4", "is [3, 10], not [4, 10]"}, /* the tensors do not fit */
        {"target_modules", "[\"q_proj\"]", "is not one of this model"},
    };
    make_adapter(MODEL_LLAMA, &all, HEAD_LM, "a");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err;
        Model *m;
        json_t *o, *value;
        Str text = {0};
        str_printf(&text, "[%s]", cases[i].value);
        CHECK_OK(json_parse(str_span(&text), &value, &err));
        CHECK_OK(json_read_file(temp_path("a/adapter_config.json"), &o, &err));
        json_t *changed = json_copy(o);
        json_object_set(changed, cases[i].key, json_array_get(value, 0));
        CHECK_OK(json_write_file(temp_path("a/adapter_config.json"), changed, &err));
        assert_int_equal(model_folder_load(&m, ops, temp_path("a"), false, NULL, &err),
                         ERR_FORMAT);
        if (!strstr(err.msg, cases[i].message))
            fail_msg("%s %s: %s", cases[i].key, cases[i].value, err.msg);
        CHECK_OK(json_write_file(temp_path("a/adapter_config.json"), o, &err));
        json_decref(changed);
        json_decref(o);
        json_decref(value);
        str_release(&text);
    }
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    make_adapter(MODEL_LLAMA, &some, HEAD_SCALAR, "a");
    for (int open = 0; open < 2; open++) {
        for (long n = 0;; n++) {
            Err err = {0};
            Model *read = NULL;
            mem_fail_after(n);
            Status s =
                open ? model_folder_open(&read, ops, temp_path("a"), NULL, NULL, &err)
                     : model_folder_load(&read, ops, temp_path("a"), false, NULL, &err);
            mem_fail_after(-1);
            model_free(read);
            if (s == OK)
                break;
            if (s != ERR_NOMEM)
                fail_msg("%ld: %s", n, err.msg);
        }
    }
    Model *m = open_folder("a", NULL);
    for (long n = 0;; n++) {
        Err err = {0};
        mem_fail_after(n);
        Status s = model_folder_save(m, &specials, temp_path("a"), &err);
        mem_fail_after(-1);
        if (s == OK)
            break;
        assert_int_equal(s, ERR_NOMEM);
    }
    model_free(m);
}

int main(void)
{
    Err err;
    TensorCpuOptions o = {.threads = 2, .compute = COMPUTE_F32};
    if (tensor_cpu_new(&ops, &o, &err) != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEMP_TEST(save_open_save_gives_the_same_bytes),
        TEMP_TEST(merged_it_gives_the_same),
        TEMP_TEST(the_folder_is_laid_out_as_pefts),
        TEMP_TEST(folders_without_a_config_take_the_bases),
        TEMP_TEST(several_share_the_base),
        TEMP_TEST(a_moved_run_finds_its_base),
        TEMP_TEST(a_base_that_is_gone_or_other_is_named),
        TEMP_TEST(an_adapter_over_an_adapter_is_refused),
        TEMP_TEST(values_are_restored_over_the_same_base_only),
        TEMP_TEST(an_adapter_over_nothing_on_disk_is_not_saved),
        TEMP_TEST(what_cannot_be_done_is_refused),
        TEMP_TEST(every_failed_allocation_is_reported),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tensor_free(ops);
    return failed;
}
