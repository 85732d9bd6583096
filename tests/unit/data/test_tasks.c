/* test_tasks.c - the questions of small worlds: split, pairing, and chains that are worked
 * out again from their text. */
#define FOLDER "test_tasks.tmp"
#include "support/task_rows.h"

#include "base/mem.h"
#include "data/record.h"

/* The number whose digits stand at *at, the least first; moves behind them. */
static int64_t read_reversed(const char **at)
{
    int64_t x = 0, unit = 1;
    for (; **at >= '0' && **at <= '9'; ++*at, unit *= 10)
        x += (**at - '0') * unit;
    return x;
}

static int64_t read_behind(const char **at, char sign)
{
    assert_int_equal(**at, sign);
    ++*at;
    return read_reversed(at);
}

/* Reads a number of so many digits behind `sign`, least digit first, and writes in `marks`,
 * at the same place of the chain, which of its digits are those of `right`. */
static int64_t mark_behind(const char **at, char sign, int digits, int64_t right,
                           const char *chain, char *marks)
{
    char wanted[32];
    int64_t said = 0, unit = 1;
    snprintf(wanted, sizeof wanted, "%0*lld", digits, (long long)right);
    assert_int_equal(*(*at)++, sign);
    for (int i = 0; i < digits; i++, unit *= 10, ++*at) {
        assert_true(**at >= '0' && **at <= '9');
        said += (**at - '0') * unit;
        marks[*at - chain] = **at == wanted[digits - 1 - i] ? '+' : '-';
    }
    return said;
}

/* Works out a chain of three-digit factors again, from `chain` to its '#'. Gives what it
 * says the product is; marks gets the chain with '+' for each digit that follows from what
 * is before it, and '-' for the others. */
static int64_t check_chain(int64_t a, int64_t b, const char *chain, char *marks)
{
    int64_t said = 0, unit = 1;
    const char *at = chain;
    memcpy(marks, chain, strlen(chain) + 1);
    *strchr(marks, '#') = '\0';
    for (; *at != '#'; unit *= 10) {
        assert_int_equal(read_reversed(&at), a);
        assert_int_equal(read_behind(&at, '*'), b / unit % 10);
        int64_t part = mark_behind(&at, '=', 4, a * (b / unit % 10), chain, marks);
        assert_int_equal(read_behind(&at, ':'), part * unit);
        said = mark_behind(&at, '=', 6, (said + part * unit) % 1000000, chain, marks);
        assert_int_equal(*at++, ';');
    }
    assert_true(unit > b);
    assert_int_equal(strtoll(at + 1, NULL, 10), said);
    return said;
}

static void chains_can_be_worked_out_again(void **state)
{
    (void)state;
    TasksOptions o = options("multiply");
    CHECK_OK(opt_set(&tasks_options, &o, "variants", "chain,verify:2,sloppy", &err));
    write(&o);
    json_t *rows = rows_of("train.jsonl"), *row;
    size_t i;
    int kinds[3] = {0}, wrong = 0;
    assert_int_equal(json_array_size(rows), 300);
    json_array_foreach(rows, i, row)
    {
        const char *ask = turn(row, 0), *answer = turn(row, 1);
        char marks[200], tag = ask[0], *rest;
        int64_t a = strtoll(ask + 1, &rest, 10), b = strtoll(rest + 1, &rest, 10);
        int64_t said = check_chain(a, b, tag == 'V' ? rest + 1 : answer, marks);
        kinds[tag == 'V' ? 0 : tag == 'C' ? 1 : 2]++;
        wrong += tag == 'N' && said != a * b;
        if (tag == 'C')
            assert_int_equal(said, a * b);
        if (tag == 'V') {
            snprintf(marks + strlen(marks), 3, "#%c", said == a * b ? 'y' : 'n');
            assert_string_equal(answer, marks);
        }
    }
    assert_true(kinds[0] > 110 && kinds[1] > 40 && kinds[2] > 40);
    assert_true(wrong > kinds[2] / 4 && wrong < kinds[2]); /* sloppy, not always */
    json_decref(rows);
    opt_release(&tasks_options, &o);
}

static void filler_has_the_length_of_a_chain(void **state)
{
    (void)state;
    TasksOptions o = options("multiply");
    CHECK_OK(opt_set(&tasks_options, &o, "variants", "chain,filler,shuffled", &err));
    write(&o);
    json_t *rows = rows_of("train.jsonl"), *row;
    size_t i, length = 0;
    json_array_foreach(rows, i, row)
    {
        const char *ask = turn(row, 0), *answer = turn(row, 1);
        int64_t a = strtoll(ask + 1, NULL, 10), b = atoll(strchr(ask, '*') + 1);
        size_t way = strcspn(answer, "#");
        length = i == 0 ? way : length;
        assert_int_equal(way, length);
        assert_int_equal(atoll(answer + way + 1), a * b);
        if (ask[0] == 'F')
            assert_int_equal(strspn(answer, "."), length);
    }
    json_decref(rows);
    opt_release(&tasks_options, &o);
}

static bool has_question(const json_t *tests, const char *question)
{
    size_t i;
    json_t *row;
    json_array_foreach(tests, i, row)
    {
        if (strcmp(text_of(row, "question"), question) == 0)
            return true;
    }
    return false;
}

/* Whatever the variant, nothing that is asked in tests is in the demonstrations; row i of
 * all tests is one question. Products of two digits by one: so few that all would meet. */
static void tests_are_paired_new_and_never_demonstrated(void **state)
{
    (void)state;
    TasksOptions o = options("multiply");
    o.size = 2;
    o.size2 = 1;
    o.examples = 3000;
    o.tests = 30;
    write(&o);
    json_t *rows = rows_of("train.jsonl"), *row;
    json_t *direct = rows_of("tests/direct.jsonl"),
           *chain = rows_of("tests/chain.jsonl");
    size_t i;
    json_array_foreach(rows, i, row)
    {
        const char *ask = turn(row, 0);
        assert_false(has_question(direct, ask + 1));
    }
    json_array_foreach(direct, i, row)
    {
        const json_t *other = json_array_get(chain, i);
        const char *question = text_of(row, "question");
        assert_string_equal(question, text_of(other, "question"));
        assert_string_equal(text_of(row, "expected"), text_of(other, "expected"));
        assert_string_equal(question, text_of(row, "prompt") + 1);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(question,
                                    text_of(json_array_get(direct, j), "question"));
    }
    assert_int_equal(json_array_size(direct), 30);
    json_decref(rows);
    json_decref(direct);
    json_decref(chain);
    opt_release(&tasks_options, &o);
}

static void the_same_options_give_the_same_bytes(void **state)
{
    (void)state;
    TasksOptions o = options("multiply");
    Str first = {0}, again = {0};
    write(&o);
    CHECK_OK(file_read(FOLDER "/train.jsonl", 1 << 24, &first, &err));
    write(&o);
    CHECK_OK(file_read(FOLDER "/train.jsonl", 1 << 24, &again, &err));
    assert_true(span_equal(str_span(&first), str_span(&again)));
    o.seed = 2;
    str_release(&again);
    write(&o);
    CHECK_OK(file_read(FOLDER "/train.jsonl", 1 << 24, &again, &err));
    assert_false(span_equal(str_span(&first), str_span(&again)));
    str_release(&first);
    str_release(&again);
    opt_release(&tasks_options, &o);
}

static void wrong_options_are_named(void **state)
{
    (void)state;
    TasksOptions o = options("multiply");
    CHECK_OK(opt_set(&tasks_options, &o, "variants", "chain,chian:2", &err));
    CHECK_FAILS(tasks_write(&o, FOLDER, &err), ERR_OPTION,
                "variants: 'multiply' has no variant 'chian'");
    CHECK_OK(opt_set(&tasks_options, &o, "variants", "chain:none", &err));
    CHECK_FAILS(tasks_write(&o, FOLDER, &err), ERR_OPTION,
                "variants: no weight in 'chain:none'");
    CHECK_OK(opt_set(&tasks_options, &o, "variants", "chain", &err));
    o.size = 1;
    CHECK_FAILS(tasks_write(&o, FOLDER, &err), ERR_OPTION,
                "'multiply' of size 1 has not enough questions for row 8");
    opt_release(&tasks_options, &o);
}

/* Facts: the answer stands in the record behind its letter; who is asked about and with what
 * record is as the variant's name says. */
static void records_hold_the_answers(void **state)
{
    (void)state;
    TasksOptions o = options("facts");
    write(&o);
    static const char *const names[] = {"tests/open.jsonl", "tests/conflict.jsonl",
                                        "tests/copied.jsonl", "tests/wrong.jsonl"};
    for (int v = 0; v < 4; v++) {
        json_t *rows = rows_of(names[v]), *row;
        size_t i, in_record = 0;
        json_array_foreach(rows, i, row)
        {
            const char *prompt = text_of(row, "prompt"),
                       *want = text_of(row, "expected");
            const char *record = strchr(prompt, ' ') + 1,
                       *asked = strchr(record, ' ') + 1;
            bool same = strncmp(prompt, asked, 6) == 0;
            assert_int_equal(same, v < 2);
            assert_int_equal(want[0], prompt[strlen(prompt) - 1]);
            in_record += strstr(record, want) != NULL;
        }
        assert_true(v < 3 ? in_record == i : in_record < 3);
        json_decref(rows);
    }
    opt_release(&tasks_options, &o);
}

/* The same place has the same facts wherever it is told. */
static void memory_is_of_the_places_told(void **state)
{
    (void)state;
    TasksOptions o = options("facts");
    o.size = 3;
    CHECK_OK(opt_set(&tasks_options, &o, "variants", "known", &err));
    write(&o);
    json_t *rows = rows_of("train.jsonl"), *tests = rows_of("tests/known.jsonl"), *row;
    size_t i, j;
    int different = 0;
    json_array_foreach(tests, i, row)
    {
        const char *prompt = text_of(row, "prompt");
        bool told = false;
        json_t *demonstration;
        json_array_foreach(rows, j, demonstration)
        {
            if (strcmp(turn(demonstration, 0), prompt) != 0)
                continue;
            told = true;
            assert_string_equal(turn(demonstration, 1) + 1, text_of(row, "expected"));
        }
        different += strcmp(prompt, text_of(json_array_get(tests, 0), "prompt")) != 0;
        assert_true(told);
    }
    assert_true(different > 0);
    json_decref(rows);
    json_decref(tests);
    opt_release(&tasks_options, &o);
}

/* Works every demonstration out again from what its searches found. */
static void people_are_divided_rightly_and_never_met_in_training(void **state)
{
    (void)state;
    TasksOptions o = options("people");
    write(&o);
    json_t *rows = rows_of("train.jsonl"), *tests = rows_of("tests/tools.jsonl"), *row;
    size_t i, j;
    json_array_foreach(rows, i, row)
    {
        long a = strtol(strstr(turn(row, 2), "has ") + 4, NULL, 10);
        long b = strtol(strstr(turn(row, 4), "has ") + 4, NULL, 10);
        long times = strtol(turn(row, 6), NULL, 10);
        assert_true(2 * labs(times * b - a) <= b); /* the nearest whole number */
        assert_int_equal(strtol(turn(row, 8), NULL, 10), times * b);
        assert_int_equal(strtol(strchr(turn(row, 9), '=') + 1, NULL, 10), times);
        json_t *test;
        json_array_foreach(tests, j, test)
        {
            const char *pair = text_of(test, "prompt");
            assert_true(strncmp(turn(row, 0), pair, 6) != 0);
            assert_true(strncmp(turn(row, 0), pair + 15, 6) != 0);
            assert_true(strncmp(turn(row, 0) + 15, pair, 6) != 0);
            assert_true(strcmp(turn(row, 0) + 15, pair + 15) != 0);
        }
    }
    assert_int_equal(
        json_array_size(json_object_get(json_array_get(tests, 0), "documents")), 2);
    json_decref(rows);
    json_decref(tests);
    opt_release(&tasks_options, &o);
}

static void check_answer(const char *text, const char *want)
{
    Span got = tasks_answer(span_of(text));
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void an_answer_stands_behind_the_last_sign(void **state)
{
    (void)state;
    check_answer("321*6=8370:837000#56088", "56088");
    check_answer("#56088;321*6=8370", "56088");
    check_answer("#1 no, #27 is it", "27");
    check_answer("56088", "");
    check_answer("what#", "");
    check_answer("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_can_be_worked_out_again),
        cmocka_unit_test(filler_has_the_length_of_a_chain),
        cmocka_unit_test(tests_are_paired_new_and_never_demonstrated),
        cmocka_unit_test(the_same_options_give_the_same_bytes),
        cmocka_unit_test(records_hold_the_answers),
        cmocka_unit_test(memory_is_of_the_places_told),
        cmocka_unit_test(people_are_divided_rightly_and_never_met_in_training),
        cmocka_unit_test(an_answer_stands_behind_the_last_sign),
        cmocka_unit_test(wrong_options_are_named),
    };
    return cmocka_run_group_tests_name("data/tasks", tests, NULL, remove_files);
}
