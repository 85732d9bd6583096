/* test_kinds.c - the table of stages is complete, and options of a stage are read,
 * refused and recorded through it. */
#include "support/check.h"

#include "stages/kinds.h"
#include "stages/sft.h"

static json_t *json(const char *text)
{
    Err err = {0};
    json_t *out;
    CHECK_OK(json_parse(span_of(text), &out, &err));
    return out;
}

static StageOptions options_of(const char *kind)
{
    Err err = {0};
    StageOptions o;
    CHECK_OK(stage_options_new(&o, stage_kind_find(kind), &err));
    return o;
}

static void check_refused(const char *kind, const char *mapping, const char *message)
{
    Err err = {0};
    StageOptions o = options_of(kind);
    json_t *m = json(mapping);
    CHECK_FAILS(stage_options_read(&o, m, &err), ERR_OPTION, message);
    json_decref(m);
    stage_options_release(&o);
}

static void every_kind_says_what_it_is_and_how_to_call_it(void **state)
{
    (void)state;
    size_t n = 0;
    for (const StageKind *k = stage_kinds; k->name; k++, n++) {
        char call[64];
        snprintf(call, sizeof call, "  tame %s ", k->name);
        assert_memory_equal(k->example, call, strlen(call));
        assert_int_equal(k->example[strlen(k->example) - 1], '\n');
        assert_true(strlen(k->help) > 10);
        assert_non_null(k->default_name);
        assert_non_null(k->options);
        assert_non_null(k->run);
        assert_ptr_equal(stage_kind_find(k->name), k);
        for (const StageKind *other = stage_kinds; other != k; other++)
            assert_string_not_equal(other->default_name, k->default_name);
    }
    assert_int_equal(n, 13);
    assert_null(stage_kind_find("nothing"));
    assert_null(stage_kind_find(""));
}

/* Otherwise a recipe could not say which of the two is meant. */
static void no_option_is_both_the_stages_and_the_trainings(void **state)
{
    (void)state;
    for (const StageKind *k = stage_kinds; k->name; k++) {
        for (const OptField *f = k->options->fields; f->name && k->trains; f++) {
            if (opt_find(&train_options, f->name) || opt_find(&lora_options, f->name))
                fail_msg("'%s' has its own option '%s'", k->name, f->name);
        }
        assert_null(opt_find(k->options, "name")); /* is the recipe's */
    }
}

static void options_go_to_the_table_that_knows_them(void **state)
{
    (void)state;
    Err err = {0};
    StageOptions o = options_of("sft");
    json_t *m = json("{\"epochs\": 3, \"lr\": 0.5, \"model\": \"m\"}");
    CHECK_OK(stage_options_read(&o, m, &err));
    json_decref(m);
    const SftOptions *own = o.own;
    CHECK_NEAR(own->epochs, 3, 0);
    assert_string_equal(own->model, "m");
    CHECK_NEAR(o.train.lr, 0.5, 0);
    CHECK_NEAR(o.train.beta1, 0.9, 0); /* the default */
    stage_options_release(&o);
    stage_options_release(&o); /* and once more does no harm */

    o = options_of("reward");
    m = json("{\"lora_rank\": 8, \"lora_targets\": \"q,v\"}");
    CHECK_OK(stage_options_read(&o, m, &err));
    json_decref(m);
    assert_int_equal(o.lora.lora_rank, 8);
    assert_string_equal(o.lora.lora_targets, "q,v");
    json_t *record = stage_options_record(&o);
    assert_int_equal(json_integer_value(json_object_get(record, "lora_rank")), 8);
    json_decref(record);
    stage_options_release(&o);
    check_refused("pretrain", "{\"lora_rank\": 8}", "unknown option 'lora_rank'");
}

static void what_neither_table_knows_names_the_nearest_of_both(void **state)
{
    (void)state;
    check_refused("sft", "{\"epoch\": 3}",
                  "unknown option 'epoch'; did you mean 'epochs'?");
    check_refused("sft", "{\"warm_up\": 0.1}",
                  "unknown option 'warm_up'; did you mean 'warmup'?");
    check_refused("world", "{\"warmup\": 0.1}", "unknown option 'warmup'");
    check_refused("sft", "{\"elephant\": 1}", "unknown option 'elephant'");
    check_refused("sft", "{\"lr\": 11}", "option 'lr': 11 is not in the range 0 to 10");
}

static void the_record_has_every_option_and_reads_back(void **state)
{
    (void)state;
    Err err = {0};
    for (const StageKind *k = stage_kinds; k->name; k++) {
        StageOptions o = options_of(k->name), again = options_of(k->name);
        json_t *record = stage_options_record(&o);
        for (const OptField *f = k->options->fields; f->name; f++)
            assert_non_null(json_object_get(record, f->name));
        assert_true((json_object_get(record, "clip_norm") != NULL) == k->trains);
        CHECK_OK(stage_options_read(&again, record, &err));
        json_t *second = stage_options_record(&again);
        assert_true(json_equal(record, second));
        json_decref(record);
        json_decref(second);
        stage_options_release(&o);
        stage_options_release(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_says_what_it_is_and_how_to_call_it),
        cmocka_unit_test(no_option_is_both_the_stages_and_the_trainings),
        cmocka_unit_test(options_go_to_the_table_that_knows_them),
        cmocka_unit_test(what_neither_table_knows_names_the_nearest_of_both),
        cmocka_unit_test(the_record_has_every_option_and_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
