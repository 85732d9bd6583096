/* test_world.c - the files of a small practice world: pinned bytes, disjoint sets, counts
 * and numbers that hold. The world has the default's people and places, but less text. */
#include "support/check.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/record.h"
#include "data/world/judge.h"
#include "data/world/scene.h"
#include "data/world/world_internal.h"
#include "data/world/writer.h"
#include "format/json.h"

#include <math.h>

#define FOLDER "test_world.tmp"

static Err err;
static World *world;

static WorldOptions small_options(void)
{
    WorldOptions o;
    CHECK_OK(opt_defaults(&world_options, &o, &err));
    o.text_bytes = 4000000;
    o.heldout = 0.1;
    o.demonstrations = 1500;
    o.prompts = o.comparisons = 600;
    o.heldout_prompts = o.heldout_comparisons = 150;
    o.tests = 60;
    return o;
}

static int write_world(void **state)
{
    (void)state;
    WorldOptions o = small_options();
    CHECK_OK(file_remove_tree(FOLDER, &err));
    CHECK_OK(world_new(&world, &o, &err));
    CHECK_OK(world_write(world, FOLDER, &err));
    return 0;
}

static int remove_world(void **state)
{
    (void)state;
    world_free(world);
    return file_remove_tree(FOLDER, &err) == OK ? 0 : -1;
}

static void read_text(const char *folder, const char *name, Str *out)
{
    Str path = {0};
    CHECK_OK(file_read(file_join(&path, folder, name), 1 << 26, out, &err));
    str_release(&path);
}

/* Calls use(row, self) for each row of a JSON Lines file; gives their number. */
static int64_t each_row(const char *name, void (*use)(const json_t *row, void *self),
                        void *self)
{
    Str text = {0};
    read_text(FOLDER, name, &text);
    int64_t n = 0;
    for (char *line = text.ptr, *end; *line; line = end + 1, n++) {
        end = strchr(line, '\n');
        assert_non_null(end);
        json_t *row;
        CHECK_OK(json_parse((Span){line, (size_t)(end - line)}, &row, &err));
        use(row, self);
        json_decref(row);
    }
    str_release(&text);
    return n;
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    if (!text)
        fail_msg("a row has no text '%s'", key);
    return text;
}

static double number_of(const char *section, const char *key)
{
    json_t *root;
    CHECK_OK(json_read_file(FOLDER "/world.json", &root, &err));
    const json_t *value = json_object_get(json_object_get(root, section), key);
    assert_true(json_is_number(value));
    double number = json_number_value(value);
    json_decref(root);
    return number;
}

/* --- the same bytes ------------------------------------------------------------------- */
static const char *const all_files[] = {"pretrain.jsonl",
                                        "heldout.jsonl",
                                        "demonstrations.jsonl",
                                        "prompts.jsonl",
                                        "prompts_heldout.jsonl",
                                        "comparisons.jsonl",
                                        "world.json",
                                        "comparisons_heldout.jsonl",
                                        "tests/facts.jsonl",
                                        "tests/known.jsonl",
                                        "tests/unknown.jsonl",
                                        "tests/harmful.jsonl",
                                        "tests/harmless.jsonl",
                                        "tests/calculator.jsonl",
                                        "tests/steps.jsonl",
                                        "tests/direct.jsonl",
                                        "tests/stories.jsonl",
                                        "tests/hidden.jsonl",
                                        "documents/hidden_facts.jsonl"};
enum { FILES = sizeof all_files / sizeof *all_files };

static uint64_t hash_folder(const char *folder)
{
    uint64_t hash = 0;
    for (int i = 0; i < FILES; i++) {
        Str text = {0};
        read_text(folder, all_files[i], &text);
        hash = rng_hash(text.ptr, text.len, hash);
        str_release(&text);
    }
    return hash;
}

static void same_options_give_the_same_bytes_everywhere(void **state)
{
    (void)state;
    assert_int_equal(hash_folder(FOLDER), UINT64_C(0x1b85b3f1ee96fa32));
}

static void another_seed_is_another_world(void **state)
{
    (void)state;
    WorldOptions o = small_options();
    o.seed = 2;
    o.text_bytes = 10000;
    World *other;
    CHECK_OK(world_new(&other, &o, &err));
    int same = 0;
    for (int i = 0; i < 60; i++)
        same += lore_find(&world->lore, KIND_PERSON,
                          span_of(other->lore.entities[KIND_PERSON][i].name)) != NULL;
    assert_true(same < 30);
    CHECK_OK(world_write(other, FOLDER "/other", &err));
    assert_true(hash_folder(FOLDER "/other") != hash_folder(FOLDER));
    world_free(other);
}

static void world_json_opens_the_same_world(void **state)
{
    (void)state;
    World *again;
    CHECK_OK(world_open(&again, FOLDER "/world.json", &err));
    assert_memory_equal(world_get_options(again), world_get_options(world),
                        sizeof(WorldOptions));
    assert_memory_equal(world_gold(again), world_gold(world), sizeof(GoldScale));
    world_free(again);
}

/* --- facts in the text ------------------------------------------------------------------- */
static void collect_text(const json_t *row, void *self)
{
    Str *all = self;
    assert_int_equal(json_object_size(row), 1);
    str_puts(all, text_of(row, "text"));
    str_puts(all, "\n\n");
}

static void facts_are_stated_often_and_in_many_wordings(void **state)
{
    (void)state;
    /* 3.6 MB of the default's 34 MB, in which each fact is to come 100 times. */
    assert_true(number_of("facts", "number") == 680);
    assert_true(number_of("facts", "mean_mentions") > 100 * 3.6 / 34);
    assert_true(number_of("facts", "least_mentions") >= 10);
}

/* Counted in the text itself, without the program's own counters. */
static void wordings_of_a_fact_are_in_the_text(void **state)
{
    (void)state;
    Str all = {0}, sentence = {0};
    each_row("pretrain.jsonl", collect_text, &all);
    int sum = 0, facts = 0;
    for (int k = 0; k < KINDS; k++) {
        for (int i = 0; i < 10; i++) {
            const Entity *e = &world->lore.entities[k][i];
            for (int a = 0; a < lore_kinds[k].n_attributes; a++, facts++) {
                int found = 0;
                Chooser c = {0};
                Scene s = scene_make(&world->lore, &c);
                for (const char *const *p = lore_attribute(e, a)->statements; *p; p++) {
                    str_reset(&sentence);
                    scene_put_fact(&sentence, &s, e, a, *p);
                    found += span_find(str_span(&all), str_span(&sentence), 0) >= 0;
                }
                assert_true(found >= 2);
                sum += found;
            }
        }
    }
    assert_true(sum > 4 * facts); /* of five or six, in a ninth of the default's text */
    str_release(&all);
    str_release(&sentence);
}

static void hidden_and_made_up_names_are_in_no_training_text(void **state)
{
    (void)state;
    static const char *const files[] = {"pretrain.jsonl", "demonstrations.jsonl",
                                        "prompts.jsonl", "comparisons.jsonl"};
    for (int f = 0; f < 4; f++) {
        Str text = {0};
        read_text(FOLDER, files[f], &text);
        for (int k = 0; k < KINDS; k++) {
            for (int i = world->lore.n_known[k]; i < world->lore.n[k]; i++) {
                const char *name = world->lore.entities[k][i].name;
                if (span_find(str_span(&text), span_of(name), 0) >= 0)
                    fail_msg("'%s' is in %s", name, files[f]);
            }
        }
        str_release(&text);
    }
}

static void source_entropy_is_sane_and_the_same_on_held_out_text(void **state)
{
    (void)state;
    double train = number_of("pretrain", "source_bits_per_byte");
    double heldout = number_of("heldout", "source_bits_per_byte");
    assert_true(train > 0.3 && train < 1.2);
    CHECK_NEAR(heldout / train, 1, 0.05);
    assert_true(number_of("pretrain", "bytes") + number_of("heldout", "bytes") >=
                1500000);
}

static void a_drawn_entity_costs_bits_only_when_it_is_named(void **state)
{
    (void)state;
    Chooser c = chooser_make(1, STREAM_TESTS, 0);
    Scene s = scene_make(&world->lore, &c);
    Str out = {0};
    scene_bind_drawn(&s, 'a', KIND_ANIMAL);
    scene_put(&out, &s, "nobody");
    assert_true(chooser_bits(&c) == 0);
    scene_put(&out, &s, "{a} {a.colour}");
    scene_put(&out, &s, "{a}");
    CHECK_NEAR(chooser_bits(&c), log2(40), 1e-6);
    str_release(&out);
}

/* --- what is asked ---------------------------------------------------------------------- */
enum { SET_SLOTS = 1 << 15 };
static uint64_t asked[SET_SLOTS]; /* hashes of the prompts of training files */

static void remember(const char *prompt)
{
    uint64_t hash = rng_hash(prompt, strlen(prompt), 0) | 1;
    uint64_t at = hash % SET_SLOTS;
    while (asked[at] && asked[at] != hash)
        at = (at + 1) % SET_SLOTS;
    asked[at] = hash;
}

static bool is_remembered(const char *prompt)
{
    uint64_t hash = rng_hash(prompt, strlen(prompt), 0) | 1;
    for (uint64_t at = hash % SET_SLOTS; asked[at]; at = (at + 1) % SET_SLOTS) {
        if (asked[at] == hash)
            return true;
    }
    return false;
}

static void remember_prompt(const json_t *row, void *self)
{
    (void)self;
    remember(text_of(row, "prompt"));
}

static void remember_messages(const json_t *row, void *self)
{
    (void)self;
    size_t i;
    const json_t *message;
    json_array_foreach(json_object_get(row, "messages"), i, message)
    {
        if (strcmp(text_of(message, "role"), "user") == 0)
            remember(text_of(message, "content"));
    }
}

static void check_not_remembered(const json_t *row, void *self)
{
    (void)self;
    if (is_remembered(text_of(row, "prompt")))
        fail_msg("'%s' is in a training file", text_of(row, "prompt"));
}

static void no_held_out_prompt_is_in_a_training_file(void **state)
{
    (void)state;
    memset(asked, 0, sizeof asked);
    assert_int_equal(each_row("demonstrations.jsonl", remember_messages, NULL), 1500);
    each_row("prompts.jsonl", remember_prompt, NULL);
    each_row("comparisons.jsonl", remember_prompt, NULL);
    each_row("prompts_heldout.jsonl", check_not_remembered, NULL);
    each_row("comparisons_heldout.jsonl", check_not_remembered, NULL);
    for (int i = 8; i < FILES - 1; i++)
        each_row(all_files[i], check_not_remembered, NULL);
}

static void check_skill(const json_t *row, void *self)
{
    assert_string_equal(text_of(row, "skill"), self);
    assert_true(is_remembered(text_of(row, "prompt")));
}

/* Each row of prompts.jsonl is in the file of its skill, and no other is. */
static void prompts_are_there_by_skill_too(void **state)
{
    (void)state;
    int64_t n = 0, sums = 0;
    memset(asked, 0, sizeof asked);
    int64_t all = each_row("prompts.jsonl", remember_prompt, NULL);
    for (int k = 0; k < SKILLS; k++) {
        char name[64], skill[32];
        if (k == SKILL_HIDDEN)
            continue;
        snprintf(skill, sizeof skill, "%s", skill_name((Skill)k));
        snprintf(name, sizeof name, "prompts/%s.jsonl", skill);
        int64_t here = each_row(name, check_skill, skill);
        sums += k == SKILL_CALCULATOR ? here : 0;
        n += here;
    }
    assert_int_equal(n, all);
    assert_true(sums > 0);
}

static void check_test_row(const json_t *row, void *self)
{
    Span prompt = span_of(text_of(row, "prompt"));
    Task t;
    assert_true(task_recognise(&world->lore, prompt, &t));
    assert_string_equal(skill_name(t.skill), text_of(row, "skill"));
    Answer a = {0};
    Chooser c = chooser_make(1, STREAM_TESTS, 0);
    writer_answer(&a, WRITER_CAREFUL, &t, &world->lore, &c);
    assert_true(judge_skill_right(world, prompt, str_span(&a.text)));
    if (t.skill != SKILL_STORY && t.skill != SKILL_HARMFUL &&
        t.skill != SKILL_UNKNOWN && t.skill != SKILL_MYSTERY)
        assert_non_null(strstr(a.text.ptr, text_of(row, "expected")));
    answer_release(&a);
    ++*(int64_t *)self;
}

static void every_test_is_recognised_and_can_be_passed(void **state)
{
    (void)state;
    for (int i = 8; i < FILES - 1; i++) {
        int64_t n = 0;
        each_row(all_files[i], check_test_row, &n);
        assert_in_range(n, 30, 60);
    }
}

/* --- rows that the rest of the program reads ------------------------------------------------ */
static void every_row_is_a_record(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        if (strcmp(all_files[i], "world.json") == 0)
            continue;
        Str text = {0};
        read_text(FOLDER, all_files[i], &text);
        Record r = {0};
        for (char *line = text.ptr, *end; *line; line = end + 1) {
            end = strchr(line, '\n');
            CHECK_OK(record_parse((Span){line, (size_t)(end - line)}, &r, &err));
        }
        record_release(&r);
        str_release(&text);
    }
}

typedef struct Ranking {
    int64_t groups, disagree;
} Ranking;

static void check_ranking(const json_t *row, void *self)
{
    Ranking *ranking = self;
    const json_t *ranks = json_object_get(row, "ranks");
    const json_t *scores = json_object_get(row, "scores");
    bool agrees = true;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            double a = json_number_value(json_array_get(scores, i));
            double b = json_number_value(json_array_get(scores, j));
            json_int_t ra = json_integer_value(json_array_get(ranks, i));
            json_int_t rb = json_integer_value(json_array_get(ranks, j));
            assert_in_range(ra, 1, 4);
            agrees &= !(a > b) || ra < rb;
            assert_true(a == b ? ra == rb : ra != rb);
        }
    }
    ranking->groups++;
    ranking->disagree += !agrees;
}

static void ranks_follow_the_judge_but_for_the_noise(void **state)
{
    (void)state;
    Ranking train = {0}, heldout = {0};
    each_row("comparisons.jsonl", check_ranking, &train);
    each_row("comparisons_heldout.jsonl", check_ranking, &heldout);
    assert_int_equal(heldout.disagree, 0);
    /* 600 groups at 5 %, where a slip may find nothing to exchange: 30 +- 5 deviations. */
    assert_in_range(train.disagree, 8, 57);
}

/* --- what can go wrong ------------------------------------------------------------------------ */
static void too_many_facts_are_refused_with_their_number(void **state)
{
    (void)state;
    WorldOptions o = small_options();
    o.people = 150;
    o.places = 100;
    World *w;
    CHECK_FAILS(
        world_new(&w, &o, &err), ERR_OPTION,
        "people 150, places 100 and animals 40 make 1460 facts, more than 1000");
}

static void other_files_are_no_worlds(void **state)
{
    (void)state;
    World *w;
    CHECK_OK(file_write_atomic(FOLDER "/not.json", "{}", 2, &err));
    CHECK_FAILS(world_open(&w, FOLDER "/not.json", &err), ERR_FORMAT,
                "world '" FOLDER "/not.json': no 'options': not the file of a practice "
                "world");
    assert_int_equal(world_open(&w, FOLDER "/absent.json", &err), ERR_IO);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
    (void)state;
    assert_int_equal(world_write(world, FOLDER "/world.json/x", &err), ERR_IO);
    assert_non_null(strstr(err.msg, "practice world in '" FOLDER "/world.json/x': "));
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    WorldOptions o = small_options();
    o.text_bytes = 10000;
    o.demonstrations = o.prompts = o.comparisons = 5;
    o.heldout_prompts = o.heldout_comparisons = o.tests = 2;
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n = n < 200 ? n + 1 : n + 1 + n / 8) {
        World *w = NULL;
        mem_fail_after(n);
        status = world_new(&w, &o, &err);
        if (status == OK)
            status = world_write(w, FOLDER "/oom", &err);
        mem_fail_after(-1);
        world_free(w);
        if (status != OK)
            assert_int_equal(status, ERR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_options_give_the_same_bytes_everywhere),
        cmocka_unit_test(another_seed_is_another_world),
        cmocka_unit_test(world_json_opens_the_same_world),
        cmocka_unit_test(facts_are_stated_often_and_in_many_wordings),
        cmocka_unit_test(wordings_of_a_fact_are_in_the_text),
        cmocka_unit_test(hidden_and_made_up_names_are_in_no_training_text),
        cmocka_unit_test(source_entropy_is_sane_and_the_same_on_held_out_text),
        cmocka_unit_test(a_drawn_entity_costs_bits_only_when_it_is_named),
        cmocka_unit_test(no_held_out_prompt_is_in_a_training_file),
        cmocka_unit_test(prompts_are_there_by_skill_too),
        cmocka_unit_test(every_test_is_recognised_and_can_be_passed),
        cmocka_unit_test(every_row_is_a_record),
        cmocka_unit_test(ranks_follow_the_judge_but_for_the_noise),
        cmocka_unit_test(too_many_facts_are_refused_with_their_number),
        cmocka_unit_test(other_files_are_no_worlds),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("data/world", tests, write_world, remove_world);
}
