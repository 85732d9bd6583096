/* test_ledger.c - ledger.json: lines are found, replaced and kept; the model that a stage
 * started from is hashed; the table is aligned. */
#include "support/check.h"
#include "support/temp.h"

#include "recipe/ledger.h"

static json_t *open_ledger(void)
{
    Err err = {0};
    json_t *ledger;
    CHECK_OK(ledger_open(temp_folder, &ledger, &err));
    return ledger;
}

static void put(json_t *ledger, const char *name, const StageReport *report)
{
    Err err = {0};
    json_t *options = json_pack("{s:i}", "depth", 2);
    CHECK_OK(ledger_put(ledger, temp_folder, name, "sft", options, report, &err));
    json_decref(options);
}

static void write_text(const char *path, const char *text)
{
    Err err = {0};
    CHECK_OK(file_write_atomic(path, text, strlen(text), &err));
}

static const char *text_of(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static void a_new_run_has_an_empty_ledger_and_no_file(void **state)
{
    (void)state;
    json_t *ledger = open_ledger();
    assert_int_equal(json_array_size(json_object_get(ledger, "stages")), 0);
    assert_null(ledger_find(ledger, "sft"));
    assert_false(file_exists(temp_path("ledger.json")));
    json_decref(ledger);
}

static void lines_are_kept_in_order_and_found_by_name(void **state)
{
    (void)state;
    json_t *ledger = open_ledger();
    StageReport a = {.tokens = 10, .data = "ten"}, b = {.tokens = 20, .data = "twenty"};
    put(ledger, "first", &a);
    put(ledger, "second", &b);
    json_decref(ledger);
    ledger = open_ledger(); /* from the file */
    const json_t *line = ledger_find(ledger, "second");
    assert_non_null(line);
    assert_string_equal(text_of(line, "data"), "twenty");
    assert_string_equal(text_of(line, "kind"), "sft");
    CHECK_NEAR(json_number_value(json_object_get(line, "tokens")), 20, 0);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(line, "options"), "depth")),
        2);
    assert_ptr_equal(line, json_array_get(json_object_get(ledger, "stages"), 1));
    assert_null(ledger_find(ledger, "third"));
    json_decref(ledger);
}

static void a_stage_run_again_replaces_its_line(void **state)
{
    (void)state;
    json_t *ledger = open_ledger();
    StageReport old = {.tokens = 1}, other = {.tokens = 2}, new = {.tokens = 3};
    put(ledger, "a", &old);
    put(ledger, "b", &other);
    put(ledger, "a", &new);
    json_t *stages = json_object_get(ledger, "stages");
    assert_int_equal(json_array_size(stages), 2);
    assert_ptr_equal(ledger_find(ledger, "a"), json_array_get(stages, 0));
    CHECK_NEAR(json_number_value(json_object_get(ledger_find(ledger, "a"), "tokens")),
               3, 0);
    json_decref(ledger);
}

static void the_model_started_from_is_hashed(void **state)
{
    (void)state;
    json_t *ledger = open_ledger();
    StageReport report = {0};
    snprintf(report.started_from, sizeof report.started_from, "%s", temp_folder);
    put(ledger, "none", &report);
    write_text(temp_path("model.safetensors"), "weights");
    put(ledger, "one", &report);
    put(ledger, "same", &report);
    write_text(temp_path("model.safetensors"), "Weights");
    put(ledger, "other", &report);
    const char *one = text_of(ledger_find(ledger, "one"), "started_from_hash");
    assert_string_equal(text_of(ledger_find(ledger, "none"), "started_from_hash"), "");
    assert_int_equal(strlen(one), 16);
    assert_string_equal(text_of(ledger_find(ledger, "same"), "started_from_hash"), one);
    assert_string_not_equal(text_of(ledger_find(ledger, "other"), "started_from_hash"),
                            one);
    json_decref(ledger);
}

static void the_metrics_of_a_report_stay_with_the_line(void **state)
{
    (void)state;
    json_t *ledger = open_ledger();
    StageReport report = {.metrics = json_pack("{s:f}", "heldout/loss", 1.5)};
    put(ledger, "a", &report);
    stage_report_release(&report);
    json_decref(ledger);
    ledger = open_ledger();
    const json_t *metrics = json_object_get(ledger_find(ledger, "a"), "metrics");
    CHECK_NEAR(json_real_value(json_object_get(metrics, "heldout/loss")), 1.5, 0);
    json_decref(ledger);
}

static void a_damaged_ledger_is_refused_and_left_alone(void **state)
{
    (void)state;
    Err err = {0};
    json_t *ledger = NULL;
    char want[300];
    write_text(temp_path("ledger.json"), "{\"stages\": 5}");
    snprintf(want, sizeof want, "'%s' has no list of stages", temp_path("ledger.json"));
    CHECK_FAILS(ledger_open(temp_folder, &ledger, &err), ERR_FORMAT, want);
    assert_null(ledger);
    write_text(temp_path("ledger.json"), "{\"stages\": [");
    assert_int_equal(ledger_open(temp_folder, &ledger, &err), ERR_FORMAT);
    assert_non_null(strstr(err.msg, "ledger.json': line 1"));
    assert_int_equal(file_size(temp_path("ledger.json")), 12);
}

static void lines_without_a_name_are_no_line_of_any_stage(void **state)
{
    (void)state;
    write_text(temp_path("ledger.json"), "{\"stages\": [5, {}, {\"name\": 7}]}");
    json_t *ledger = open_ledger();
    assert_null(ledger_find(ledger, "a"));
    StageReport report = {0};
    put(ledger, "a", &report);
    assert_non_null(ledger_find(ledger, "a"));
    Str table = {0};
    ledger_table(ledger, false, &table);
    str_release(&table);
    json_decref(ledger);
}

static void the_table_is_aligned_with_what_does_not_apply_left_out(void **state)
{
    (void)state;
    json_t *ledger = open_ledger();
    StageReport world = {.seconds = 2, .peak_bytes = 1000, .data = "seed 1"};
    StageReport sft = {.tokens = 1500000,
                       .flops = 2.5e12,
                       .seconds = 12.34,
                       .peak_bytes = 2000000,
                       .started_from = "runs/x/base",
                       .data = "120 demonstrations"};
    put(ledger, "world", &world);
    put(ledger, "sft", &sft);
    Str table = {0};
    ledger_table(ledger, false, &table);
    Span rest = str_span(&table);
    size_t lines = 0, width = 0;
    for (; rest.len > 0; lines++) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        assert_non_null(end);
        size_t len = (size_t)(end - rest.ptr);
        if (lines == 0)
            width = len;
        assert_int_equal(len, width);
        rest = (Span){end + 1, rest.len - len - 1};
    }
    assert_int_equal(lines, 4);
    assert_non_null(
        strstr(str_c(&table), "sft    120 demonstrations  1.5M    2.5e+12"));
    assert_non_null(strstr(str_c(&table), "world  seed 1              -       -  "));
    assert_non_null(strstr(str_c(&table), " base "));
    str_reset(&table);
    ledger_table(ledger, true, &table);
    assert_memory_equal(str_c(&table), "| stage | data ", 15);
    assert_non_null(strstr(str_c(&table), "\n| ----- | -----"));
    str_release(&table);
    json_decref(ledger);
}

static void a_cell_longer_than_the_table_allows_is_cut(void **state)
{
    (void)state;
    json_t *ledger = open_ledger();
    StageReport report = {0};
    memset(report.data, 'x', sizeof report.data - 1);
    put(ledger, "a", &report);
    Str table = {0};
    ledger_table(ledger, false, &table);
    assert_non_null(strstr(str_c(&table), "xxx"));
    assert_non_null(strstr(str_c(&table), "xxx ...  "));
    assert_null(strstr(str_c(&table), report.data));
    snprintf(
        report.data, sizeof report.data, "%s",
        "3000 prompts, 12000 answers (1506 equal to another): 2603 rankings and 290");
    put(ledger, "a", &report);
    str_reset(&table);
    ledger_table(ledger, false, &table);
    assert_non_null(strstr(str_c(&table), "(1506 equal to another) ...  "));
    str_release(&table);
    json_decref(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(a_new_run_has_an_empty_ledger_and_no_file),
        TEMP_TEST(lines_are_kept_in_order_and_found_by_name),
        TEMP_TEST(a_stage_run_again_replaces_its_line),
        TEMP_TEST(the_model_started_from_is_hashed),
        TEMP_TEST(the_metrics_of_a_report_stay_with_the_line),
        TEMP_TEST(a_damaged_ledger_is_refused_and_left_alone),
        TEMP_TEST(lines_without_a_name_are_no_line_of_any_stage),
        TEMP_TEST(the_table_is_aligned_with_what_does_not_apply_left_out),
        TEMP_TEST(a_cell_longer_than_the_table_allows_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
