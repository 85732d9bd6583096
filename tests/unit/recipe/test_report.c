/* test_report.c - report.html: nothing that a run contains becomes markup; curves are
 * drawn from metrics.jsonl; damaged logs are errors that name the file. */
#include "support/check.h"
#include "support/temp.h"

#include "recipe/ledger.h"
#include "recipe/report.h"
#include "recipe/report_internal.h"

#define HOSTILE "<script>alert(\"1\")</script>&"
#define ESCAPED "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;"

static void write_file(const char *path, const char *text)
{
    Err err = {0};
    CHECK_OK(file_write_atomic(path, text, strlen(text), &err));
}

static void add_stage(const char *name, const char *kind, StageReport *report)
{
    Err err = {0};
    json_t *ledger, *options = json_object();
    CHECK_OK(ledger_open(temp_folder, &ledger, &err));
    CHECK_OK(ledger_put(ledger, temp_folder, name, kind, options, report, &err));
    json_decref(ledger);
    json_decref(options);
    stage_report_release(report);
    CHECK_OK(file_make_folders(temp_path(name), &err));
}

static Str report(void)
{
    Err err = {0};
    Str html;
    CHECK_OK(report_write(temp_folder, &err));
    CHECK_OK(file_read(temp_path("report.html"), 1 << 20, &html, &err));
    return html;
}

static size_t count(const Str *html, const char *what)
{
    size_t n = 0;
    for (const char *p = html->ptr; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void escaping_leaves_no_markup(void **state)
{
    (void)state;
    Str out = {0};
    report_escape(&out, "a " HOSTILE " 'b'");
    assert_string_equal(str_c(&out), "a " ESCAPED " 'b'");
    str_release(&out);
}

static void an_empty_run_has_a_report(void **state)
{
    (void)state;
    Str html = report();
    assert_memory_equal(html.ptr, "<!doctype html>", 15);
    assert_int_equal(count(&html, "</html>"), 1);
    assert_int_equal(count(&html, "<h2>"), 1); /* the ledger, no stage */
    str_release(&html);
}

static void each_stage_is_a_column_with_its_cost(void **state)
{
    (void)state;
    StageReport base = {.tokens = 1500000,
                        .flops = 2.5e12,
                        .seconds = 12,
                        .params = 3000000,
                        .data = "30 MB of text"};
    StageReport sft = {.seconds = 8, .started_from = "runs/x/base"};
    StageReport made = {0};
    add_stage("base", "pretrain", &base);
    add_stage("sft", "sft", &sft);
    add_stage("comparisons", "rank", &made); /* data, no column */
    Str html = report();
    assert_int_equal(count(&html, "<div class=stage>"), 2);
    assert_non_null(strstr(html.ptr, "30 MB of text"));
    assert_non_null(strstr(html.ptr, "1.5M tokens"));
    assert_non_null(strstr(html.ptr, "2.5e+12 FLOPs"));
    assert_non_null(strstr(html.ptr, "Base model: base</b>3M parameters"));
    assert_non_null(strstr(html.ptr, "SFT model: sft</b><br><small>from base</small>"));
    assert_int_equal(count(&html, "<td>comparisons</td>"), 1);
    str_release(&html);
}

static void hostile_text_of_a_run_is_escaped_everywhere(void **state)
{
    (void)state;
    json_t *metrics = json_object();
    json_object_set_new(metrics, HOSTILE, json_real(1));
    StageReport sft = {
        .data = HOSTILE, .started_from = "x/" HOSTILE, .metrics = metrics};
    add_stage("sft", "sft", &sft);
    write_file(temp_path("sft/samples.jsonl"),
               "{\"step\":1,\"samples\":[\"old\"]}\n"
               "{\"step\":2,\"samples\":[\"<script>alert(\\\"1\\\")</script>&\","
               "{\"<script>alert(\\\"1\\\")</script>&\":"
               "\"<script>alert(\\\"1\\\")</script>&\",\"score\":0.5}]}\n");
    write_file(temp_path("sft/metrics.jsonl"),
               "{\"step\":1,\"<script>\":1}\n{\"step\":2,\"<script>\":2}\n");
    Str html = report();
    assert_int_equal(count(&html, "<script"), 0);
    /* data twice, metric, sample, key and value of a sample; the folder's name is what
     * is behind its last slash */
    assert_int_equal(count(&html, ESCAPED), 6);
    assert_int_equal(count(&html, ">old<"), 0); /* only the last samples */
    assert_non_null(strstr(html.ptr, "<b>score</b> 0.5"));
    str_release(&html);
}

static void a_hostile_name_in_the_ledger_is_escaped(void **state)
{
    (void)state;
    write_file(temp_path("ledger.json"),
               "{\"stages\": [{\"name\": \"<b>x\", \"kind\": \"sft\", "
               "\"started_from_hash\": \"<i>\"}, 5, {\"kind\": 3}]}");
    Str html = report();
    assert_null(strstr(html.ptr, "<b>x"));
    assert_null(strstr(html.ptr, "<i>"));
    assert_non_null(strstr(html.ptr, "&lt;b&gt;x"));
    str_release(&html);
}

static void curves_are_drawn_from_the_metrics(void **state)
{
    (void)state;
    Err err = {0};
    Str out = {0};
    write_file(temp_path("metrics.jsonl"),
               "{\"step\":0,\"heldout/loss\":6}\n"
               "{\"step\":1,\"loss\":5,\"lr\":0.1,\"other\":1,\"name\":\"x\"}\n"
               "\n"
               "{\"step\":3,\"loss\":1,\"lr\":0.1,\"other\":2}\n");
    CHECK_OK(report_charts(&out, temp_folder, &err));
    assert_int_equal(count(&out, "<svg"), 2); /* loss and lr; one point is no curve */
    const char *loss = strstr(str_c(&out), "<figcaption>loss: 1</figcaption>");
    const char *lr = strstr(str_c(&out), "<figcaption>lr: 0.1</figcaption>");
    assert_non_null(loss);
    assert_non_null(lr);
    assert_true(loss < lr);
    /* From the upper left corner to the lower right one. */
    assert_non_null(strstr(loss, "points='54.0,10.0 334.0,132.0 '"));
    /* What never changes lies in the middle. */
    assert_non_null(strstr(lr, "points='54.0,71.0 334.0,71.0 '"));
    str_release(&out);
}

static void long_curves_are_thinned_to_the_means_of_neighbours(void **state)
{
    (void)state;
    Err err = {0};
    Str lines = {0}, out = {0};
    for (int i = 1; i <= 1200; i++)
        str_printf(&lines, "{\"step\":%d,\"loss\":%d}\n", i, i % 3);
    write_file(temp_path("metrics.jsonl"), str_c(&lines));
    CHECK_OK(report_charts(&out, temp_folder, &err));
    const char *points = strstr(str_c(&out), "points='");
    assert_non_null(points);
    size_t n = 0;
    for (const char *p = points; *p && *p != '>'; p++)
        n += *p == ',';
    assert_int_equal(n, 400);
    assert_non_null(strstr(str_c(&out), "<figcaption>loss: 1</figcaption>"));
    str_release(&lines);
    str_release(&out);
}

static void no_metrics_are_no_curves(void **state)
{
    (void)state;
    Err err = {0};
    Str out = {0};
    CHECK_OK(report_charts(&out, temp_folder, &err));
    write_file(temp_path("metrics.jsonl"), "");
    CHECK_OK(report_charts(&out, temp_folder, &err));
    assert_int_equal(out.len, 0);
    str_release(&out);
}

static void a_damaged_metrics_file_is_named_with_its_line(void **state)
{
    (void)state;
    Err err = {0};
    Str out = {0};
    char want[300];
    write_file(temp_path("metrics.jsonl"), "{\"step\":0}\n{\"step\":\n");
    snprintf(want, sizeof want, "'%s': line 2: ", temp_path("metrics.jsonl"));
    assert_int_equal(report_charts(&out, temp_folder, &err), ERR_FORMAT);
    assert_memory_equal(err.msg, want, strlen(want));
    str_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escaping_leaves_no_markup),
        TEMP_TEST(an_empty_run_has_a_report),
        TEMP_TEST(each_stage_is_a_column_with_its_cost),
        TEMP_TEST(hostile_text_of_a_run_is_escaped_everywhere),
        TEMP_TEST(a_hostile_name_in_the_ledger_is_escaped),
        TEMP_TEST(curves_are_drawn_from_the_metrics),
        TEMP_TEST(long_curves_are_thinned_to_the_means_of_neighbours),
        TEMP_TEST(no_metrics_are_no_curves),
        TEMP_TEST(a_damaged_metrics_file_is_named_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
