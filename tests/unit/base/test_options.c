/* test_options.c - a table gives defaults, reads texts with their type and range, and
 * writes what it reads back. */
#include "support/check.h"

#include "base/mem.h"
#include "base/options.h"

#include <math.h>

typedef struct Sample {
    double lr;
    int64_t warmup_steps;
    bool shuffle;
    char *data;
    int schedule;
    int64_t seed;
} Sample;

static const char *const schedules[] = {"cosine", "linear", "constant", NULL};

static const OptField fields[] = {
    OPT_REAL(Sample, lr, 1e-3, 0, 1, "peak learning rate"),
    OPT_INT(Sample, warmup_steps, 100, 0, 1e9, "steps before the peak"),
    OPT_BOOL(Sample, shuffle, true, "mix the documents"),
    OPT_TEXT(Sample, data, "corpus.txt", "file or glob"),
    OPT_CHOICE(Sample, schedule, 1, schedules, "how the rate falls"),
    OPT_INT(Sample, seed, 1, -1e18, 1e18, "of all random draws"),
    OPT_END,
};
static const OptTable table = {"sample", "a table to test", sizeof(Sample), fields};

static Err err;

static void defaults_come_from_the_table(void **state)
{
    (void)state;
    Sample o;
    CHECK_OK(opt_defaults(&table, &o, &err));
    assert_true(o.lr == 1e-3 && o.warmup_steps == 100 && o.shuffle && o.schedule == 1);
    assert_string_equal(o.data, "corpus.txt");
    opt_release(&table, &o);
    assert_null(o.data);
    opt_release(&table, &o);
    opt_release(&table, NULL);
}

static void texts_become_values(void **state)
{
    (void)state;
    Sample o;
    CHECK_OK(opt_defaults(&table, &o, &err));
    CHECK_OK(opt_set(&table, &o, "lr", "3e-4", &err));
    CHECK_OK(opt_set(&table, &o, "warmup-steps", "20", &err));
    CHECK_OK(opt_set(&table, &o, "shuffle", "off", &err));
    CHECK_OK(opt_set(&table, &o, "data", "b.txt", &err));
    CHECK_OK(opt_set(&table, &o, "schedule", "constant", &err));
    assert_true(o.lr == 3e-4 && o.warmup_steps == 20 && !o.shuffle && o.schedule == 2);
    assert_string_equal(o.data, "b.txt");
    CHECK_OK(opt_set(&table, &o, "data", "", &err));
    assert_null(o.data);
    opt_release(&table, &o);
}

static void whole_numbers_take_exponents_and_suffixes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"1e6", 1000000}, {"512k", 512000},   {"8M", 8000000},
        {"1.5k", 1500},   {"2G", 2000000000}, {"-7", -7},
        {"+3", 3},        {"010", 10},        {"9007199254740993", 9007199254740993}};
    Sample o;
    CHECK_OK(opt_defaults(&table, &o, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_OK(opt_set(&table, &o, "seed", cases[i].text, &err));
        assert_true(o.seed == cases[i].value);
    }
    opt_release(&table, &o);
}

static void bad_values_say_what_is_right(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"lr", "fast", "option 'lr': 'fast' is not a number"},
        {"lr", "", "option 'lr': '' is not a number"},
        {"lr", " 1", "option 'lr': ' 1' is not a number"},
        {"lr", "nan", "option 'lr': 'nan' is not a number"},
        {"lr", "1k", "option 'lr': '1k' is not a number"},
        {"lr", "2", "option 'lr': 2 is not in the range 0 to 1"},
        {"lr", "-1e-9", "option 'lr': -1e-9 is not in the range 0 to 1"},
        {"warmup_steps", "1.5", "option 'warmup_steps': '1.5' is not a whole number"},
        {"warmup_steps", "3x", "option 'warmup_steps': '3x' is not a whole number"},
        {"warmup_steps", "99999999999999999999",
         "option 'warmup_steps': '99999999999999999999' is not a whole number"},
        {"warmup_steps", "2G",
         "option 'warmup_steps': 2G is not in the range 0 to 1000000000"},
        {"shuffle", "maybe", "option 'shuffle': 'maybe' is not true or false"},
        {"schedule", "cosin",
         "option 'schedule': 'cosin' is not one of 'cosine', 'linear', 'constant'"},
        {"warmup_step", "1",
         "unknown option 'warmup_step'; did you mean 'warmup_steps'?"},
        {"shufle", "1", "unknown option 'shufle'; did you mean 'shuffle'?"},
        {"zebra", "1", "unknown option 'zebra'"},
        {"", "1", "unknown option ''"},
    };
    Sample o;
    CHECK_OK(opt_defaults(&table, &o, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_FAILS(opt_set(&table, &o, cases[i].key, cases[i].value, &err), ERR_OPTION,
                    cases[i].message);
    assert_true(o.lr == 1e-3 && o.warmup_steps == 100 && o.shuffle && o.schedule == 1);
    opt_release(&table, &o);
}

static void values_read_back_to_the_same_bits(void **state)
{
    (void)state;
    Rng r = check_rng();
    Sample o, copy;
    CHECK_OK(opt_defaults(&table, &o, &err));
    CHECK_OK(opt_defaults(&table, &copy, &err));
    for (int i = 0; i < 300; i++) {
        o.lr = i == 0 ? 0 : i == 1 ? 5e-324 : rng_uniform(&r) * pow(10, -(i % 20));
        o.seed = (int64_t)rng_u64(&r) / 16;
        o.shuffle = i % 2;
        o.schedule = i % 3;
        for (const OptField *f = fields; f->name; f++) {
            Str text = {0};
            opt_value(f, &o, &text);
            CHECK_OK(opt_set(&table, &copy, f->name, str_c(&text), &err));
            str_release(&text);
        }
        assert_true(copy.lr == o.lr && copy.seed == o.seed);
        assert_true(copy.shuffle == o.shuffle && copy.schedule == o.schedule);
        assert_string_equal(copy.data, o.data);
    }
    opt_release(&table, &o);
    opt_release(&table, &copy);
}

static void reals_are_written_short(void **state)
{
    (void)state;
    Sample o = {.lr = 0.1};
    Str text = {0};
    opt_value(&fields[0], &o, &text);
    assert_string_equal(str_c(&text), "0.1");
    str_release(&text);
}

static void nearest_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"pretrain", "sft", "reward", "ppo"};
    assert_string_equal(opt_nearest("prtrain", names, 4), "pretrain");
    assert_string_equal(opt_nearest("pp0", names, 4), "ppo");
    assert_string_equal(opt_nearest("rewards", names, 4), "reward");
    assert_null(opt_nearest("xyz", names, 4));
    assert_null(opt_nearest("q", names, 4));
    assert_null(opt_nearest("sft", names, 0));
    char endless[200];
    memset(endless, 'a', sizeof endless - 1);
    endless[199] = 0;
    assert_null(opt_nearest(endless, names, 4));
}

static void no_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    Sample o;
    mem_fail_after(0);
    CHECK_FAILS(opt_defaults(&table, &o, &err), ERR_NOMEM,
                "no memory for option 'data'");
    CHECK_OK(opt_defaults(&table, &o, &err));
    mem_fail_after(0);
    assert_int_equal(opt_set(&table, &o, "data", "b", &err), ERR_NOMEM);
    assert_string_equal(o.data, "corpus.txt");
    opt_release(&table, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_come_from_the_table),
        cmocka_unit_test(texts_become_values),
        cmocka_unit_test(whole_numbers_take_exponents_and_suffixes),
        cmocka_unit_test(bad_values_say_what_is_right),
        cmocka_unit_test(values_read_back_to_the_same_bits),
        cmocka_unit_test(reals_are_written_short),
        cmocka_unit_test(nearest_is_near),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
