/* test_options_args.c - command lines against two tables, and the text of --help. */
#include "support/check.h"

#include "base/mem.h"
#include "base/options.h"

typedef struct Train {
    double lr;
    int64_t warmup_steps;
    bool shuffle;
} Train;

typedef struct Files {
    char *out;
    int kind;
} Files;

static const char *const kinds[] = {"gpt", "llama", NULL};
static const OptField train_fields[] = {
    OPT_REAL(Train, lr, 1e-3, 0, 1, "peak rate"),
    OPT_INT(Train, warmup_steps, 10, 0, 1e18, "steps before the peak"),
    OPT_BOOL(Train, shuffle, false, "mix"),
    OPT_END,
};
static const OptField files_fields[] = {
    OPT_TEXT(Files, out, NULL, "folder to write"),
    OPT_CHOICE(Files, kind, 0, kinds, "family"),
    OPT_END,
};
static const OptTable train_table = {"train", "", sizeof(Train), train_fields};
static const OptTable files_table = {"files", "", sizeof(Files), files_fields};

static Err err;
static Train train;
static Files files;
static const char *words[2];
static size_t n_words;

static int setup(void **state)
{
    (void)state;
    return opt_defaults(&train_table, &train, &err) != OK ||
           opt_defaults(&files_table, &files, &err) != OK;
}

static int teardown(void **state)
{
    (void)state;
    opt_release(&train_table, &train);
    opt_release(&files_table, &files);
    return 0;
}

/* Splits `line` at blanks; "tame" is argv[0]. */
static Status parse(const char *line)
{
    static char text[256];
    static char program[] = "tame";
    char *argv[20] = {program};
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *rest = text, *word; (word = strtok_r(rest, " ", &rest));)
        argv[argc++] = word;
    const OptBinding bindings[] = {{&train_table, &train}, {&files_table, &files}};
    return opt_parse_args(bindings, 2, argc, argv, words, 2, &n_words, &err);
}

static void flags_find_their_table(void **state)
{
    (void)state;
    CHECK_OK(parse("a --lr 0.5 --out=x=y --warmup-steps=2k --kind llama b"));
    assert_true(train.lr == 0.5 && train.warmup_steps == 2000 && files.kind == 1);
    assert_string_equal(files.out, "x=y");
    assert_int_equal(n_words, 2);
    assert_string_equal(words[0], "a");
    assert_string_equal(words[1], "b");
}

static void booleans_take_no_word(void **state)
{
    (void)state;
    CHECK_OK(parse("--shuffle a"));
    assert_true(train.shuffle && n_words == 1);
    CHECK_OK(parse("--no-shuffle"));
    assert_false(train.shuffle);
    CHECK_OK(parse("--shuffle=yes"));
    assert_true(train.shuffle);
}

static void two_dashes_end_flags_and_one_is_a_word(void **state)
{
    (void)state;
    CHECK_OK(parse("- -- --lr"));
    assert_string_equal(words[0], "-");
    assert_string_equal(words[1], "--lr");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--warmup-step 3",
         "unknown flag '--warmup-step'; did you mean '--warmup-steps'?"},
        {"--kynd=3", "unknown flag '--kynd'; did you mean '--kind'?"},
        {"--elephant", "unknown flag '--elephant'"},
        {"-x", "unknown flag '-x'"},
        {"-lr 1", "unknown flag '-lr'; did you mean '--lr'?"},
        {"--no-lr", "unknown flag '--no-lr'"},
        {"--lr", "flag '--lr' needs a value"},
        {"--lr -1", "option 'lr': -1 is not in the range 0 to 1"},
        {"--lr=", "option 'lr': '' is not a number"},
        {"a b c", "unexpected argument 'c'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_FAILS(parse(cases[i].line), ERR_OPTION, cases[i].message);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        mem_fail_after(n);
        Status status = parse("--out x --lr 0.1");
        mem_fail_after(-1);
        if (status == OK) {
            assert_int_equal(n, 3); /* the two flags' names and one text */
            return;
        }
        assert_int_equal(status, ERR_NOMEM);
    }
}

static void help_lists_defaults_and_ranges(void **state)
{
    (void)state;
    Str text = {0};
    opt_help(&train_table, &text);
    opt_help(&files_table, &text);
    assert_string_equal(
        str_c(&text),
        "  --lr X                    peak rate (default 0.001; 0 to 1)\n"
        "  --warmup-steps N          steps before the peak (default 10; at least 0)\n"
        "  --[no-]shuffle            mix (default false)\n"
        "  --out TEXT                folder to write\n"
        "  --kind NAME               family (default gpt; one of gpt, llama)\n");
    str_release(&text);
}

int main(void)
{
#define ARGS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        ARGS_TEST(flags_find_their_table),
        ARGS_TEST(booleans_take_no_word),
        ARGS_TEST(two_dashes_end_flags_and_one_is_a_word),
        ARGS_TEST(mistakes_are_named),
        ARGS_TEST(every_failed_allocation_is_reported),
        ARGS_TEST(help_lists_defaults_and_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
