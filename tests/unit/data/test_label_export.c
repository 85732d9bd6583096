/* test_label_export.c - what leaves a store is what the stages read, and nothing else. */
#include "unit/data/label_store.h"

#include "data/label_export.h"

#include "base/mem.h"

static int64_t labeler(Labels *l, const char *name, bool judge)
{
    int64_t id;
    CHECK_OK(labels_labeler(l, name, judge, &id, &err));
    return id;
}

static void rank(Labels *l, int64_t item, int64_t who, int32_t a, int32_t b, int32_t c)
{
    Label given = {.item = item, .labeler = who, .n = 3, .ranks = {a, b, c}};
    CHECK_OK(labels_put(l, &given, 0, &err));
}

/* Exports and compares the whole file. */
static LabelExported check_export(Labels *l, const LabelExportOptions *o,
                                  const char *want)
{
    Str got = {0};
    LabelExported n;
    const char *path = temp_path("out.jsonl");
    CHECK_OK(label_export(l, o, path, &n, &err));
    if (n.rows > 0)
        CHECK_OK(file_read(path, 1 << 20, &got, &err));
    assert_string_equal(str_c(&got), want);
    str_release(&got);
    CHECK_OK(file_remove_tree(path, &err));
    return n;
}

#define PROMPT(q)      "{\"prompt\":[{\"role\":\"user\",\"content\":\"" q "\"}],"
#define ANSWERS(q)     "\"completions\":[\"" q " a\",\"" q " b\",\"" q " c\"],"
#define ROW(q, rest)   PROMPT(q) ANSWERS(q) "\"ranks\":" rest "}\n"
#define RATED(q, a, l) PROMPT(q) "\"completion\":\"" a "\",\"label\":" l "}\n"

static void rankings_have_ranks_and_no_names(void **state)
{
    (void)state;
    Labels *l = store_of(3, 3, LABEL_RANK, 0);
    int64_t ana = labeler(l, "ana", false), gold = labeler(l, "gold", true);
    rank(l, 1, ana, 2, 1, 2);
    rank(l, 2, ana, 1, 1, 1); /* no order */
    rank(l, 3, gold, 1, 2, 3);
    Label flagged = {
        .item = 3, .labeler = ana, .n = 3, .ranks = {1, 2, 3}, .flagged = true};
    str_puts(&flagged.reason, "odd");
    CHECK_OK(labels_put(l, &flagged, 0, &err));
    LabelExportOptions o = {0};
    LabelExported n = check_export(l, &o, ROW("q1", "[2,1,2]"));
    assert_int_equal(n.no_order, 1);
    assert_int_equal(n.flagged, 1);
    o.author = 1; /* judges */
    check_export(l, &o, ROW("q3", "[1,2,3]"));
    o = (LabelExportOptions){.labelers = true, .reasons = true, .flagged = true};
    static const char remarks[] =
        "[1,2,3],\"flagged\":true,\"labeler\":\"ana\",\"reason\":\"odd\"";
    Str want = {0};
    str_puts(&want, ROW("q1", "[2,1,2],\"labeler\":\"ana\""));
    str_printf(&want, "%s%s}\n", PROMPT("q3") ANSWERS("q3") "\"ranks\":", remarks);
    check_export(l, &o, str_c(&want));
    str_release(&want);
    char name[] = "gold";
    o = (LabelExportOptions){.labeler = name};
    check_export(l, &o, ROW("q3", "[1,2,3]"));
    label_release(&flagged);
    labels_close(l);
}

static void several_rankings_of_an_item_can_be_merged(void **state)
{
    (void)state;
    Labels *l = store_of(3, 3, LABEL_RANK, 0);
    int64_t ana = labeler(l, "ana", false), ben = labeler(l, "ben", false),
            eva = labeler(l, "eva", false);
    rank(l, 1, ana, 1, 2, 3);
    rank(l, 1, ben, 2, 1, 3);
    rank(l, 1, eva, 1, 3, 2); /* places 4, 6, 8 */
    rank(l, 2, ana, 1, 2, 3);
    rank(l, 2, ben, 3, 2, 1); /* 4, 4, 4 */
    rank(l, 3, ana, 1, 2, 2);
    rank(l, 3, ben, 2, 1, 1); /* 4, 4, 4 */
    rank(l, 3, eva, 1, 2, 2);
    LabelExportOptions o = {.merge = true};
    LabelExported n = check_export(l, &o, ROW("q1", "[1,2,3]") ROW("q3", "[1,2,2]"));
    assert_int_equal(n.no_order, 1);
    labels_close(l);
}

static void second_labels_are_not_written(void **state)
{
    (void)state;
    Labels *l = store_of(1, 3, LABEL_RANK, 1);
    int64_t ana = labeler(l, "ana", false);
    rank(l, 1, ana, 1, 2, 3);
    Label again = {.item = 1, .labeler = ana, .n = 3, .ranks = {3, 2, 1}, .round = 1};
    CHECK_OK(labels_put(l, &again, 0, &err));
    LabelExportOptions o = {0};
    check_export(l, &o, ROW("q1", "[1,2,3]"));
    labels_close(l);
}

static void ratings_take_in_answers_that_are_all_bad(void **state)
{
    (void)state;
    Labels *l = store_of(2, 1, LABEL_RATE, 0);
    take_rows(l, "{\"prompt\":\"p\",\"completions\":[\"x\",\"y\"]}\n", LABEL_RANK, 0,
              0);
    int64_t ana = labeler(l, "ana", false);
    Label good = {.item = 1, .labeler = ana, .n = 1, .rating = 1},
          bad = {.item = 2, .labeler = ana, .n = 1, .rating = -1},
          all = {.item = 3, .labeler = ana, .n = 2, .all_bad = true};
    CHECK_OK(labels_put(l, &good, 0, &err));
    CHECK_OK(labels_put(l, &bad, 0, &err));
    CHECK_OK(labels_put(l, &all, 0, &err));
    LabelExportOptions o = {.what = LABEL_EXPORT_RATED};
    static const char want[] = RATED("q1", "q1 a", "true") RATED("q2", "q2 a", "false")
        RATED("p", "x", "false") RATED("p", "y", "false");
    check_export(l, &o, want);
    labels_close(l);
}

static void demonstrations_are_conversations(void **state)
{
    (void)state;
    Labels *l = store_of(1, 1, LABEL_WRITE, 0);
    Label written = {.item = 1, .labeler = labeler(l, "ana", false)};
    str_puts(&written.text, "like this");
    CHECK_OK(labels_put(l, &written, 0, &err));
    LabelExportOptions o = {.what = LABEL_EXPORT_DEMONSTRATIONS};
    check_export(l, &o,
                 "{\"messages\":[{\"role\":\"user\",\"content\":\"q1\"},{\"role\":"
                 "\"assistant\",\"content\":\"like this\"}]}\n");
    label_release(&written);
    labels_close(l);
}

/* What is exported, and imported into an empty store, is exported again. */
static void what_comes_out_goes_in(void **state)
{
    (void)state;
    static const char demonstration[] =
        "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
        "\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]}\n";
    /* a tool's turns, and a text that looks like a transcript */
    static const char tool[] =
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],"
        "\"completions\":[[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":"
        "[{\"type\":\"function\",\"function\":{\"name\":\"calculator\",\"arguments\":"
        "\"1+1\"}}]},{\"role\":\"tool\",\"content\":\"2\"},{\"role\":\"assistant\","
        "\"content\":\"2\"}],[{\"role\":\"assistant\",\"content\":\"\\n\\nHuman: "
        "no\"}]],"
        "\"ranks\":[1,2]}\n";
    static const char *const rows[] = {ROW("q1", "[2,1,2]") ROW("q2", "[3,1,2]"),
                                       RATED("q1", "q1 a", "true"), demonstration,
                                       tool};
    static const int what[] = {LABEL_EXPORT_RANKINGS, LABEL_EXPORT_RATED,
                               LABEL_EXPORT_DEMONSTRATIONS, LABEL_EXPORT_RANKINGS};
    for (int i = 0; i < 4; i++) {
        Labels *l;
        CHECK_OK(labels_open(&l, temp_path("labels.db"), true, &err));
        int64_t who = labeler(l, "team", false);
        take_rows(l, rows[i], LABEL_KINDS, 0, who);
        take_rows(l, rows[i], LABEL_KINDS, 0, who); /* once is enough */
        LabelExportOptions o = {.what = what[i]};
        check_export(l, &o, rows[i]);
        labels_close(l);
        CHECK_OK(file_remove_tree(temp_path("labels.db"), &err));
    }
}

static void an_empty_store_writes_no_file(void **state)
{
    (void)state;
    Labels *l = store_of(1, 3, LABEL_RANK, 0);
    LabelExportOptions o = {0};
    LabelExported n = check_export(l, &o, "");
    assert_int_equal(n.rows, 0);
    assert_false(file_exists(temp_path("out.jsonl")));
    labels_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(rankings_have_ranks_and_no_names),
        TEMP_TEST(several_rankings_of_an_item_can_be_merged),
        TEMP_TEST(second_labels_are_not_written),
        TEMP_TEST(ratings_take_in_answers_that_are_all_bad),
        TEMP_TEST(demonstrations_are_conversations),
        TEMP_TEST(what_comes_out_goes_in),
        TEMP_TEST(an_empty_store_writes_no_file),
    };
    return cmocka_run_group_tests_name("data/label_export", tests, NULL, NULL);
}
