/* test_run.c - recipes are run: what is finished is skipped, what was changed is refused
 * before anything is written. World and tokenizer need no backend. */
#include "support/check.h"
#include "support/temp.h"

#include "recipe/ledger.h"
#include "recipe/recipe.h"

#define WORLD                                                                          \
    "{text_bytes: 10000, people: 4, places: 4, animals: 4, demonstrations: 4, "        \
    "prompts: "                                                                        \
    "4, heldout_prompts: 2, comparisons: 2, heldout_comparisons: 2, tests: 1"
#define STAGES                                                                         \
    "run: toy\nstages:\n  - world: " WORLD "}\n"                                       \
    "  - tokenizer: {data: $world/pretrain.jsonl, vocab: %s}\n"

static Recipe parse(const char *yaml)
{
    Err err = {0};
    Recipe r;
    CHECK_OK(recipe_parse(span_of(yaml), temp_folder, &r, &err));
    return r;
}

static Recipe toy(const char *vocab)
{
    char yaml[1000];
    snprintf(yaml, sizeof yaml, STAGES, vocab);
    return parse(yaml);
}

static json_t *toy_ledger(void)
{
    Err err = {0};
    json_t *ledger;
    CHECK_OK(ledger_open(temp_path("toy"), &ledger, &err));
    return ledger;
}

static Str read_all(const char *path)
{
    Err err = {0};
    Str text;
    CHECK_OK(file_read(path, 1 << 20, &text, &err));
    return text;
}

static void a_run_leaves_its_stages_ledger_recipe_and_report(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r = toy("300");
    CHECK_OK(recipe_run(&r, NULL, &err));
    assert_true(file_exists(temp_path("toy/data/world/world.json")));
    assert_true(file_exists(temp_path("toy/tokenizer/tokenizer.json")));
    assert_true(file_exists(temp_path("toy/report.html")));
    json_t *ledger = toy_ledger();
    assert_int_equal(json_array_size(json_object_get(ledger, "stages")), 2);
    const json_t *options =
        json_object_get(ledger_find(ledger, "tokenizer"), "options");
    assert_int_equal(json_integer_value(json_object_get(options, "vocab")), 300);
    json_decref(ledger);
    Recipe again;
    CHECK_OK(recipe_read(temp_path("toy/recipe.yaml"), temp_folder, &again, &err));
    json_t *a = recipe_record(&r), *b = recipe_record(&again);
    assert_true(json_equal(a, b));
    json_decref(a);
    json_decref(b);
    recipe_release(&again);
    recipe_release(&r);
}

static void a_second_run_changes_nothing(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r = toy("300");
    CHECK_OK(recipe_run(&r, NULL, &err));
    Str before = read_all(temp_path("toy/ledger.json"));
    CHECK_OK(recipe_run(&r, NULL, &err));
    Str after = read_all(temp_path("toy/ledger.json"));
    assert_string_equal(str_c(&before), str_c(&after));
    str_release(&before);
    str_release(&after);
    recipe_release(&r);
}

static void a_removed_stage_is_made_again(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r = toy("300");
    CHECK_OK(recipe_run(&r, NULL, &err));
    Str before = read_all(temp_path("toy/tokenizer/tokenizer.json"));
    CHECK_OK(file_remove_tree(temp_path("toy/tokenizer"), &err));
    CHECK_OK(recipe_run(&r, NULL, &err));
    Str after = read_all(temp_path("toy/tokenizer/tokenizer.json"));
    assert_string_equal(str_c(&before), str_c(&after));
    json_t *ledger = toy_ledger();
    assert_int_equal(json_array_size(json_object_get(ledger, "stages")), 2);
    json_decref(ledger);
    str_release(&before);
    str_release(&after);
    recipe_release(&r);
}

/* Also the last stage's: the first stages must not be run first. */
static void changed_options_of_a_finished_stage_are_refused(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r = toy("300");
    CHECK_OK(recipe_run(&r, NULL, &err));
    recipe_release(&r);
    Str before = read_all(temp_path("toy/recipe.yaml"));
    CHECK_OK(file_remove_tree(temp_path("toy/data/world"), &err));
    r = toy("310");
    char want[500];
    snprintf(want, sizeof want,
             "stage 'tokenizer' was finished with vocab = 300, but the recipe now says "
             "310; give the run another name or remove '%s'",
             temp_path("toy/tokenizer"));
    CHECK_FAILS(recipe_run(&r, NULL, &err), ERR_OPTION, want);
    assert_false(file_exists(temp_path("toy/data/world")));
    Str after = read_all(temp_path("toy/recipe.yaml"));
    assert_string_equal(str_c(&before), str_c(&after));
    str_release(&before);
    str_release(&after);
    recipe_release(&r);
}

static void a_finished_stage_of_another_kind_is_refused(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r = toy("300");
    CHECK_OK(recipe_run(&r, NULL, &err));
    recipe_release(&r);
    r = parse("run: toy\nstages:\n  - pretrain: {name: tokenizer}\n");
    char want[500];
    /* A tokenizer's folder is finished by its mark. */
    snprintf(want, sizeof want,
             "stage 'tokenizer' was finished as 'tokenizer', but the recipe now says "
             "'pretrain'; give the run another name or remove '%s'",
             temp_path("toy/tokenizer"));
    CHECK_FAILS(recipe_run(&r, NULL, &err), ERR_OPTION, want);
    recipe_release(&r);
}

static void an_error_names_its_stage_and_keeps_what_was_finished(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r = parse("run: toy\nstages:\n  - world: " WORLD "}\n"
                     "  - tokenizer: {data: $world/none.jsonl}\n");
    assert_int_equal(recipe_run(&r, NULL, &err), ERR_IO);
    assert_memory_equal(err.msg, "stage 'tokenizer': ", 19);
    assert_non_null(strstr(err.msg, "none.jsonl"));
    recipe_release(&r);
    json_t *ledger = toy_ledger();
    assert_non_null(ledger_find(ledger, "world"));
    assert_null(ledger_find(ledger, "tokenizer"));
    json_decref(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(a_run_leaves_its_stages_ledger_recipe_and_report),
        TEMP_TEST(a_second_run_changes_nothing),
        TEMP_TEST(a_removed_stage_is_made_again),
        TEMP_TEST(changed_options_of_a_finished_stage_are_refused),
        TEMP_TEST(a_finished_stage_of_another_kind_is_refused),
        TEMP_TEST(an_error_names_its_stage_and_keeps_what_was_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
