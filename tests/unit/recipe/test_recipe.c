/* test_recipe.c - reading recipes: what is filled in, what "$name" becomes, and every
 * way to be wrong. */
#include "support/check.h"
#include "support/temp.h"

#include "data/world/world.h"
#include "recipe/recipe.h"
#include "stages/pretrain.h"
#include "stages/rl/ppo.h"
#include "stages/sft.h"

static void check_refused(const char *yaml, Status code, const char *message)
{
    Err err = {0};
    Recipe r;
    CHECK_FAILS(recipe_parse(span_of(yaml), "runs", &r, &err), code, message);
    assert_int_equal(r.n, 0);
    assert_null(r.stages);
}

static Recipe parse(const char *yaml)
{
    Err err = {0};
    Recipe r;
    CHECK_OK(recipe_parse(span_of(yaml), "runs", &r, &err));
    return r;
}

/* --- what a recipe becomes ----------------------------------------------------------- */
static void stages_are_in_order_with_default_names_and_folders(void **state)
{
    (void)state;
    Recipe r = parse("run: demo\n"
                     "stages:\n"
                     "  - world: {}\n"
                     "  - tokenizer:\n"
                     "  - pretrain: {name: big-base_2}\n");
    assert_string_equal(r.name, "demo");
    assert_string_equal(r.folder, "runs/demo");
    assert_int_equal(r.n, 3);
    assert_string_equal(r.stages[0].kind->name, "world");
    assert_string_equal(r.stages[0].name, "world");
    assert_string_equal(r.stages[0].folder, "runs/demo/data/world");
    assert_string_equal(r.stages[1].folder, "runs/demo/tokenizer");
    assert_string_equal(r.stages[2].name, "big-base_2");
    assert_string_equal(r.stages[2].folder, "runs/demo/big-base_2");
    recipe_release(&r);
}

static void a_dollar_name_becomes_the_folder_of_that_stage(void **state)
{
    (void)state;
    Recipe r = parse("run: demo\n"
                     "stages:\n"
                     "  - world: {name: w}\n"
                     "  - tokenizer: {}\n"
                     "  - pretrain: {data: '$w/a.jsonl:3,$w/b.jsonl:1', tokenizer: "
                     "$tokenizer}\n"
                     "  - sft: {model: $base, data: plain.jsonl}\n");
    const PretrainOptions *pretrain = r.stages[2].options.own;
    assert_string_equal(pretrain->data,
                        "runs/demo/data/w/a.jsonl:3,runs/demo/data/w/b.jsonl:1");
    assert_string_equal(pretrain->tokenizer, "runs/demo/tokenizer");
    const SftOptions *sft = r.stages[3].options.own;
    assert_string_equal(sft->model, "runs/demo/base");
    assert_string_equal(sft->data, "plain.jsonl");
    recipe_release(&r);
}

/* Within a list a "$" before no name is itself: expressions end in it. */
static void a_reward_is_a_list_of_parts(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r = parse("run: demo\n"
                     "stages:\n"
                     "  - reward: {name: rm}\n"
                     "  - ppo:\n"
                     "      reward:\n"
                     "        - {model: $rm, weight: 2}\n"
                     "        - regex: '^[0-9]+$'\n"
                     "          when: {skill: [steps, $rm]}\n");
    const PpoOptions *ppo = r.stages[1].options.own;
    assert_string_equal(ppo->rl.reward,
                        "[{\"model\":\"runs/demo/rm\",\"weight\":2},"
                        "{\"regex\":\"^[0-9]+$\",\"when\":{\"skill\":[\"steps\","
                        "\"runs/demo/rm\"]}}]");
    json_t *record = recipe_record(&r);
    char *text = json_dumps(record, 0);
    assert_non_null(strstr(text, "\"reward\": [{\"model\": \"runs/demo/rm\""));
    free(text);
    json_decref(record);
    recipe_release(&r);
    Recipe bad;
    static const char unknown[] =
        "run: demo\nstages:\n  - ppo: {reward: [{model: $mr}]}\n";
    CHECK_FAILS(recipe_parse(span_of(unknown), "runs", &bad, &err), ERR_OPTION,
                "stage 'ppo': reward: '$mr' names no earlier stage");
}

static void options_reach_the_stage_and_its_training(void **state)
{
    (void)state;
    Recipe r =
        parse("run: demo\n"
              "stages:\n"
              "  - pretrain: {depth: 7, tied: false, lr: 2e-3, eval-every: 5}\n");
    const PretrainOptions *o = r.stages[0].options.own;
    assert_int_equal(o->depth, 7);
    assert_false(o->tied);
    CHECK_NEAR(r.stages[0].options.train.lr, 2e-3, 0);
    assert_int_equal(r.stages[0].options.train.eval_every, 5);
    recipe_release(&r);
}

static void the_seed_is_that_of_every_stage_without_its_own(void **state)
{
    (void)state;
    Recipe r = parse("run: demo\n"
                     "seed: 9\n"
                     "stages:\n"
                     "  - world: {}\n"
                     "  - tokenizer: {}\n" /* has no seed: nothing to set */
                     "  - pretrain: {}\n"
                     "  - sft: {seed: 4}\n");
    assert_int_equal(((const WorldOptions *)r.stages[0].options.own)->seed, 9);
    assert_int_equal(r.stages[2].options.train.seed, 9);
    assert_int_equal(r.stages[3].options.train.seed, 4);
    recipe_release(&r);
    r = parse("run: demo\nstages:\n  - pretrain: {}\n");
    assert_int_equal(r.stages[0].options.train.seed, 1);
    recipe_release(&r);
}

static void the_record_reads_back_as_the_same_recipe(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r = parse("run: demo\n"
                     "seed: 3\n"
                     "stages:\n"
                     "  - world: {label_noise: 0.1}\n"
                     "  - pretrain: {data: $world/a, lr: 1e-3, schedule: cosine}\n");
    json_t *record = recipe_record(&r);
    char *text = json_dumps(record, 0);
    Recipe again;
    CHECK_OK(recipe_parse(span_of(text), "runs", &again, &err)); /* JSON is YAML */
    json_t *second = recipe_record(&again);
    assert_true(json_equal(record, second));
    const json_t *world =
        json_object_get(json_array_get(json_object_get(record, "stages"), 0), "world");
    assert_int_equal(json_integer_value(json_object_get(world, "seed")), 3);
    assert_string_equal(json_string_value(json_object_get(world, "name")), "world");
    free(text);
    json_decref(record);
    json_decref(second);
    recipe_release(&r);
    recipe_release(&again);
}

/* --- what is refused ------------------------------------------------------------------ */
static void a_recipe_without_run_or_stages_is_refused(void **state)
{
    (void)state;
    check_refused("- a\n", ERR_FORMAT, "a recipe is a mapping with `run` and `stages`");
    const char *bad_run = "`run` is not a word of letters, digits, '-' and '_'";
    check_refused("stages: [world: {}]\n", ERR_OPTION, bad_run);
    check_refused("run: a/b\nstages: [world: {}]\n", ERR_OPTION, bad_run);
    check_refused("run: ..\nstages: [world: {}]\n", ERR_OPTION, bad_run);
    check_refused("run: ''\nstages: [world: {}]\n", ERR_OPTION, bad_run);
    check_refused("run: 5\nstages: [world: {}]\n", ERR_OPTION, bad_run);
    const char *no_stages = "`stages` is not a list with at least one stage";
    check_refused("run: a\n", ERR_OPTION, no_stages);
    check_refused("run: a\nstages: []\n", ERR_OPTION, no_stages);
    check_refused("run: a\nstages: {world: {}}\n", ERR_OPTION, no_stages);
}

static void what_is_no_yaml_is_refused_with_its_line(void **state)
{
    (void)state;
    check_refused("run: a\nrun: b\n", ERR_FORMAT,
                  "line 2: the key 'run' is there twice");
    Err err = {0};
    Recipe r;
    assert_int_equal(recipe_parse(span_of("run: a\nstages: [\n"), "runs", &r, &err),
                     ERR_FORMAT);
    assert_memory_equal(err.msg, "line ", 5);
}

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    check_refused("run: a\nstage: []\n", ERR_OPTION,
                  "unknown key 'stage'; did you mean 'stages'?");
    check_refused("run: a\nsede: 4\n", ERR_OPTION,
                  "unknown key 'sede'; did you mean 'seed'?");
    check_refused("run: a\nelephant: 4\n", ERR_OPTION, "unknown key 'elephant'");
}

static void unknown_stages_name_the_nearest(void **state)
{
    (void)state;
    check_refused("run: a\nstages:\n  - pretrian: {}\n", ERR_OPTION,
                  "no stage 'pretrian'; did you mean 'pretrain'?");
    check_refused("run: a\nstages:\n  - elephant: {}\n", ERR_OPTION,
                  "no stage 'elephant'");
}

static void a_stage_is_one_key_with_a_mapping(void **state)
{
    (void)state;
    const char *one = "a stage is one key and its options: `- sft: {epochs: 2}`";
    check_refused("run: a\nstages: [world]\n", ERR_OPTION, one);
    check_refused("run: a\nstages:\n  - {}\n", ERR_OPTION, one);
    check_refused("run: a\nstages:\n  - world: {}\n    sft: {}\n", ERR_OPTION, one);
    check_refused("run: a\nstages:\n  - world: 5\n", ERR_OPTION,
                  "the options of 'world' are not a mapping");
    check_refused("run: a\nstages:\n  - world: [people]\n", ERR_OPTION,
                  "the options of 'world' are not a mapping");
}

static void names_are_words_and_are_used_once(void **state)
{
    (void)state;
    const char *bad = "stage 'sft': name is not a word of letters, digits, '-' and '_'";
    check_refused("run: a\nstages:\n  - sft: {name: a/b}\n", ERR_OPTION, bad);
    check_refused("run: a\nstages:\n  - sft: {name: ''}\n", ERR_OPTION, bad);
    check_refused("run: a\nstages:\n  - sft: {name: 7}\n", ERR_OPTION, bad);
    check_refused("run: a\nstages:\n  - sft: {}\n  - sft: {}\n", ERR_OPTION,
                  "stage 'sft': two stages are named 'sft'; give one another `name`");
    check_refused("run: a\nstages:\n  - world: {name: x}\n  - sft: {name: x}\n",
                  ERR_OPTION,
                  "stage 'sft': two stages are named 'x'; give one another `name`");
    check_refused("run: a\nstages:\n  - sft: {name: data}\n", ERR_OPTION,
                  "stage 'sft': 'data' is the run's folder of data sets; take another "
                  "`name`");
}

static void a_name_of_64_letters_is_the_longest(void **state)
{
    (void)state;
    char yaml[200], name[66];
    memset(name, 'n', 65);
    name[64] = '\0';
    snprintf(yaml, sizeof yaml, "run: %s\nstages: [world: {}]\n", name);
    Recipe r = parse(yaml);
    assert_string_equal(r.name, name);
    recipe_release(&r);
    memset(name, 'n', 65);
    name[65] = '\0';
    snprintf(yaml, sizeof yaml, "run: %s\nstages: [world: {}]\n", name);
    check_refused(yaml, ERR_OPTION,
                  "`run` is not a word of letters, digits, '-' and '_'");
}

static void only_earlier_stages_can_be_named(void **state)
{
    (void)state;
    check_refused("run: a\nstages:\n  - world: {}\n  - sft: {data: $wold/x}\n",
                  ERR_OPTION,
                  "stage 'sft': data: '$wold' names no earlier stage; did you mean "
                  "'$world'?");
    check_refused("run: a\nstages:\n  - sft: {model: $base}\n  - pretrain: {}\n",
                  ERR_OPTION, "stage 'sft': model: '$base' names no earlier stage");
    check_refused("run: a\nstages:\n  - sft: {model: $sft}\n", ERR_OPTION,
                  "stage 'sft': model: '$sft' names no earlier stage");
    check_refused("run: a\nstages:\n  - sft: {model: 'a$'}\n", ERR_OPTION,
                  "stage 'sft': model: '$' names no earlier stage");
}

static void options_are_checked_with_the_stage_named(void **state)
{
    (void)state;
    check_refused("run: a\nstages:\n  - sft: {name: s2, epoch: 2}\n", ERR_OPTION,
                  "stage 's2': unknown option 'epoch'; did you mean 'epochs'?");
    check_refused("run: a\nstages:\n  - pretrain: {dpeth: 2}\n", ERR_OPTION,
                  "stage 'base': unknown option 'dpeth'; did you mean 'depth'?");
    check_refused("run: a\nstages:\n  - pretrain: {depth: 0}\n", ERR_OPTION,
                  "stage 'base': option 'depth': 0 is not in the range 1 to 512");
    check_refused("run: a\nstages:\n  - pretrain: {depth: many}\n", ERR_OPTION,
                  "stage 'base': option 'depth': 'many' is not a whole number");
    check_refused("run: a\nstages:\n  - pretrain: {depth: [1]}\n", ERR_OPTION,
                  "stage 'base': option 'depth' is an array, not a single value");
    check_refused("run: a\nstages:\n  - world: {lr: 1}\n", ERR_OPTION,
                  "stage 'world': unknown option 'lr'");
    check_refused("run: a\nstages:\n  - sft: {data: \"a$b\\0c\"}\n", ERR_OPTION,
                  "stage 'sft': option 'data' holds a NUL");
}

static void an_option_in_both_spellings_is_refused(void **state)
{
    (void)state;
    check_refused(
        "run: a\nstages:\n  - world: {text_bytes: 20000, text-bytes: 30000}\n",
        ERR_OPTION,
        "stage 'world': option 'text_bytes' is given twice, also as "
        "'text-bytes'");
}

static void the_seed_is_a_number_in_range(void **state)
{
    (void)state;
    check_refused("run: a\nseed: x\nstages: [world: {}]\n", ERR_FORMAT,
                  "'seed' is a string, not an integer");
    check_refused("run: a\nseed: -1\nstages: [world: {}]\n", ERR_OPTION,
                  "stage 'world': option 'seed': -1 is not in the range 0 to 1e+15");
}

static void sixty_four_stages_are_the_most(void **state)
{
    (void)state;
    Err err = {0};
    for (int n = 64; n <= 65; n++) {
        Str yaml = {0};
        str_puts(&yaml, "run: a\nstages:\n");
        for (int i = 0; i < n; i++)
            str_printf(&yaml, "  - world: {name: w%d}\n", i);
        Recipe r;
        if (n == 64)
            CHECK_OK(recipe_parse(str_span(&yaml), "runs", &r, &err));
        else
            CHECK_FAILS(recipe_parse(str_span(&yaml), "runs", &r, &err), ERR_LIMIT,
                        "65 stages; at most 64");
        recipe_release(&r);
        str_release(&yaml);
    }
}

static void a_file_is_named_in_front_of_its_error(void **state)
{
    (void)state;
    Err err = {0};
    Recipe r;
    const char *path = temp_path("r.yaml");
    char want[300];
    snprintf(want, sizeof want,
             "recipe '%s': cannot open '%s': No such file or directory", path, path);
    CHECK_FAILS(recipe_read(path, "runs", &r, &err), ERR_IO, want);
    CHECK_OK(file_write_atomic(path, "run: a\n", 7, &err));
    snprintf(want, sizeof want,
             "recipe '%s': `stages` is not a list with at least one stage", path);
    CHECK_FAILS(recipe_read(path, "runs", &r, &err), ERR_OPTION, want);
    const char good[] = "run: a\nstages: [world: {}]\n";
    CHECK_OK(file_write_atomic(path, good, sizeof good - 1, &err));
    CHECK_OK(recipe_read(path, "elsewhere", &r, &err));
    assert_string_equal(r.folder, "elsewhere/a");
    recipe_release(&r);
    recipe_release(&r); /* and once more does no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_are_in_order_with_default_names_and_folders),
        cmocka_unit_test(a_dollar_name_becomes_the_folder_of_that_stage),
        cmocka_unit_test(a_reward_is_a_list_of_parts),
        cmocka_unit_test(options_reach_the_stage_and_its_training),
        cmocka_unit_test(the_seed_is_that_of_every_stage_without_its_own),
        cmocka_unit_test(the_record_reads_back_as_the_same_recipe),
        cmocka_unit_test(a_recipe_without_run_or_stages_is_refused),
        cmocka_unit_test(what_is_no_yaml_is_refused_with_its_line),
        cmocka_unit_test(unknown_keys_name_the_nearest),
        cmocka_unit_test(unknown_stages_name_the_nearest),
        cmocka_unit_test(a_stage_is_one_key_with_a_mapping),
        cmocka_unit_test(names_are_words_and_are_used_once),
        cmocka_unit_test(a_name_of_64_letters_is_the_longest),
        cmocka_unit_test(only_earlier_stages_can_be_named),
        cmocka_unit_test(options_are_checked_with_the_stage_named),
        cmocka_unit_test(an_option_in_both_spellings_is_refused),
        cmocka_unit_test(the_seed_is_a_number_in_range),
        cmocka_unit_test(sixty_four_stages_are_the_most),
        TEMP_TEST(a_file_is_named_in_front_of_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
