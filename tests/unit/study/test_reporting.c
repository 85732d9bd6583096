/* test_reporting.c - what a study reads and writes: metrics, verdicts, plots. */
#include "support/temp.h"

#include "study/check.h"
#include "study/plot.h"
#include "study/series.h"

#include <math.h>

static void write_text(const char *name, const char *text)
{
    Err err;
    Str path = {0};
    CHECK_OK(file_write_atomic(file_join(&path, temp_folder, name), text, strlen(text),
                               &err));
    str_release(&path);
}

static void metrics_are_numbers_over_steps(void **state)
{
    (void)state;
    Err err;
    Series s;
    write_text("metrics.jsonl",
               "{\"step\": 0, \"gold\": -1}\n"
               "{\"step\": 8, \"kl\": 0.5}\n"
               "{\"step\": 16, \"kl\": 2.5, \"gold\": 3, \"bad\": null}\n"
               "{\"step\": 24, \"kl\": 1}\n");
    CHECK_OK(series_read(&s, temp_folder, &err));
    assert_int_equal(s.n, 4);
    CHECK_NEAR(series_at(&s, 2, "gold"), 3, 0);
    assert_true(isnan(series_at(&s, 1, "gold")));
    assert_true(isnan(series_at(&s, 9, "step")));
    assert_true(isnan(series_last(&s, "bad")));
    CHECK_NEAR(series_first(&s, "kl"), .5, 0);
    CHECK_NEAR(series_last(&s, "gold"), 3, 0);
    CHECK_NEAR(series_max(&s, "kl"), 2.5, 0);
    CHECK_NEAR(series_mean(&s, "kl", .5, 1), 1.75, 1e-12);
    assert_true(isnan(series_mean(&s, "kl", 0, .25)));
    series_release(&s);
}

static void a_line_that_is_no_json_is_named(void **state)
{
    (void)state;
    Err err;
    Series s;
    write_text("metrics.jsonl", "{\"step\": 0}\n{\"step\": \n");
    assert_int_equal(series_read(&s, temp_folder, &err), ERR_FORMAT);
    assert_non_null(strstr(err.msg, "metrics.jsonl': line 2"));
}

static void a_check_passes_when_all_its_parts_hold(void **state)
{
    (void)state;
    Check c = {.verdict = CHECK_PASS};
    check_part(&c, 1 > 0, "one %d", 1);
    check_why(&c, "nothing is missed");
    assert_int_equal(c.verdict, CHECK_PASS);
    assert_int_equal(c.why.len, 0);
    check_part(&c, (double)NAN >= .5, "two");
    check_part(&c, true, "three");
    check_why(&c, "because of %s", "two");
    assert_string_equal(str_c(&c.figure), "one 1; two (missed); three");
    assert_string_equal(str_c(&c.why), "because of two");
    assert_string_equal(verdict_name(c.verdict), "miss");
    check_release(&c);
}

static void what_is_not_measured_does_not_pass(void **state)
{
    (void)state;
    Check c = {.verdict = CHECK_PASS};
    check_part(&c, true, "one");
    check_open(&c, "no reward of that kind");
    assert_string_equal(verdict_name(c.verdict), "open");
    check_part(&c, false, "two");
    assert_int_equal(c.verdict, CHECK_MISS); /* a miss is a miss, whatever is open */
    check_release(&c);
}

static int64_t count(const char *text, const char *what)
{
    int64_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void a_plot_has_every_finite_point_inside_its_frame(void **state)
{
    (void)state;
    Err err;
    Str path = {0}, text = {0};
    Plot plot = {.title = "a < b & c", .x = "x", .y = "y"};
    const double x[] = {0, 1, 2, 3}, y[] = {5, -2, (double)NAN, 900},
                 low[] = {4, -3, 0, 800}, high[] = {6, -1, 0, 1000};
    CHECK_OK(plot_add(&plot, "banded", x, y, low, high, 4, &err));
    CHECK_OK(plot_add(&plot, "plain", x, x, NULL, NULL, 4, &err));
    plot.curves[1].dashed = true;
    CHECK_OK(plot_write(&plot, file_join(&path, temp_folder, "plot.svg"), &err));
    CHECK_OK(file_read(str_c(&path), 1 << 20, &text, &err));
    assert_int_equal(count(str_c(&text), "<circle "), 3 + 4);
    assert_int_equal(count(str_c(&text), "<polygon "), 1);
    assert_int_equal(count(str_c(&text), "<polyline "), 2);
    assert_int_equal(count(str_c(&text), "stroke-dasharray"), 2); /* curve and legend */
    assert_non_null(strstr(str_c(&text), "a &lt; b &amp; c"));
    assert_null(strstr(str_c(&text), "nan"));
    for (const char *at = str_c(&text); (at = strstr(at, "cx='")); at++) {
        double cx, cy;
        assert_int_equal(sscanf(at, "cx='%lf' cy='%lf'", &cx, &cy), 2);
        assert_true(cx >= 58 && cx <= 640 - 170 && cy >= 34 && cy <= 400 - 48);
    }
    plot_release(&plot);
    str_release(&path);
    str_release(&text);
}

static void a_plot_of_nothing_or_of_one_point_is_drawn(void **state)
{
    (void)state;
    Err err;
    Str path = {0}, text = {0};
    const double one = 3;
    Plot plot = {.title = "t", .x = "x", .y = "y"};
    CHECK_OK(plot_write(&plot, file_join(&path, temp_folder, "none.svg"), &err));
    CHECK_OK(plot_add(&plot, "one", &one, &one, NULL, NULL, 1, &err));
    CHECK_OK(plot_write(&plot, file_join(&path, temp_folder, "one.svg"), &err));
    CHECK_OK(file_read(str_c(&path), 1 << 20, &text, &err));
    assert_int_equal(count(str_c(&text), "<circle "), 1);
    assert_null(strstr(str_c(&text), "nan"));
    assert_null(strstr(str_c(&text), "inf"));
    plot_release(&plot);
    str_release(&path);
    str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(metrics_are_numbers_over_steps, temp_make,
                                        temp_remove),
        cmocka_unit_test_setup_teardown(a_line_that_is_no_json_is_named, temp_make,
                                        temp_remove),
        cmocka_unit_test(a_check_passes_when_all_its_parts_hold),
        cmocka_unit_test(what_is_not_measured_does_not_pass),
        cmocka_unit_test_setup_teardown(a_plot_has_every_finite_point_inside_its_frame,
                                        temp_make, temp_remove),
        cmocka_unit_test_setup_teardown(a_plot_of_nothing_or_of_one_point_is_drawn,
                                        temp_make, temp_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
